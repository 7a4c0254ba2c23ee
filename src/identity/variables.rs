//! The environment variables that select an identity, in groups that rows of the table share.
//!
//! Each variable is in one group only, so that the union of all groups has none twice. A variable that only
//! proves another one (a secret access key proves the access key id) is not an identity variable: see [`PROOFS`].

use super::words::words;

/// An environment variable that takes part in selecting the identity.
#[derive(Clone, Copy, Debug)]
pub struct IdentityVariable {
    pub name: &'static str,
    /// The value must not be shown, and counts only if the name of the entry is keyed.
    pub secret: bool,
}

/// A set of groups: bit N is `GROUPS[N]`.
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

/// Known variables that need not count: secrets that only prove another variable, and switches of the plugins.
pub(super) const PROOFS: &str = "\
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
