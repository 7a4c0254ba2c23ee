//! The table: one row per plugin, each with the source that it was read from.
//!
//! A row says by which names the plugin goes, which variables and files choose its identity,
//! whether a call may prompt, and how to get the plugin. Variables stand in groups, since plugins
//! of one cloud share them; every variable is in one group only, so that the union has none twice.
//! A plugin whose credentials never expire has no row, because nothing of it is ever cached.
//! A file is named where switching the account changes it and running the plugin does not; what
//! was captured from the real tools stands in `tests/data/identity`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::recognise::Call;
use super::{Interaction, Variable};

/// What is known of one plugin.
pub(super) struct Row {
    pub family: &'static str,
    /// File names without directory and extension. A plugin of kubectl stands as `kubectl-name`.
    pub commands: &'static [&'static str],
    /// Tells programs of the same name apart by their arguments.
    pub applies: fn(&Call) -> bool,
    pub groups: Groups,
    pub files: &'static [&'static [Place]],
    pub interaction: fn(&Call) -> Interaction,
    pub install_hint: &'static str,
}

/// Where a file may be: of several places the first counts that the call has.
pub(super) enum Place {
    /// The value of one of these flags.
    Flag(&'static [&'static str]),
    /// The value of this variable.
    Variable(&'static str),
    /// The directory in this variable, and the file below it.
    Below(&'static str, &'static str),
    /// The user's directory for such things, and the file below it.
    In(Directory, &'static str),
    /// Found out by code.
    Computed(fn(&Call) -> Option<PathBuf>),
}

#[derive(Clone, Copy)]
pub(super) enum Directory {
    /// `$HOME`; `%USERPROFILE%` on Windows.
    Home,
    /// `$XDG_CONFIG_HOME`, else `~/.config`, wherever the program runs.
    Xdg,
    /// What Go's `os.UserConfigDir` returns on this platform.
    GoConfig,
    /// `~/.config`; `%APPDATA%` on Windows.
    Gcloud,
}

/// A set of groups of variables: bit N is `GROUPS[N]`.
#[derive(Clone, Copy)]
pub(super) struct Groups(u32);

impl Groups {
    pub const NONE: Groups = Groups(0);
    pub const ALL: Groups = Groups((1 << GROUPS.len()) - 1);

    pub const fn and(self, other: Groups) -> Groups {
        Groups(self.0 | other.0)
    }

    pub fn variables(self) -> impl Iterator<Item = &'static Variable> {
        let chosen = move |&(number, _): &(usize, _)| self.0 & (1 << number) != 0;
        GROUPS.iter().enumerate().filter(chosen).flat_map(|(_, group)| group.iter())
    }
}

const fn plain(name: &'static str) -> Variable {
    Variable { name, secret: false }
}

const fn secret(name: &'static str) -> Variable {
    Variable { name, secret: true }
}

const AWS: Groups = Groups(1);
const AWS_VAULT: Groups = Groups(1 << 1);
const AWS_IAM_AUTHENTICATOR: Groups = Groups(1 << 2);
const GRANTED: Groups = Groups(1 << 3);
const CHAMBER: Groups = Groups(1 << 4);
const ONE_PASSWORD: Groups = Groups(1 << 5);
const GOOGLE: Groups = Groups(1 << 6);
const AZURE: Groups = Groups(1 << 7);
const KUBE_CACHE: Groups = Groups(1 << 8);
const DIGITALOCEAN: Groups = Groups(1 << 9);
const ORACLE: Groups = Groups(1 << 10);
const IBM: Groups = Groups(1 << 11);
const TELEPORT: Groups = Groups(1 << 12);
const PINNIPED: Groups = Groups(1 << 13);
const LINODE: Groups = Groups(1 << 14);
const ALIBABA: Groups = Groups(1 << 15);
const OPENSTACK: Groups = Groups(1 << 16);
const EXOSCALE: Groups = Groups(1 << 17);
const STACKIT: Groups = Groups(1 << 18);
const RANCHER: Groups = Groups(1 << 19);
const GARDENER: Groups = Groups(1 << 20);
const OKTETO: Groups = Groups(1 << 21);

/// In the order of the constants above.
static GROUPS: [&[Variable]; 22] = [
    // AWS. boto/botocore botocore/configprovider.py, credentials.py, utils.py (as bundled in
    // aws-cli 1.46); AWS_SDK_LOAD_CONFIG: aws/aws-sdk-go aws/session/env_config.go; AWS_VAULT:
    // 99designs/aws-vault cli/exec.go. Regions and endpoints are part of the signed token.
    &[
        plain("AWS_PROFILE"),
        plain("AWS_DEFAULT_PROFILE"),
        plain("AWS_VAULT"),
        plain("AWS_REGION"),
        plain("AWS_DEFAULT_REGION"),
        plain("AWS_ACCESS_KEY_ID"),
        plain("AWS_ROLE_ARN"),
        plain("AWS_ROLE_SESSION_NAME"),
        plain("AWS_WEB_IDENTITY_TOKEN_FILE"),
        plain("AWS_CONFIG_FILE"),
        plain("AWS_SHARED_CREDENTIALS_FILE"),
        plain("AWS_CREDENTIAL_FILE"),
        plain("AWS_LOGIN_CACHE_DIRECTORY"),
        plain("AWS_SDK_LOAD_CONFIG"),
        plain("AWS_STS_REGIONAL_ENDPOINTS"),
        plain("AWS_ENDPOINT_URL"),
        plain("AWS_ENDPOINT_URL_STS"),
        plain("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        plain("AWS_USE_FIPS_ENDPOINT"),
        plain("AWS_USE_DUALSTACK_ENDPOINT"),
        plain("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        plain("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        plain("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        // The credential server of one `aws-vault exec` differs from another's in nothing else.
        secret("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        plain("AWS_EC2_METADATA_DISABLED"),
        plain("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
    ],
    // aws-vault. 99designs/aws-vault cli/global.go, vault/config.go, USAGE.md.
    &[
        plain("AWS_VAULT_BACKEND"),
        plain("AWS_VAULT_KEYCHAIN_NAME"),
        plain("AWS_VAULT_SECRET_SERVICE_COLLECTION_NAME"),
        plain("AWS_VAULT_PASS_PASSWORD_STORE_DIR"),
        plain("AWS_VAULT_PASS_PREFIX"),
        plain("AWS_VAULT_FILE_DIR"),
        plain("AWS_MFA_SERIAL"),
        plain("AWS_SESSION_TAGS"),
        plain("AWS_TRANSITIVE_TAGS"),
        plain("AWS_SOURCE_IDENTITY"),
    ],
    // aws-iam-authenticator. kubernetes-sigs/aws-iam-authenticator cmd/aws-iam-authenticator/
    // token.go, root.go; pkg/filecache/filecache.go.
    &[
        plain("DEFAULT_ROLE"),
        plain("KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID"),
        plain("AWS_IAM_AUTHENTICATOR_CACHE_FILE"),
    ],
    // Granted. common-fate/granted pkg/assume/sso.go.
    &[
        plain("GRANTED_SSO_START_URL"),
        plain("GRANTED_SSO_REGION"),
        plain("GRANTED_SSO_ACCOUNT_ID"),
        plain("GRANTED_SSO_ROLE_NAME"),
    ],
    // chamber. segmentio/chamber README.md.
    &[
        plain("CHAMBER_SECRET_BACKEND"),
        plain("CHAMBER_AWS_REGION"),
        plain("CHAMBER_KMS_KEY_ALIAS"),
        plain("CHAMBER_AWS_SSM_ENDPOINT"),
        plain("CHAMBER_AWS_SECRETS_MANAGER_ENDPOINT"),
    ],
    // op. https://developer.1password.com/docs/cli/environment-variables
    &[
        plain("OP_ACCOUNT"),
        plain("OP_CONFIG_DIR"),
        plain("OP_CONNECT_HOST"),
        secret("OP_CONNECT_TOKEN"),
        secret("OP_SERVICE_ACCOUNT_TOKEN"),
    ],
    // gcloud and its plugin. googlecloudsdk/core/properties.py and config.py of Google Cloud CLI
    // 528; kubernetes/cloud-provider-gcp cmd/gke-gcloud-auth-plugin/cred.go.
    &[
        plain("CLOUDSDK_CONFIG"),
        plain("CLOUDSDK_ACTIVE_CONFIG_NAME"),
        plain("CLOUDSDK_CORE_ACCOUNT"),
        plain("CLOUDSDK_CORE_PROJECT"),
        plain("CLOUDSDK_CORE_UNIVERSE_DOMAIN"),
        plain("CLOUDSDK_BILLING_QUOTA_PROJECT"),
        plain("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT"),
        plain("CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"),
        plain("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"),
        secret("CLOUDSDK_AUTH_ACCESS_TOKEN"),
        plain("CLOUDSDK_AUTH_AUTHORIZATION_TOKEN_FILE"),
        plain("CLOUDSDK_AUTH_LOGIN_CONFIG_FILE"),
        plain("CLOUDSDK_AUTH_TOKEN_HOST"),
        plain("CLOUDSDK_AUTH_DISABLE_CREDENTIALS"),
        plain("GOOGLE_APPLICATION_CREDENTIALS"),
    ],
    // Azure's kubelogin and az. Azure/kubelogin pkg/internal/env/variables.go; Azure/azure-cli
    // azure/cli/core/_environment.py and cloud.py ([cloud] name in knack's form AZURE_CLOUD_NAME).
    &[
        plain("AZURE_CONFIG_DIR"),
        plain("AZURE_CLOUD_NAME"),
        plain("AAD_LOGIN_METHOD"),
        plain("AAD_USER_PRINCIPAL_NAME"),
        plain("AAD_SERVICE_PRINCIPAL_CLIENT_ID"),
        plain("AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE"),
        plain("ARM_CLIENT_ID"),
        plain("ARM_CLIENT_CERTIFICATE_PATH"),
        plain("ARM_TENANT_ID"),
        plain("AZURE_AUTHORITY_HOST"),
        plain("AZURE_CLIENT_ID"),
        plain("AZURE_CLIENT_CERTIFICATE_PATH"),
        plain("AZURE_FEDERATED_TOKEN_FILE"),
        plain("AZURE_TENANT_ID"),
        plain("AZURE_USERNAME"),
        plain("AZURESUBSCRIPTION_CLIENT_ID"),
        plain("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"),
        plain("AZURESUBSCRIPTION_TENANT_ID"),
        plain("SYSTEM_OIDCREQUESTURI"),
    ],
    // Where both kubelogins and oc keep their logins. int128/kubelogin pkg/cmd/tokencache.go;
    // Azure/kubelogin pkg/internal/token/options.go; openshift/oc pkg/cli/gettoken/gettoken.go.
    &[plain("KUBECACHEDIR")],
    // doctl. digitalocean/doctl commands/doit.go: viper's prefix DIGITALOCEAN and the flags' names.
    &[
        secret("DIGITALOCEAN_ACCESS_TOKEN"),
        plain("DIGITALOCEAN_CONTEXT"),
        plain("DIGITALOCEAN_CONFIG"),
        plain("DIGITALOCEAN_API_URL"),
    ],
    // oci. oracle/oci-cli src/oci_cli/cli_constants.py; oracle/oci-python-sdk src/oci/config.py.
    &[
        plain("OCI_CLI_PROFILE"),
        plain("OCI_CLI_AUTH"),
        plain("OCI_CLI_REGION"),
        plain("OCI_CLI_USER"),
        plain("OCI_CLI_FINGERPRINT"),
        plain("OCI_CLI_KEY_FILE"),
        plain("OCI_CLI_TENANCY"),
        plain("OCI_CLI_CONFIG_FILE"),
        plain("OCI_CONFIG_FILE"),
        plain("OCI_CLI_RC_FILE"),
        plain("OCI_CLI_DELEGATION_TOKEN_FILE"),
        plain("OCI_CLI_SECURITY_TOKEN_FILE"),
        plain("OCI_CLI_ENDPOINT"),
        plain("OCI_CLI_FEDERATION_ENDPOINT"),
        plain("OCI_CLI_USE_INSTANCE_METADATA_SERVICE"),
    ],
    // ibmcloud. IBM-Cloud/ibm-cloud-cli-sdk bluemix/env.go.
    &[
        plain("IBMCLOUD_HOME"),
        plain("BLUEMIX_HOME"),
        plain("IBMCLOUD_CONFIG_HOME"),
        secret("IBMCLOUD_API_KEY"),
        secret("BLUEMIX_API_KEY"),
        secret("IBMCLOUD_CR_TOKEN"),
        plain("IBMCLOUD_CR_PROFILE"),
        plain("IBMCLOUD_CR_VPC_URL"),
        plain("IBMCLOUD_CR_PVS_URL"),
    ],
    // tsh. gravitational/teleport tool/tsh/common/tsh.go; TELEPORT_HOME:
    // https://goteleport.com/docs/reference/cli/tsh/
    &[
        plain("TELEPORT_HOME"),
        plain("TELEPORT_PROXY"),
        plain("TELEPORT_CLUSTER"),
        plain("TELEPORT_SITE"),
        plain("TELEPORT_KUBE_CLUSTER"),
        plain("TELEPORT_USER"),
        plain("TELEPORT_AUTH"),
        plain("TELEPORT_IDENTITY_FILE"),
    ],
    // pinniped. vmware-tanzu/pinniped cmd/pinniped/cmd/login_oidc.go, pkg/oidcclient/login.go.
    &[plain("PINNIPED_USERNAME"), plain("PINNIPED_UPSTREAM_IDENTITY_PROVIDER_FLOW")],
    // linode-cli. linode/linode-cli linodecli/configuration/helpers.py, linodecli/helpers.py.
    &[
        secret("LINODE_CLI_TOKEN"),
        plain("LINODE_CLI_CONFIG"),
        plain("LINODE_CLI_API_HOST"),
        plain("LINODE_CLI_API_VERSION"),
        plain("LINODE_CLI_API_SCHEME"),
    ],
    // ack-ram-tool. AliyunContainerService/ack-ram-tool pkg/credentials/provider/env.go,
    // pkg/ctl/global.go (the misspelt name is theirs).
    &[
        plain("ALIBABA_CLOUD_ACCESS_KEY_ID"),
        plain("ALIBABACLOUD_ACCESS_KEY_ID"),
        plain("ALICLOUD_ACCESS_KEY"),
        plain("ALICLOUD_ACCESS_KEY_ID"),
        plain("ALIBABA_CLOUD_ROLE_ARN"),
        plain("ALIBABA_CLOUD_ROLE_SESSION_NAME"),
        plain("ALICLOUD_ROLE_SESSION_NAME"),
        plain("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"),
        plain("ALIBABA_CLOUD_OIDC_TOKEN_FILE"),
        plain("ALIBABA_CLOUD_CREDENTIALS_URI"),
        plain("ALIBABA_CLOUD_CREDENTIALS_FILE"),
        plain("ALIBABA_CLOUD_PROFILE"),
        plain("ALIBABACLOUD_PROFILE"),
        plain("ALICLOUD_PROFILE"),
        plain("ALIBABACLOUD_IGNORE_PROFILE"),
        plain("ALIBABACLOUD_PROFILE_PATH"),
        plain("ALIBABA_CLOUD_STS_ENDPOINT"),
        plain("ACK_RAM_TOOL_PROFILE_FILE"),
        plain("ACK_RAM_TOOL_PROFILE_NAME"),
        plain("ACK_RAM_TOOL_PROFIL_ENAME"),
        plain("ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS"),
        plain("ACK_RAM_TOOL_IGNORE_ALIYUN_CLI_CREDENTIALS"),
        plain("ACK_RAM_TOOL_CREDENTIAL_TYPE"),
        plain("ACK_RAM_TOOL_REGION_ID"),
        plain("ACK_RAM_TOOL_STS_ENDPOINT"),
    ],
    // client-keystone-auth. kubernetes/cloud-provider-openstack cmd/client-keystone-auth/main.go.
    &[
        plain("OS_AUTH_URL"),
        plain("OS_DOMAIN_NAME"),
        plain("OS_USERNAME"),
        plain("OS_PROJECT_NAME"),
        plain("OS_CERT"),
        plain("OS_APPLICATION_CREDENTIAL_ID"),
        plain("OS_APPLICATION_CREDENTIAL_NAME"),
    ],
    // exo. exoscale/cli cmd/root.go, cmd/config_resolution.go.
    &[
        plain("EXOSCALE_API_KEY"),
        plain("EXOSCALE_KEY"),
        plain("CLOUDSTACK_KEY"),
        plain("CLOUDSTACK_API_KEY"),
        plain("EXOSCALE_ACCOUNT"),
        plain("EXOSCALE_CONFIG"),
        plain("EXOSCALE_API_ENDPOINT"),
        plain("EXOSCALE_API_ENVIRONMENT"),
        plain("EXOSCALE_ZONE"),
    ],
    // stackit. stackitcloud/stackit-cli internal/pkg/auth/storage.go and oidc.go,
    // internal/pkg/config/profiles.go and config.go.
    &[
        secret("STACKIT_ACCESS_TOKEN"),
        plain("STACKIT_CLI_PROFILE"),
        plain("STACKIT_USE_OIDC"),
        plain("STACKIT_SERVICE_ACCOUNT_EMAIL"),
        plain("STACKIT_FEDERATED_TOKEN_FILE"),
        plain("STACKIT_PROJECT_ID"),
        plain("STACKIT_REGION"),
    ],
    // rancher. rancher/cli main.go.
    &[plain("RANCHER_CONFIG_DIR")],
    // gardenlogin. gardener/gardenlogin cmd/root.go, cmd/get_client_certificate.go.
    &[
        plain("GL_HOME"),
        plain("GL_CONFIG_NAME"),
        plain("GL_GARDEN_CLUSTER_IDENTITY"),
        plain("GL_NAME"),
        plain("GL_NAMESPACE"),
        plain("GL_ACCESS_LEVEL"),
        plain("GCTL_HOME"),
        plain("GCTL_CONFIG_NAME"),
    ],
    // okteto. okteto/okteto pkg/model/const.go, pkg/constants/constants.go.
    &[
        secret("OKTETO_TOKEN"),
        plain("OKTETO_URL"),
        plain("OKTETO_CONTEXT"),
        plain("OKTETO_NAMESPACE"),
        plain("OKTETO_FOLDER"),
        plain("OKTETO_HOME"),
    ],
];

/// Known variables that tell no identities apart: secrets that only prove the name beside them
/// (the rule is in mod.rs, the sources are those of the groups), and switches of the plugins.
pub(super) const MAKES_NO_DIFFERENCE: &[&str] = &[
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_VAULT_FILE_PASSPHRASE",
    "AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE_PASSWORD",
    "AAD_SERVICE_PRINCIPAL_CLIENT_SECRET",
    "AAD_USER_PRINCIPAL_PASSWORD",
    "ARM_CLIENT_CERTIFICATE_PASSWORD",
    "ARM_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLI_TIMEOUT",
    "AZURE_PASSWORD",
    "SYSTEM_ACCESSTOKEN",
    "OCI_CLI_KEY_CONTENT",
    "OCI_CLI_PASSPHRASE",
    "OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING",
    "OS_PASSWORD",
    "OS_APPLICATION_CREDENTIAL_SECRET",
    "PINNIPED_PASSWORD",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABACLOUD_ACCESS_KEY_SECRET",
    "ALICLOUD_SECRET_KEY",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "EXOSCALE_API_SECRET",
    "EXOSCALE_SECRET",
    "EXOSCALE_SECRET_KEY",
    "STACKIT_SERVICE_ACCOUNT_FEDERATED_TOKEN",
    "GKE_AUTH_PLUGIN_STRICT_CACHE_INVALIDATION",
    "USE_GKE_GCLOUD_AUTH_PLUGIN",
];

// The AWS CLI rewrites neither of the two; its logins and roles are cached below ~/.aws/sso/cache,
// ~/.aws/login and ~/.aws/cli/cache.
const AWS_CONFIG: &[Place] = &[Place::Variable("AWS_CONFIG_FILE"), Place::In(Directory::Home, ".aws/config")];
const AWS_CREDENTIALS: &[Place] =
    &[Place::Variable("AWS_SHARED_CREDENTIALS_FILE"), Place::In(Directory::Home, ".aws/credentials")];
const AWS_FILES: &[&[Place]] = &[AWS_CONFIG, AWS_CREDENTIALS];

// gcloud writes refreshed tokens to access_tokens.db; credentials.db changes when an account comes
// or goes, the active configuration's file when its account changes.
const GCLOUD_FILES: &[&[Place]] = &[
    &[Place::Below("CLOUDSDK_CONFIG", "active_config"), Place::In(Directory::Gcloud, "gcloud/active_config")],
    &[Place::Computed(gcloud_configuration)],
    &[
        Place::Below("CLOUDSDK_CONFIG", "credentials.db"),
        Place::In(Directory::Gcloud, "gcloud/credentials.db"),
    ],
    &[Place::Variable("CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE")],
    &[Place::Variable("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE")],
];

// `az login` and `az account set` write azureProfile.json, `az cloud set` writes config, both
// remember the subscription per cloud in clouds.config. Tokens are in msal_token_cache.*.
const AZ_FILES: &[&[Place]] = &[
    &[
        Place::Below("AZURE_CONFIG_DIR", "azureProfile.json"),
        Place::In(Directory::Home, ".azure/azureProfile.json"),
    ],
    &[Place::Below("AZURE_CONFIG_DIR", "clouds.config"), Place::In(Directory::Home, ".azure/clouds.config")],
    &[Place::Below("AZURE_CONFIG_DIR", "config"), Place::In(Directory::Home, ".azure/config")],
];

/// The first row counts whose command is the program's name and that applies to the call.
pub(super) static ROWS: &[Row] = &[
    // `get-token` signs a request, without prompting and without a browser; a login that has
    // expired is an error message. aws/aws-cli awscli/customizations/eks/get_token.py.
    Row {
        family: "aws",
        commands: &["aws"],
        applies: always,
        groups: AWS,
        files: AWS_FILES,
        interaction: |call| silent_if(call.says(&["eks", "get-token"])),
        install_hint: "the AWS CLI: https://aws.amazon.com/cli/",
    },
    // heptio-authenticator-aws is its first name (kubernetes-sigs/aws-iam-authenticator README.md).
    Row {
        family: "aws-iam-authenticator",
        commands: &["aws-iam-authenticator", "heptio-authenticator-aws"],
        applies: always,
        groups: AWS.and(AWS_IAM_AUTHENTICATOR),
        files: AWS_FILES,
        interaction: |call| silent_if(call.says(&["token"])),
        install_hint: "https://github.com/kubernetes-sigs/aws-iam-authenticator",
    },
    // Asks for MFA codes and the key store's password (99designs/aws-vault USAGE.md).
    Row {
        family: "aws-vault",
        commands: &["aws-vault"],
        applies: always,
        groups: AWS.and(AWS_VAULT),
        files: &[AWS_CONFIG],
        interaction: may_prompt,
        install_hint: "https://github.com/ByteNess/aws-vault",
    },
    // Opens the browser for IAM Identity Center (common-fate/granted pkg/assume/entrypoint.go;
    // one binary under several names: cmd/granted/main.go).
    Row {
        family: "granted",
        commands: &["granted", "assume", "assumego"],
        applies: always,
        groups: AWS.and(GRANTED),
        files: &[&[
            Place::Flag(&["--aws-config-file"]),
            Place::Variable("AWS_CONFIG_FILE"),
            Place::In(Directory::Home, ".aws/config"),
        ]],
        interaction: may_prompt,
        install_hint: "https://github.com/common-fate/granted",
    },
    Row {
        family: "chamber",
        commands: &["chamber"],
        applies: always,
        groups: AWS.and(CHAMBER),
        files: AWS_FILES,
        interaction: unknown,
        install_hint: "https://github.com/segmentio/chamber",
    },
    // Unlocks with a password or a finger (https://developer.1password.com/docs/cli/reference/
    // commands/run), and replaces references in any variable of its command.
    Row {
        family: "op",
        commands: &["op"],
        applies: always,
        groups: ONE_PASSWORD,
        files: &[&[Place::Flag(&["--env-file"])]],
        interaction: may_prompt,
        install_hint: "the 1Password CLI: https://developer.1password.com/docs/cli/",
    },
    // With this flag gcloud is not asked: kubernetes/cloud-provider-gcp cmd/gke-gcloud-auth-plugin/
    // cred.go; the file: golang.org/x/oauth2 google/default.go.
    Row {
        family: "gke-gcloud-auth-plugin",
        commands: &["gke-gcloud-auth-plugin"],
        applies: |call| call.has(&["--use_application_default_credentials"]),
        groups: GOOGLE,
        files: &[&[
            Place::Variable("GOOGLE_APPLICATION_CREDENTIALS"),
            Place::In(Directory::Gcloud, "gcloud/application_default_credentials.json"),
        ]],
        interaction: silent,
        install_hint: GKE_HINT,
    },
    // Runs `gcloud config config-helper` (cmd/gke-gcloud-auth-plugin/gcloud_token_provider.go).
    // Its own cache beside the kubeconfig is rewritten with every new token.
    Row {
        family: "gke-gcloud-auth-plugin",
        commands: &["gke-gcloud-auth-plugin"],
        applies: always,
        groups: GOOGLE,
        files: GCLOUD_FILES,
        interaction: silent,
        install_hint: GKE_HINT,
    },
    Row {
        family: "gcloud",
        commands: &["gcloud"],
        applies: always,
        groups: GOOGLE,
        files: GCLOUD_FILES,
        interaction: |call| {
            silent_if(
                call.says(&["config", "config-helper"])
                    || call.says(&["auth", "print-access-token"])
                    || call.says(&["auth", "print-identity-token"]),
            )
        },
        install_hint: "the Google Cloud CLI: https://cloud.google.com/sdk/docs/install",
    },
    // int128's kubelogin cannot do without this flag (int128/kubelogin pkg/cmd/get_token.go),
    // Azure's not without --server-id. `clean` removes the whole directory
    // (pkg/tokencache/repository/repository.go); tokens and locks are rewritten in place inside.
    Row {
        family: "oidc-login",
        commands: &["kubelogin", "kubectl-oidc_login"],
        applies: |call| call.has(&["--oidc-issuer-url"]),
        groups: KUBE_CACHE,
        files: &[&[
            Place::Flag(&["--token-cache-dir"]),
            Place::Below("KUBECACHEDIR", "oidc-login"),
            Place::In(Directory::Home, ".kube/cache/oidc-login"),
        ]],
        interaction: oidc_login_interaction,
        install_hint: "https://github.com/int128/kubelogin",
    },
    // With this login it runs `az account get-access-token` (Azure/kubelogin
    // pkg/internal/token/azureclicredential.go).
    Row {
        family: "kubelogin",
        commands: &["kubelogin"],
        applies: |call| azure_login(call).as_deref() == Some("azurecli"),
        groups: AZURE.and(KUBE_CACHE),
        files: AZ_FILES,
        interaction: silent,
        install_hint: KUBELOGIN_HINT,
    },
    // A login in the browser or by device code is remembered as auth.json, which is written at the
    // login only (pkg/internal/token/execCredentialPlugin.go, options.go).
    Row {
        family: "kubelogin",
        commands: &["kubelogin"],
        applies: |call| call.has(&["--server-id"]),
        groups: AZURE.and(KUBE_CACHE),
        files: &[&[
            Place::Computed(|call| Some(call.flag(&["--cache-dir", "--token-cache-dir"])?.join("auth.json"))),
            Place::Below("KUBECACHEDIR", "auth.json"),
            Place::In(Directory::Home, ".kube/cache/kubelogin/auth.json"),
        ]],
        interaction: azure_interaction,
        install_hint: KUBELOGIN_HINT,
    },
    // A login that has expired is an error that names `az login` (Azure/azure-cli
    // azure/cli/core/auth/util.py).
    Row {
        family: "az",
        commands: &["az"],
        applies: always,
        groups: AZURE,
        files: AZ_FILES,
        interaction: |call| silent_if(call.says(&["account", "get-access-token"])),
        install_hint: "the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli",
    },
    // A cluster with single sign-on opens the browser (digitalocean/doctl commands/kubernetes.go).
    // `doctl auth switch` writes the file, `exec-credential` does not.
    Row {
        family: "doctl",
        commands: &["doctl"],
        applies: always,
        groups: DIGITALOCEAN,
        files: &[&[
            Place::Flag(&["--config", "-c"]),
            Place::Variable("DIGITALOCEAN_CONFIG"),
            Place::In(Directory::GoConfig, "doctl/config.yaml"),
        ]],
        interaction: |call| match call.has(&["--sso-issuer-url"]) {
            true => Interaction::MayPrompt,
            false => silent_if(call.says(&["exec-credential"])),
        },
        install_hint: "https://docs.digitalocean.com/reference/doctl/how-to/install/",
    },
    // Signs a request, like `aws eks get-token` (oracle/oci-cli services/container_engine/
    // src/oci_cli_container_engine/containerengine_cli_extended.py).
    Row {
        family: "oci",
        commands: &["oci"],
        applies: always,
        groups: ORACLE,
        files: &[
            &[
                Place::Flag(&["--config-file"]),
                Place::Variable("OCI_CLI_CONFIG_FILE"),
                Place::In(Directory::Home, ".oci/config"),
            ],
            &[
                Place::Flag(&["--cli-rc-file"]),
                Place::Variable("OCI_CLI_RC_FILE"),
                Place::In(Directory::Home, ".oci/oci_cli_rc"),
            ],
        ],
        interaction: |call| silent_if(call.says(&["ce", "cluster", "generate-token"])),
        install_hint: "https://docs.oracle.com/iaas/Content/API/SDKDocs/cliinstall.htm",
    },
    // No file: config.json holds the account and each refreshed token alike
    // (IBM-Cloud/ibm-cloud-cli-sdk bluemix/configuration/core_config/bx_config.go).
    Row {
        family: "ibmcloud",
        commands: &["ibmcloud"],
        applies: always,
        groups: IBM,
        files: &[],
        interaction: unknown,
        install_hint: "https://cloud.ibm.com/docs/cli",
    },
    // `tsh login` names the profile, `tsh kube credentials` reads it and logs in anew where the
    // certificate has expired (gravitational/teleport tool/tsh/common/kube.go).
    Row {
        family: "tsh",
        commands: &["tsh"],
        applies: always,
        groups: TELEPORT,
        files: &[
            &[
                Place::Below("TELEPORT_HOME", "current-profile"),
                Place::In(Directory::Home, ".tsh/current-profile"),
            ],
            &[Place::Flag(&["--identity", "-i"]), Place::Variable("TELEPORT_IDENTITY_FILE")],
        ],
        interaction: may_prompt,
        install_hint: "https://goteleport.com/docs/installation/",
    },
    // vmware-tanzu/pinniped cmd/pinniped/cmd/login_oidc.go and login_static.go. Sessions and
    // credentials are caches: sessions.yaml, credentials.yaml.
    Row {
        family: "pinniped",
        commands: &["pinniped"],
        applies: always,
        groups: PINNIPED,
        files: &[],
        interaction: |call| match call.says(&["login", "static"]) {
            true => Interaction::Silent,
            false => Interaction::MayPrompt,
        },
        install_hint: "https://pinniped.dev/docs/howto/install-cli/",
    },
    // `tanzu pinniped-auth login` is pinniped inside
    // (vmware-tanzu/tanzu-framework cmd/cli/plugin/pinniped-auth/login.go).
    Row {
        family: "tanzu",
        commands: &["tanzu"],
        applies: |call| call.says(&["pinniped-auth", "login"]),
        groups: PINNIPED,
        files: &[],
        interaction: may_prompt,
        install_hint: "https://github.com/vmware-tanzu/tanzu-cli",
    },
    Row {
        family: "linode-cli",
        commands: &["linode-cli", "linode", "lin"],
        applies: always,
        groups: LINODE,
        files: &[
            &[Place::Variable("LINODE_CLI_CONFIG"), Place::In(Directory::Xdg, "linode-cli")],
            &[Place::In(Directory::Home, ".linode-cli")],
        ],
        interaction: unknown,
        install_hint: "https://www.linode.com/docs/products/tools/cli/",
    },
    // `yc config profile activate` and `yc config set` write the file; federated users log in in
    // the browser, which --no-browser only keeps from opening by itself
    // (https://yandex.cloud/en/docs/cli/cli-ref/managed-services/managed-kubernetes/create-token).
    Row {
        family: "yc",
        commands: &["yc"],
        applies: always,
        groups: Groups::NONE,
        files: &[&[Place::In(Directory::Home, ".config/yandex-cloud/config.yaml")]],
        interaction: may_prompt,
        install_hint: "https://yandex.cloud/en/docs/cli/quickstart",
    },
    // AliyunContainerService/ack-ram-tool pkg/ctl/credentialplugin; its confirmations belong to
    // other commands. Files: pkg/credentials/provider/ini_provider.go, aliyuncli_configuration.go.
    Row {
        family: "ack-ram-tool",
        commands: &["ack-ram-tool"],
        applies: always,
        groups: ALIBABA,
        files: &[
            &[
                Place::Flag(&["--profile-file"]),
                Place::Variable("ACK_RAM_TOOL_PROFILE_FILE"),
                Place::Variable("ALIBABACLOUD_PROFILE_PATH"),
                Place::In(Directory::Home, ".aliyun/config.json"),
            ],
            &[
                Place::Variable("ALIBABA_CLOUD_CREDENTIALS_FILE"),
                Place::In(Directory::Home, ".alibabacloud/credentials"),
            ],
        ],
        interaction: |call| {
            silent_if(
                call.says(&["credential-plugin", "get-token"])
                    || call.says(&["credential-plugin", "get-credential"]),
            )
        },
        install_hint: "https://aliyuncontainerservice.github.io/ack-ram-tool/",
    },
    // Asks for whatever is missing (kubernetes/cloud-provider-openstack
    // cmd/client-keystone-auth/main.go).
    Row {
        family: "client-keystone-auth",
        commands: &["client-keystone-auth"],
        applies: always,
        groups: OPENSTACK,
        files: &[&[Place::Flag(&["--cert"]), Place::Variable("OS_CERT")]],
        interaction: keystone_interaction,
        install_hint: "https://github.com/kubernetes/cloud-provider-openstack",
    },
    // exoscale/cli cmd/compute/sks/sks_kubeconfig.go.
    Row {
        family: "exo",
        commands: &["exo"],
        applies: always,
        groups: EXOSCALE,
        files: &[
            &[
                Place::Flag(&["--config", "-C"]),
                Place::Variable("EXOSCALE_CONFIG"),
                Place::In(Directory::GoConfig, "exoscale/exoscale.toml"),
            ],
            &[Place::In(Directory::Home, ".exoscale/exoscale.toml")],
        ],
        interaction: |call| silent_if(call.has(&["--exec-credential"])),
        install_hint: "https://github.com/exoscale/cli",
    },
    // With --idp an expired session is an error, else the browser opens
    // (stackitcloud/stackit-cli internal/cmd/ske/kubeconfig/login/login.go, internal/pkg/auth).
    Row {
        family: "stackit",
        commands: &["stackit"],
        applies: always,
        groups: STACKIT,
        files: &[&[Place::In(Directory::GoConfig, "stackit/cli-profile.txt")]],
        interaction: |call| match call.has(&["--idp"]) {
            true => Interaction::Silent,
            false => Interaction::MayPrompt,
        },
        install_hint: "https://github.com/stackitcloud/stackit-cli",
    },
    // No file: the one that holds the servers also caches each token (rancher/cli
    // cmd/kubectl_token.go).
    Row {
        family: "rancher",
        commands: &["rancher"],
        applies: |call| call.says(&["token"]),
        groups: RANCHER,
        files: &[],
        interaction: may_prompt,
        install_hint: "https://github.com/rancher/cli",
    },
    // The garden cluster's kubeconfig decides whether anybody is asked.
    Row {
        family: "gardenlogin",
        commands: &["gardenlogin", "kubectl-gardenlogin"],
        applies: always,
        groups: GARDENER,
        files: &[
            &[Place::Flag(&["--config"]), Place::Computed(gardenlogin_configuration)],
            &[Place::In(Directory::Home, ".garden/gardenctl-v2.yaml")],
        ],
        interaction: unknown,
        install_hint: "https://github.com/gardener/gardenlogin",
    },
    // openshift/oc pkg/cli/gettoken/gettoken.go.
    Row {
        family: "oc",
        commands: &["oc"],
        applies: |call| call.says(&["get-token"]),
        groups: KUBE_CACHE,
        files: &[],
        interaction: may_prompt,
        install_hint: "https://github.com/openshift/oc",
    },
    // Logs in in the browser where no token is given (okteto/okteto cmd/context/use.go,
    // cmd/kubetoken/kubetoken.go).
    Row {
        family: "okteto",
        commands: &["okteto"],
        applies: always,
        groups: OKTETO,
        files: &[],
        interaction: may_prompt,
        install_hint: "https://www.okteto.com/docs/get-started/install-okteto-cli/",
    },
];

const GKE_HINT: &str = "gcloud components install gke-gcloud-auth-plugin";
const KUBELOGIN_HINT: &str = "https://azure.github.io/kubelogin/";

fn always(_: &Call) -> bool {
    true
}

fn silent(_: &Call) -> Interaction {
    Interaction::Silent
}

fn may_prompt(_: &Call) -> Interaction {
    Interaction::MayPrompt
}

fn unknown(_: &Call) -> Interaction {
    Interaction::Unknown
}

fn silent_if(known: bool) -> Interaction {
    if known { Interaction::Silent } else { Interaction::Unknown }
}

/// Without a person only where the secret comes with the call (int128/kubelogin
/// pkg/cmd/authentication.go).
fn oidc_login_interaction(call: &Call) -> Interaction {
    let by_password = call.has(&["--username"]) && call.has(&["--password"]);
    match call.value(&["--grant-type"]).unwrap_or("auto") {
        "client-credentials" => Interaction::Silent,
        "auto" | "password" if by_password => Interaction::Silent,
        _ => Interaction::MayPrompt,
    }
}

/// The login method of Azure's kubelogin: the variable wins over the flag unless a flag forbids it
/// (Azure/kubelogin pkg/internal/token/options.go).
fn azure_login(call: &Call) -> Option<String> {
    if !call.has(&["--server-id"]) {
        return None;
    }
    let overridden = match call.has(&["--disable-environment-override"]) {
        true => None,
        false => call.variable("AAD_LOGIN_METHOD").and_then(|value| value.into_string().ok()),
    };
    overridden.or_else(|| call.value(&["--login", "-l"]).map(str::to_owned))
}

fn azure_interaction(call: &Call) -> Interaction {
    match azure_login(call).as_deref() {
        Some("azd" | "workloadidentity" | "msi" | "spn" | "ropc" | "azurepipelines") => Interaction::Silent,
        _ => Interaction::MayPrompt,
    }
}

fn keystone_interaction(call: &Call) -> Interaction {
    let secret_is_there = call.has(&["--password", "--application-credential-secret"])
        || call.variable("OS_PASSWORD").is_some()
        || call.variable("OS_APPLICATION_CREDENTIAL_SECRET").is_some();
    if secret_is_there { Interaction::Silent } else { Interaction::MayPrompt }
}

/// The file of the active configuration: of the flag, the variable, or the file `active_config`
/// (googlecloudsdk/core/configurations/named_configs.py).
fn gcloud_configuration(call: &Call) -> Option<PathBuf> {
    let directory = call
        .path_in("CLOUDSDK_CONFIG")
        .or_else(|| Some(call.directory(Directory::Gcloud)?.join("gcloud")))?;
    let mut file_name = String::from("config_");
    match call.value(&["--configuration"]) {
        Some(name) => file_name.push_str(name),
        None => match call.variable("CLOUDSDK_ACTIVE_CONFIG_NAME") {
            Some(name) => file_name.push_str(name.to_str()?),
            None => push_active_configuration(&directory, &mut file_name),
        },
    }
    Some(directory.join("configurations").join(file_name))
}

/// The one file that this module reads: a name of few bytes. Without it gcloud takes `default`.
fn push_active_configuration(directory: &Path, file_name: &mut String) {
    let mut bytes = [0; 128];
    let length =
        File::open(directory.join("active_config")).and_then(|mut file| file.read(&mut bytes)).unwrap_or(0);
    let name = std::str::from_utf8(&bytes[..length]).unwrap_or("").trim();
    file_name.push_str(if name.is_empty() { "default" } else { name });
}

/// `$GL_HOME` or `~/.garden`, and in it `$GL_CONFIG_NAME` or `gardenlogin`, with `.yaml`.
fn gardenlogin_configuration(call: &Call) -> Option<PathBuf> {
    let directory =
        call.path_in("GL_HOME").or_else(|| Some(call.directory(Directory::Home)?.join(".garden")))?;
    let mut name = call.variable("GL_CONFIG_NAME").unwrap_or_else(|| "gardenlogin".into());
    name.push(".yaml");
    Some(directory.join(name))
}
