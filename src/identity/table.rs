//! The table: one row per plugin, each with the source that it was read from.
//!
//! A row says by which names the plugin goes, which variables and files choose its identity,
//! whether a call may prompt, and how to get the plugin. Variables stand in groups, since plugins
//! of one cloud share them; every variable is in one group only, so that the union has none twice.
//! A plugin whose credentials never expire has no row, because nothing of it is ever cached.
//! A file is named where switching the account changes it and running the plugin does not; what
//! was captured from the real tools stands in `tests/data/identity`.
//!
//! Lists are strings of words: a table of pointers would be three times as large, and a static
//! executable that may lie anywhere in memory pays for each pointer once more.

use super::recognize::Invocation;
use super::{IdentityVariable, Interaction};

/// What is known of one plugin.
pub(super) struct PluginRow {
    pub family: &'static str,
    /// File names without directory and extension. A plugin of kubectl stands as `kubectl-name`.
    pub commands: &'static str,
    /// Tells programs of the same name apart by their arguments.
    pub applies: fn(&Invocation) -> bool,
    pub groups: Groups,
    /// Files, separated by `;`. Of the places of one file the first counts that the call has:
    ///
    /// - `--flag`, `-f`, `$VARIABLE`: the file that is its value;
    /// - `--flag/name`, `$VARIABLE/name`: the file below the directory that is its value;
    /// - `~/name`: below the home directory;
    /// - `@go/name`: below what Go's `os.UserConfigDir` returns on this platform;
    /// - `@xdg/name`: below `$XDG_CONFIG_HOME`, else `~/.config`, on every platform;
    /// - `@gcloud/name`: below `~/.config/gcloud`, on Windows `%APPDATA%\\gcloud`;
    /// - a `*` at the end is the name of gcloud's active configuration.
    pub files: &'static str,
    pub interaction: fn(&Invocation) -> Interaction,
    pub install_hint: &'static str,
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

    pub fn variables(self) -> impl Iterator<Item = IdentityVariable> {
        let chosen = move |&(number, _): &(usize, _)| self.0 & (1 << number) != 0;
        GROUPS.iter().enumerate().filter(chosen).flat_map(|(_, group)| words(group)).map(|word| {
            match word.strip_prefix('!') {
                Some(name) => IdentityVariable { name, secret: true },
                None => IdentityVariable { name: word, secret: false },
            }
        })
    }
}

/// The words of one of the strings here.
pub(super) fn words(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split(' ').filter(|word| !word.is_empty())
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

/// In the order of the constants above; `!` marks a secret.
static GROUPS: [&str; 22] = [
    // AWS. boto/botocore botocore/configprovider.py, credentials.py, utils.py (as bundled in
    // aws-cli 1.46); AWS_SDK_LOAD_CONFIG: aws/aws-sdk-go aws/session/env_config.go; AWS_VAULT:
    // 99designs/aws-vault cli/exec.go. Regions and endpoints are part of the signed token.
    // The credential server of one `aws-vault exec` differs from another's in nothing else.
    "AWS_PROFILE AWS_DEFAULT_PROFILE AWS_VAULT AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID \
     AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONFIG_FILE \
     AWS_SHARED_CREDENTIALS_FILE AWS_CREDENTIAL_FILE AWS_LOGIN_CACHE_DIRECTORY AWS_SDK_LOAD_CONFIG \
     AWS_STS_REGIONAL_ENDPOINTS AWS_ENDPOINT_URL AWS_ENDPOINT_URL_STS \
     AWS_IGNORE_CONFIGURED_ENDPOINT_URLS AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT \
     AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI \
     AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE !AWS_CONTAINER_AUTHORIZATION_TOKEN \
     AWS_EC2_METADATA_DISABLED AWS_EC2_METADATA_SERVICE_ENDPOINT",
    // aws-vault. 99designs/aws-vault cli/global.go, vault/config.go, USAGE.md.
    "AWS_VAULT_BACKEND AWS_VAULT_KEYCHAIN_NAME AWS_VAULT_SECRET_SERVICE_COLLECTION_NAME \
     AWS_VAULT_PASS_PASSWORD_STORE_DIR AWS_VAULT_PASS_PREFIX AWS_VAULT_FILE_DIR AWS_MFA_SERIAL \
     AWS_SESSION_TAGS AWS_TRANSITIVE_TAGS AWS_SOURCE_IDENTITY",
    // aws-iam-authenticator. kubernetes-sigs/aws-iam-authenticator cmd/aws-iam-authenticator/
    // token.go, root.go; pkg/filecache/filecache.go.
    "DEFAULT_ROLE KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID AWS_IAM_AUTHENTICATOR_CACHE_FILE",
    // Granted. common-fate/granted pkg/assume/sso.go.
    "GRANTED_SSO_START_URL GRANTED_SSO_REGION GRANTED_SSO_ACCOUNT_ID GRANTED_SSO_ROLE_NAME",
    // chamber. segmentio/chamber README.md.
    "CHAMBER_SECRET_BACKEND CHAMBER_AWS_REGION CHAMBER_KMS_KEY_ALIAS CHAMBER_AWS_SSM_ENDPOINT \
     CHAMBER_AWS_SECRETS_MANAGER_ENDPOINT",
    // op. https://developer.1password.com/docs/cli/environment-variables
    "OP_ACCOUNT OP_CONFIG_DIR OP_CONNECT_HOST !OP_CONNECT_TOKEN !OP_SERVICE_ACCOUNT_TOKEN",
    // gcloud and its plugin. googlecloudsdk/core/properties.py and config.py of Google Cloud CLI
    // 528; kubernetes/cloud-provider-gcp cmd/gke-gcloud-auth-plugin/cred.go.
    "CLOUDSDK_CONFIG CLOUDSDK_ACTIVE_CONFIG_NAME CLOUDSDK_CORE_ACCOUNT CLOUDSDK_CORE_PROJECT \
     CLOUDSDK_CORE_UNIVERSE_DOMAIN CLOUDSDK_BILLING_QUOTA_PROJECT \
     CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE \
     CLOUDSDK_AUTH_ACCESS_TOKEN_FILE !CLOUDSDK_AUTH_ACCESS_TOKEN \
     CLOUDSDK_AUTH_AUTHORIZATION_TOKEN_FILE CLOUDSDK_AUTH_LOGIN_CONFIG_FILE CLOUDSDK_AUTH_TOKEN_HOST \
     CLOUDSDK_AUTH_DISABLE_CREDENTIALS GOOGLE_APPLICATION_CREDENTIALS",
    // Azure's kubelogin and az. Azure/kubelogin pkg/internal/env/variables.go; Azure/azure-cli
    // azure/cli/core/_environment.py and cloud.py ([cloud] name in knack's form AZURE_CLOUD_NAME).
    "AZURE_CONFIG_DIR AZURE_CLOUD_NAME AAD_LOGIN_METHOD AAD_USER_PRINCIPAL_NAME \
     AAD_SERVICE_PRINCIPAL_CLIENT_ID AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE ARM_CLIENT_ID \
     ARM_CLIENT_CERTIFICATE_PATH ARM_TENANT_ID AZURE_AUTHORITY_HOST AZURE_CLIENT_ID \
     AZURE_CLIENT_CERTIFICATE_PATH AZURE_FEDERATED_TOKEN_FILE AZURE_TENANT_ID AZURE_USERNAME \
     AZURESUBSCRIPTION_CLIENT_ID AZURESUBSCRIPTION_SERVICE_CONNECTION_ID AZURESUBSCRIPTION_TENANT_ID \
     SYSTEM_OIDCREQUESTURI",
    // Where both kubelogins and oc keep their logins. int128/kubelogin pkg/cmd/tokencache.go;
    // Azure/kubelogin pkg/internal/token/options.go; openshift/oc pkg/cli/gettoken/gettoken.go.
    "KUBECACHEDIR",
    // doctl. digitalocean/doctl commands/doit.go: viper's prefix DIGITALOCEAN and the flags' names.
    "!DIGITALOCEAN_ACCESS_TOKEN DIGITALOCEAN_CONTEXT DIGITALOCEAN_CONFIG DIGITALOCEAN_API_URL",
    // oci. oracle/oci-cli src/oci_cli/cli_constants.py; oracle/oci-python-sdk src/oci/config.py.
    "OCI_CLI_PROFILE OCI_CLI_AUTH OCI_CLI_REGION OCI_CLI_USER OCI_CLI_FINGERPRINT OCI_CLI_KEY_FILE \
     OCI_CLI_TENANCY OCI_CLI_CONFIG_FILE OCI_CONFIG_FILE OCI_CLI_RC_FILE \
     OCI_CLI_DELEGATION_TOKEN_FILE OCI_CLI_SECURITY_TOKEN_FILE OCI_CLI_ENDPOINT \
     OCI_CLI_FEDERATION_ENDPOINT OCI_CLI_USE_INSTANCE_METADATA_SERVICE",
    // ibmcloud. IBM-Cloud/ibm-cloud-cli-sdk bluemix/env.go.
    "IBMCLOUD_HOME BLUEMIX_HOME IBMCLOUD_CONFIG_HOME !IBMCLOUD_API_KEY !BLUEMIX_API_KEY \
     !IBMCLOUD_CR_TOKEN IBMCLOUD_CR_PROFILE IBMCLOUD_CR_VPC_URL IBMCLOUD_CR_PVS_URL",
    // tsh. gravitational/teleport tool/tsh/common/tsh.go; TELEPORT_HOME:
    // https://goteleport.com/docs/reference/cli/tsh/
    "TELEPORT_HOME TELEPORT_PROXY TELEPORT_CLUSTER TELEPORT_SITE TELEPORT_KUBE_CLUSTER TELEPORT_USER \
     TELEPORT_AUTH TELEPORT_IDENTITY_FILE",
    // pinniped. vmware-tanzu/pinniped cmd/pinniped/cmd/login_oidc.go, pkg/oidcclient/login.go.
    "PINNIPED_USERNAME PINNIPED_UPSTREAM_IDENTITY_PROVIDER_FLOW",
    // linode-cli. linode/linode-cli linodecli/configuration/helpers.py, linodecli/helpers.py.
    "!LINODE_CLI_TOKEN LINODE_CLI_CONFIG LINODE_CLI_API_HOST LINODE_CLI_API_VERSION \
     LINODE_CLI_API_SCHEME",
    // ack-ram-tool. AliyunContainerService/ack-ram-tool pkg/credentials/provider/env.go,
    // pkg/ctl/global.go (the misspelt name is theirs).
    "ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABACLOUD_ACCESS_KEY_ID ALICLOUD_ACCESS_KEY \
     ALICLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ROLE_ARN ALIBABA_CLOUD_ROLE_SESSION_NAME \
     ALICLOUD_ROLE_SESSION_NAME ALIBABA_CLOUD_OIDC_PROVIDER_ARN ALIBABA_CLOUD_OIDC_TOKEN_FILE \
     ALIBABA_CLOUD_CREDENTIALS_URI ALIBABA_CLOUD_CREDENTIALS_FILE ALIBABA_CLOUD_PROFILE \
     ALIBABACLOUD_PROFILE ALICLOUD_PROFILE ALIBABACLOUD_IGNORE_PROFILE ALIBABACLOUD_PROFILE_PATH \
     ALIBABA_CLOUD_STS_ENDPOINT ACK_RAM_TOOL_PROFILE_FILE ACK_RAM_TOOL_PROFILE_NAME \
     ACK_RAM_TOOL_PROFIL_ENAME ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS \
     ACK_RAM_TOOL_IGNORE_ALIYUN_CLI_CREDENTIALS ACK_RAM_TOOL_CREDENTIAL_TYPE ACK_RAM_TOOL_REGION_ID \
     ACK_RAM_TOOL_STS_ENDPOINT",
    // client-keystone-auth. kubernetes/cloud-provider-openstack cmd/client-keystone-auth/main.go.
    "OS_AUTH_URL OS_DOMAIN_NAME OS_USERNAME OS_PROJECT_NAME OS_CERT OS_APPLICATION_CREDENTIAL_ID \
     OS_APPLICATION_CREDENTIAL_NAME",
    // exo. exoscale/cli cmd/root.go, cmd/config_resolution.go.
    "EXOSCALE_API_KEY EXOSCALE_KEY CLOUDSTACK_KEY CLOUDSTACK_API_KEY EXOSCALE_ACCOUNT EXOSCALE_CONFIG \
     EXOSCALE_API_ENDPOINT EXOSCALE_API_ENVIRONMENT EXOSCALE_ZONE",
    // stackit. stackitcloud/stackit-cli internal/pkg/auth/storage.go and oidc.go,
    // internal/pkg/config/profiles.go and config.go.
    "!STACKIT_ACCESS_TOKEN STACKIT_CLI_PROFILE STACKIT_USE_OIDC STACKIT_SERVICE_ACCOUNT_EMAIL \
     STACKIT_FEDERATED_TOKEN_FILE STACKIT_PROJECT_ID STACKIT_REGION",
    // rancher. rancher/cli main.go.
    "RANCHER_CONFIG_DIR",
    // gardenlogin. gardener/gardenlogin cmd/root.go, cmd/get_client_certificate.go.
    "GL_HOME GL_CONFIG_NAME GL_GARDEN_CLUSTER_IDENTITY GL_NAME GL_NAMESPACE GL_ACCESS_LEVEL GCTL_HOME \
     GCTL_CONFIG_NAME",
    // okteto. okteto/okteto pkg/model/const.go, pkg/constants/constants.go.
    "!OKTETO_TOKEN OKTETO_URL OKTETO_CONTEXT OKTETO_NAMESPACE OKTETO_FOLDER OKTETO_HOME",
];

/// Known variables that tell no identities apart: secrets that only prove the name beside them
/// (the rule is in mod.rs, the sources are those of the groups), and switches of the plugins.
pub(super) const MAKES_NO_DIFFERENCE: &str = "\
    AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_VAULT_FILE_PASSPHRASE \
    AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE_PASSWORD AAD_SERVICE_PRINCIPAL_CLIENT_SECRET \
    AAD_USER_PRINCIPAL_PASSWORD ARM_CLIENT_CERTIFICATE_PASSWORD ARM_CLIENT_SECRET \
    AZURE_CLIENT_CERTIFICATE_PASSWORD AZURE_CLIENT_SECRET AZURE_CLI_TIMEOUT AZURE_PASSWORD \
    SYSTEM_ACCESSTOKEN OCI_CLI_KEY_CONTENT OCI_CLI_PASSPHRASE \
    OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING OS_PASSWORD OS_APPLICATION_CREDENTIAL_SECRET \
    PINNIPED_PASSWORD ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABACLOUD_ACCESS_KEY_SECRET \
    ALICLOUD_SECRET_KEY ALIBABA_CLOUD_SECURITY_TOKEN EXOSCALE_API_SECRET EXOSCALE_SECRET \
    EXOSCALE_SECRET_KEY STACKIT_SERVICE_ACCOUNT_FEDERATED_TOKEN \
    GKE_AUTH_PLUGIN_STRICT_CACHE_INVALIDATION USE_GKE_GCLOUD_AUTH_PLUGIN";

// The AWS CLI rewrites neither of the two; its logins and roles are cached below ~/.aws/sso/cache,
// ~/.aws/login and ~/.aws/cli/cache.
const AWS_FILES: &str = "$AWS_CONFIG_FILE ~/.aws/config; $AWS_SHARED_CREDENTIALS_FILE ~/.aws/credentials";

// gcloud writes refreshed tokens to access_tokens.db; credentials.db changes when an account comes
// or goes, the active configuration's file when its account changes. Which is active: a flag, a
// variable or active_config say so (googlecloudsdk/core/configurations/named_configs.py).
const GCLOUD_FILES: &str = "$CLOUDSDK_CONFIG/active_config @gcloud/active_config; \
     $CLOUDSDK_CONFIG/configurations/config_* @gcloud/configurations/config_*; \
     $CLOUDSDK_CONFIG/credentials.db @gcloud/credentials.db; \
     $CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE; $CLOUDSDK_AUTH_ACCESS_TOKEN_FILE";

// `az login` and `az account set` write azureProfile.json, `az cloud set` writes config, both
// remember the subscription per cloud in clouds.config. Tokens are in msal_token_cache.*.
const AZ_FILES: &str = "$AZURE_CONFIG_DIR/azureProfile.json ~/.azure/azureProfile.json; \
     $AZURE_CONFIG_DIR/clouds.config ~/.azure/clouds.config; $AZURE_CONFIG_DIR/config ~/.azure/config";

/// The first row counts whose command is the program's name and that applies to the call.
pub(super) static ROWS: &[PluginRow] = &[
    // `get-token` signs a request, without prompting and without a browser; a login that has
    // expired is an error message. aws/aws-cli awscli/customizations/eks/get_token.py.
    PluginRow {
        family: "aws",
        commands: "aws",
        applies: always,
        groups: AWS,
        files: AWS_FILES,

        interaction: |call| silent_if(call.says("eks get-token")),
        install_hint: "the AWS CLI: https://aws.amazon.com/cli/",
    },
    // heptio-authenticator-aws is its first name (kubernetes-sigs/aws-iam-authenticator README.md).
    PluginRow {
        family: "aws-iam-authenticator",
        commands: "aws-iam-authenticator heptio-authenticator-aws",
        applies: always,
        groups: AWS.and(AWS_IAM_AUTHENTICATOR),
        files: AWS_FILES,

        interaction: |call| silent_if(call.says("token")),
        install_hint: "https://github.com/kubernetes-sigs/aws-iam-authenticator",
    },
    // Asks for MFA codes and the key store's password (99designs/aws-vault USAGE.md).
    PluginRow {
        family: "aws-vault",
        commands: "aws-vault",
        applies: always,
        groups: AWS.and(AWS_VAULT),
        files: "$AWS_CONFIG_FILE ~/.aws/config",
        interaction: may_prompt,
        install_hint: "https://github.com/ByteNess/aws-vault",
    },
    // Opens the browser for IAM Identity Center (common-fate/granted pkg/assume/entrypoint.go;
    // one binary under several names: cmd/granted/main.go).
    PluginRow {
        family: "granted",
        commands: "granted assume assumego",
        applies: always,
        groups: AWS.and(GRANTED),
        files: "--aws-config-file $AWS_CONFIG_FILE ~/.aws/config",
        interaction: may_prompt,
        install_hint: "https://github.com/common-fate/granted",
    },
    PluginRow {
        family: "chamber",
        commands: "chamber",
        applies: always,
        groups: AWS.and(CHAMBER),
        files: AWS_FILES,

        interaction: unknown,
        install_hint: "https://github.com/segmentio/chamber",
    },
    // Unlocks with a password or a finger (https://developer.1password.com/docs/cli/reference/
    // commands/run), and replaces references in any variable of its command.
    PluginRow {
        family: "op",
        commands: "op",
        applies: always,
        groups: ONE_PASSWORD,
        files: "--env-file",
        interaction: may_prompt,
        install_hint: "the 1Password CLI: https://developer.1password.com/docs/cli/",
    },
    // With this flag gcloud is not asked: kubernetes/cloud-provider-gcp cmd/gke-gcloud-auth-plugin/
    // cred.go; the file: golang.org/x/oauth2 google/default.go.
    PluginRow {
        family: "gke-gcloud-auth-plugin",
        commands: "gke-gcloud-auth-plugin",
        applies: |call| call.has("--use_application_default_credentials"),
        groups: GOOGLE,
        files: "$GOOGLE_APPLICATION_CREDENTIALS @gcloud/application_default_credentials.json",
        interaction: silent,
        install_hint: GKE_HINT,
    },
    // Runs `gcloud config config-helper` (cmd/gke-gcloud-auth-plugin/gcloud_token_provider.go).
    // Its own cache beside the kubeconfig is rewritten with every new token.
    PluginRow {
        family: "gke-gcloud-auth-plugin",
        commands: "gke-gcloud-auth-plugin",
        applies: always,
        groups: GOOGLE,
        files: GCLOUD_FILES,

        interaction: silent,
        install_hint: GKE_HINT,
    },
    PluginRow {
        family: "gcloud",
        commands: "gcloud",
        applies: always,
        groups: GOOGLE,
        files: GCLOUD_FILES,

        interaction: |call| {
            silent_if(
                call.says("config config-helper")
                    || call.says("auth print-access-token")
                    || call.says("auth print-identity-token"),
            )
        },
        install_hint: "the Google Cloud CLI: https://cloud.google.com/sdk/docs/install",
    },
    // int128's kubelogin cannot do without this flag (int128/kubelogin pkg/cmd/get_token.go),
    // Azure's not without --server-id. `clean` removes the whole directory
    // (pkg/tokencache/repository/repository.go); tokens and locks are rewritten in place inside.
    PluginRow {
        family: "oidc-login",
        commands: "kubelogin kubectl-oidc_login",
        applies: |call| call.has("--oidc-issuer-url"),
        groups: KUBE_CACHE,
        files: "--token-cache-dir $KUBECACHEDIR/oidc-login ~/.kube/cache/oidc-login",
        interaction: oidc_login_interaction,
        install_hint: "https://github.com/int128/kubelogin",
    },
    // With this login it runs `az account get-access-token` (Azure/kubelogin
    // pkg/internal/token/azureclicredential.go).
    PluginRow {
        family: "kubelogin",
        commands: "kubelogin",
        applies: |call| azure_login(call).as_deref() == Some("azurecli"),
        groups: AZURE.and(KUBE_CACHE),
        files: AZ_FILES,

        interaction: silent,
        install_hint: KUBELOGIN_HINT,
    },
    // A login in the browser or by device code is remembered as auth.json, which is written at the
    // login only (pkg/internal/token/execCredentialPlugin.go, options.go).
    PluginRow {
        family: "kubelogin",
        commands: "kubelogin",
        applies: |call| call.has("--server-id"),
        groups: AZURE.and(KUBE_CACHE),
        files: "--cache-dir/auth.json --token-cache-dir/auth.json $KUBECACHEDIR/auth.json \
            ~/.kube/cache/kubelogin/auth.json",
        interaction: azure_interaction,
        install_hint: KUBELOGIN_HINT,
    },
    // A login that has expired is an error that names `az login` (Azure/azure-cli
    // azure/cli/core/auth/util.py).
    PluginRow {
        family: "az",
        commands: "az",
        applies: always,
        groups: AZURE,
        files: AZ_FILES,

        interaction: |call| silent_if(call.says("account get-access-token")),
        install_hint: "the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli",
    },
    // A cluster with single sign-on opens the browser (digitalocean/doctl commands/kubernetes.go).
    // `doctl auth switch` writes the file, `exec-credential` does not.
    PluginRow {
        family: "doctl",
        commands: "doctl",
        applies: always,
        groups: DIGITALOCEAN,
        files: "--config -c $DIGITALOCEAN_CONFIG @go/doctl/config.yaml",
        interaction: |call| match call.has("--sso-issuer-url") {
            true => Interaction::MayPrompt,
            false => silent_if(call.says("exec-credential")),
        },
        install_hint: "https://docs.digitalocean.com/reference/doctl/how-to/install/",
    },
    // Signs a request, like `aws eks get-token` (oracle/oci-cli services/container_engine/
    // src/oci_cli_container_engine/containerengine_cli_extended.py).
    PluginRow {
        family: "oci",
        commands: "oci",
        applies: always,
        groups: ORACLE,
        files: "--config-file $OCI_CLI_CONFIG_FILE ~/.oci/config; \
            --cli-rc-file $OCI_CLI_RC_FILE ~/.oci/oci_cli_rc",
        interaction: |call| silent_if(call.says("ce cluster generate-token")),
        install_hint: "https://docs.oracle.com/iaas/Content/API/SDKDocs/cliinstall.htm",
    },
    // No file: config.json holds the account and each refreshed token alike
    // (IBM-Cloud/ibm-cloud-cli-sdk bluemix/configuration/core_config/bx_config.go).
    PluginRow {
        family: "ibmcloud",
        commands: "ibmcloud",
        applies: always,
        groups: IBM,
        files: "",
        interaction: unknown,
        install_hint: "https://cloud.ibm.com/docs/cli",
    },
    // `tsh login` names the profile, `tsh kube credentials` reads it and logs in anew where the
    // certificate has expired (gravitational/teleport tool/tsh/common/kube.go).
    PluginRow {
        family: "tsh",
        commands: "tsh",
        applies: always,
        groups: TELEPORT,
        files: "$TELEPORT_HOME/current-profile ~/.tsh/current-profile; \
            --identity -i $TELEPORT_IDENTITY_FILE",
        interaction: may_prompt,
        install_hint: "https://goteleport.com/docs/installation/",
    },
    // vmware-tanzu/pinniped cmd/pinniped/cmd/login_oidc.go and login_static.go. Sessions and
    // credentials are caches: sessions.yaml, credentials.yaml.
    PluginRow {
        family: "pinniped",
        commands: "pinniped",
        applies: always,
        groups: PINNIPED,
        files: "",
        interaction: |call| match call.says("login static") {
            true => Interaction::Silent,
            false => Interaction::MayPrompt,
        },
        install_hint: "https://pinniped.dev/docs/howto/install-cli/",
    },
    // `tanzu pinniped-auth login` is pinniped inside
    // (vmware-tanzu/tanzu-framework cmd/cli/plugin/pinniped-auth/login.go).
    PluginRow {
        family: "tanzu",
        commands: "tanzu",
        applies: |call| call.says("pinniped-auth login"),
        groups: PINNIPED,
        files: "",
        interaction: may_prompt,
        install_hint: "https://github.com/vmware-tanzu/tanzu-cli",
    },
    PluginRow {
        family: "linode-cli",
        commands: "linode-cli linode lin",
        applies: always,
        groups: LINODE,
        files: "$LINODE_CLI_CONFIG @xdg/linode-cli; ~/.linode-cli",
        interaction: unknown,
        install_hint: "https://www.linode.com/docs/products/tools/cli/",
    },
    // `yc config profile activate` and `yc config set` write the file; federated users log in in
    // the browser, which --no-browser only keeps from opening by itself
    // (https://yandex.cloud/en/docs/cli/cli-ref/managed-services/managed-kubernetes/create-token).
    PluginRow {
        family: "yc",
        commands: "yc",
        applies: always,
        groups: Groups::NONE,
        files: "~/.config/yandex-cloud/config.yaml",
        interaction: may_prompt,
        install_hint: "https://yandex.cloud/en/docs/cli/quickstart",
    },
    // AliyunContainerService/ack-ram-tool pkg/ctl/credentialplugin; its confirmations belong to
    // other commands. Files: pkg/credentials/provider/ini_provider.go, aliyuncli_configuration.go.
    PluginRow {
        family: "ack-ram-tool",
        commands: "ack-ram-tool",
        applies: always,
        groups: ALIBABA,
        files: "--profile-file $ACK_RAM_TOOL_PROFILE_FILE $ALIBABACLOUD_PROFILE_PATH ~/.aliyun/config.json; \
            $ALIBABA_CLOUD_CREDENTIALS_FILE ~/.alibabacloud/credentials",
        interaction: |call| {
            silent_if(
                call.says("credential-plugin get-token") || call.says("credential-plugin get-credential"),
            )
        },
        install_hint: "https://aliyuncontainerservice.github.io/ack-ram-tool/",
    },
    // Asks for whatever is missing (kubernetes/cloud-provider-openstack
    // cmd/client-keystone-auth/main.go).
    PluginRow {
        family: "client-keystone-auth",
        commands: "client-keystone-auth",
        applies: always,
        groups: OPENSTACK,
        files: "--cert $OS_CERT",
        interaction: keystone_interaction,
        install_hint: "https://github.com/kubernetes/cloud-provider-openstack",
    },
    // exoscale/cli cmd/compute/sks/sks_kubeconfig.go.
    PluginRow {
        family: "exo",
        commands: "exo",
        applies: always,
        groups: EXOSCALE,
        files: "--config -C $EXOSCALE_CONFIG @go/exoscale/exoscale.toml; ~/.exoscale/exoscale.toml",
        interaction: |call| silent_if(call.has("--exec-credential")),
        install_hint: "https://github.com/exoscale/cli",
    },
    // With --idp an expired session is an error, else the browser opens
    // (stackitcloud/stackit-cli internal/cmd/ske/kubeconfig/login/login.go, internal/pkg/auth).
    PluginRow {
        family: "stackit",
        commands: "stackit",
        applies: always,
        groups: STACKIT,
        files: "@go/stackit/cli-profile.txt",
        interaction: |call| match call.has("--idp") {
            true => Interaction::Silent,
            false => Interaction::MayPrompt,
        },
        install_hint: "https://github.com/stackitcloud/stackit-cli",
    },
    // No file: the one that holds the servers also caches each token (rancher/cli
    // cmd/kubectl_token.go).
    PluginRow {
        family: "rancher",
        commands: "rancher",
        applies: |call| call.says("token"),
        groups: RANCHER,
        files: "",
        interaction: may_prompt,
        install_hint: "https://github.com/rancher/cli",
    },
    // The garden cluster's kubeconfig decides whether anybody is asked (gardener/gardenlogin
    // README.md).
    PluginRow {
        family: "gardenlogin",
        commands: "gardenlogin kubectl-gardenlogin",
        applies: always,
        groups: GARDENER,
        files: "--config $GL_HOME/gardenlogin.yaml ~/.garden/gardenlogin.yaml; \
            $GCTL_HOME/gardenctl-v2.yaml ~/.garden/gardenctl-v2.yaml",
        interaction: unknown,
        install_hint: "https://github.com/gardener/gardenlogin",
    },
    // openshift/oc pkg/cli/gettoken/gettoken.go.
    PluginRow {
        family: "oc",
        commands: "oc",
        applies: |call| call.says("get-token"),
        groups: KUBE_CACHE,
        files: "",
        interaction: may_prompt,
        install_hint: "https://github.com/openshift/oc",
    },
    // Logs in in the browser where no token is given (okteto/okteto cmd/context/use.go,
    // cmd/kubetoken/kubetoken.go).
    PluginRow {
        family: "okteto",
        commands: "okteto",
        applies: always,
        groups: OKTETO,
        files: "",
        interaction: may_prompt,
        install_hint: "https://www.okteto.com/docs/get-started/install-okteto-cli/",
    },
];

const GKE_HINT: &str = "gcloud components install gke-gcloud-auth-plugin";
const KUBELOGIN_HINT: &str = "https://azure.github.io/kubelogin/";

fn always(_: &Invocation) -> bool {
    true
}

fn silent(_: &Invocation) -> Interaction {
    Interaction::Silent
}

fn may_prompt(_: &Invocation) -> Interaction {
    Interaction::MayPrompt
}

fn unknown(_: &Invocation) -> Interaction {
    Interaction::Unknown
}

fn silent_if(known: bool) -> Interaction {
    if known { Interaction::Silent } else { Interaction::Unknown }
}

/// Without a person only where the secret comes with the call (int128/kubelogin
/// pkg/cmd/authentication.go).
fn oidc_login_interaction(call: &Invocation) -> Interaction {
    let by_password = call.has("--username") && call.has("--password");
    match call.value("--grant-type").unwrap_or("auto") {
        "client-credentials" => Interaction::Silent,
        "auto" | "password" if by_password => Interaction::Silent,
        _ => Interaction::MayPrompt,
    }
}

/// The login method of Azure's kubelogin: the variable wins over the flag unless a flag forbids it
/// (Azure/kubelogin pkg/internal/token/options.go).
fn azure_login(call: &Invocation) -> Option<String> {
    if !call.has("--server-id") {
        return None;
    }
    let overridden = match call.has("--disable-environment-override") {
        true => None,
        false => call.variable("AAD_LOGIN_METHOD").and_then(|value| value.into_string().ok()),
    };
    overridden.or_else(|| call.value("--login -l").map(str::to_owned))
}

fn azure_interaction(call: &Invocation) -> Interaction {
    match azure_login(call).as_deref() {
        Some("azd" | "workloadidentity" | "msi" | "spn" | "ropc" | "azurepipelines") => Interaction::Silent,
        _ => Interaction::MayPrompt,
    }
}

fn keystone_interaction(call: &Invocation) -> Interaction {
    let secret_is_there = call.has("--password --application-credential-secret")
        || call.variable("OS_PASSWORD").is_some()
        || call.variable("OS_APPLICATION_CREDENTIAL_SECRET").is_some();
    if secret_is_there { Interaction::Silent } else { Interaction::MayPrompt }
}
