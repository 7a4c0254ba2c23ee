//! Output that is accepted as a credential is accepted by client-go too, and no bytes make the checks of
//! output, JWTs and certificates panic.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::time::Duration;

use k8s_token_cache::credential::{self, Expectation, Verdict};
use program::NOW;
use program::fuzz_target;
use serde_json::Value;

const V1: &str = "client.authentication.k8s.io/v1";

fuzz_target!(|output: &[u8]| {
    // YAML has no other reader here to compare with.
    let expectation =
        Expectation { api_version: Some(V1), default_ttl: Duration::ZERO, yaml_to_json: &|_| None };
    let verdict = credential::judge(output, &expectation, NOW);
    let text = output.strip_prefix(b"\xef\xbb\xbf").unwrap_or(output);
    match verdict {
        Verdict::Invalid(_) => {}
        Verdict::Uncacheable(_) => assert!(client_go_accepts(text)),
        Verdict::Cacheable { expires_unix_s } => {
            assert!(client_go_accepts(text));
            assert!(expires_unix_s > NOW.as_secs());
        }
    }
    if let Ok(pem) = std::str::from_utf8(output) {
        let _ = k8s_token_cache::credential::x509::earliest_not_after(pem);
    }
});

/// Whether client-go (`refreshCredsLocked`) accepts the text, without a check of the certificate.
fn client_go_accepts(text: &[u8]) -> bool {
    let Ok(document) = serde_json::from_slice::<Value>(text) else { return false };
    let is_text = |value: &Value| value.is_null() || value.is_string();
    let filled = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let status = &document["status"];
    let [token, certificate, key] =
        ["token", "clientCertificateData", "clientKeyData"].map(|name| &status[name]);
    ["", "ExecCredential"].contains(&document["kind"].as_str().unwrap_or_default())
        && document["apiVersion"] == V1
        && status.is_object()
        && [token, certificate, key, &status["expirationTimestamp"]].into_iter().all(is_text)
        && (filled(token) || filled(certificate))
        && filled(certificate) == filled(key)
}
