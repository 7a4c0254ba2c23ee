//! ExecCredentials, JSON Web Tokens and X.509 certificates as plugins and clusters make them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
pub const V1: &str = "client.authentication.k8s.io/v1";
pub const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";

/// Seconds since the Unix epoch, by the clock of this process.
pub fn now_unix_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

pub fn rfc3339(unix_s: i64) -> String {
    OffsetDateTime::from_unix_timestamp(unix_s).unwrap().format(&Rfc3339).unwrap()
}

/// An ExecCredential. Its bytes differ from those of any serializer on purpose: blanks, an unknown field
/// and escapes must survive the cache.
pub struct Credential {
    api_version: String,
    token: Option<String>,
    certificate: Option<ClientCertificate>,
    expires: Option<String>,
}

impl Credential {
    /// A bearer token without expiry.
    pub fn token(token: impl Into<String>) -> Credential {
        let api_version = V1.to_owned();
        Credential { api_version, token: Some(token.into()), certificate: None, expires: None }
    }

    /// A client certificate without another expiry.
    pub fn certificate(certificate: ClientCertificate) -> Credential {
        Credential { api_version: V1.to_owned(), token: None, certificate: Some(certificate), expires: None }
    }

    pub fn api_version(mut self, api_version: &str) -> Credential {
        self.api_version = api_version.to_owned();
        self
    }

    /// Sets the expiry to so many seconds from now; negative for the past.
    pub fn expires_in(self, seconds: i64) -> Credential {
        self.expires_at(now_unix_s() + seconds)
    }

    pub fn expires_at(self, unix_s: i64) -> Credential {
        self.expires_as(rfc3339(unix_s))
    }

    /// Sets the expiry to this text, valid or not.
    pub fn expires_as(mut self, stamp: impl Into<String>) -> Credential {
        self.expires = Some(stamp.into());
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut status = Vec::new();
        let mut member = |name, value: &str| status.push(format!("\"{name}\": {}", quoted(value)));
        if let Some(stamp) = &self.expires {
            member("expirationTimestamp", stamp);
        }
        if let Some(token) = &self.token {
            member("token", token);
        }
        if let Some(certificate) = &self.certificate {
            member("clientCertificateData", &certificate.certificate_pem);
            member("clientKeyData", &certificate.key_pem);
        }
        format!(
            "{{ \"kind\":\"ExecCredential\",\t\"x-unknown\": [1.50, \"\\u00e4\\/\"],\n \
             \"apiVersion\": {}, \"spec\": {{}}, \"status\": {{ {} }} }}\n",
            quoted(&self.api_version),
            status.join(" , ")
        )
        .into_bytes()
    }
}

impl AsRef<Credential> for Credential {
    fn as_ref(&self) -> &Credential {
        self
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A JWT with an `exp` claim and an invalid signature.
pub fn jwt(expires_unix_s: i64) -> String {
    jwt_of(&json!({"sub": "someone", "exp": expires_unix_s}).to_string())
}

/// A JWT with this payload and an invalid signature.
pub fn jwt_of(payload: &str) -> String {
    let encode = |part: &str| BASE64_URL_SAFE_NO_PAD.encode(part);
    [encode(r#"{"alg":"RS256","typ":"JWT"}"#), encode(payload), encode("made-up")].join(".")
}

#[derive(Clone)]
pub struct ClientCertificate {
    pub certificate_pem: String,
    pub key_pem: String,
}

/// A certificate authority for a cluster and its clients.
pub struct Authority {
    pub certificate_pem: String,
    pub certificate_der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = named("test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Authority {
            certificate_pem: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A client certificate that is valid until `not_after_unix_s`.
    pub fn client(&self, name: &str, not_after_unix_s: i64) -> ClientCertificate {
        let key = KeyPair::generate().unwrap();
        let mut params = named(name);
        params.not_after = OffsetDateTime::from_unix_timestamp(not_after_unix_s).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        ClientCertificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    /// Certificate and PKCS #8 key of a server on 127.0.0.1, in DER. The certificate is not a CA itself,
    /// because kube-rs rejects that.
    pub fn server(&self) -> (Vec<u8>, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().to_vec(), key.serialize_der())
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
