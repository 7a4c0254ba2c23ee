//! Any bytes as the cache file: looks up, lists, stores, removes and clears. The new file has the entries
//! that could be read, and the new one. A file that is not ours stays as it is.
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
    write(content);
    let store = Store::at(&PATH).unwrap();
    let snapshot = store.lookup(&NEW).unwrap();
    let condition = Condition { snapshot: &snapshot, taken: NOW, renews: false };
    let insert = || {
        let line = NewLine { name: NEW, object: OBJECT.to_owned(), expires_unix_s: NOW.as_secs() + 60 };
        store.insert(&store.open_folder()?, line, &condition, NOW)
    };
    let remove = || store.remove(NOW, &mut vec![NEW], &mut |_, _| false);
    if !store.contents().is_ok_and(|contents| !contents.is_newer()) {
        assert!(insert().is_err());
        assert!(remove().is_err());
        assert!(store.clear(NOW).is_err());
        assert_eq!(fs::read(&*PATH).unwrap(), content);
        return;
    }
    let all = entries(&store);
    assert!(all.is_sorted_by(|one, next| one.0 < next.0));
    // Lines that overlap would make the entries larger than the file.
    assert!(all.iter().map(|(_, object)| object.len()).sum::<usize>() <= content.len());
    for (name, _) in &all {
        let _ = store.lookup(name).unwrap();
    }
    let stored = insert().unwrap();
    let after = entries(&store);
    assert!(after.iter().all(|entry| entry.0 == NEW || all.contains(entry)));
    if stored == Stored::Done {
        assert_eq!(store.lookup(&NEW).unwrap().object.as_deref(), Some(OBJECT.as_bytes()));
        assert!(fs::metadata(&*PATH).unwrap().len() as usize <= 2 * content.len() + 1024);
    }
    write(content);
    remove().unwrap();
    assert!(entries(&store).iter().all(|entry| entry.0 != NEW && all.contains(entry)));
    write(content);
    assert!(store.clear(NOW).unwrap() <= all.len());
    assert!(entries(&store).is_empty());
});

fn write(content: &[u8]) {
    fs::write(&*PATH, content).unwrap();
    fs::set_permissions(&*PATH, Permissions::from_mode(0o600)).unwrap();
}

fn entries(store: &Store) -> Vec<(Name, Vec<u8>)> {
    let mut entries = Vec::new();
    store
        .visit(&store.contents().unwrap(), &mut |name, object| entries.push((*name, object.to_vec())))
        .unwrap();
    entries
}
