//! The `notAfter` of the certificates in a PEM text.
//!
//! Walks DER (X.690) as far as the validity field of a certificate (RFC 5280, section 4.1). Verifies nothing.
//! A credential with a truncated or unusual certificate is not cached.

use crate::format::base64;
use crate::format::time;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The earliest `notAfter` of all certificates in `pem`, in Unix seconds; `None` if there is no certificate
/// or one cannot be parsed.
pub fn earliest_not_after(pem: &str) -> Option<i64> {
    let mut earliest = None;
    let mut rest = pem;
    while let Some((_, begun)) = rest.split_once(BEGIN) {
        let (body, behind) = begun.split_once(END)?;
        let not_after = not_after(&der(body)?)?;
        earliest = Some(earliest.map_or(not_after, |other: i64| other.min(not_after)));
        rest = behind;
    }
    earliest
}

fn der(pem_body: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = pem_body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    base64::decode(&digits)
}

/// Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version OPTIONAL, serialNumber,
/// signature, issuer, validity SEQUENCE { notBefore, notAfter }, ... } ... }
fn not_after(certificate: &[u8]) -> Option<i64> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (mut fields, _) = expect(certificate, SEQUENCE)?;
    if fields.first() == Some(&EXPLICIT_VERSION) {
        fields = element(fields)?.rest;
    }
    for _serial_signature_issuer in 0..3 {
        fields = element(fields)?.rest;
    }
    let (validity, _) = expect(fields, SEQUENCE)?;
    let not_before = element(validity)?;
    let not_after = element(not_before.rest)?;
    time_value(not_after.tag, not_after.content)
}

struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

fn element(der: &[u8]) -> Option<Element<'_>> {
    let (&tag, der) = der.split_first()?;
    let (&first, mut der) = der.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let octets = usize::from(first & 0x7f);
        if !(1..=3).contains(&octets) {
            return None;
        }
        length = der.get(..octets)?.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
        der = &der[octets..];
    }
    let (content, rest) = der.split_at_checked(length)?;
    Some(Element { tag, content, rest })
}

fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|element| element.tag == tag).map(|element| (element.content, element.rest))
}

/// `YYMMDDHHMMSSZ`, years 1950 to 2049, or `YYYYMMDDHHMMSSZ` (RFC 5280, section 4.1.2.5).
fn time_value(tag: u8, content: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (short, rest) = digits.split_at_checked(2)?;
            let century = if short < "50" { "20" } else { "19" };
            (format!("{century}{short}"), rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.to_owned(), rest)
        }
        _ => return None,
    };
    if rest.len() != 10 || !rest.is_ascii() {
        return None;
    }
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|at| &rest[at..at + 2]);
    time::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

#[cfg(test)]
pub mod tests;
