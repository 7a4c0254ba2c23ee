//! The table: one row per plugin, each with the source that it was read from.
//!
//! A row says which names the plugin has, which variables and files select its identity, whether a call may
//! prompt, and how to get the plugin. The variables are in groups, because plugins of one cloud share them. A
//! plugin whose credentials never expire has no row, because nothing of it is ever cached. A file is named if
//! switching the account changes it and running the plugin does not; `tests/data/identity` holds what was
//! recorded with the real tools.

use super::interaction::Interaction;
use super::invocation::Invocation;
use super::variables::{
    ALIBABA, AWS, AWS_IAM_AUTHENTICATOR, AWS_VAULT, AZURE, CHAMBER, DIGITALOCEAN, EXOSCALE, GARDENER, GOOGLE,
    GRANTED, Groups, IBM, KUBE_CACHE, LINODE, OKTETO, ONE_PASSWORD, OPENSTACK, ORACLE, PINNIPED, RANCHER,
    STACKIT, TELEPORT,
};

/// One plugin.
pub(super) struct PluginRow {
    pub family: &'static str,
    /// File names without directory and extension. A plugin of kubectl is called `kubectl-name`.
    pub commands: &'static str,
    /// Tells programs of the same name apart by their arguments.
    pub applies: fn(&Invocation) -> bool,
    pub groups: Groups,
    /// Identity files, separated by `;`. Each is a list of places, and the first one that the call has counts:
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

// The AWS CLI does not rewrite these; it caches logins and roles below ~/.aws/sso/cache, ~/.aws/login and
// ~/.aws/cli/cache.
const AWS_FILES: &str = "$AWS_CONFIG_FILE ~/.aws/config; $AWS_SHARED_CREDENTIALS_FILE ~/.aws/credentials";

// gcloud writes refreshed tokens to access_tokens.db. credentials.db changes when an account is added or
// removed, the active configuration's file when its account changes. A flag, a variable or active_config
// tells which one is active (googlecloudsdk/core/configurations/named_configs.py).
const GCLOUD_FILES: &str = "$CLOUDSDK_CONFIG/active_config @gcloud/active_config; \
     $CLOUDSDK_CONFIG/configurations/config_* @gcloud/configurations/config_*; \
     $CLOUDSDK_CONFIG/credentials.db @gcloud/credentials.db; \
     $CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE; $CLOUDSDK_AUTH_ACCESS_TOKEN_FILE";

// `az login` and `az account set` write azureProfile.json, `az cloud set` writes config, both
// remember the subscription per cloud in clouds.config. Tokens are in msal_token_cache.*.
const AZ_FILES: &str = "$AZURE_CONFIG_DIR/azureProfile.json ~/.azure/azureProfile.json; \
     $AZURE_CONFIG_DIR/clouds.config ~/.azure/clouds.config; $AZURE_CONFIG_DIR/config ~/.azure/config";

/// The first row that has the program's name and applies to the call is used.
pub(super) static ROWS: &[PluginRow] = &[
    // `get-token` signs a request, without a prompt and without a browser; an expired login is an error
    // message. aws/aws-cli awscli/customizations/eks/get_token.py.
    PluginRow {
        family: "aws",
        commands: "aws",
        applies: always,
        groups: AWS,
        files: AWS_FILES,
        interaction: |call| silent_if(call.has_words("eks get-token")),
        install_hint: "the AWS CLI: https://aws.amazon.com/cli/",
    },
    // heptio-authenticator-aws is its first name (kubernetes-sigs/aws-iam-authenticator README.md).
    PluginRow {
        family: "aws-iam-authenticator",
        commands: "aws-iam-authenticator heptio-authenticator-aws",
        applies: always,
        groups: AWS.and(AWS_IAM_AUTHENTICATOR),
        files: AWS_FILES,
        interaction: |call| silent_if(call.has_words("token")),
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
    // Unlocks with a password or a fingerprint (https://developer.1password.com/docs/cli/reference/
    // commands/run), and replaces references in all variables of its command.
    PluginRow {
        family: "op",
        commands: "op",
        applies: always,
        groups: ONE_PASSWORD,
        files: "--env-file",
        interaction: may_prompt,
        install_hint: "the 1Password CLI: https://developer.1password.com/docs/cli/",
    },
    // With this flag it does not run gcloud: kubernetes/cloud-provider-gcp cmd/gke-gcloud-auth-plugin/
    // cred.go. The file: golang.org/x/oauth2 google/default.go.
    PluginRow {
        family: "gke-gcloud-auth-plugin",
        commands: "gke-gcloud-auth-plugin",
        applies: |call| call.has_flag("--use_application_default_credentials"),
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
                call.has_words("config config-helper")
                    || call.has_words("auth print-access-token")
                    || call.has_words("auth print-identity-token"),
            )
        },
        install_hint: "the Google Cloud CLI: https://cloud.google.com/sdk/docs/install",
    },
    // int128's kubelogin requires this flag (int128/kubelogin pkg/cmd/get_token.go), Azure's requires
    // --server-id. `clean` removes the whole directory (pkg/tokencache/repository/repository.go); the tokens
    // and locks inside are rewritten in place.
    PluginRow {
        family: "oidc-login",
        commands: "kubelogin kubectl-oidc_login",
        applies: |call| call.has_flag("--oidc-issuer-url"),
        groups: KUBE_CACHE,
        files: "--token-cache-dir $KUBECACHEDIR/oidc-login ~/.kube/cache/oidc-login",
        interaction: oidc_login_interaction,
        install_hint: "https://github.com/int128/kubelogin",
    },
    // With this login method it runs `az account get-access-token` (Azure/kubelogin
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
    // A login in the browser or by device code writes auth.json, and nothing else does
    // (pkg/internal/token/execCredentialPlugin.go, options.go).
    PluginRow {
        family: "kubelogin",
        commands: "kubelogin",
        applies: |call| call.has_flag("--server-id"),
        groups: AZURE.and(KUBE_CACHE),
        files: "--cache-dir/auth.json --token-cache-dir/auth.json $KUBECACHEDIR/auth.json \
            ~/.kube/cache/kubelogin/auth.json",
        interaction: azure_interaction,
        install_hint: KUBELOGIN_HINT,
    },
    // An expired login is an error that names `az login` (Azure/azure-cli
    // azure/cli/core/auth/util.py).
    PluginRow {
        family: "az",
        commands: "az",
        applies: always,
        groups: AZURE,
        files: AZ_FILES,
        interaction: |call| silent_if(call.has_words("account get-access-token")),
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
        interaction: |call| match call.has_flag("--sso-issuer-url") {
            true => Interaction::MayPrompt,
            false => silent_if(call.has_words("exec-credential")),
        },
        install_hint: "https://docs.digitalocean.com/reference/doctl/how-to/install/",
    },
    // Signs a request, as `aws eks get-token` does (oracle/oci-cli services/container_engine/
    // src/oci_cli_container_engine/containerengine_cli_extended.py).
    PluginRow {
        family: "oci",
        commands: "oci",
        applies: always,
        groups: ORACLE,
        files: "--config-file $OCI_CLI_CONFIG_FILE ~/.oci/config; \
            --cli-rc-file $OCI_CLI_RC_FILE ~/.oci/oci_cli_rc",
        interaction: |call| silent_if(call.has_words("ce cluster generate-token")),
        install_hint: "https://docs.oracle.com/iaas/Content/API/SDKDocs/cliinstall.htm",
    },
    // No file: config.json holds both the account and each refreshed token
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
    // `tsh login` writes the current profile; `tsh kube credentials` reads it and logs in again if the
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
        interaction: |call| match call.has_words("login static") {
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
        applies: |call| call.has_words("pinniped-auth login"),
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
    // `yc config profile activate` and `yc config set` write the file. Federated users log in in the
    // browser; with --no-browser they have to open it themselves
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
    // AliyunContainerService/ack-ram-tool pkg/ctl/credentialplugin; other commands ask for confirmation,
    // these do not. Files: pkg/credentials/provider/ini_provider.go, aliyuncli_configuration.go.
    PluginRow {
        family: "ack-ram-tool",
        commands: "ack-ram-tool",
        applies: always,
        groups: ALIBABA,
        files: "--profile-file $ACK_RAM_TOOL_PROFILE_FILE $ALIBABACLOUD_PROFILE_PATH ~/.aliyun/config.json; \
            $ALIBABA_CLOUD_CREDENTIALS_FILE ~/.alibabacloud/credentials",
        interaction: |call| {
            silent_if(
                call.has_words("credential-plugin get-token")
                    || call.has_words("credential-plugin get-credential"),
            )
        },
        install_hint: "https://aliyuncontainerservice.github.io/ack-ram-tool/",
    },
    // Prompts for what is missing (kubernetes/cloud-provider-openstack
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
        interaction: |call| silent_if(call.has_flag("--exec-credential")),
        install_hint: "https://github.com/exoscale/cli",
    },
    // With --idp an expired session is an error, otherwise the browser opens
    // (stackitcloud/stackit-cli internal/cmd/ske/kubeconfig/login/login.go, internal/pkg/auth).
    PluginRow {
        family: "stackit",
        commands: "stackit",
        applies: always,
        groups: STACKIT,
        files: "@go/stackit/cli-profile.txt",
        interaction: |call| match call.has_flag("--idp") {
            true => Interaction::Silent,
            false => Interaction::MayPrompt,
        },
        install_hint: "https://github.com/stackitcloud/stackit-cli",
    },
    // No file: the one with the servers also caches each token (rancher/cli
    // cmd/kubectl_token.go).
    PluginRow {
        family: "rancher",
        commands: "rancher",
        applies: |call| call.has_words("token"),
        groups: RANCHER,
        files: "",
        interaction: may_prompt,
        install_hint: "https://github.com/rancher/cli",
    },
    // The garden cluster's kubeconfig decides whether there is a prompt (gardener/gardenlogin README.md).
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
        applies: |call| call.has_words("get-token"),
        groups: KUBE_CACHE,
        files: "",
        interaction: may_prompt,
        install_hint: "https://github.com/openshift/oc",
    },
    // Logs in in the browser if no token is given (okteto/okteto cmd/context/use.go,
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

/// Silent only if the call itself has the secret (int128/kubelogin pkg/cmd/authentication.go).
fn oidc_login_interaction(call: &Invocation) -> Interaction {
    let by_password = call.has_flag("--username") && call.has_flag("--password");
    match call.flag_value("--grant-type").unwrap_or("auto") {
        "client-credentials" => Interaction::Silent,
        "auto" | "password" if by_password => Interaction::Silent,
        _ => Interaction::MayPrompt,
    }
}

/// The login method of Azure's kubelogin: the variable overrides the flag, unless another flag forbids that
/// (Azure/kubelogin pkg/internal/token/options.go). `None` for another program of that name.
fn azure_login(call: &Invocation) -> Option<String> {
    if !call.has_flag("--server-id") {
        return None;
    }
    let overridden = match call.has_flag("--disable-environment-override") {
        true => None,
        false => call.variable("AAD_LOGIN_METHOD").and_then(|value| value.into_string().ok()),
    };
    overridden.or_else(|| call.flag_value("--login -l").map(str::to_owned))
}

fn azure_interaction(call: &Invocation) -> Interaction {
    match azure_login(call).as_deref() {
        Some("azd" | "workloadidentity" | "msi" | "spn" | "ropc" | "azurepipelines") => Interaction::Silent,
        _ => Interaction::MayPrompt,
    }
}

fn keystone_interaction(call: &Invocation) -> Interaction {
    let secret_is_there = call.has_flag("--password --application-credential-secret")
        || call.variable("OS_PASSWORD").is_some()
        || call.variable("OS_APPLICATION_CREDENTIAL_SECRET").is_some();
    if secret_is_there { Interaction::Silent } else { Interaction::MayPrompt }
}
