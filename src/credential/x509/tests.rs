//! Real certificates come from rcgen, which writes UTCTime until 2049 and GeneralizedTime from then
//! on; odd ones are put together by hand.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use ::time::OffsetDateTime;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::*;

/// 2026-01-31T08:00:00Z
const STAMP_UNIX_S: i64 = 1_769_846_400;

/// A chain of a client's certificate and the authority that signed it, leaf first.
pub fn chain(leaf_not_after_unix_s: i64, authority_not_after_unix_s: i64) -> String {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = params(authority_not_after_unix_s);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = Issuer::from_params(&authority, &authority_key);
    let leaf = params(leaf_not_after_unix_s).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    leaf.pem() + &authority.self_signed(&authority_key).unwrap().pem()
}

/// A self-signed certificate.
pub fn certificate(not_after_unix_s: i64) -> String {
    certificate_with(&KeyPair::generate().unwrap(), not_after_unix_s)
}

fn certificate_with(key: &KeyPair, not_after_unix_s: i64) -> String {
    params(not_after_unix_s).self_signed(key).unwrap().pem()
}

fn params(not_after_unix_s: i64) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
    params.not_before = OffsetDateTime::from_unix_timestamp(-620_000_000).unwrap();
    params.not_after = OffsetDateTime::from_unix_timestamp(not_after_unix_s).unwrap();
    params
}

fn pem(der: &[u8]) -> String {
    format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der))
}

/// An element of DER; the length in as few octets as it takes.
fn der_element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![tag];
    match length {
        0..0x80 => der.push(length as u8),
        0x80..0x100 => der.extend([0x81, length as u8]),
        _ => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    der.extend_from_slice(content);
    der
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der_element(SEQUENCE, &parts.concat())
}

/// As much of a certificate as is read.
fn der_certificate(not_after: &[u8]) -> Vec<u8> {
    let version = der_element(EXPLICIT_VERSION, &der_element(2, &[2]));
    let validity = sequence(&[der_element(UTC_TIME, b"200101000000Z"), not_after.to_vec()]);
    sequence(&[sequence(&[version, der_element(2, &[1]), sequence(&[]), sequence(&[]), validity])])
}

fn read(tag: u8, time: &str) -> Option<i64> {
    earliest_not_after(&pem(&der_certificate(&der_element(tag, time.as_bytes()))))
}

#[test]
fn both_notations_of_time_are_read() {
    for (tag, time, stamp) in [
        (UTC_TIME, "260131080000Z", "2026-01-31T08:00:00Z"),
        (UTC_TIME, "491231235959Z", "2049-12-31T23:59:59Z"),
        (UTC_TIME, "500101000000Z", "1950-01-01T00:00:00Z"),
        (UTC_TIME, "991231235959Z", "1999-12-31T23:59:59Z"),
        (UTC_TIME, "000229000000Z", "2000-02-29T00:00:00Z"),
        (GENERALIZED_TIME, "20260131080000Z", "2026-01-31T08:00:00Z"),
        (GENERALIZED_TIME, "20500101000000Z", "2050-01-01T00:00:00Z"),
        (GENERALIZED_TIME, "19490101000000Z", "1949-01-01T00:00:00Z"),
        (GENERALIZED_TIME, "00000101000000Z", "0000-01-01T00:00:00Z"),
        (GENERALIZED_TIME, "99991231235959Z", "9999-12-31T23:59:59Z"),
    ] {
        assert_eq!(read(tag, time), time::parse_rfc3339(stamp), "{time}");
    }
}

/// RFC 5280 allows neither fractions nor offsets, and demands seconds.
#[test]
fn any_other_notation_of_time_is_unreadable() {
    for (tag, time) in [
        (UTC_TIME, ""),
        (UTC_TIME, "Z"),
        (UTC_TIME, "2601310800Z"),
        (UTC_TIME, "260131080000"),
        (UTC_TIME, "260131080000+0000"),
        (UTC_TIME, "20260131080000Z"),
        (UTC_TIME, "260132080000Z"),
        (UTC_TIME, "260229080000Z"),
        (UTC_TIME, "26013108000\u{e9}Z"),
        (UTC_TIME, "\u{e9}0131080000Z"),
        (UTC_TIME, "-10131080000Z"),
        (UTC_TIME, "2a0131080000Z"),
        (UTC_TIME, "26+131080000Z"),
        (GENERALIZED_TIME, "260131080000Z"),
        (GENERALIZED_TIME, "20260131080000.5Z"),
        (GENERALIZED_TIME, "20260131080000+0100"),
        (GENERALIZED_TIME, "20260131080000"),
        (GENERALIZED_TIME, "2026\u{20ac}31080000Z"),
        (0x16, "260131080000Z"),
        (SEQUENCE, "260131080000Z"),
    ] {
        assert_eq!(read(tag, time), None, "{tag:#x} {time:?}");
    }
    assert_eq!(earliest_not_after(&pem(&der_certificate(&der_element(UTC_TIME, b"26013108000\xffZ")))), None);
    assert_eq!(earliest_not_after(&pem(&der_certificate(b""))), None);
}

#[test]
fn a_certificate_of_the_first_version_is_read() {
    let validity =
        sequence(&[der_element(UTC_TIME, b"200101000000Z"), der_element(UTC_TIME, b"260131080000Z")]);
    let fields = [der_element(2, &[1]), sequence(&[]), sequence(&[]), validity];
    assert_eq!(earliest_not_after(&pem(&sequence(&[sequence(&fields)]))), Some(STAMP_UNIX_S));
}

#[test]
fn the_earliest_of_a_chain_counts() {
    let later = STAMP_UNIX_S + 1;
    assert_eq!(earliest_not_after(&chain(STAMP_UNIX_S, later)), Some(STAMP_UNIX_S));
    assert_eq!(earliest_not_after(&chain(later, STAMP_UNIX_S)), Some(STAMP_UNIX_S));
    let three = certificate(later) + &certificate(STAMP_UNIX_S) + &certificate(later);
    assert_eq!(earliest_not_after(&three), Some(STAMP_UNIX_S));
}

#[test]
fn text_around_certificates_does_not_matter() {
    let certificate = certificate(STAMP_UNIX_S);
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for pem in [
        format!("Subject: client\n{certificate}the end"),
        format!("{key}{certificate}{key}"),
        certificate.replace('\n', "\r\n"),
        certificate.replace('\n', " \t\n"),
        certificate.trim_end().to_owned(),
    ] {
        assert_eq!(earliest_not_after(&pem), Some(STAMP_UNIX_S), "{pem}");
    }
}

#[test]
fn what_is_no_whole_certificate_is_unreadable() {
    let certificate = certificate(STAMP_UNIX_S);
    for pem in [
        String::new(),
        "token".to_owned(),
        BEGIN.to_owned(),
        format!("{BEGIN}{END}"),
        format!("{BEGIN}\nnot base64\n{END}"),
        format!("{BEGIN}\nAAAA\n{END}"),
        format!("{BEGIN}\nX: y\n\n{}", &certificate[BEGIN.len()..]),
        certificate.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        certificate.replace("CERTIFICATE", "certificate"),
        certificate.replace(END, ""),
        format!("{certificate}{BEGIN}\n"),
        format!("{certificate}{BEGIN}\n{END}\n"),
        pem(&der_certificate(&der_element(UTC_TIME, b"260131080000Z"))[1..]),
    ] {
        assert_eq!(earliest_not_after(&pem), None, "{pem}");
    }
}

#[test]
fn no_certificate_that_is_cut_short_is_read() {
    let certificate = certificate(STAMP_UNIX_S);
    let whole = certificate.trim_end();
    for length in 0..whole.len() {
        assert_eq!(earliest_not_after(&whole[..length]), None, "{length}");
    }
    let der = der(&certificate[BEGIN.len()..certificate.find(END).unwrap()]).unwrap();
    assert_eq!(not_after(&der), Some(STAMP_UNIX_S));
    for length in 0..der.len() {
        assert_eq!(not_after(&der[..length]), None, "{length}");
    }
}

#[test]
fn lengths_that_der_does_not_have_are_unreadable() {
    let der = der_certificate(&der_element(UTC_TIME, b"260131080000Z"));
    let with_length = |length: &[u8]| [&der[..1], length, &der[2..]].concat();
    let length = der[1];
    assert_eq!(not_after(&with_length(&[length])), Some(STAMP_UNIX_S));
    for odd in
        [&[0x80][..], &[0x84, 0, 0, 0, length], &[0xff], &[0x88, 0, 0, 0, 0, 0, 0, 0, length], &[length + 1]]
    {
        assert_eq!(not_after(&with_length(odd)), None, "{odd:x?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn rcgen_and_this_agree(not_after_unix_s in -600_000_000..=time::LAST_STAMP_UNIX_S) {
        let key = KeyPair::generate().unwrap();
        prop_assert_eq!(earliest_not_after(&certificate_with(&key, not_after_unix_s)), Some(not_after_unix_s));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut der = der_certificate(&der_element(GENERALIZED_TIME, b"20260131080000Z"));
        for (at, byte) in changes {
            let at = at.index(der.len());
            der[at] = byte;
        }
        let _ = earliest_not_after(&pem(&der));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(-----BEGIN CERTIFICATE-----|-----END CERTIFICATE-----|[A-Za-z0-9+/=\n\u{e9}]{0,9}){0,6}") {
        let _ = earliest_not_after(&text);
    }
}
