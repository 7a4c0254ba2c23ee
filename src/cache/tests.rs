//! Look-ups and stores: which state an entry is in, and which stores lose.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::config::Encryption;
use crate::key::tests::Caller;
use crate::secret;

const NOW_UNIX_S: u64 = 1_769_846_400;
const NOW: Duration = Duration::from_secs(NOW_UNIX_S);
const CREDENTIAL: &[u8] = b"{\"token\":\"t\"}\n";

fn entry(created_unix_s: u64, expires_unix_s: u64) -> Entry {
    Entry::new(&Caller::of(&["plugin"]).key(), CREDENTIAL, created_unix_s, expires_unix_s)
}

#[test]
fn an_entry_is_served_until_the_margin_and_kept_until_it_expires() {
    let future = Freshness::Over(Reason::FromTheFuture);
    let expired = Freshness::Over(Reason::Expired);
    for (created_s, expires_s, margin_s, now_ms, expected) in [
        // Usual lives.
        (1000, 1840, 30, 1_000_000, Freshness::Fresh),
        (1000, 1840, 30, 1_810_000, Freshness::Fresh),
        (1000, 1840, 30, 1_810_001, Freshness::Stale),
        (1000, 1840, 30, 1_839_999, Freshness::Stale),
        (1000, 1840, 30, 1_840_000, expired),
        (1000, 1840, 30, 9_000_000, expired),
        // No margin.
        (1000, 1840, 0, 1_839_999, Freshness::Fresh),
        (1000, 1840, 0, 1_840_000, expired),
        // Lives shorter than twice the margin have half of themselves as margin.
        (1000, 1060, 30, 1_030_000, Freshness::Fresh),
        (1000, 1060, 30, 1_030_001, Freshness::Stale),
        (1000, 1040, 30, 1_020_000, Freshness::Fresh),
        (1000, 1040, 30, 1_020_001, Freshness::Stale),
        (1000, 1001, 30, 1_000_500, Freshness::Fresh),
        (1000, 1001, 30, 1_000_501, Freshness::Stale),
        (1000, 1840, 3600, 1_420_000, Freshness::Fresh),
        (1000, 1840, 3600, 1_420_001, Freshness::Stale),
        // The clock went back.
        (1000, 1840, 30, 700_000, Freshness::Fresh),
        (1000, 1840, 30, 699_999, future),
        // Stamps that make no sense.
        (1000, 1000, 30, 1_000_000, expired),
        (1840, 1000, 30, 1_600_000, expired),
        (1840, 1000, 30, 900_000, future),
        (0, u64::MAX, 30, 1_000_000, Freshness::Fresh),
        (u64::MAX, u64::MAX, 30, 1_000_000, future),
    ] {
        let entry = entry(created_s, expires_s);
        let state = freshness(&entry, Duration::from_secs(margin_s), Duration::from_millis(now_ms));
        assert_eq!(state, expected, "{created_s} {expires_s} {margin_s} {now_ms}");
    }
}

/// The cache of one call, in a directory of its own; keys come from the environment alone.
struct Scratch {
    directory: TempDir,
    config: Config,
    caller: Caller,
}

impl Scratch {
    fn new(encryption: Encryption) -> Scratch {
        let directory = tempfile::tempdir().unwrap();
        let nothing_set = |_: &str| None;
        let mut config = Config::read(&nothing_set).unwrap();
        config.cache_file = Some(directory.path().join("token.json"));
        config.encryption = encryption;
        Scratch { directory, config, caller: Caller::of(&["plugin", "get-token"]) }
    }

    fn sealed() -> Scratch {
        Scratch::new(given(7))
    }

    fn cache(&self) -> Cache {
        Cache::open(&self.config, self.caller.key()).unwrap()
    }

    fn insert(&self, credential: &[u8], now: Duration) -> Option<u64> {
        self.insert_with(self.cache().look_up(now).unwrap().ticket, credential, now)
    }

    fn insert_with(&self, ticket: Ticket, credential: &[u8], now: Duration) -> Option<u64> {
        let expires_unix_s = now.as_secs() + 840;
        let cache = self.cache();
        let folder = cache.store.open_folder().unwrap();
        let insert =
            |inputs: &KeyInputs<'_>| cache.insert(&folder, inputs, credential, expires_unix_s, ticket, now);
        self.caller.call(insert).unwrap()
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("token.json")
    }
}

fn given(byte: u8) -> Encryption {
    Encryption::Given(secret::SecretKey::from_slice(&[byte; secret::SecretKey::BYTES]).unwrap())
}

/// What a look-up means: the credential, and whether it is stale.
fn served(cache: &Cache, now: Duration) -> std::result::Result<(Vec<u8>, bool), Reason> {
    match cache.look_up(now).unwrap().lookup {
        Lookup::Fresh(found) => Ok((found.entry.credential().to_vec(), false)),
        Lookup::Stale(found) => Ok((found.entry.credential().to_vec(), true)),
        Lookup::Miss(reason) => Err(reason),
    }
}

#[test]
fn what_is_stored_is_served_for_as_long_as_it_lives() {
    for scratch in [Scratch::sealed(), Scratch::new(Encryption::Off)] {
        let cache = scratch.cache();
        assert_eq!(served(&cache, NOW), Err(Reason::NotCached));
        assert!(scratch.insert(CREDENTIAL, NOW).is_some());
        assert_eq!(served(&cache, NOW), Ok((CREDENTIAL.to_vec(), false)));
        assert_eq!(served(&cache, NOW + Duration::from_secs(820)), Ok((CREDENTIAL.to_vec(), true)));
        assert_eq!(served(&cache, NOW + Duration::from_secs(840)), Err(Reason::Expired));
        assert_eq!(served(&cache, NOW - Duration::from_secs(301)), Err(Reason::FromTheFuture));
    }
}

#[test]
fn another_call_never_gets_the_credential() {
    for scratch in [Scratch::sealed(), Scratch::new(Encryption::Off)] {
        scratch.insert(CREDENTIAL, NOW);
        let other = Cache::open(&scratch.config, Caller::of(&["plugin"]).key()).unwrap();
        assert_eq!(served(&other, NOW), Err(Reason::NotCached));

        // Two calls whose hashes are the same: the parts tell.
        let collided = Cache { name: scratch.cache().name, ..other };
        assert_eq!(served(&collided, NOW), Err(Reason::Unreadable));
    }
}

#[test]
fn another_key_and_no_encryption_are_misses() {
    let mut scratch = Scratch::sealed();
    scratch.insert(CREDENTIAL, NOW);
    let name = scratch.cache().name;
    for encryption in [given(8), Encryption::Off] {
        scratch.config.encryption = encryption;
        assert_eq!(served(&scratch.cache(), NOW), Err(Reason::NotCached));
        assert_eq!(served(&Cache { name, ..scratch.cache() }, NOW), Err(Reason::Unreadable));
    }
}

#[test]
fn no_damage_to_the_file_gives_another_credential() {
    let scratch = Scratch::sealed();
    scratch.insert(CREDENTIAL, NOW);
    let cache = scratch.cache();
    let bytes = fs::read(scratch.file()).unwrap();
    for at in 0..bytes.len() {
        for byte in [bytes[at] ^ 1, b'9'] {
            let mut damaged = bytes.clone();
            damaged[at] = byte;
            fs::write(scratch.file(), &damaged).unwrap();
            if let Ok((credential, _)) = served(&cache, NOW) {
                assert_eq!(credential, CREDENTIAL, "{at}");
            }
        }
        fs::write(scratch.file(), &bytes[..at]).unwrap();
        assert_eq!(served(&cache, NOW).is_ok(), at >= bytes.len() - "\n}}\n".len(), "{at}");
    }
}

#[test]
fn a_refresh_replaces_only_the_entry_that_it_set_out_to_renew() {
    let scratch = Scratch::sealed();
    let ticket = || scratch.cache().look_up(NOW).unwrap().ticket.renewing();
    let first = scratch.insert(b"one", NOW).unwrap();
    let (one, late) = (ticket(), ticket());
    let second = scratch.insert_with(one, b"two", NOW).unwrap();
    assert_ne!(first, second);
    assert!(scratch.insert_with(late, b"three", NOW).is_none());
    assert_eq!(served(&scratch.cache(), NOW), Ok((b"two".to_vec(), false)));
    let two = ticket();
    scratch.cache().store.clear(NOW).unwrap();
    assert!(scratch.insert_with(two, b"three", NOW).is_none());
}

#[test]
fn what_another_identity_got_is_not_stored() {
    let scratch = Scratch::sealed();
    let now_another = scratch.caller.clone().with("HOME", "/home/other");
    let cache = scratch.cache();
    let folder = cache.store.open_folder().unwrap();
    let stored = now_another
        .call(|inputs| cache.insert(&folder, inputs, CREDENTIAL, NOW_UNIX_S + 840, Ticket::blank(NOW), NOW));
    assert_eq!(stored.unwrap(), None);
    assert_eq!(served(&scratch.cache(), NOW), Err(Reason::NotCached));
}

#[test]
fn without_encryption_no_key_with_a_secret_is_cached() {
    let caller = Caller::of(&["doctl"]).with("DIGITALOCEAN_ACCESS_TOKEN", "hush-hush");
    let refused = Cache::open(&Scratch::new(Encryption::Off).config, caller.key()).err().unwrap();
    assert_eq!(refused.kind(), Kind::Cache);
    assert!(!refused.to_string().contains("hush-hush"));
    assert!(Cache::open(&Scratch::sealed().config, caller.key()).is_ok());
}

#[test]
fn without_a_place_for_the_file_there_is_no_cache() {
    let mut scratch = Scratch::sealed();
    scratch.config.cache_file = None;
    let error = Cache::open(&scratch.config, scratch.caller.key()).err().unwrap();
    assert_eq!(error.kind(), Kind::Cache);
    assert!(error.to_string().contains("HOME"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_credential_goes_from_fresh_to_stale_to_expired(
        created_s in 0..5000u64, life_s in 0..5000u64, margin_ms in 0..5_000_000u64, now_ms in 0..12_000_000u64, step_ms in 0..2_000_000u64,
    ) {
        let rank = |now_ms| {
            let entry = entry(created_s, created_s + life_s);
            match freshness(&entry, Duration::from_millis(margin_ms), Duration::from_millis(now_ms)) {
                Freshness::Over(Reason::FromTheFuture) => 0,
                Freshness::Fresh => 1,
                Freshness::Stale => 2,
                Freshness::Over(_) => 3,
            }
        };
        prop_assert!(rank(now_ms) <= rank(now_ms + step_ms));
        let has_expired = now_ms >= (created_s + life_s) * 1000;
        prop_assert!(!has_expired || [0, 3].contains(&rank(now_ms)));
        let is_young = now_ms >= created_s * 1000 && now_ms < created_s * 1000 + life_s * 500;
        prop_assert!(!is_young || margin_ms * 2 < life_s * 1000 || rank(now_ms) == 1);
    }
}
