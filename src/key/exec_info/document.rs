//! `KUBERNETES_EXEC_INFO` as a client writes it, for calls on behalf of a kubeconfig's user.
//!
//! The members and their order are client-go's (`k8s.io/client-go/pkg/apis/clientauthentication/v1/types.go`):
//! empty members of the cluster are left out, except `server` and `config`.

use nanoserde::{SerJson, SerJsonState};

#[derive(SerJson)]
pub struct ExecInfoDocument {
    pub kind: String,
    #[nserde(rename = "apiVersion")]
    pub api_version: String,
    pub spec: ExecInfoSpec,
}

#[derive(SerJson)]
pub struct ExecInfoSpec {
    pub cluster: Option<ExecInfoCluster>,
    pub interactive: bool,
}

#[derive(SerJson)]
pub struct ExecInfoCluster {
    pub server: String,
    #[nserde(rename = "tls-server-name")]
    pub tls_server_name: Option<String>,
    #[nserde(rename = "insecure-skip-tls-verify")]
    pub insecure_skip_tls_verify: Option<bool>,
    #[nserde(rename = "certificate-authority-data")]
    pub certificate_authority_data: Option<String>,
    #[nserde(rename = "proxy-url")]
    pub proxy_url: Option<String>,
    #[nserde(rename = "disable-compression")]
    pub disable_compression: Option<bool>,
    pub config: RawJson,
}

/// A JSON value that is written as it is.
pub struct RawJson(pub String);

impl SerJson for RawJson {
    fn ser_json(&self, _depth: usize, state: &mut SerJsonState) {
        state.out.push_str(&self.0);
    }
}
