//! How an entry is written as JSON, and what is read back.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::key::tests::Caller;
use crate::secret;

const NAME: Name = *b"an entry's name.";
const CREDENTIAL: &str = "{\"kind\":\"ExecCredential\",\n\t\"token\":\"t\\u00e9k\u{1f600}en\"}\r\n";
const CREATED_UNIX_S: u64 = 1_769_846_400;

fn sealed_with(byte: u8) -> Vault {
    let key = secret::SecretKey::from_slice(&[byte; secret::SecretKey::BYTES]).unwrap();
    Vault::Sealed(Sealer::new(key, KeyOrigin::Environment))
}

fn vaults() -> [Vault; 2] {
    [sealed_with(7), Vault::Plain]
}

fn key() -> CacheKey {
    Caller::of(&["aws", "eks", "get-token"]).with("HOME", "/home/u").key()
}

fn entry(credential: &str) -> Entry {
    Entry::new(&key(), credential.as_bytes(), CREATED_UNIX_S, CREATED_UNIX_S + 840)
}

fn lasting(created_unix_s: u64, expires_unix_s: u64) -> Entry {
    Entry::new(&key(), b"", created_unix_s, expires_unix_s)
}

fn object(vault: &Vault) -> String {
    vault.encode(&NAME, &entry(CREDENTIAL)).unwrap()
}

fn credential_in(vault: &Vault, object: &[u8]) -> Option<String> {
    vault.decode(&NAME, object).map(|entry| String::from_utf8(entry.credential().to_vec()).unwrap())
}

#[test]
fn what_was_kept_comes_back_unchanged() {
    for vault in vaults() {
        let decoded = vault.decode(&NAME, object(&vault).as_bytes()).unwrap();
        assert_eq!(decoded.credential(), CREDENTIAL.as_bytes());
        assert_eq!(decoded.parts(), key().parts());
        assert_eq!(decoded.created_unix_s, CREATED_UNIX_S);
        assert_eq!(decoded.expires_unix_s, CREATED_UNIX_S + 840);
        assert!(decoded.is_for(&key()));
        assert!(!decoded.is_for(&Caller::of(&["aws"]).key()));
    }
}

#[test]
fn an_object_is_one_line_of_json() {
    for vault in vaults() {
        let object = object(&vault);
        assert!(object.chars().all(|character| character >= ' '));
        let read: serde_json::Value = serde_json::from_str(&object).unwrap();
        assert_eq!(read["created"], CREATED_UNIX_S);
        assert_eq!(read["expires"], CREATED_UNIX_S + 840);
    }
    let plain: serde_json::Value = serde_json::from_str(&object(&Vault::Plain)).unwrap();
    assert_eq!(plain["credential"], CREDENTIAL);
}

#[test]
fn a_sealed_object_shows_nothing_of_its_content() {
    let secret = "hush-hush-hush-hush";
    let object = sealed_with(7).encode(&NAME, &entry(secret)).unwrap();
    let read: serde_json::Value = serde_json::from_str(&object).unwrap();
    let sealed = base64::decode(read["sealed"].as_str().unwrap().as_bytes()).unwrap();
    for shown in [object.as_bytes(), &sealed] {
        for hidden in [&b"hush"[..], b"get-token", b"/home/u"] {
            assert!(!shown.windows(hidden.len()).any(|window| window == hidden));
        }
    }
    assert_eq!(read.as_object().unwrap().len(), 3);
}

#[test]
fn a_vault_reads_no_entry_of_the_other_kind() {
    let [sealed, plain] = vaults();
    assert!(sealed.decode(&NAME, object(&plain).as_bytes()).is_none());
    assert!(plain.decode(&NAME, object(&sealed).as_bytes()).is_none());
    assert!(sealed_with(8).decode(&NAME, object(&sealed).as_bytes()).is_none());
}

#[test]
fn a_sealed_entry_can_be_neither_moved_nor_prolonged() {
    let vault = sealed_with(7);
    let object = object(&vault);
    assert!(vault.decode(&NAME, object.as_bytes()).is_some());
    assert!(vault.decode(b"another's name..", object.as_bytes()).is_none());
    for (from, to) in [
        ("\"expires\":1769847240", "\"expires\":1769847241"),
        ("\"created\":1769846400", "\"created\":1769846399"),
    ] {
        let changed = object.replace(from, to);
        assert_ne!(changed, object);
        assert!(vault.decode(&NAME, changed.as_bytes()).is_none());
    }
}

#[test]
fn no_damage_changes_a_sealed_credential() {
    let vault = sealed_with(7);
    let object = object(&vault).into_bytes();
    for at in 0..object.len() {
        for byte in [object[at] ^ 1, object[at] ^ 4, b' ', b'"', b'\n', 0xff] {
            let mut damaged = object.clone();
            damaged[at] = byte;
            let read = credential_in(&vault, &damaged);
            assert!(read.is_none() || read.as_deref() == Some(CREDENTIAL), "{at}");
        }
        assert!(vault.decode(&NAME, &object[..at]).is_none());
        assert!(vault.decode(&NAME, &object[at + 1..]).is_none());
    }
}

/// A plain object has nothing that tells a damaged letter of the credential.
#[test]
fn no_damaged_plain_object_does_harm() {
    let object = object(&Vault::Plain).into_bytes();
    for at in 0..object.len() {
        for byte in [object[at] ^ 1, b'9', b' ', b'"', b'\\', b'}', b'\n', 0xff] {
            let mut damaged = object.clone();
            damaged[at] = byte;
            if let Some(entry) = Vault::Plain.decode(&NAME, &damaged) {
                let _ = (entry.credential(), entry.parts(), entry.is_for(&key()));
            }
        }
        assert!(Vault::Plain.decode(&NAME, &object[..at]).is_none());
    }
}

#[test]
fn what_is_no_object_of_ours_is_no_entry() {
    let sealed = object(&sealed_with(7));
    for text in [
        "",
        "{}",
        "null",
        "{\"created\":1}",
        "{\"created\":1,\"expires\":2}",
        "{\"created\":1,\"expires\":2,\"sealed\":\"\"}",
        "{\"created\":1,\"expires\":2,\"sealed\":\"AAAA\"}",
        "{\"created\":1,\"expires\":2,\"sealed\":\"AA!A\"}",
        "{\"created\":1,\"expires\":2,\"parts\":\"\",\"credential\":null}",
        "{\"created\":1,\"expires\":2,\"parts\":\"\",\"credential\":\"\\ud800\"}",
        "{\"created\":1,\"expires\":2,\"parts\":\"\",\"credential\":\"a\",\"credential\":\"b\"}",
        "{\"created\":1,\"expires\":2,\"parts\":\"!\",\"credential\":\"a\"}",
        "{\"created\":1,\"expires\":2,\"parts\":\"AA\",\"credential\":\"a\"}",
        "{\"created\":-1,\"expires\":2,\"parts\":\"\",\"credential\":\"a\"}",
        "{\"created\":1,\"expires\":18446744073709551616,\"parts\":\"\",\"credential\":\"a\"}",
        "{\"expires\":2,\"created\":1,\"parts\":\"\",\"credential\":\"a\"}",
        &sealed.replace(",\"sealed\"", ", \"sealed\""),
        &(sealed.clone() + "x"),
        &(sealed.clone() + ",\n"),
    ] {
        for vault in vaults() {
            assert!(vault.decode(&NAME, text.as_bytes()).is_none(), "{text}");
        }
    }
}

#[test]
fn plaintext_with_a_wrong_length_of_its_parts_is_rejected() {
    for bytes in [&b""[..], b"\0\0\0", b"\x01\0\0\0", b"\x03\0\0\0ab", b"\xff\xff\xff\xffabc"] {
        assert!(Plaintext::parse(bytes.to_vec().into()).is_none());
    }
    let content = Plaintext::parse(b"\x02\0\0\0abc".to_vec().into()).unwrap();
    assert_eq!(content.split(), (&b"ab"[..], &b"c"[..]));
}

#[test]
fn names_tell_keys_apart_and_a_sealed_name_hides_the_hash() {
    let other = Caller::of(&["aws"]).key();
    for vault in vaults() {
        assert_eq!(vault.name(&key()), vault.name(&key()));
        assert_ne!(vault.name(&key()), vault.name(&other));
    }
    assert_eq!(Vault::Plain.name(&key()), key().hash().to_be_bytes());
    assert_ne!(sealed_with(7).name(&key()), key().hash().to_be_bytes());
    assert_ne!(sealed_with(7).name(&key()), sealed_with(8).name(&key()));
}

#[test]
fn only_a_sealed_vault_stores_keys_with_secrets() {
    let secret = Caller::of(&["doctl"]).with("DIGITALOCEAN_ACCESS_TOKEN", "s").key();
    let [sealed, plain] = vaults();
    for (vault, key) in [(&sealed, &secret), (&sealed, &key()), (&plain, &key())] {
        assert!(vault.obstacles(key).is_empty());
    }
    assert_eq!(plain.obstacles(&secret).len(), 1);
}

#[test]
fn an_entry_may_be_five_minutes_ahead_of_the_clock() {
    let entry = lasting(10_000, 20_000);
    let age = |now_ms: u64| entry.age(Duration::from_millis(now_ms));
    assert_eq!(age(9_699_999), None);
    assert_eq!(age(9_700_000), Some(Duration::ZERO));
    assert_eq!(age(10_000_000), Some(Duration::ZERO));
    assert_eq!(age(10_000_001), Some(Duration::from_millis(1)));
    assert_eq!(lasting(u64::MAX, 0).age(Duration::ZERO), None);
}

#[test]
fn life_and_time_left_end_at_zero() {
    assert_eq!(lasting(10, 50).life(), Duration::from_secs(40));
    assert_eq!(lasting(50, 10).life(), Duration::ZERO);
    assert_eq!(lasting(10, 50).time_left(Duration::from_secs(49)), Duration::from_secs(1));
    assert_eq!(lasting(10, 50).time_left(Duration::from_secs(51)), Duration::ZERO);
}

proptest! {
    #[test]
    fn any_text_comes_back_unchanged(
        credential in any::<String>(), created_unix_s in any::<u64>(), expires_unix_s in any::<u64>(),
    ) {
        for vault in vaults() {
            let entry = Entry::new(&key(), credential.as_bytes(), created_unix_s, expires_unix_s);
            let object = vault.encode(&NAME, &entry).unwrap();
            let read = vault.decode(&NAME, object.as_bytes()).unwrap();
            prop_assert_eq!(read.credential(), credential.as_bytes());
            prop_assert_eq!((read.created_unix_s, read.expires_unix_s), (created_unix_s, expires_unix_s));
            prop_assert!(read.is_for(&key()));
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        start in "\\{\"created\":[0-9]{1,21},\"expires\":[0-9]{1,21},\"(sealed|parts)\":\"[A-Za-z0-9+/=]{0,90}\"",
        rest in "(,\"credential\":\"[a\\\\u\"]{0,4}\")?\\}?",
    ) {
        for vault in vaults() {
            let _ = vault.decode(&NAME, format!("{start}{rest}").as_bytes());
        }
    }
}
