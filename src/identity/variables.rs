//! The environment variables that select an identity, in groups that rows of the table share.
//!
//! Each identity variable is in one group only, so that the union of all groups has none twice. A proof goes
//! with a public name that selects (a secret access key proves the access key id): for the plugins of its
//! group it counts only by whether it is set, because that decides which source of credentials the plugin
//! takes. The value does not count, so such a call can be cached with encryption off. For any other command
//! a proof counts like any other variable.

use super::texts::{Text, Texts, as_text};

/// An environment variable that takes part in selecting the identity.
#[derive(Clone, Copy, Debug)]
pub struct IdentityVariable {
    pub name: &'static str,
    /// The value must not be shown, and counts only if the name of the entry is keyed.
    pub secret: bool,
}

/// Variables of one plugin or one cloud, as the table is written.
struct GroupRow {
    /// Those that select the identity; `!` marks a secret.
    selects: &'static str,
    /// Those that only prove what another one selects.
    proves: &'static str,
    /// Known settings that change no identity: `--inject` need not name them.
    switches: &'static str,
}

/// Variables of one plugin or one cloud, as the table is compiled: the lists are positions in [`TEXT`].
#[derive(Clone, Copy)]
struct Group {
    selects: Text,
    proves: Text,
    switches: Text,
}

static GROUPS: [Group; ROWS.len()] = compile::<TEXT_BYTES>().0;
const TEXT: &str = as_text(&BYTES);
const BYTES: [u8; TEXT_BYTES] = compile::<TEXT_BYTES>().1.bytes;
const TEXT_BYTES: usize = compile::<0>().1.used;
const TEXTS: usize = 3 * ROWS.len();

const fn compile<const BYTES: usize>() -> ([Group; ROWS.len()], Texts<TEXTS, BYTES>) {
    let mut texts = Texts::new();
    let empty = Group { selects: Text::NONE, proves: Text::NONE, switches: Text::NONE };
    let mut groups = [empty; ROWS.len()];
    let mut number = 0;
    while number < ROWS.len() {
        groups[number] = Group {
            selects: texts.add_list(ROWS[number].selects),
            proves: texts.add_list(ROWS[number].proves),
            switches: texts.add_list(ROWS[number].switches),
        };
        number += 1;
    }
    (groups, texts)
}

/// A set of groups: bit N is `GROUPS[N]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Groups(u64);

impl Groups {
    pub const NONE: Groups = Groups(0);
    pub const ALL: Groups = Groups((1 << GROUPS.len()) - 1);

    pub const fn and(self, other: Groups) -> Groups {
        Groups(self.0 | other.0)
    }

    pub const fn has(self, other: Groups) -> bool {
        self.0 & other.0 == other.0
    }

    fn chosen(self) -> impl Iterator<Item = &'static Group> {
        GROUPS
            .iter()
            .enumerate()
            .filter(move |&(number, _)| self.0 & (1 << number) != 0)
            .map(|(_, group)| group)
    }

    /// The variables that select.
    pub fn variables(self) -> impl Iterator<Item = IdentityVariable> {
        self.chosen().flat_map(|group| group.selects.words(TEXT)).map(|word| match word.strip_prefix('!') {
            Some(name) => IdentityVariable { name, secret: true },
            None => IdentityVariable { name: word, secret: false },
        })
    }

    /// The variables that only prove. Groups may share one.
    pub fn proofs(self) -> impl Iterator<Item = &'static str> {
        self.chosen().flat_map(|group| group.proves.words(TEXT))
    }

    /// The variables that change no identity.
    pub fn switches(self) -> impl Iterator<Item = &'static str> {
        self.chosen().flat_map(|group| group.switches.words(TEXT))
    }
}

pub(super) const AWS: Groups = Groups(1);
pub(super) const AWS_VAULT: Groups = Groups(1 << 1);
pub(super) const AWS_IAM_AUTHENTICATOR: Groups = Groups(1 << 2);
pub(super) const GRANTED: Groups = Groups(1 << 3);
pub(super) const CHAMBER: Groups = Groups(1 << 4);
pub(super) const ONE_PASSWORD: Groups = Groups(1 << 5);
pub(super) const GOOGLE: Groups = Groups(1 << 6);
pub(super) const AZURE: Groups = Groups(1 << 7);
pub(super) const KUBE_CACHE: Groups = Groups(1 << 8);
pub(super) const DIGITALOCEAN: Groups = Groups(1 << 9);
pub(super) const ORACLE: Groups = Groups(1 << 10);
pub(super) const IBM: Groups = Groups(1 << 11);
pub(super) const TELEPORT: Groups = Groups(1 << 12);
pub(super) const PINNIPED: Groups = Groups(1 << 13);
pub(super) const LINODE: Groups = Groups(1 << 14);
pub(super) const ALIBABA: Groups = Groups(1 << 15);
pub(super) const OPENSTACK: Groups = Groups(1 << 16);
pub(super) const EXOSCALE: Groups = Groups(1 << 17);
pub(super) const STACKIT: Groups = Groups(1 << 18);
pub(super) const RANCHER: Groups = Groups(1 << 19);
pub(super) const GARDENER: Groups = Groups(1 << 20);
pub(super) const OKTETO: Groups = Groups(1 << 21);
pub(super) const AWS_GO: Groups = Groups(1 << 22);
pub(super) const KUBECONFIG: Groups = Groups(1 << 23);
pub(super) const CI_LOGIN: Groups = Groups(1 << 24);
pub(super) const AZD: Groups = Groups(1 << 25);
pub(super) const YANDEX: Groups = Groups(1 << 26);
pub(super) const SAML2AWS: Groups = Groups(1 << 27);
pub(super) const AWS_SSO: Groups = Groups(1 << 28);
pub(super) const AWS_OKTA: Groups = Groups(1 << 29);
pub(super) const DOPPLER: Groups = Groups(1 << 30);
pub(super) const INFISICAL: Groups = Groups(1 << 31);
pub(super) const VAULT: Groups = Groups(1 << 32);
pub(super) const UPBOUND: Groups = Groups(1 << 33);
pub(super) const GRIDSCALE: Groups = Groups(1 << 34);
pub(super) const INFRA: Groups = Groups(1 << 35);
pub(super) const MISE: Groups = Groups(1 << 36);

/// In the order of the constants above.
const ROWS: [GroupRow; 37] = [
    // AWS. boto/botocore botocore/configprovider.py, credentials.py (`BotoProvider` reads BOTO_CONFIG),
    // utils.py; AWS_SDK_LOAD_CONFIG: aws/aws-sdk-go aws/session/env_config.go; AWS_VAULT: 99designs/aws-vault
    // cli/exec.go. Regions and endpoints are part of the signed token. Two credential servers of `aws-vault
    // exec` differ in nothing but the authorization token. A temporary access key id is unique to its session,
    // so a session token only proves it. Without AWS_SECRET_ACCESS_KEY, Go's SDK ignores the access key id
    // (aws-sdk-go-v2 config/env_config.go).
    GroupRow {
        selects: "AWS_PROFILE AWS_DEFAULT_PROFILE AWS_VAULT AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID \
            AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONFIG_FILE \
            AWS_SHARED_CREDENTIALS_FILE AWS_CREDENTIAL_FILE BOTO_CONFIG AWS_DATA_PATH \
            AWS_LOGIN_CACHE_DIRECTORY AWS_SDK_LOAD_CONFIG AWS_STS_REGIONAL_ENDPOINTS AWS_ENDPOINT_URL \
            AWS_ENDPOINT_URL_STS AWS_IGNORE_CONFIGURED_ENDPOINT_URLS AWS_USE_FIPS_ENDPOINT \
            AWS_USE_DUALSTACK_ENDPOINT AWS_CONTAINER_CREDENTIALS_RELATIVE_URI \
            AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE \
            !AWS_CONTAINER_AUTHORIZATION_TOKEN AWS_EC2_METADATA_DISABLED AWS_EC2_METADATA_SERVICE_ENDPOINT",
        proves: "AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN",
        switches: "AWS_CREDENTIAL_EXPIRATION AWS_MAX_ATTEMPTS AWS_RETRY_MODE AWS_PAGER AWS_CLI_AUTO_PROMPT \
            AWS_CLI_HISTORY_FILE AWS_ACCOUNT_ID AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE \
            AWS_METADATA_SERVICE_TIMEOUT AWS_METADATA_SERVICE_NUM_ATTEMPTS AWS_SDK_UA_APP_ID \
            AWS_EXECUTION_ENV",
    },
    // aws-vault. ByteNess/aws-vault cli/global.go, vault/config.go, prompt/ykman.go, USAGE.md.
    GroupRow {
        selects: "AWS_VAULT_BACKEND AWS_VAULT_KEYCHAIN_NAME AWS_VAULT_SECRET_SERVICE_COLLECTION_NAME \
            AWS_VAULT_PASS_PASSWORD_STORE_DIR AWS_VAULT_PASS_PREFIX AWS_VAULT_PASS_CMD AWS_VAULT_FILE_DIR \
            AWS_MFA_SERIAL AWS_SESSION_TAGS AWS_TRANSITIVE_TAGS AWS_SOURCE_IDENTITY AWS_VAULT_OP_VAULT_ID \
            AWS_VAULT_OP_ITEM_TITLE_PREFIX AWS_VAULT_OP_ITEM_TAG AWS_VAULT_OP_CONNECT_HOST \
            AWS_VAULT_OP_DESKTOP_ACCOUNT_ID !AWS_VAULT_OP_CONNECT_TOKEN \
            !AWS_VAULT_OP_SERVICE_ACCOUNT_TOKEN AWS_VAULT_PROTON_PASS_SHARE_ID \
            AWS_VAULT_PROTON_PASS_ITEM_TITLE_PREFIX AWS_VAULT_PROTON_PASS_API_BASE AWS_VAULT_PROFILE_ENV",
        proves: "AWS_VAULT_FILE_PASSPHRASE",
        switches: "AWS_VAULT_DURATION AWS_ASSUME_ROLE_TTL AWS_SESSION_TOKEN_TTL AWS_CHAINED_SESSION_TOKEN_TTL \
            AWS_FEDERATION_TOKEN_TTL AWS_MIN_TTL AWS_VAULT_PROMPT AWS_VAULT_STDOUT AWS_VAULT_BIOMETRICS \
            AWS_VAULT_OP_TIMEOUT AWS_VAULT_PROTON_PASS_TIMEOUT",
    },
    // aws-iam-authenticator. kubernetes-sigs/aws-iam-authenticator cmd/aws-iam-authenticator/token.go, root.go;
    // pkg/filecache/filecache.go.
    GroupRow {
        selects: "DEFAULT_ROLE KUBERNETES_AWS_AUTHENTICATOR_CLUSTER_ID AWS_IAM_AUTHENTICATOR_CACHE_FILE",
        proves: "",
        switches: "AWS_IAM_AUTHENTICATOR_LOG_VERBOSITY",
    },
    // Granted. common-fate/granted pkg/assume/sso.go, entrypoint.go.
    GroupRow {
        selects: "GRANTED_SSO_START_URL GRANTED_SSO_REGION GRANTED_SSO_ACCOUNT_ID GRANTED_SSO_ROLE_NAME \
            OKTA_CONFIG",
        proves: "",
        switches: "GRANTED_NO_CACHE GRANTED_QUIET GRANTED_LOG GRANTED_ALIAS_CONFIGURED FORCE_NO_ALIAS",
    },
    // chamber. segmentio/chamber cmd/root.go, store/shared.go.
    GroupRow {
        selects: "CHAMBER_SECRET_BACKEND CHAMBER_AWS_REGION CHAMBER_KMS_KEY_ALIAS CHAMBER_AWS_SSM_ENDPOINT \
            CHAMBER_AWS_SECRETS_MANAGER_ENDPOINT CHAMBER_S3_BUCKET",
        proves: "",
        switches: "",
    },
    // op. https://developer.1password.com/docs/cli/environment-variables
    GroupRow {
        selects: "OP_ACCOUNT OP_CONFIG_DIR OP_CONNECT_HOST !OP_CONNECT_TOKEN !OP_SERVICE_ACCOUNT_TOKEN \
            !OP_SESSION OP_BIOMETRIC_UNLOCK_ENABLED",
        proves: "",
        switches: "OP_CACHE OP_DEBUG OP_FORMAT OP_ISO_TIMESTAMPS OP_INCLUDE_ARCHIVE OP_RUN_NO_MASKING \
            OP_PLUGIN_ALIASES_SOURCED",
    },
    // gcloud and its plugin. Google Cloud CLI 528 googlecloudsdk/core/properties.py, config.py,
    // credentials/gce_read.py, devshell.py; kubernetes/cloud-provider-gcp cmd/gke-gcloud-auth-plugin/cred.go;
    // GCE_METADATA_HOST: https://pkg.go.dev/cloud.google.com/go/compute/metadata.
    GroupRow {
        selects: "CLOUDSDK_CONFIG CLOUDSDK_ACTIVE_CONFIG_NAME CLOUDSDK_CORE_ACCOUNT CLOUDSDK_CORE_PROJECT \
            CLOUDSDK_CORE_UNIVERSE_DOMAIN CLOUDSDK_BILLING_QUOTA_PROJECT \
            CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE \
            CLOUDSDK_AUTH_ACCESS_TOKEN_FILE !CLOUDSDK_AUTH_ACCESS_TOKEN \
            CLOUDSDK_AUTH_AUTHORIZATION_TOKEN_FILE CLOUDSDK_AUTH_LOGIN_CONFIG_FILE CLOUDSDK_AUTH_TOKEN_HOST \
            CLOUDSDK_AUTH_DISABLE_CREDENTIALS CLOUDSDK_AUTH_CLIENT_ID CLOUDSDK_AUTH_AUTHORITY_SELECTOR \
            CLOUDSDK_AUTH_MTLS_TOKEN_HOST CLOUDSDK_AUTH_AUTH_HOST \
            CLOUDSDK_AUTH_SERVICE_ACCOUNT_USE_SELF_SIGNED_JWT \
            CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS GOOGLE_APPLICATION_CREDENTIALS \
            GCE_METADATA_ROOT GCE_METADATA_HOST DEVSHELL_CLIENT_PORT",
        proves: "CLOUDSDK_AUTH_CLIENT_SECRET",
        switches: "GKE_AUTH_PLUGIN_STRICT_CACHE_INVALIDATION USE_GKE_GCLOUD_AUTH_PLUGIN \
            CLOUDSDK_CORE_DISABLE_PROMPTS CLOUDSDK_PYTHON",
    },
    // Azure's kubelogin and az. Azure/kubelogin pkg/internal/env/variables.go, pkg/internal/token/
    // azurepipelinescredential.go (tenant, client and connection name the identity, SYSTEM_ACCESSTOKEN proves
    // it), githubactionscredential.go; managed identity: https://learn.microsoft.com/dotnet/api/overview/azure/
    // identity-readme; Azure/azure-cli azure/cli/core/_environment.py and cloud.py ([cloud] name in knack's
    // form AZURE_CLOUD_NAME).
    GroupRow {
        selects: "AZURE_CONFIG_DIR AZURE_CLOUD_NAME AAD_LOGIN_METHOD AAD_USER_PRINCIPAL_NAME \
            AAD_SERVICE_PRINCIPAL_CLIENT_ID AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE ARM_CLIENT_ID \
            ARM_CLIENT_CERTIFICATE_PATH ARM_TENANT_ID AZURE_AUTHORITY_HOST AZURE_CLIENT_ID \
            AZURE_CLIENT_CERTIFICATE_PATH AZURE_FEDERATED_TOKEN_FILE AZURE_TENANT_ID AZURE_USERNAME \
            AZURESUBSCRIPTION_CLIENT_ID AZURESUBSCRIPTION_SERVICE_CONNECTION_ID \
            AZURESUBSCRIPTION_TENANT_ID IDENTITY_ENDPOINT MSI_ENDPOINT IMDS_ENDPOINT \
            AZURE_POD_IDENTITY_AUTHORITY_HOST IDENTITY_SERVER_THUMBPRINT",
        proves: "AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE_PASSWORD AAD_SERVICE_PRINCIPAL_CLIENT_SECRET \
            AAD_USER_PRINCIPAL_PASSWORD ARM_CLIENT_CERTIFICATE_PASSWORD ARM_CLIENT_SECRET \
            AZURE_CLIENT_CERTIFICATE_PASSWORD AZURE_CLIENT_SECRET AZURE_PASSWORD SYSTEM_ACCESSTOKEN \
            ACTIONS_ID_TOKEN_REQUEST_TOKEN IDENTITY_HEADER MSI_SECRET",
        switches: "AZURE_CLI_TIMEOUT AZURE_CORE_COLLECT_TELEMETRY",
    },
    // Where both kubelogins and oc keep their logins. int128/kubelogin pkg/cmd/tokencache.go;
    // Azure/kubelogin pkg/internal/token/options.go; openshift/oc pkg/cli/gettoken/gettoken.go.
    GroupRow { selects: "KUBECACHEDIR", proves: "", switches: "" },
    // doctl. digitalocean/doctl commands/doit.go: viper's prefix DIGITALOCEAN and the flags' names.
    GroupRow {
        selects: "!DIGITALOCEAN_ACCESS_TOKEN DIGITALOCEAN_CONTEXT DIGITALOCEAN_CONFIG DIGITALOCEAN_API_URL",
        proves: "",
        switches: "",
    },
    // oci. oracle/oci-cli src/oci_cli/cli_constants.py, cli_util.py; oracle/oci-python-sdk src/oci/config.py,
    // src/oci/auth/signers.
    GroupRow {
        selects: "OCI_CLI_PROFILE OCI_CLI_AUTH OCI_CLI_REGION OCI_CLI_USER OCI_CLI_FINGERPRINT OCI_CLI_KEY_FILE \
            OCI_CLI_TENANCY OCI_CLI_CONFIG_FILE OCI_CONFIG_FILE OCI_CLI_RC_FILE \
            OCI_CLI_DELEGATION_TOKEN_FILE OCI_CLI_SECURITY_TOKEN_FILE OCI_CLI_ENDPOINT \
            OCI_CLI_FEDERATION_ENDPOINT OCI_CLI_USE_INSTANCE_METADATA_SERVICE OCI_REGION \
            OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH !OCI_KUBERNETES_SERVICE_ACCOUNT_TOKEN_STRING \
            OCI_RESOURCE_PRINCIPAL_VERSION OCI_RESOURCE_PRINCIPAL_REGION !OCI_RESOURCE_PRINCIPAL_RPST \
            !OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM",
        proves: "OCI_CLI_KEY_CONTENT OCI_CLI_PASSPHRASE",
        switches: "OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING SUPPRESS_LABEL_WARNING",
    },
    // ibmcloud. IBM-Cloud/ibm-cloud-cli-sdk bluemix/env.go.
    GroupRow {
        selects: "IBMCLOUD_HOME BLUEMIX_HOME IBMCLOUD_CONFIG_HOME !IBMCLOUD_API_KEY !BLUEMIX_API_KEY \
            !IBMCLOUD_CR_TOKEN IBMCLOUD_CR_PROFILE IBMCLOUD_CR_VPC_URL IBMCLOUD_CR_PVS_URL",
        proves: "",
        switches: "",
    },
    // tsh. gravitational/teleport tool/tsh/common/tsh.go; TELEPORT_HOME:
    // https://goteleport.com/docs/reference/cli/tsh/
    GroupRow {
        selects: "TELEPORT_HOME TELEPORT_PROXY TELEPORT_CLUSTER TELEPORT_SITE TELEPORT_KUBE_CLUSTER TELEPORT_USER \
            TELEPORT_AUTH TELEPORT_IDENTITY_FILE TELEPORT_GLOBAL_TSH_CONFIG",
        proves: "",
        switches: "TELEPORT_LOGIN TELEPORT_MFA_MODE TELEPORT_HEADLESS TELEPORT_LOGIN_BROWSER TELEPORT_DEBUG",
    },
    // pinniped. vmware-tanzu/pinniped cmd/pinniped/cmd/login_oidc.go, pkg/oidcclient/login.go.
    GroupRow {
        selects: "PINNIPED_USERNAME PINNIPED_UPSTREAM_IDENTITY_PROVIDER_FLOW",
        proves: "PINNIPED_PASSWORD",
        switches: "PINNIPED_DEBUG PINNIPED_SKIP_PRINT_LOGIN_URL",
    },
    // linode-cli. linode/linode-cli linodecli/configuration/helpers.py, linodecli/helpers.py.
    GroupRow {
        selects: "!LINODE_CLI_TOKEN LINODE_CLI_CONFIG LINODE_CLI_API_HOST LINODE_CLI_API_VERSION \
            LINODE_CLI_API_SCHEME",
        proves: "",
        switches: "",
    },
    // ack-ram-tool. AliyunContainerService/ack-ram-tool pkg/credentials/provider/env.go, env_provider.go,
    // pkg/ctl/global.go (the misspelt name is theirs).
    GroupRow {
        selects: "ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABACLOUD_ACCESS_KEY_ID ALICLOUD_ACCESS_KEY \
            ALICLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ROLE_ARN ALIBABA_CLOUD_ROLE_SESSION_NAME \
            ALICLOUD_ROLE_SESSION_NAME ALIBABA_CLOUD_OIDC_PROVIDER_ARN ALIBABA_CLOUD_OIDC_TOKEN_FILE \
            ALIBABA_CLOUD_CREDENTIALS_URI ALIBABA_CLOUD_CREDENTIALS_FILE ALIBABA_CLOUD_PROFILE \
            ALIBABACLOUD_PROFILE ALICLOUD_PROFILE ALIBABACLOUD_IGNORE_PROFILE ALIBABACLOUD_PROFILE_PATH \
            ALIBABA_CLOUD_STS_ENDPOINT ALIBABA_CLOUD_ECS_METADATA ALIBABA_CLOUD_IMDS_ENDPOINT \
            ALIBABA_CLOUD_STS_HTTP_SCHEME ACK_RAM_TOOL_PROFILE_FILE ACK_RAM_TOOL_PROFILE_NAME \
            ACK_RAM_TOOL_PROFIL_ENAME ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS \
            ACK_RAM_TOOL_IGNORE_ALIYUN_CLI_CREDENTIALS ACK_RAM_TOOL_CREDENTIAL_TYPE ACK_RAM_TOOL_REGION_ID \
            ACK_RAM_TOOL_STS_ENDPOINT ACK_RAM_TOOL_CS_ENDPOINT ACK_RAM_TOOL_RAM_ENDPOINT \
            ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX",
        proves: "ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABACLOUD_ACCESS_KEY_SECRET ALICLOUD_SECRET_KEY \
            ALICLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_SECURITY_TOKEN ALIBABACLOUD_SECURITY_TOKEN \
            ALICLOUD_SECURITY_TOKEN ALICLOUD_ACCESS_KEY_STS_TOKEN",
        switches: "ACK_RAM_TOOL_ASSUME_YES ACK_RAM_TOOL_LOG_LEVEL ACK_RAM_TOOL_VERBOSE",
    },
    // client-keystone-auth. kubernetes/cloud-provider-openstack cmd/client-keystone-auth/main.go;
    // https://pkg.go.dev/github.com/gophercloud/utils/openstack/clientconfig.
    GroupRow {
        selects: "OS_AUTH_URL OS_DOMAIN_NAME OS_USERNAME OS_PROJECT_NAME OS_CERT OS_APPLICATION_CREDENTIAL_ID \
            OS_APPLICATION_CREDENTIAL_NAME OS_CLOUD OS_CLIENT_CONFIG_FILE OS_USERID OS_USER_ID \
            OS_USER_DOMAIN_NAME OS_USER_DOMAIN_ID OS_DOMAIN_ID OS_DEFAULT_DOMAIN OS_PROJECT_ID \
            OS_TENANT_NAME OS_TENANT_ID OS_PROJECT_DOMAIN_NAME OS_PROJECT_DOMAIN_ID OS_SYSTEM_SCOPE \
            OS_TRUST_ID OS_REGION_NAME OS_AUTH_TYPE OS_IDENTITY_API_VERSION OS_KEY OS_CACERT !OS_TOKEN \
            !OS_AUTH_TOKEN",
        proves: "OS_PASSWORD OS_APPLICATION_CREDENTIAL_SECRET",
        switches: "",
    },
    // exo. exoscale/cli cmd/root.go, cmd/config_resolution.go: without a secret the file's account is used.
    GroupRow {
        selects: "EXOSCALE_API_KEY EXOSCALE_KEY CLOUDSTACK_KEY CLOUDSTACK_API_KEY EXOSCALE_ACCOUNT EXOSCALE_CONFIG \
            EXOSCALE_API_ENDPOINT EXOSCALE_API_ENVIRONMENT EXOSCALE_ZONE SNAP_USER_COMMON",
        proves: "EXOSCALE_API_SECRET EXOSCALE_SECRET EXOSCALE_SECRET_KEY CLOUDSTACK_SECRET CLOUDSTACK_SECRET_KEY",
        switches: "",
    },
    // stackit. stackitcloud/stackit-cli internal/pkg/auth/storage.go, oidc.go, auth.go;
    // internal/pkg/config/profiles.go, config.go.
    GroupRow {
        selects: "!STACKIT_ACCESS_TOKEN STACKIT_CLI_PROFILE STACKIT_USE_OIDC STACKIT_SERVICE_ACCOUNT_EMAIL \
            STACKIT_FEDERATED_TOKEN_FILE STACKIT_PROJECT_ID STACKIT_REGION STACKIT_SKE_CUSTOM_ENDPOINT \
            STACKIT_TOKEN_CUSTOM_ENDPOINT STACKIT_IDENTITY_PROVIDER_CUSTOM_WELL_KNOWN_CONFIGURATION \
            STACKIT_IDENTITY_PROVIDER_CUSTOM_CLIENT_ID",
        proves: "STACKIT_SERVICE_ACCOUNT_FEDERATED_TOKEN ACTIONS_ID_TOKEN_REQUEST_TOKEN SYSTEM_ACCESSTOKEN",
        switches: "",
    },
    // rancher. rancher/cli main.go.
    GroupRow {
        selects: "RANCHER_CONFIG_DIR",
        proves: "",
        switches: "CATTLE_OAUTH_AUTH_FLOW CATTLE_OAUTH_CALLBACK_PORT",
    },
    // gardenlogin. gardener/gardenlogin cmd/root.go, cmd/get_client_certificate.go.
    GroupRow {
        selects: "GL_HOME GL_CONFIG_NAME GL_GARDEN_CLUSTER_IDENTITY GL_NAME GL_NAMESPACE GL_ACCESS_LEVEL GL_GARDENS \
            GL_CERTIFICATE_CACHE_DIR GL_EXPIRATION_SECONDS GCTL_HOME GCTL_CONFIG_NAME",
        proves: "",
        switches: "",
    },
    // okteto. okteto/okteto pkg/model/const.go, pkg/constants/constants.go.
    GroupRow {
        selects: "!OKTETO_TOKEN OKTETO_URL OKTETO_CONTEXT OKTETO_NAMESPACE OKTETO_FOLDER OKTETO_HOME",
        proves: "",
        switches: "",
    },
    // An older name of the access key id, which Go's SDK reads. aws/aws-sdk-go-v2 config/env_config.go.
    GroupRow { selects: "AWS_ACCESS_KEY", proves: "AWS_SECRET_KEY", switches: "" },
    // gke-gcloud-auth-plugin caches beside the kubeconfig, by its current context.
    // kubernetes/cloud-provider-gcp cmd/gke-gcloud-auth-plugin/cred.go.
    GroupRow { selects: "KUBECONFIG", proves: "", switches: "" },
    // The OIDC login of a pipeline. Azure/kubelogin pkg/internal/env/variables.go; stackitcloud/stackit-cli
    // internal/pkg/auth/oidc.go.
    GroupRow { selects: "ACTIONS_ID_TOKEN_REQUEST_URL SYSTEM_OIDCREQUESTURI", proves: "", switches: "" },
    // azd. Azure/azure-dev cli/azd/pkg/config/config_home.go.
    GroupRow { selects: "AZD_CONFIG_DIR", proves: "", switches: "" },
    // yc. Its source is closed and no list of variables is published, so those of its Terraform provider count:
    // https://yandex.cloud/en/docs/cli/
    GroupRow {
        selects: "!YC_TOKEN !YC_IAM_TOKEN YC_CLOUD_ID YC_FOLDER_ID YC_ENDPOINT YC_SERVICE_ACCOUNT_KEY_FILE \
            YC_PROFILE",
        proves: "",
        switches: "",
    },
    // saml2aws. Versent/saml2aws cmd/saml2aws/main.go, pkg/flags/flags.go.
    GroupRow {
        selects: "SAML2AWS_CONFIGFILE SAML2AWS_IDP_ACCOUNT SAML2AWS_IDP_PROVIDER SAML2AWS_URL SAML2AWS_USERNAME \
            SAML2AWS_ROLE SAML2AWS_PROFILE SAML2AWS_EXEC_PROFILE SAML2AWS_CREDENTIALS_FILE \
            SAML2AWS_AWS_URN SAML2AWS_REGION SAML2AWS_POLICY_FILE SAML2AWS_POLICY_ARNS \
            SAML2AWS_SAML_CACHE_FILE SAML2AWS_F5APM_RESOURCE_ID ONELOGIN_APP_ID ONELOGIN_CLIENT_ID \
            ONELOGIN_SUBDOMAIN",
        proves: "SAML2AWS_PASSWORD SAML2AWS_MFA_TOKEN ONELOGIN_CLIENT_SECRET",
        switches: "",
    },
    // aws-sso. synfinatic/aws-sso-cli cmd/aws-sso/main.go, exec_cmd.go.
    GroupRow {
        selects: "AWS_SSO AWS_SSO_CONFIG AWS_SSO_ROLE_ARN AWS_SSO_ACCOUNT_ID AWS_SSO_ROLE_NAME \
            AWS_SSO_DEFAULT_REGION !AWS_SSO_OP_SERVICE_ACCOUNT_TOKEN",
        proves: "AWS_SSO_FILE_PASSWORD",
        switches: "",
    },
    // aws-okta. segmentio/aws-okta cmd/exec.go, cmd/root.go.
    GroupRow { selects: "AWS_ASSUME_ROLE_ARN AWS_OKTA_PROFILE AWS_OKTA_BACKEND", proves: "", switches: "" },
    // doppler. DopplerHQ/cli pkg/models/config.go (`EnvOptions`). A service token names project and config.
    GroupRow {
        selects: "!DOPPLER_TOKEN DOPPLER_PROJECT DOPPLER_CONFIG DOPPLER_CONFIG_DIR DOPPLER_API_HOST \
            DOPPLER_ENVIRONMENT",
        proves: "DOPPLER_PASSPHRASE",
        switches: "",
    },
    // infisical. Infisical/cli packages/cmd/run.go, packages/util/constants.go.
    GroupRow {
        selects: "!INFISICAL_TOKEN !INFISICAL_UNIVERSAL_AUTH_ACCESS_TOKEN !INFISICAL_JWT !INFISICAL_OIDC_AUTH_JWT \
            INFISICAL_DOMAIN INFISICAL_API_URL INFISICAL_PROJECT_ID INFISICAL_ENVIRONMENT \
            INFISICAL_SECRET_PATH INFISICAL_AUTH_METHOD INFISICAL_UNIVERSAL_AUTH_CLIENT_ID \
            INFISICAL_MACHINE_IDENTITY_ID INFISICAL_ORGANIZATION_ID INFISICAL_LDAP_USERNAME \
            INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH \
            INFISICAL_GCP_IAM_SERVICE_ACCOUNT_KEY_FILE_PATH",
        proves: "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET INFISICAL_LDAP_PASSWORD INFISICAL_VAULT_FILE_PASSPHRASE",
        switches: "",
    },
    // vault. hashicorp/vault api/client.go.
    GroupRow {
        selects: "VAULT_ADDR VAULT_AGENT_ADDR VAULT_NAMESPACE !VAULT_TOKEN VAULT_CLIENT_CERT VAULT_CLIENT_KEY \
            !VAULT_HEADERS VAULT_PROXY_ADDR VAULT_HTTP_PROXY VAULT_TLS_SERVER_NAME VAULT_CONFIG_PATH \
            VAULT_WRAP_TTL VAULT_SRV_LOOKUP",
        proves: "",
        switches: "",
    },
    // up. upbound/up internal/upbound/flags.go, cmd/up/organization/token.go.
    GroupRow {
        selects: "ORGANIZATION UP_PROFILE UP_ACCOUNT UP_DOMAIN !UP_TOKEN OVERRIDE_API_ENDPOINT \
            OVERRIDE_AUTH_ENDPOINT OVERRIDE_PROXY_ENDPOINT",
        proves: "",
        switches: "",
    },
    // gscloud. gridscale/gscloud runtime/runtime.go, cmd/root.go.
    GroupRow {
        selects: "GRIDSCALE_ACCOUNT GRIDSCALE_UUID !GRIDSCALE_TOKEN GRIDSCALE_URL",
        proves: "",
        switches: "",
    },
    // infra. infrahq/infra internal/cmd/tokens.go, cmd.go.
    GroupRow { selects: "!INFRA_ACCESS_KEY INFRA_SERVER", proves: "", switches: "" },
    // A shim's environment. jdx/mise src/env.rs.
    GroupRow { selects: "MISE_ENV MISE_CONFIG_DIR MISE_DATA_DIR MISE_SHIMS_DIR", proves: "", switches: "" },
];
