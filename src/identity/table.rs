//! The table: one row per plugin, each with the source that it was read from.
//!
//! A row says which names the plugin has, which variables and files select its identity, whether a call may
//! prompt, and how to get the plugin. The variables are in groups, because plugins of one cloud share them. A
//! plugin whose credentials never expire has no row, because nothing of it is ever cached. A file is named if
//! switching the account changes it and running the plugin does not; `tests/data/identity` holds what was
//! recorded with the real tools.

use super::interaction::Interaction;
use super::invocation::Invocation;
use super::texts::{Text, Texts, Words, as_text};
use super::variables::*;

/// One plugin, as the table is written.
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
    /// - `./name`: in the working directory;
    /// - `@gcloud/name`: below `~/.config/gcloud`, on Windows `%APPDATA%\\gcloud`;
    /// - a `*` at the end is the name of gcloud's active configuration;
    /// - a `!` in front: without its change time, because each run of the plugin sets the file's mode.
    pub files: &'static str,
    /// What the plugin looks at besides its variables and files.
    pub also: Surroundings,
    pub interaction: fn(&Invocation) -> Interaction,
    pub install_hint: &'static str,
}

/// One plugin, as the table is compiled: its texts are positions in [`TEXT`].
pub(super) struct Plugin {
    family: Text,
    commands: Text,
    files: Text,
    install_hint: Text,
    pub applies: fn(&Invocation) -> bool,
    pub interaction: fn(&Invocation) -> Interaction,
    pub groups: Groups,
    pub also: Surroundings,
}

impl Plugin {
    pub fn family(&self) -> &'static str {
        self.family.of(TEXT)
    }

    pub fn commands(&self) -> Words {
        self.commands.words(TEXT)
    }

    /// The places of the identity files. An empty word begins the places of the next file.
    pub fn files(&self) -> Words {
        self.files.words(TEXT)
    }

    /// Whether both have the same identity files.
    pub fn shares_files(&self, other: &Plugin) -> bool {
        self.files == other.files
    }

    pub fn install_hint(&self) -> &'static str {
        self.install_hint.of(TEXT)
    }
}

/// The compiled table.
pub(super) static PLUGINS: [Plugin; ROWS.len()] = compile::<TEXT_BYTES>().0;
const TEXT: &str = as_text(&BYTES);
const BYTES: [u8; TEXT_BYTES] = compile::<TEXT_BYTES>().1.bytes;
const TEXT_BYTES: usize = compile::<0>().1.used;
const TEXTS: usize = 4 * ROWS.len();

const fn compile<const BYTES: usize>() -> ([Plugin; ROWS.len()], Texts<TEXTS, BYTES>) {
    let mut texts = Texts::new();
    let mut plugins = [const { Plugin::of(&ROWS[0], &mut Texts::<4, 0>::new()) }; ROWS.len()];
    let mut number = 0;
    while number < ROWS.len() {
        plugins[number] = Plugin::of(&ROWS[number], &mut texts);
        number += 1;
    }
    (plugins, texts)
}

impl Plugin {
    const fn of<const COUNT: usize, const BYTES: usize>(
        row: &PluginRow,
        texts: &mut Texts<COUNT, BYTES>,
    ) -> Plugin {
        Plugin {
            family: texts.add(row.family),
            commands: texts.add_list(row.commands),
            files: texts.add_list(row.files),
            install_hint: texts.add(row.install_hint),
            applies: row.applies,
            interaction: row.interaction,
            groups: row.groups,
            also: row.also,
        }
    }
}

/// What a program looks at besides the variables and files that are listed: a set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Surroundings(u8);

impl Surroundings {
    pub const NONE: Surroundings = Surroundings(0);
    /// The working directory.
    pub const DIRECTORY: Surroundings = Surroundings(1);
    /// The terminal session.
    pub const SESSION: Surroundings = Surroundings(1 << 1);
    /// Any variable of the environment.
    pub const ENVIRONMENT: Surroundings = Surroundings(1 << 2);

    pub const fn and(self, other: Surroundings) -> Surroundings {
        Surroundings(self.0 | other.0)
    }

    pub const fn has(self, other: Surroundings) -> bool {
        self.0 & other.0 == other.0
    }
}

// The AWS CLI does not rewrite these; it caches logins and roles below ~/.aws/sso/cache, ~/.aws/login and
// ~/.aws/cli/cache.
const AWS_FILES: &str =
    "$AWS_CONFIG_FILE ~/.aws/config; $AWS_SHARED_CREDENTIALS_FILE ~/.aws/credentials; $BOTO_CONFIG";

// gcloud writes refreshed tokens to access_tokens.db. credentials.db changes when an account is added or
// removed, the active configuration's file when its account changes. A flag, a variable or active_config
// tells which one is active (googlecloudsdk/core/configurations/named_configs.py). Each run sets the mode of
// credentials.db, which holds a login for each account by the account's name: its change time says nothing.
macro_rules! gcloud_files {
    () => {
        "$CLOUDSDK_CONFIG/active_config @gcloud/active_config; \
         $CLOUDSDK_CONFIG/configurations/config_* @gcloud/configurations/config_*; \
         !$CLOUDSDK_CONFIG/credentials.db !@gcloud/credentials.db; \
         $CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE; $CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
    };
}
const GCLOUD_FILES: &str = gcloud_files!();

// `az login` and `az account set` write azureProfile.json, `az cloud set` writes config, both
// remember the subscription per cloud in clouds.config. Tokens are in msal_token_cache.*.
const AZ_FILES: &str = "$AZURE_CONFIG_DIR/azureProfile.json ~/.azure/azureProfile.json; \
     $AZURE_CONFIG_DIR/clouds.config ~/.azure/clouds.config; $AZURE_CONFIG_DIR/config ~/.azure/config";

/// The first row that has the program's name and applies to the call is used.
pub(super) const ROWS: &[PluginRow] = &[
    // `get-token` signs a request, without a prompt and without a browser; an expired login is an error
    // message. aws/aws-cli awscli/customizations/eks/get_token.py.
    PluginRow {
        family: "aws",
        commands: "aws",
        applies: always,
        groups: AWS,
        files: AWS_FILES,
        also: Surroundings::NONE,
        interaction: |call| silent_if(call.has_words("eks get-token")),
        install_hint: "the AWS CLI: https://aws.amazon.com/cli/",
    },
    // heptio-authenticator-aws is its first name (kubernetes-sigs/aws-iam-authenticator README.md).
    PluginRow {
        family: "aws-iam-authenticator",
        commands: "aws-iam-authenticator heptio-authenticator-aws",
        applies: always,
        groups: AWS.and(AWS_GO).and(AWS_IAM_AUTHENTICATOR),
        files: AWS_FILES,
        also: Surroundings::NONE,
        interaction: |call| silent_if(call.has_words("token")),
        install_hint: "https://github.com/kubernetes-sigs/aws-iam-authenticator",
    },
    // Asks for MFA codes and the key store's password (99designs/aws-vault USAGE.md).
    PluginRow {
        family: "aws-vault",
        commands: "aws-vault",
        applies: always,
        groups: AWS.and(AWS_GO).and(AWS_VAULT),
        files: "$AWS_CONFIG_FILE ~/.aws/config",
        also: Surroundings::NONE,
        interaction: may_prompt,
        install_hint: "https://github.com/ByteNess/aws-vault",
    },
    // Opens the browser for IAM Identity Center (common-fate/granted pkg/assume/entrypoint.go;
    // one binary under several names: cmd/granted/main.go).
    PluginRow {
        family: "granted",
        commands: "granted assume assumego dgranted dassume dassumego",
        applies: always,
        groups: AWS.and(AWS_GO).and(GRANTED),
        files: "--aws-config-file $AWS_CONFIG_FILE ~/.aws/config; $AWS_SHARED_CREDENTIALS_FILE ~/.aws/credentials",
        also: Surroundings::NONE,
        interaction: may_prompt,
        install_hint: "https://github.com/common-fate/granted",
    },
    // A role with MFA is an error, since `exec` passes no MFA provider. segmentio/chamber cmd/exec.go, cmd/root.go.
    PluginRow {
        family: "chamber",
        commands: "chamber",
        applies: always,
        groups: AWS.and(AWS_GO).and(CHAMBER),
        files: AWS_FILES,
        also: Surroundings::NONE,
        interaction: |call| silent_if(call.has_words("exec")),
        install_hint: "https://github.com/segmentio/chamber",
    },
    // Takes the default account of the terminal session, else that of the directory or one above it
    // (https://developer.1password.com/docs/cli/reference/management-commands/plugin).
    PluginRow {
        family: "op",
        commands: "op",
        applies: |call| call.has_words("plugin run"),
        groups: ONE_PASSWORD,
        files: OP_FILES,
        also: Surroundings::ENVIRONMENT.and(Surroundings::DIRECTORY).and(Surroundings::SESSION),
        interaction: may_prompt,
        install_hint: OP_HINT,
    },
    // Unlocks with a password or a fingerprint, and replaces references in all variables of its command, which
    // OP_SESSION_<account> variables may open (https://developer.1password.com/docs/cli/reference/commands/run).
    PluginRow {
        family: "op",
        commands: "op",
        applies: always,
        groups: ONE_PASSWORD,
        files: OP_FILES,
        also: Surroundings::ENVIRONMENT,
        interaction: op_interaction,
        install_hint: OP_HINT,
    },
    // With this flag it does not run gcloud: kubernetes/cloud-provider-gcp cmd/gke-gcloud-auth-plugin/
    // cred.go. The file: golang.org/x/oauth2 google/default.go.
    PluginRow {
        family: "gke-gcloud-auth-plugin",
        commands: "gke-gcloud-auth-plugin",
        applies: |call| call.has_flag("--use_application_default_credentials"),
        groups: GOOGLE,
        files: "$GOOGLE_APPLICATION_CREDENTIALS @gcloud/application_default_credentials.json",
        also: Surroundings::NONE,
        interaction: silent,
        install_hint: GKE_HINT,
    },
    // Runs `gcloud config config-helper` (cmd/gke-gcloud-auth-plugin/gcloud_token_provider.go).
    // Its own cache beside the kubeconfig is rewritten with every new token.
    PluginRow {
        family: "gke-gcloud-auth-plugin",
        commands: "gke-gcloud-auth-plugin",
        applies: always,
        groups: GOOGLE.and(KUBECONFIG),
        files: GCLOUD_FILES,
        also: Surroundings::NONE,
        interaction: silent,
        install_hint: GKE_HINT,
    },
    // The file may have any flag (https://cloud.google.com/sdk/gcloud/reference/topic/flags-file).
    PluginRow {
        family: "gcloud",
        commands: "gcloud",
        applies: |call| call.has_flag("--flags-file"),
        groups: GOOGLE,
        files: GCLOUD_FILES,
        also: Surroundings::ENVIRONMENT,
        interaction: unknown,
        install_hint: GCLOUD_HINT,
    },
    // Google Cloud CLI 528 lib/surface/auth/application_default/print_access_token.py, googlecloudsdk/core/
    // config.py (`ADCFilePath`).
    PluginRow {
        family: "gcloud",
        commands: "gcloud",
        applies: |call| call.has_words("auth application-default"),
        groups: GOOGLE,
        files: concat!(
            gcloud_files!(),
            "; $GOOGLE_APPLICATION_CREDENTIALS $CLOUDSDK_CONFIG/application_default_credentials.json \
             @gcloud/application_default_credentials.json"
        ),
        also: Surroundings::NONE,
        interaction: |call| silent_if(call.has_words("auth application-default print-access-token")),
        install_hint: GCLOUD_HINT,
    },
    // A reauthentication asks only on a terminal, and a refresh has none (Google Cloud CLI 528
    // googlecloudsdk/core/credentials/google_auth_credentials.py).
    PluginRow {
        family: "gcloud",
        commands: "gcloud",
        applies: always,
        groups: GOOGLE,
        files: GCLOUD_FILES,
        also: Surroundings::NONE,
        interaction: |call| {
            silent_if(
                call.has_words("config config-helper")
                    || call.has_words("auth print-access-token")
                    || call.has_words("auth print-identity-token"),
            )
        },
        install_hint: GCLOUD_HINT,
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
        also: Surroundings::NONE,
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
        also: Surroundings::NONE,
        interaction: silent,
        install_hint: KUBELOGIN_HINT,
    },
    // With this login method it runs `azd auth token --no-prompt`; with auth.useAzCliAuth in its config.json the
    // account is az's (Azure/azure-dev cli/azd/pkg/auth/manager.go).
    PluginRow {
        family: "kubelogin",
        commands: "kubelogin",
        applies: |call| azure_login(call).as_deref() == Some("azd"),
        groups: AZURE.and(CI_LOGIN).and(AZD).and(KUBE_CACHE),
        files: "$AZD_CONFIG_DIR/auth.json ~/.azd/auth.json; $AZD_CONFIG_DIR/config.json ~/.azd/config.json; \
            $AZURE_CONFIG_DIR/azureProfile.json ~/.azure/azureProfile.json",
        also: Surroundings::NONE,
        interaction: silent,
        install_hint: KUBELOGIN_HINT,
    },
    // A login in the browser or by device code writes auth.json, and nothing else does
    // (pkg/internal/token/execCredentialPlugin.go, options.go).
    PluginRow {
        family: "kubelogin",
        commands: "kubelogin",
        applies: |call| call.has_flag("--server-id"),
        groups: AZURE.and(CI_LOGIN).and(KUBE_CACHE),
        files: "--cache-dir/auth.json --token-cache-dir/auth.json $KUBECACHEDIR/auth.json \
            ~/.kube/cache/kubelogin/auth.json",
        also: Surroundings::NONE,
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
        also: Surroundings::NONE,
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
        also: Surroundings::NONE,
        interaction: |call| match call.has_flag("--sso-issuer-url") {
            true => Interaction::MayPrompt,
            false => silent_if(call.has_words("exec-credential")),
        },
        install_hint: "https://docs.digitalocean.com/reference/doctl/how-to/install/",
    },
    // Signs a request, as `aws eks get-token` does. Asks for the passphrase of an encrypted key, and whether to
    // log in again if a session has expired (oracle/oci-cli src/oci_cli/cli_util.py). The command: (oracle/oci-cli services/container_engine/
    // src/oci_cli_container_engine/containerengine_cli_extended.py).
    PluginRow {
        family: "oci",
        commands: "oci",
        applies: always,
        groups: ORACLE,
        files: "--config-file $OCI_CLI_CONFIG_FILE ~/.oci/config; \
            --cli-rc-file $OCI_CLI_RC_FILE ~/.oci/oci_cli_rc",
        also: Surroundings::NONE,
        interaction: oci_interaction,
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
        also: Surroundings::NONE,
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
        also: Surroundings::NONE,
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
        also: Surroundings::NONE,
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
        also: Surroundings::NONE,
        interaction: may_prompt,
        install_hint: "https://github.com/vmware-tanzu/tanzu-cli",
    },
    // No kubeconfig calls it, but scripts do (linode/linode-cli linodecli/configuration/helpers.py).
    PluginRow {
        family: "linode-cli",
        commands: "linode-cli linode lin",
        applies: always,
        groups: LINODE,
        files: "$LINODE_CLI_CONFIG @xdg/linode-cli; ~/.linode-cli",
        also: Surroundings::NONE,
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
        groups: YANDEX,
        files: "~/.config/yandex-cloud/config.yaml",
        also: Surroundings::NONE,
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
        also: Surroundings::NONE,
        interaction: |call| {
            silent_if(
                call.has_words("credential-plugin get-token")
                    || call.has_words("credential-plugin get-credential"),
            )
        },
        install_hint: "https://aliyuncontainerservice.github.io/ack-ram-tool/",
    },
    // Prompts for what is missing if it has a terminal, and reads clouds.yaml if not (gophercloud/utils
    // openstack/clientconfig/utils.go; kubernetes/cloud-provider-openstack
    // cmd/client-keystone-auth/main.go).
    PluginRow {
        family: "client-keystone-auth",
        commands: "client-keystone-auth",
        applies: always,
        groups: OPENSTACK,
        files: "--cert $OS_CERT; --key $OS_KEY; $OS_CLIENT_CONFIG_FILE; ./clouds.yaml; \
            ~/.config/openstack/clouds.yaml",
        also: Surroundings::NONE,
        interaction: keystone_interaction,
        install_hint: "https://github.com/kubernetes/cloud-provider-openstack",
    },
    // exoscale/cli cmd/compute/sks/sks_kubeconfig.go.
    PluginRow {
        family: "exo",
        commands: "exo",
        applies: always,
        groups: EXOSCALE,
        files: "--config -C $EXOSCALE_CONFIG @go/exoscale/exoscale.toml; ~/.exoscale/exoscale.toml; \
            ~/exoscale.toml; ./exoscale.toml",
        also: Surroundings::NONE,
        interaction: |call| silent_if(call.has_flag("--exec-credential")),
        install_hint: "https://github.com/exoscale/cli",
    },
    // With --idp an expired session is an error, otherwise the browser opens
    // (stackitcloud/stackit-cli internal/cmd/ske/kubeconfig/login/login.go, internal/pkg/auth).
    PluginRow {
        family: "stackit",
        commands: "stackit",
        applies: always,
        groups: STACKIT.and(CI_LOGIN),
        files: "@go/stackit/cli-profile.txt",
        also: Surroundings::NONE,
        interaction: stackit_interaction,
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
        also: Surroundings::NONE,
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
        also: Surroundings::NONE,
        interaction: unknown,
        install_hint: "https://github.com/gardener/gardenlogin",
    },
    // A login adds a file to the directory (openshift/oc pkg/cli/gettoken/gettoken.go, tokencache).
    PluginRow {
        family: "oc",
        commands: "oc",
        applies: |call| call.has_words("get-token"),
        groups: KUBE_CACHE,
        files: "$KUBECACHEDIR/oc ~/.kube/cache/oc",
        also: Surroundings::NONE,
        interaction: may_prompt,
        install_hint: "https://github.com/openshift/oc",
    },
    // Logs in in the browser if no token is given, and loads .env (okteto/okteto cmd/context/use.go,
    // cmd/kubetoken/kubetoken.go).
    PluginRow {
        family: "okteto",
        commands: "okteto",
        applies: always,
        groups: OKTETO,
        files: "$OKTETO_FOLDER/context/config.json $OKTETO_HOME/.okteto/context/config.json \
            ~/.okteto/context/config.json; ./.env",
        also: Surroundings::NONE,
        interaction: may_prompt,
        install_hint: "https://www.okteto.com/docs/get-started/install-okteto-cli/",
    },
    // Asks for passwords and MFA codes when its login has expired. A login, not each run, writes the credentials
    // file (Versent/saml2aws cmd/saml2aws/main.go, cmd/saml2aws/commands/exec.go, pkg/cfg/cfg.go).
    PluginRow {
        family: "saml2aws",
        commands: "saml2aws",
        applies: always,
        groups: AWS.and(AWS_GO).and(SAML2AWS),
        files: "--config $SAML2AWS_CONFIGFILE ~/.saml2aws; --credentials-file $SAML2AWS_CREDENTIALS_FILE \
            $AWS_SHARED_CREDENTIALS_FILE ~/.aws/credentials; $AWS_CONFIG_FILE ~/.aws/config",
        also: Surroundings::NONE,
        interaction: may_prompt,
        install_hint: "https://github.com/Versent/saml2aws",
    },
    // Opens the browser when its login has expired. cache.json is rewritten at each run, config.yaml is not
    // (synfinatic/aws-sso-cli cmd/aws-sso/main.go, exec_cmd.go, internal/config/config.go).
    PluginRow {
        family: "aws-sso",
        commands: "aws-sso",
        applies: always,
        groups: AWS.and(AWS_SSO),
        files: "--config $AWS_SSO_CONFIG @xdg/aws-sso/config.yaml; ~/.aws-sso/config.yaml",
        also: Surroundings::NONE,
        interaction: may_prompt,
        install_hint: "https://github.com/synfinatic/aws-sso-cli",
    },
    // Asks for the Okta password and MFA codes (segmentio/aws-okta cmd/exec.go, cmd/root.go, lib/config.go).
    PluginRow {
        family: "aws-okta",
        commands: "aws-okta",
        applies: always,
        groups: AWS.and(AWS_GO).and(AWS_OKTA),
        files: "$AWS_CONFIG_FILE ~/.aws/config",
        also: Surroundings::NONE,
        interaction: may_prompt,
        install_hint: "https://github.com/segmentio/aws-okta",
    },
    // One file holds project, config and token of each directory (DopplerHQ/cli pkg/configuration/config.go,
    // pkg/cmd/run.go). A key ring may have to be unlocked for the token.
    PluginRow {
        family: "doppler",
        commands: "doppler",
        applies: |call| call.has_words("run"),
        groups: DOPPLER,
        files: "--configuration --config-dir/.doppler.yaml $DOPPLER_CONFIG_DIR/.doppler.yaml \
            ~/.doppler/.doppler.yaml",
        also: Surroundings::DIRECTORY,
        interaction: |call| silent_if(call.has_flag("--token") || call.has_variable("DOPPLER_TOKEN")),
        install_hint: "https://docs.doppler.com/docs/install-cli",
    },
    // The nearest .infisical.json names the project; an expired login asks (Infisical/cli packages/cmd/run.go,
    // packages/util/config.go).
    PluginRow {
        family: "infisical",
        commands: "infisical",
        applies: |call| call.has_words("run"),
        groups: INFISICAL,
        files: "--project-config-dir/.infisical.json ./.infisical.json; ~/.infisical/infisical-config.json",
        also: Surroundings::DIRECTORY,
        interaction: |call| match call.has_flag("--token") || call.has_variable("INFISICAL_TOKEN") {
            true => Interaction::Silent,
            false => Interaction::MayPrompt,
        },
        install_hint: "https://infisical.com/docs/cli/overview",
    },
    // Takes variables from the key ring, which may have to be unlocked (sorah/envchain envchain.c).
    PluginRow {
        family: "envchain",
        commands: "envchain",
        applies: always,
        groups: Groups::NONE,
        files: "",
        also: Surroundings::NONE,
        interaction: may_prompt,
        install_hint: "https://github.com/sorah/envchain",
    },
    // Prints no ExecCredential itself: scripts call it. Its token is an identity file of theirs (hashicorp/vault
    // api/client.go; https://developer.hashicorp.com/vault/docs/commands/token-helper).
    PluginRow {
        family: "vault",
        commands: "vault bao",
        applies: always,
        groups: VAULT,
        files: "~/.vault-token; $VAULT_CONFIG_PATH ~/.vault",
        also: Surroundings::NONE,
        interaction: unknown,
        install_hint: "https://developer.hashicorp.com/vault/install",
    },
    // Prints the identity that tbot keeps in a directory (gravitational/teleport tool/tbot/kube.go).
    PluginRow {
        family: "tbot",
        commands: "tbot",
        applies: |call| call.has_words("kube credentials"),
        groups: TELEPORT,
        files: "--destination-dir/identity",
        also: Surroundings::NONE,
        interaction: silent,
        install_hint: "https://goteleport.com/docs/installation/",
    },
    // An expired session is an error; logins and `up ctx` write the file (upbound/up
    // cmd/up/organization/token.go, internal/config/config.go).
    PluginRow {
        family: "up",
        commands: "up",
        applies: |call| call.has_words("organization token") || call.has_words("org token"),
        groups: UPBOUND,
        files: "~/.up/config.json",
        also: Surroundings::NONE,
        interaction: silent,
        install_hint: "https://docs.upbound.io/reference/cli/",
    },
    // gridscale/gscloud cmd/kubernetes.go, cmd/root.go, runtime/runtime.go.
    PluginRow {
        family: "gscloud",
        commands: "gscloud",
        applies: always,
        groups: GRIDSCALE,
        files: "--config @go/gscloud/config.yaml; ./config.yaml",
        also: Surroundings::NONE,
        interaction: |call| silent_if(call.has_words("kubernetes cluster exec-credential")),
        install_hint: "https://github.com/gridscale/gscloud",
    },
    // infrahq/infra internal/cmd/tokens.go, cmd.go, config.go.
    PluginRow {
        family: "infra",
        commands: "infra",
        applies: |call| call.has_words("tokens add"),
        groups: INFRA,
        files: "~/.infra/config",
        also: Surroundings::NONE,
        interaction: silent,
        install_hint: "https://github.com/infrahq/infra",
    },
];

// The account that was last signed in to (https://developer.1password.com/docs/cli/reference/commands/signin).
const OP_FILES: &str = "--config/config $OP_CONFIG_DIR/config ~/.op/config; @xdg/op/config; --env-file";
const OP_HINT: &str = "the 1Password CLI: https://developer.1password.com/docs/cli/";
const GCLOUD_HINT: &str = "the Google Cloud CLI: https://cloud.google.com/sdk/docs/install";
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
    let given = |flag, variable| call.has_flag(flag) || call.has_variable(variable);
    let is_named = given("--keystone-url", "OS_AUTH_URL")
        && given("--domain-name", "OS_DOMAIN_NAME")
        && given("--user-name", "OS_USERNAME");
    let has_password = given("--project-name", "OS_PROJECT_NAME") && given("--password", "OS_PASSWORD");
    let has_application = given("--application-credential-id", "OS_APPLICATION_CREDENTIAL_ID")
        || given("--application-credential-name", "OS_APPLICATION_CREDENTIAL_NAME");
    match is_named && (has_password || has_application) {
        true => Interaction::Silent,
        false => Interaction::MayPrompt,
    }
}

/// A service account and a Connect server need no one to unlock them
/// (https://developer.1password.com/docs/cli/environment-variables).
fn op_interaction(call: &Invocation) -> Interaction {
    let is_unlocked = call.has_variable("OP_SERVICE_ACCOUNT_TOKEN")
        || call.has_variable("OP_CONNECT_HOST") && call.has_variable("OP_CONNECT_TOKEN");
    if is_unlocked { Interaction::Silent } else { Interaction::MayPrompt }
}

/// oracle/oci-cli src/oci_cli/cli_util.py (`create_config_and_signer_based_on_click_context`). An API key may
/// need a passphrase: see [`super::configuration`].
fn oci_interaction(call: &Invocation) -> Interaction {
    let method = call.flag_value("--auth").map(str::to_owned);
    let method = method.or_else(|| call.variable("OCI_CLI_AUTH").and_then(|value| value.into_string().ok()));
    match method.as_deref() {
        Some("security_token") => Interaction::MayPrompt,
        _ => silent_if(call.has_words("ce cluster generate-token")),
    }
}

/// stackitcloud/stackit-cli internal/pkg/auth/auth.go, internal/cmd/ske/kubeconfig/login/login.go.
fn stackit_interaction(call: &Invocation) -> Interaction {
    let has_token = call.has_variable("STACKIT_ACCESS_TOKEN")
        || call.variable("STACKIT_USE_OIDC").is_some_and(|value| value == "1");
    match has_token || call.has_flag("--idp") {
        true => Interaction::Silent,
        false => Interaction::MayPrompt,
    }
}
