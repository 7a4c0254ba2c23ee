//! What an ExecCredential is, whether it may be cached, and until when.
//!
//! [`judge`] takes the output of a plugin and accepts what client-go accepts (the `v1` and `v1beta1` kinds of
//! `client.authentication.k8s.io`, client-go's `plugin/pkg/client/auth/exec/exec.go`, `refreshCredsLocked`),
//! in JSON and in YAML. What client-go accepts but cannot use is not cached. The output itself is cached,
//! byte for byte. Verdicts contain fixed texts only, so that nothing of a credential can reach a message.

pub mod x509;

use std::borrow::Cow;
use std::time::Duration;

use zeroize::Zeroize;

use crate::format::base64;
use crate::format::json::{self, Value};
use crate::format::time;
use crate::secret::SecretBytes;

const API_GROUP: &str = "client.authentication.k8s.io/";
const NO_CREDENTIAL: &str = "it is not an ExecCredential in JSON or YAML";
const WRONG_TYPE: &str = "a member is of the wrong type";
const NO_EXPIRY: &str = "it states no expiry (see K8S_TOKEN_CACHE_DEFAULT_TTL)";
/// Go's zero time, which means that there is none.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What to do with a plugin's output.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A credential whose earliest expiry is known and in the future.
    Cacheable { expires_unix_s: u64 },
    /// A credential that cannot be cached, and why.
    Uncacheable(&'static str),
    /// Not an ExecCredential, and why.
    Invalid(&'static str),
}

/// The members that are read. Empty means absent, except for the time stamp.
struct Status<'a> {
    token: Option<Cow<'a, str>>,
    expiration_timestamp: Option<Cow<'a, str>>,
    client_certificate_data: Option<Cow<'a, str>>,
    client_key_data: Option<Cow<'a, str>>,
}

/// Wipes the copies: a string with an escape is copied, as every PEM text is for its line breaks.
impl Drop for Status<'_> {
    fn drop(&mut self) {
        for secret in [&mut self.token, &mut self.client_key_data].into_iter().flatten() {
            if let Cow::Owned(text) = secret {
                text.zeroize();
            }
        }
    }
}

/// What the caller of [`judge`] knows.
pub struct Expectation<'a> {
    /// The `apiVersion` that the client asked for.
    pub api_version: Option<&'a str>,
    /// How long a credential is cached that states no expiry. Zero: not at all.
    pub default_ttl: Duration,
    /// Converts YAML to JSON. `None` if it is not one document that its reader understands.
    pub yaml_to_json: &'a dyn Fn(&str) -> Option<String>,
}

/// Judges the plugin's `output`.
pub fn judge(output: &[u8], expectation: &Expectation<'_>, now: Duration) -> Verdict {
    let text = output.strip_prefix(BYTE_ORDER_MARK).unwrap_or(output);
    let converted = match is_json(text) {
        true => None,
        false => match std::str::from_utf8(text).ok().and_then(expectation.yaml_to_json) {
            Some(json) => Some(SecretBytes::from(json.into_bytes())),
            None => return Verdict::Invalid(NO_CREDENTIAL),
        },
    };
    let json = converted.as_ref().map_or(text, SecretBytes::expose);
    let status = match status(json, expectation.api_version) {
        Ok(status) => status,
        Err(wrong) => return Verdict::Invalid(wrong),
    };
    if status.token.as_deref().is_some_and(is_unusable_token) {
        return Verdict::Uncacheable("its token contains control characters, which clients refuse");
    }
    let expiry = match earliest_expiry(&status) {
        Err(unreadable) => return Verdict::Uncacheable(unreadable),
        Ok(None) if expectation.default_ttl.is_zero() => return Verdict::Uncacheable(NO_EXPIRY),
        Ok(None) => {
            i64::try_from((now + expectation.default_ttl).as_secs()).unwrap_or(time::LAST_STAMP_UNIX_S)
        }
        Ok(Some(expiry)) => expiry,
    };
    match u64::try_from(expiry.min(time::LAST_STAMP_UNIX_S)) {
        Ok(expires_unix_s) if !time::time_left(expires_unix_s, now).is_zero() => {
            Verdict::Cacheable { expires_unix_s }
        }
        _ => Verdict::Uncacheable("it has already expired"),
    }
}

/// Whether client-go reads `text` as JSON and not as YAML (apimachinery `pkg/util/yaml/decoder.go`,
/// `hasJSONPrefix`).
fn is_json(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

/// Whether Go's `net/http` refuses the token in a header (`golang.org/x/net/http/httpguts`,
/// `ValidHeaderFieldValue`).
fn is_unusable_token(token: &str) -> bool {
    token.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t')
}

fn status<'a>(json: &'a [u8], asked_version: Option<&str>) -> Result<Status<'a>, &'static str> {
    let document = json::parse(json).map_err(|_| "it is not JSON")?;
    if document.members().is_none() {
        return Err(NO_CREDENTIAL);
    }
    // Without a kind, client-go's decoder takes the one that it expects (apimachinery
    // `pkg/runtime/serializer/json/json.go`, `gvkWithDefaults`).
    let [kind, version, status] = members(document, ["kind", "apiVersion", "status"])?;
    if string(kind)?.is_some_and(|kind| kind != "ExecCredential" && !kind.is_empty()) {
        return Err("its kind is not ExecCredential");
    }
    let version = string(version)?.unwrap_or_default();
    if !version.starts_with(API_GROUP) || asked_version.is_some_and(|asked| asked != version) {
        return Err("its apiVersion is not the one asked for");
    }
    let status = status.ok_or("it has no status")?;
    let names = ["token", "expirationTimestamp", "clientCertificateData", "clientKeyData"];
    let [token, stamp, certificate, key] = members(status, names)?;
    let status = Status {
        token: string(token)?,
        expiration_timestamp: string(stamp)?,
        client_certificate_data: string(certificate)?,
        client_key_data: string(key)?,
    };
    let has = |member: &Option<Cow<'_, str>>| member.as_deref().is_some_and(|text| !text.is_empty());
    if has(&status.client_certificate_data) != has(&status.client_key_data) {
        return Err("it has a certificate without key, or a key without certificate");
    }
    if !has(&status.token) && !has(&status.client_certificate_data) {
        return Err("it has neither token nor certificate");
    }
    Ok(status)
}

fn string<'a>(value: Option<Value<'a>>) -> Result<Option<Cow<'a, str>>, &'static str> {
    value.map(|value| value.as_str().ok_or(WRONG_TYPE)).transpose()
}

/// The members `names`; `None` for each that is absent or null. Fails if one occurs twice, because readers differ
/// in which one they take, and if `object` is none.
fn members<'a, const N: usize>(
    object: Value<'a>,
    names: [&str; N],
) -> Result<[Option<Value<'a>>; N], &'static str> {
    let mut found = [None; N];
    for (key, value) in object.members().ok_or(WRONG_TYPE)? {
        if let Some(at) = names.iter().position(|name| *name == key)
            && found[at].replace(value).is_some()
        {
            return Err("it has a member twice");
        }
    }
    Ok(found.map(|value| value.filter(|value| !value.is_null())))
}

/// The earliest of all stamps in Unix seconds; `None` if there is none. Fails if one cannot be parsed.
fn earliest_expiry(status: &Status<'_>) -> Result<Option<i64>, &'static str> {
    let stamps = [stated_expiry(status)?, token_expiry(status)?, certificate_expiry(status)?];
    Ok(stamps.into_iter().flatten().min())
}

fn stated_expiry(status: &Status<'_>) -> Result<Option<i64>, &'static str> {
    let Some(stamp) = status.expiration_timestamp.as_deref().filter(|stamp| *stamp != ZERO_TIME) else {
        return Ok(None);
    };
    time::parse_rfc3339(stamp).map(Some).ok_or("its expirationTimestamp is not RFC 3339")
}

fn certificate_expiry(status: &Status<'_>) -> Result<Option<i64>, &'static str> {
    let Some(pem) = status.client_certificate_data.as_deref().filter(|pem| !pem.is_empty()) else {
        return Ok(None);
    };
    x509::earliest_not_after(pem).map(Some).ok_or("its certificate cannot be read")
}

/// `exp` of a JSON Web Token (RFC 7519, section 4.1.4). Other tokens do not state their expiry.
fn token_expiry(status: &Status<'_>) -> Result<Option<i64>, &'static str> {
    let Some(claims) = status.token.as_deref().and_then(jwt_claims) else { return Ok(None) };
    let unreadable = "its token's exp cannot be read";
    let Ok(claims) = json::parse(&claims) else { return Ok(None) };
    match claims.member("exp") {
        Ok(None) => Ok(None),
        Ok(Some(exp)) => numeric_date(exp.text()).map(Some).ok_or(unreadable),
        Err(_) => Err(unreadable),
    }
}

/// The payload of a token that has three parts and a JSON object as header.
fn jwt_claims(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.split('.');
    let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    json::parse(&base64::decode_url(header.as_bytes())?).ok().filter(|header| header.members().is_some())?;
    base64::decode_url(payload.as_bytes())
}

/// Unix seconds. A fraction is cut off.
fn numeric_date(text: &str) -> Option<i64> {
    let whole = text.split('.').next().unwrap_or(text);
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
    is_plain.then(|| whole.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
