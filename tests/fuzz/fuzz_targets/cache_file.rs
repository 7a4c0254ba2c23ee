//! Any bytes in the place of the cache file: looked up, listed, written over. What is written is one
//! JSON document that holds all that could be read, and the new entry.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use k8s_token_cache::cache::store::{Condition, Name, NewLine, Store};
use program::NOW;
use program::fuzz_target;

const NEW: Name = *b"\x80a new entry....";
const OBJECT: &str = "{\"created\":1,\"expires\":2}";

static PATH: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = PathBuf::from(format!("/dev/shm/k8s-token-cache-fuzz-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    directory.join("token.json")
});

fuzz_target!(|content: &[u8]| {
    fs::write(&*PATH, content).unwrap();
    fs::set_permissions(&*PATH, Permissions::from_mode(0o600)).unwrap();
    let store = Store::at(&PATH).unwrap();
    let all = store.all().unwrap();
    assert!(all.is_sorted_by(|one, next| one.0 < next.0));
    let snapshot = store.lookup(&NEW).unwrap();
    for (name, _) in &all {
        let _ = store.lookup(name).unwrap();
    }
    let line = NewLine { name: NEW, object: OBJECT, expires_unix_s: NOW.as_secs() + 60 };
    let expected = Condition { generation: snapshot.generation, replaces: None };
    if store.is_newer() {
        assert!(store.insert(&line, &expected, NOW).is_err());
        assert_eq!(fs::read(&*PATH).unwrap(), content);
        return;
    }
    store.insert(&line, &expected, NOW).unwrap();
    let after = store.all().unwrap();
    assert!(after.iter().all(|entry| entry.0 == NEW || all.contains(entry)));
    if snapshot.generation > 9_999_999_998 {
        return; // Has more digits than the header has room for: the next writer begins anew.
    }
    assert_eq!(store.lookup(&NEW).unwrap().line.as_deref(), Some(OBJECT.as_bytes()));
});
