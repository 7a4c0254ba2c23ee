//! The format of the cache file: writers, readers, damaged files, generations.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;

use proptest::prelude::*;
use tempfile::TempDir;

use super::layout::{HEADER_LENGTH, INDEX_END, IndexRow, NAME_DIGITS, ROW_LENGTH, VERSION, line_prefix};
use super::*;

const NOW: Duration = Duration::from_secs(1_769_846_400);
const LATER_UNIX_S: u64 = NOW.as_secs() + 840;
const EARLIER: Duration = Duration::from_secs(1_769_846_399);
const EMPTY: LineSnapshot = LineSnapshot { object: None, generation: 0, file: None };
const ANY: Condition<'static> = Condition { snapshot: &EMPTY, taken: EARLIER, renews: false };

/// A cache file in a directory of its own.
struct Scratch {
    directory: TempDir,
    store: Store,
}

impl Scratch {
    fn new() -> Scratch {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::at(&directory.path().join("token.json")).unwrap();
        Scratch { directory, store }
    }

    fn remove(&self, names: &[Name]) -> Result<usize> {
        self.store.remove(NOW, &mut names.to_vec(), &mut |_, _| false)
    }

    /// With a file that holds `bytes`, private as the store makes it.
    fn with(bytes: &[u8]) -> Scratch {
        let scratch = Scratch::new();
        scratch.store.clear(NOW).unwrap();
        scratch.overwrite(bytes);
        scratch
    }

    fn overwrite(&self, bytes: &[u8]) {
        fs::write(self.store.path(), bytes).unwrap();
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.store.path()).unwrap()
    }

    fn file_names(&self) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    fn line(&self, name: &Name) -> Option<String> {
        self.store.lookup(name).unwrap().object.map(|line| String::from_utf8(line).unwrap())
    }

    fn all(&self) -> Vec<(Name, String)> {
        let mut all = Vec::new();
        let mut push =
            |name: &Name, object: &[u8]| all.push((*name, String::from_utf8(object.to_vec()).unwrap()));
        self.store.visit(&self.store.contents().unwrap(), &mut push).unwrap();
        all
    }

    fn insert(&self, name: Name, object: &str, expected: &Condition<'_>) -> Stored {
        insert(&self.store, line(name, object, LATER_UNIX_S), expected, NOW).unwrap()
    }
}

fn line(name: Name, object: &str, expires_unix_s: u64) -> NewLine {
    NewLine { name, object: object.to_owned(), expires_unix_s }
}

fn insert(store: &Store, line: NewLine, condition: &Condition<'_>, now: Duration) -> Result<Stored> {
    store.insert(&store.open_folder()?, line, condition, now)
}

fn name(number: u128) -> Name {
    number.to_be_bytes()
}

fn object(name: &Name) -> String {
    format!("{{\"it is\":\"{:032x}\"}}", u128::from_be_bytes(*name))
}

fn file_with(names: &[Name]) -> Vec<u8> {
    let mut file = CacheFile::default();
    file.generation = 7;
    for name in names {
        file.put(*name, object(name), LATER_UNIX_S);
    }
    bytes_of(&file)
}

fn bytes_of(file: &CacheFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(file.write(&mut bytes).unwrap());
    bytes
}

/// What a writer would make of a file.
fn rewritten(bytes: &[u8]) -> Vec<u8> {
    let mut file = CacheFile::read(file_of(bytes)).unwrap();
    file.drop_damaged().unwrap();
    bytes_of(&file)
}

/// What any JSON tool sees in a file: its generation, and every entry, to which a row leads.
fn read_as_json(bytes: &[u8]) -> (u64, BTreeMap<String, serde_json::Value>) {
    let document: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    let entries = document["entries"].as_object().unwrap();
    let rows = document["index"].as_array().unwrap();
    assert_eq!(document["version"], VERSION);
    assert_eq!(rows.len(), entries.len());
    for row in rows {
        let name = row[0].as_str().unwrap();
        let offset = row[1].as_u64().unwrap() as usize;
        let line = &bytes[offset..offset + row[2].as_u64().unwrap() as usize];
        let (quoted, object) = line.split_at(NAME_DIGITS + 3);
        assert_eq!(quoted, format!("\"{name}\":").as_bytes());
        assert_eq!(serde_json::from_slice::<serde_json::Value>(object).unwrap(), entries[name]);
    }
    let names: Vec<_> = rows.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert!(names.is_sorted());
    (document["generation"].as_u64().unwrap(), entries.clone().into_iter().collect())
}

#[test]
fn what_is_stored_is_found_and_nothing_else() {
    let scratch = Scratch::new();
    assert_eq!(scratch.insert(name(1), "{\"a\":1}", &ANY), Stored::Done);
    assert_eq!(scratch.insert(name(2), "{\"b\":2}", &ANY), Stored::Done);
    assert_eq!(scratch.insert(name(1), "{\"a\":3}", &ANY), Stored::Done);
    assert_eq!(scratch.line(&name(1)).as_deref(), Some("{\"a\":3}"));
    assert_eq!(scratch.line(&name(2)).as_deref(), Some("{\"b\":2}"));
    assert_eq!(scratch.line(&name(3)), None);
    assert_eq!(scratch.all(), [(name(1), "{\"a\":3}".to_owned()), (name(2), "{\"b\":2}".to_owned())]);
}

#[test]
fn the_file_is_json_that_any_tool_reads() {
    let scratch = Scratch::new();
    for number in [300, 0, u128::MAX, 5] {
        scratch.insert(name(number), &object(&name(number)), &ANY);
        read_as_json(&scratch.bytes());
    }
    let (generation, entries) = read_as_json(&scratch.bytes());
    assert_eq!((generation, entries.len()), (0, 4));
    scratch.store.clear(NOW).unwrap();
    assert_eq!(read_as_json(&scratch.bytes()), (1, BTreeMap::new()));
}

#[test]
fn the_first_line_says_where_the_entries_are() {
    let expected = "{\"version\":1,\"generation\":         7,\"entries_at\":         233,\"index\":[\n\
        [\"00000000000000000000000000000001\",         233,      79,  1769847240],\n\
        [\"ffffffffffffffffffffffffffffffff\",         314,      79,  1769847240] \n\
        ],\"entries\":{\n\
        \"00000000000000000000000000000001\":{\"it is\":\"00000000000000000000000000000001\"},\n\
        \"ffffffffffffffffffffffffffffffff\":{\"it is\":\"ffffffffffffffffffffffffffffffff\"}\n\
        }}\n";
    let bytes = file_with(&[name(u128::MAX), name(1)]);
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn a_written_file_is_read_back() {
    for count in [0, 1, 2, 60] {
        let names: Vec<Name> = (0..count).map(|number| name(number * 0x1234_5678_9abc_def0)).collect();
        let bytes = file_with(&names);
        assert_eq!(rewritten(&bytes), bytes);
    }
}

/// Names as evenly spread as hashes, always the same ones (splitmix64).
fn spread_names(count: u64) -> Vec<Name> {
    let mix = |seed: u64| {
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u128::from(mixed ^ (mixed >> 31))
    };
    let seed = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (1..=count).map(|number| name(mix(seed(2 * number)) << 64 | mix(seed(2 * number + 1)))).collect()
}

fn assert_each_is_found(names: &[Name]) {
    let scratch = Scratch::with(&file_with(names));
    for wanted in names {
        assert_eq!(scratch.line(wanted), Some(object(wanted)));
    }
    let numbers = names.iter().map(|name| u128::from_be_bytes(*name));
    let beside =
        numbers.flat_map(|number| [number.wrapping_sub(1), number.wrapping_add(1), number ^ 1 << 127]);
    for absent in beside.chain([0, u128::MAX]).map(name).filter(|beside| !names.contains(beside)) {
        assert_eq!(scratch.line(&absent), None);
    }
}

#[test]
fn each_of_any_number_of_entries_is_found() {
    for count in [0, 1, 2, 3, 60, 1000] {
        assert_each_is_found(&spread_names(count));
    }
}

#[test]
fn names_that_are_not_spread_are_found_too() {
    let numbers: [Vec<u128>; 7] = [
        (0..300).collect(),
        (0..300).map(|number| u128::MAX - number).collect(),
        (0..128).map(|bit| 1 << bit).collect(),
        (0..128).map(|bit| !(1 << bit)).collect(),
        (0..300).map(|number| 0x8000_0000 << 96 | number).chain([0, u128::MAX]).collect(),
        (0..32u32).flat_map(|bit| [1 << (96 + bit), (1 << (96 + bit)) - 1, u128::MAX >> bit]).collect(),
        vec![0, 1, 1 << 96, u128::MAX - 1, u128::MAX],
    ];
    for numbers in numbers {
        let mut names: Vec<Name> = numbers.into_iter().map(name).collect();
        names.sort_unstable();
        names.dedup();
        assert_each_is_found(&names);
    }
}

#[test]
fn a_removal_refuses_late_stores_of_that_entry_alone() {
    let scratch = Scratch::new();
    scratch.insert(name(1), "{}", &ANY);
    scratch.insert(name(2), "{}", &ANY);
    assert_eq!(scratch.remove(&[name(1), name(9)]).unwrap(), 1);
    assert_eq!(scratch.line(&name(1)), None);
    assert_eq!(scratch.all(), [(name(2), "{}".to_owned())]);

    let since = |taken| Condition { taken, ..ANY };
    assert_eq!(scratch.insert(name(1), "{}", &since(NOW)), Stored::TooLate);
    assert_eq!(scratch.insert(name(9), "{}", &ANY), Stored::TooLate);
    assert_eq!(scratch.insert(name(2), "{\"a\":1}", &ANY), Stored::Done);
    assert_eq!(scratch.insert(name(3), "{}", &ANY), Stored::Done);
    assert_eq!(scratch.insert(name(1), "{}", &since(NOW + Duration::from_nanos(1))), Stored::Done);
    assert_eq!(scratch.line(&name(1)).as_deref(), Some("{}"));
    assert_eq!(scratch.remove(&[]).unwrap(), 0);
}

#[test]
fn clearing_refuses_every_late_store() {
    let scratch = Scratch::new();
    scratch.insert(name(1), "{}", &ANY);
    scratch.remove(&[name(2)]).unwrap();
    assert_eq!(scratch.store.clear(NOW).unwrap(), 1);
    assert!(scratch.all().is_empty());
    assert_eq!(scratch.insert(name(3), "{}", &ANY), Stored::TooLate);
    let snapshot = scratch.store.lookup(&name(3)).unwrap();
    assert_eq!(snapshot.generation, 1);
    assert_eq!(scratch.insert(name(3), "{}", &Condition { snapshot: &snapshot, ..ANY }), Stored::Done);
}

#[test]
fn a_removal_is_forgotten_after_an_hour() {
    let scratch = Scratch::new();
    scratch.remove(&[name(1)]).unwrap();
    let line = || line(name(1), "{}", LATER_UNIX_S + 10_000);
    let stored = insert(&scratch.store, line(), &ANY, NOW + REMOVAL_MEMORY + Duration::from_secs(1)).unwrap();
    assert_eq!(stored, Stored::Done);
}

#[test]
fn a_removal_before_the_first_store_counts() {
    let scratch = Scratch::new();
    assert_eq!(scratch.store.clear(NOW).unwrap(), 0);
    assert_eq!(scratch.insert(name(1), "{}", &ANY), Stored::TooLate);
}

#[test]
fn a_refresh_replaces_only_the_entry_that_it_renews() {
    let scratch = Scratch::new();
    let one = LineSnapshot { object: Some(b"{\"a\":1}".to_vec()), generation: 0, file: None };
    let renews = Condition { snapshot: &one, renews: true, ..ANY };
    assert_eq!(scratch.insert(name(1), "{\"a\":2}", &renews), Stored::TooLate);
    scratch.insert(name(1), "{\"a\":1}", &ANY);
    assert_eq!(scratch.insert(name(2), "{\"a\":2}", &renews), Stored::TooLate);
    assert_eq!(scratch.insert(name(1), "{\"a\":2}", &renews), Stored::Done);
    assert_eq!(scratch.insert(name(1), "{\"a\":3}", &renews), Stored::TooLate);
    assert_eq!(scratch.line(&name(1)).as_deref(), Some("{\"a\":2}"));
}

/// Memory would otherwise grow with the square of the file's size.
#[test]
fn lines_that_overlap_are_dropped() {
    let names: Vec<Name> = (1..=3).map(name).collect();
    let bytes = file_with(&names);
    let first = IndexRow::parse(&bytes[HEADER_LENGTH..][..ROW_LENGTH]).unwrap();
    let rows: Vec<_> =
        (1..=3).map(|number| IndexRow { name: name(number), ..first }.text(number == 3)).collect();
    let mut forged = bytes.clone();
    forged[HEADER_LENGTH..][..3 * ROW_LENGTH].copy_from_slice(&rows.concat());
    assert_eq!(CacheFile::read(file_of(&forged)).unwrap().lines.len(), 1);
}

/// Entries that are longer than what is read and written at once.
#[test]
fn entries_of_any_length_are_kept() {
    let scratch = Scratch::new();
    let lengths = [1, 60_000, 64 << 10, 200_000, 0, 7, 70_000, 65_535, 3, 500_000];
    let object = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length));
    for (number, length) in (0..).zip(lengths) {
        scratch.insert(name(number), &object(length), &ANY);
    }
    read_as_json(&scratch.bytes());
    for (number, length) in (0..).zip(lengths) {
        assert!(scratch.line(&name(number)) == Some(object(length)), "{length}");
    }
}

#[test]
fn a_file_is_written_in_few_large_pieces() {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += 1;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for (entries, most) in [(0, 1), (1, 1), (10, 1), (10_000, 7)] {
        let bytes = file_with(&spread_names(entries));
        let mut count = Count(0);
        assert!(CacheFile::read(file_of(&bytes)).unwrap().write(&mut count).unwrap());
        assert!(count.0 <= most, "{entries} entries, {} bytes: {} writes", bytes.len(), count.0);
    }
}

#[test]
fn a_store_drops_damaged_lines_and_keeps_the_others() {
    let (names, mut bytes, starts) = three_entries();
    bytes[starts[1] - 1] = b'?';
    let scratch = Scratch::with(&bytes);
    assert_eq!(
        scratch.insert(
            name(1),
            "{}",
            &Condition { snapshot: &scratch.store.lookup(&name(1)).unwrap(), ..ANY }
        ),
        Stored::Done
    );
    read_as_json(&scratch.bytes());
    let kept: Vec<Name> = scratch.all().into_iter().map(|(name, _)| name).collect();
    let mut expected = vec![name(1), names[0], names[2]];
    expected.sort_unstable();
    assert_eq!(kept, expected);
    assert_eq!(scratch.file_names(), ["token.json", "token.json.lock"]);
}

#[test]
fn a_write_drops_what_has_expired() {
    let scratch = Scratch::new();
    for (number, expires_unix_s) in [(1, 99), (2, 100), (3, 101), (4, 102)] {
        let line = || line(name(number), "{}", expires_unix_s);
        insert(&scratch.store, line(), &ANY, Duration::from_secs(1)).unwrap();
    }
    assert_eq!(scratch.all().len(), 4);
    let line = || line(name(5), "{}", 200);
    insert(&scratch.store, line(), &ANY, Duration::from_millis(100_500)).unwrap();
    let left: Vec<Name> = scratch.all().into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, [name(3), name(4), name(5)]);
}

#[test]
fn looking_up_makes_nothing() {
    let scratch = Scratch::new();
    assert_eq!(scratch.line(&name(1)), None);
    assert!(scratch.all().is_empty());
    assert!(scratch.file_names().is_empty());

    let deep = Store::at(&scratch.directory.path().join("not/there/token.json")).unwrap();
    assert!(deep.lookup(&name(1)).unwrap().object.is_none());
    assert!(scratch.file_names().is_empty());
}

#[test]
fn a_store_leaves_the_file_and_its_lock_and_nothing_else() {
    let scratch = Scratch::new();
    fs::write(scratch.directory.path().join("token.json.new"), "{\"version\":1,\"gen").unwrap();
    scratch.insert(name(1), "{}", &ANY);
    assert_eq!(scratch.file_names(), ["token.json", "token.json.lock"]);
}

#[test]
fn a_missing_directory_is_made() {
    let scratch = Scratch::new();
    let store = Store::at(&scratch.directory.path().join("a/b/token.json")).unwrap();
    let line = || line(name(1), "{}", LATER_UNIX_S);
    assert_eq!(insert(&store, line(), &ANY, NOW).unwrap(), Stored::Done);
    assert!(store.lookup(&name(1)).unwrap().object.is_some());
}

/// The directory may change while a plugin runs. On Windows it cannot, because the lock file in it is open.
#[cfg(unix)]
#[test]
fn a_directory_that_was_removed_or_replaced_meanwhile_is_opened_again() {
    let scratch = Scratch::new();
    let directory = scratch.directory.path().join("made");
    let store = Store::at(&directory.join("token.json")).unwrap();
    let line = || line(name(1), "{}", LATER_UNIX_S);
    let remove = || fs::remove_dir_all(&directory).unwrap();
    let replace = || {
        fs::rename(&directory, scratch.directory.path().join("elsewhere")).unwrap();
        fs::create_dir(&directory).unwrap();
    };
    for change in [&remove as &dyn Fn(), &replace] {
        let folder = store.open_folder().unwrap();
        change();
        assert_eq!(store.insert(&folder, line(), &ANY, NOW).unwrap(), Stored::Done);
        assert!(store.lookup(&name(1)).unwrap().object.is_some());
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_others_can_write_to_meanwhile_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let folder = scratch.store.open_folder().unwrap();
    fs::set_permissions(scratch.directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let line = || line(name(1), "{}", LATER_UNIX_S);
    assert_eq!(scratch.store.insert(&folder, line(), &ANY, NOW).unwrap_err().kind(), Kind::Cache);
    assert_eq!(scratch.file_names(), ["token.json.lock"]);
}

#[cfg(unix)]
#[test]
fn files_and_directories_are_private_to_the_user() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let store = Store::at(&scratch.directory.path().join("made/token.json")).unwrap();
    store.clear(NOW).unwrap();
    let mode =
        |path: &str| fs::metadata(scratch.directory.path().join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!([mode("made"), mode("made/token.json"), mode("made/token.json.lock")], [0o700, 0o600, 0o600]);
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_not_trusted_and_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::with(&file_with(&[name(1)]));
    fs::set_permissions(scratch.store.path(), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(scratch.line(&name(1)), None);
    assert!(scratch.all().is_empty());
    assert_eq!(scratch.insert(name(2), "{}", &ANY), Stored::Done);
    assert_eq!((scratch.line(&name(1)), scratch.line(&name(2))), (None, Some("{}".to_owned())));
    assert_eq!(fs::metadata(scratch.store.path()).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_path_without_file_name_is_refused() {
    assert_eq!(Store::at(Path::new("..")).err().map(|error| error.kind()), Some(Kind::Cache));
}

#[test]
fn a_newer_version_is_a_miss_and_stays_as_it_is() {
    for bytes in ["{\"version\":2,\"generation\":7,", "{\"version\":   18446744073709551615,\"generation\":"]
    {
        let scratch = Scratch::with(bytes.as_bytes());
        assert_eq!(scratch.line(&name(1)), None);
        assert!(scratch.all().is_empty());
        let line = || line(name(1), "{}", LATER_UNIX_S);
        assert_eq!(insert(&scratch.store, line(), &ANY, NOW).unwrap_err().kind(), Kind::Cache);
        assert_eq!(scratch.store.clear(NOW).unwrap_err().kind(), Kind::Cache);
        assert!(scratch.store.contents().unwrap().is_newer());
        assert_eq!(scratch.bytes(), bytes.as_bytes());
    }
}

#[test]
fn what_a_crash_leaves_of_a_file_is_a_miss_and_is_replaced() {
    let file = file_with(&[name(2)]);
    let zeros = [0; 4096];
    let beginnings = (0..file.len()).map(|length| &file[..length]);
    for bytes in beginnings.chain([&zeros[..], &zeros[..1]]) {
        let scratch = Scratch::with(bytes);
        let snapshot = scratch.store.lookup(&name(1)).unwrap();
        assert!(snapshot.object.is_none());
        assert_eq!(scratch.insert(name(1), "{}", &Condition { snapshot: &snapshot, ..ANY }), Stored::Done);
        assert_eq!(scratch.line(&name(1)).as_deref(), Some("{}"));
        read_as_json(&scratch.bytes());
    }
}

/// A file of another program, also one that begins with zeros as a disk image does.
#[test]
fn a_file_that_is_not_ours_is_an_error_and_stays() {
    let image = [&[0; 4096][..], b"data"].concat();
    for bytes in [
        &b"apiVersion: v1\nkind: Config\n"[..],
        b"{}",
        b"null",
        b"\n",
        b" {\"version\":1,\"generation\":",
        b"{\"version\":1,\"generation\":x",
        b"{\"version\":1,\"generation\":7,\"notes\":\"keep me\"}",
        b"{\"version\":1,\"generation\":         7,\"notes\":\"keep me\"}",
        b"{\"version\":0,\"generation\":         7}",
        b"{\"version\":\"1\"}",
        b"{\"version\":1}",
        b"{\"version\":99999999999999999999}",
        b"{\"version\":1,\"index\":[],\"entries\":{}}",
        b"{\"version\":4,\"terraform_version\":\"1.9\"}",
        &[0xff; 100],
        &image,
    ] {
        let scratch = Scratch::with(bytes);
        assert_eq!(scratch.line(&name(1)), None);
        let line = || line(name(1), "{}", LATER_UNIX_S);
        let errors = [
            insert(&scratch.store, line(), &ANY, NOW).map(drop),
            scratch.store.clear(NOW).map(drop),
            scratch.remove(&[name(1)]).map(drop),
            scratch.store.contents().map(drop),
        ];
        for error in errors.map(|result| result.unwrap_err()) {
            assert_eq!(error.kind(), Kind::Cache);
            assert!(error.text().contains("token.json"), "{error}");
        }
        assert!(scratch.bytes() == bytes);
        assert_eq!(scratch.file_names(), ["token.json", "token.json.lock"]);
    }
}

#[test]
fn a_temporary_or_lock_file_that_is_not_ours_is_an_error_and_stays() {
    for file in ["token.json.new", "token.json.lock"] {
        let scratch = Scratch::new();
        let path = scratch.directory.path().join(file);
        fs::write(&path, "precious").unwrap();
        let error = scratch.store.clear(NOW).unwrap_err();
        assert!(error.text().contains(file), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert!(!scratch.store.path().exists());
    }
}

/// A full table of files, an error of the disk: what cannot be read now can be read later.
#[test]
fn a_file_that_cannot_be_read_is_an_error_and_not_empty() {
    let scratch = Scratch::with(&file_with(&[name(1)]));
    let only_writable = File::options().write(true).open(scratch.store.path()).unwrap();
    assert!(CacheFile::read(only_writable).is_err());
}

#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file_is_an_error_and_stays() {
    use std::os::unix::{fs::symlink, net::UnixListener};
    let socket = |path: &Path| drop(UnixListener::bind(path).unwrap());
    let places: [&dyn Fn(&Path); 4] = [
        &|path| symlink("nowhere", path).unwrap(),
        &|path| symlink(path, path).unwrap(),
        &|path| fs::create_dir(path).unwrap(),
        &socket,
    ];
    for place in places {
        let scratch = Scratch::new();
        place(scratch.store.path());
        assert_eq!(scratch.line(&name(1)), None);
        let before = fs::symlink_metadata(scratch.store.path()).unwrap().file_type();
        assert_eq!(scratch.store.clear(NOW).unwrap_err().kind(), Kind::Cache);
        assert_eq!(scratch.store.contents().err().map(|error| error.kind()), Some(Kind::Cache));
        assert!(fs::symlink_metadata(scratch.store.path()).unwrap().file_type() == before);
        assert_eq!(scratch.file_names(), ["token.json"]);
    }
}

/// Numbers in the header that no writer writes.
#[test]
fn a_header_with_wrong_numbers_is_a_miss() {
    let header = |generation: &str, entries_at: &str| {
        let text =
            format!("{{\"version\":1,\"generation\":{generation},\"entries_at\":{entries_at},\"index\":[\n");
        assert_eq!(text.len(), HEADER_LENGTH);
        text
    };
    let row = IndexRow { name: name(1), offset: 0, length: 0, expires_unix_s: LATER_UNIX_S };
    let rows = String::from_utf8(row.text(false).to_vec()).unwrap();
    let most_rows = (999_999_999_999 - HEADER_LENGTH - INDEX_END.len()) / ROW_LENGTH;
    let most = HEADER_LENGTH + INDEX_END.len() + most_rows * ROW_LENGTH;
    for start in [
        header("         7", "           0"),
        header("         7", &format!("{:12}", HEADER_LENGTH + INDEX_END.len() - 1)),
        header("         7", &format!("{most:12}")),
        header("9999999999", "999999999999"),
    ] {
        let scratch = Scratch::with((start.clone() + &rows.repeat(100)).as_bytes());
        for number in [0, 1, 1 << 64, u128::MAX] {
            assert_eq!(scratch.line(&name(number)), None, "{start}");
        }
        scratch.store.clear(NOW).unwrap();
        let snapshot = scratch.store.lookup(&name(1)).unwrap();
        assert_eq!(scratch.insert(name(1), "{}", &Condition { snapshot: &snapshot, ..ANY }), Stored::Done);
        assert_eq!(scratch.line(&name(1)).as_deref(), Some("{}"));
    }
}

/// The file of three entries, and where the object of each begins.
fn three_entries() -> (Vec<Name>, Vec<u8>, Vec<usize>) {
    let names = spread_names(3);
    let bytes = file_with(&names);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let starts = names.iter().map(|name| text.find(&object(name)).unwrap()).collect();
    (names, bytes, starts)
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Every way in which one byte of a file can be another, as far as it matters.
fn damaged_files(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..bytes.len()).flat_map(move |at| {
        let others = *b"9 \"}\n\xff";
        others.into_iter().chain([bytes[at] ^ 1]).filter(move |other| *other != bytes[at]).map(move |other| {
            let mut damaged = bytes.to_vec();
            damaged[at] = other;
            (at, damaged)
        })
    })
}

#[test]
fn a_damaged_byte_gives_a_miss_or_the_line_at_its_place() {
    let (names, bytes, starts) = three_entries();
    let file = file_of(&bytes);
    let rows = HEADER_LENGTH..HEADER_LENGTH + 3 * ROW_LENGTH;
    for (at, damaged) in damaged_files(&bytes) {
        sys::write_all_at(&file, &damaged[at..=at], at as u64).unwrap();
        for (name, start) in names.iter().zip(&starts) {
            let own = object(name);
            let is_own = (start - line_prefix(name).len()..start + own.len()).contains(&at);
            match lookup_in(&file, name).and_then(|snapshot| snapshot.object) {
                Some(line) if is_own || rows.contains(&at) => {
                    assert!(damaged[*start..].starts_with(&line), "{at}")
                }
                Some(line) => assert_eq!(line, own.as_bytes(), "{at}"),
                None => assert!(is_own || at < rows.end, "{at}"),
            }
        }
        sys::write_all_at(&file, &bytes[at..=at], at as u64).unwrap();
    }
}

/// Damage inside an object is noticed when the entry is opened.
#[test]
fn a_write_repairs_a_damaged_file_and_keeps_undamaged_entries() {
    let (names, bytes, starts) = three_entries();
    let (_, whole) = read_as_json(&bytes);
    let is_in_an_object =
        |at| starts.iter().any(|start| (*start..start + object(&names[0]).len()).contains(&at));
    for (at, damaged) in damaged_files(&bytes).filter(|(at, _)| !is_in_an_object(*at)) {
        let (_, kept) = read_as_json(&rewritten(&damaged));
        assert!(kept.iter().all(|(name, object)| whole.get(name) == Some(object)), "{at}");
        assert!(kept.len() >= 2 || at < HEADER_LENGTH, "{at}");
    }
}

#[test]
fn a_file_that_is_cut_short_gives_a_miss_or_the_whole_line() {
    let (names, bytes, starts) = three_entries();
    for length in 0..bytes.len() {
        let file = file_of(&bytes[..length]);
        for (name, start) in names.iter().zip(&starts) {
            let own = object(name);
            let expected = (length >= start + own.len()).then_some(own.into_bytes());
            assert_eq!(lookup_in(&file, name).and_then(|snapshot| snapshot.object), expected, "{length}");
        }
        read_as_json(&rewritten(&bytes[..length]));
    }
}

#[test]
fn writers_side_by_side_lose_nothing() {
    let scratch = Scratch::new();
    let names = spread_names(40);
    std::thread::scope(|scope| {
        for part in names.chunks(10) {
            scope.spawn(|| {
                part.iter().for_each(|name| {
                    assert_eq!(scratch.insert(*name, &object(name), &ANY), Stored::Done);
                })
            });
        }
    });
    assert!(names.iter().all(|name| scratch.line(name) == Some(object(name))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_make_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[0-9 ]{1,14}|[\\x00-\\xff]{1,3}"), 1..6),
        wanted in any::<Name>(),
    ) {
        let (names, mut bytes, _) = three_entries();
        for (at, inserted) in changes {
            let at = at.index(bytes.len());
            let end = (at + inserted.len()).min(bytes.len());
            bytes.splice(at..end, inserted.bytes());
        }
        let file = file_of(&bytes);
        for name in names.iter().chain([&wanted]) {
            let _ = lookup_in(&file, name);
        }
        let mended = rewritten(&bytes);
        prop_assert_eq!(rewritten(&mended), mended);
    }

    #[test]
    fn a_number_is_read_with_its_padding(number in any::<u64>(), padding in " {0,12}", rest in "[^0-9].{0,5}|") {
        let text = format!("n:{padding}{number}{rest}");
        let mut left = text.as_bytes();
        prop_assert_eq!(number_after(&mut left, b"n:"), Some(number));
        prop_assert_eq!(left, rest.as_bytes());
    }
}

#[test]
fn what_is_no_number_is_not_read() {
    for text in ["", "n", "n:", "n: ", "n:x", "n:-1", "n:+1", "n:\t1", "m:1", "n:18446744073709551616"] {
        assert_eq!(number_after(&mut text.as_bytes(), b"n:"), None, "{text}");
    }
}
