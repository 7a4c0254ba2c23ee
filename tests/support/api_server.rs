//! A fake Kubernetes API server: TLS on 127.0.0.1, a list of allowed identities, and the few answers
//! that kubectl needs for `get namespaces`, `get pods` and `version`.
//!
//! It records the identity of every request. If the identity is not allowed (any more), it answers 401
//! with a Status object, as the real one does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::credential::{Authority, ClientCertificate};

/// The identity that a request presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    Anonymous,
    Bearer(String),
    /// The DER bytes of a client certificate that the cluster's authority issued.
    Certificate(Vec<u8>),
}

impl From<&ClientCertificate> for Identity {
    fn from(certificate: &ClientCertificate) -> Identity {
        let pem = certificate.certificate_pem.as_bytes();
        Identity::Certificate(CertificateDer::from_pem_slice(pem).unwrap().to_vec())
    }
}

#[derive(Default)]
struct State {
    allowed: Mutex<Vec<Identity>>,
    allows_all: AtomicBool,
    /// The identity of every request.
    presented: Mutex<Vec<Identity>>,
    stopping: AtomicBool,
}

pub struct ApiServer {
    pub authority: Authority,
    address: SocketAddr,
    state: Arc<State>,
    listener: Option<JoinHandle<()>>,
}

impl ApiServer {
    /// A server that allows no identity yet.
    pub fn start() -> ApiServer {
        let authority = Authority::new();
        let config = Arc::new(tls_config(&authority));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let listener = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(Ordering::SeqCst) {
                    break;
                }
                let (config, state) = (Arc::clone(&config), Arc::clone(&shared));
                thread::spawn(move || serve(stream.ok()?, config, &state));
            }
        });
        ApiServer { authority, address, state, listener: Some(listener) }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The authority's certificate as `certificate-authority-data` of a kubeconfig.
    pub fn authority_data(&self) -> String {
        BASE64_STANDARD.encode(&self.authority.certificate_pem)
    }

    pub fn allow_token(&self, token: &str) {
        self.allow(Identity::Bearer(token.to_owned()));
    }

    pub fn allow(&self, identity: Identity) {
        self.state.allowed.lock().unwrap().push(identity);
    }

    /// Allows every identity, for those that a test cannot know beforehand.
    pub fn allow_all(&self) {
        self.state.allows_all.store(true, Ordering::SeqCst);
    }

    /// Answers every request with 401 from now on.
    pub fn revoke_all(&self) {
        self.state.allows_all.store(false, Ordering::SeqCst);
        self.state.allowed.lock().unwrap().clear();
    }

    /// The identities of all requests, each once, in the order of their first request.
    pub fn identities(&self) -> Vec<Identity> {
        let mut seen = Vec::new();
        for identity in self.state.presented.lock().unwrap().iter() {
            if !seen.contains(identity) {
                seen.push(identity.clone());
            }
        }
        seen
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// A configuration that requests a client certificate and does not require it.
fn tls_config(authority: &Authority) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.certificate_der.clone())).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let (certificate, key) = authority.server();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from(certificate)], PrivateKeyDer::try_from(key).unwrap())
        .unwrap()
}

/// Answers requests on one connection until the client closes it.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, state: &State) -> Option<()> {
    let connection = ServerConnection::new(config).ok()?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let (path, bearer) = read_request(&mut stream)?;
        let certificate = stream.get_ref().conn.peer_certificates();
        let identity = match (bearer, certificate) {
            (Some(token), _) => Identity::Bearer(token),
            (None, Some([leaf, ..])) => Identity::Certificate(leaf.to_vec()),
            (None, _) => Identity::Anonymous,
        };
        let is_allowed =
            state.allows_all.load(Ordering::SeqCst) || state.allowed.lock().unwrap().contains(&identity);
        let (status, body) = if is_allowed { answer(&path) } else { unauthorized() };
        state.presented.lock().unwrap().push(identity);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let stream = stream.get_mut();
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        stream.flush().ok()?;
    }
}

/// The path without its query, and the bearer token if there is one.
fn read_request(stream: &mut impl BufRead) -> Option<(String, Option<String>)> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let target = line.split(' ').nth(1)?;
    let path = target.split('?').next()?.to_owned();
    let (mut bearer, mut body_length) = (None, 0);
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("authorization") {
            bearer = value.strip_prefix("Bearer ").map(str::to_owned);
        } else if name.eq_ignore_ascii_case("content-length") {
            body_length = value.parse().ok()?;
        }
    }
    std::io::copy(&mut stream.take(body_length), &mut std::io::sink()).ok()?;
    Some((path, bearer))
}

fn answer(path: &str) -> (u16, Value) {
    let resource = |name: &str, kind: &str, namespaced: bool| {
        json!({"name": name, "singularName": kind.to_lowercase(), "kind": kind,
               "namespaced": namespaced, "verbs": ["get", "list"]})
    };
    let body = match path {
        "/version" => json!({"major": "1", "minor": "37", "gitVersion": "v1.37.0"}),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/apis" => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
        "/api/v1" => json!({
            "kind": "APIResourceList", "groupVersion": "v1",
            "resources": [resource("namespaces", "Namespace", false), resource("pods", "Pod", true)],
        }),
        "/api/v1/namespaces" => json!({
            "kind": "NamespaceList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"},
            "items": [{"metadata": {"name": "the-only-namespace", "uid": "1"},
                       "status": {"phase": "Active"}}],
        }),
        "/api/v1/namespaces/default/pods" => json!({
            "kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"},
            "items": [{"metadata": {"name": "the-only-pod", "namespace": "default", "uid": "2"}}],
        }),
        _ => return (404, status(404, "NotFound", "not found")),
    };
    (200, body)
}

fn unauthorized() -> (u16, Value) {
    (401, status(401, "Unauthorized", "Unauthorized"))
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
           "message": message, "reason": reason, "code": code})
}
