//! Any bytes as the cache file: looks up, lists and stores. The new file has the entries that could be
//! read, and the new one.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use k8s_token_cache::cache::store::{Condition, Name, NewLine, Store, Stored};
use program::NOW;
use program::fuzz_target;

const NEW: Name = *b"\x80a new entry....";
const OBJECT: &str = "{\"created\":1,\"expires\":2}";

static PATH: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(std::process::id().to_string());
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    directory.join("token.json")
});

fuzz_target!(|content: &[u8]| {
    fs::write(&*PATH, content).unwrap();
    fs::set_permissions(&*PATH, Permissions::from_mode(0o600)).unwrap();
    let store = Store::at(&PATH).unwrap();
    let all = entries(&store);
    assert!(all.is_sorted_by(|one, next| one.0 < next.0));
    let snapshot = store.lookup(&NEW).unwrap();
    for (name, _) in &all {
        let _ = store.lookup(name).unwrap();
    }
    let line = NewLine { name: NEW, object: OBJECT, expires_unix_s: NOW.as_secs() + 60 };
    let condition = Condition { snapshot: &snapshot, taken: NOW, renews: false };
    if store.contents().unwrap().is_newer() {
        assert!(store.insert(&line, &condition, NOW).is_err());
        assert_eq!(fs::read(&*PATH).unwrap(), content);
        return;
    }
    let stored = store.insert(&line, &condition, NOW).unwrap();
    let after = entries(&store);
    assert!(after.iter().all(|entry| entry.0 == NEW || all.contains(entry)));
    if stored == Stored::Done {
        assert_eq!(store.lookup(&NEW).unwrap().object.as_deref(), Some(OBJECT.as_bytes()));
    }
});

fn entries(store: &Store) -> Vec<(Name, Vec<u8>)> {
    let contents = store.contents().unwrap();
    contents.entries().map(|(name, object)| (name, object.into_owned())).collect()
}
