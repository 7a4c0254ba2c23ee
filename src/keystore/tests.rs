//! What the key store promises on every system. The modules below test Unix files, Windows files and the
//! Linux keyring.

#![allow(unsafe_code)]

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;

use tempfile::TempDir;

use super::*;

const KEY: [u8; 32] = *b"\x00\x01\xfe\xff-this-is-the-key-of-a-test--";
const KEY_BASE64: &str = "AAH+/y10aGlzLWlzLXRoZS1rZXktb2YtYS10ZXN0LS0=";

/// A state directory that does not exist yet, in a temporary folder.
struct Home {
    dir: TempDir,
}

impl Home {
    fn new() -> Home {
        Home { dir: tempfile::tempdir().unwrap() }
    }

    fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state/k8s-token-cache")
    }

    fn with_key_file(content: &[u8]) -> Home {
        let home = Home::new();
        fs::create_dir_all(home.state_dir()).unwrap();
        crate::sys::create_private(&home.key_file()).unwrap();
        fs::write(home.key_file(), content).unwrap();
        home
    }

    fn key_file(&self) -> PathBuf {
        key_file(&self.state_dir())
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.state_dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// A key that can be compared. Not even a test prints one.
#[derive(PartialEq)]
struct Found([u8; 32], KeyOrigin);

impl From<(SecretKey, KeyOrigin)> for Found {
    fn from((key, source): (SecretKey, KeyOrigin)) -> Found {
        Found(*key.expose(), source)
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found(secret, {:?})", self.1)
    }
}

#[cfg(target_os = "linux")]
fn found(places: &Places<'_>, mode: Mode) -> Option<Found> {
    places.find(mode).unwrap().map(Found::from)
}

#[cfg(target_os = "linux")]
fn made(places: &Places<'_>, mode: Mode) -> Found {
    Found::from(places.find_or_create(mode).unwrap())
}

/// Does `work` in `count` threads at the same time.
fn at_once<T: Send>(count: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        let run = || {
            barrier.wait();
            work()
        };
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn all_equal<T: PartialEq>(values: &[T]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

#[test]
fn a_key_from_the_environment_may_lack_padding_and_have_white_space_around_it() {
    for value in
        [KEY_BASE64.to_owned(), KEY_BASE64.trim_end_matches('=').to_owned(), format!("  {KEY_BASE64}\r\n")]
    {
        assert!(from_environment(OsStr::new(&value)).unwrap().expose() == &KEY, "{value:?}");
    }
}

#[test]
fn a_bad_key_from_the_environment_is_an_error_that_never_shows_it() {
    for value in [
        "",
        "=",
        "hunter2hunter2hunter2hunter2hunter2hunter2hu",
        "hunter2hunter2hunter2hunter2hunter2hunter2h-",
        "hunter2hunter2hunter2hunter2hunter2hunter2==",
        "hunter2hunter2hunter2hunter2hunter2hunter2hunter2",
        "hunter2 hunter2",
    ] {
        let error = from_environment(OsStr::new(value)).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains("K8S_TOKEN_CACHE_ENCRYPTION_KEY") && shown.contains("32 bytes in base64"),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn sources_keep_their_numbers() {
    assert_eq!([KeyOrigin::Environment, KeyOrigin::Keyring, KeyOrigin::File].map(KeyOrigin::code), [1, 2, 3]);
}

#[test]
fn random_bytes_are_random() {
    let [mut first, mut second] = [[0; 600]; 2];
    fill_random(&mut first).unwrap();
    fill_random(&mut second).unwrap();
    assert_ne!(first, second);
    // One byte in 256 is zero, so 8 zeros in a row are not random.
    assert!(!first.windows(8).any(|window| window == [0; 8]));
    fill_random(&mut []).unwrap();
}

#[test]
fn looking_for_a_key_creates_nothing() {
    let home = Home::new();
    assert!(find(Mode::File, Some(&home.state_dir())).unwrap().is_none());
    assert!(find(Mode::File, None).unwrap().is_none());
    assert!(fs::read_dir(home.dir.path()).unwrap().next().is_none());
}

#[test]
fn a_key_file_is_created_once_and_found_again() {
    let home = Home::new();
    let state_dir = home.state_dir();
    let made = Found::from(find_or_create(Mode::File, Some(&state_dir)).unwrap());
    let found = find(Mode::File, Some(&state_dir)).unwrap().unwrap();
    let again = find_or_create(Mode::File, Some(&state_dir)).unwrap();
    assert_eq!(Found::from(found), made);
    assert_eq!(Found::from(again), made);
    assert_eq!(made.1, KeyOrigin::File);
    assert_ne!(made, Found([0; 32], KeyOrigin::File));
    assert_eq!(home.names(), ["key", "key.lock"]);
}

#[test]
fn two_homes_have_two_keys() {
    let [first, second] =
        [Home::new(), Home::new()].map(|home| find_or_create(Mode::File, Some(&home.state_dir())).unwrap());
    assert_ne!(Found::from(first), Found::from(second));
}

#[test]
fn processes_that_are_first_at_the_same_time_get_one_key_file() {
    for _ in 0..20 {
        let home = Home::new();
        let keys = at_once(8, || Found::from(find_or_create(Mode::File, Some(&home.state_dir())).unwrap()));
        assert!(all_equal(&keys));
        assert_eq!(home.names(), ["key", "key.lock"]);
    }
}

#[test]
fn a_key_file_without_its_first_line_or_with_another_version_is_refused() {
    let other_version = [b"k8s-token-cache key 2\n".as_slice(), &KEY].concat();
    for content in [b"".as_slice(), &KEY, b"k8s-token-cache key 1", &other_version] {
        let home = Home::with_key_file(content);
        for mode in [Mode::File, Mode::Auto] {
            assert_refused(&home, mode, "it is not a key file that this version knows");
        }
        assert_eq!(fs::read(home.key_file()).unwrap(), content);
    }
}

#[test]
fn an_explicit_mode_without_directory_is_an_error_that_says_why() {
    let error = find_or_create(Mode::File, None).unwrap_err();
    assert_eq!(error.kind(), Kind::Cache);
    assert!(
        error.to_string().starts_with("K8S_TOKEN_CACHE_ENCRYPTION=file: the directory for the key file"),
        "{error}"
    );
}

/// Rejected by `find` and by `find_or_create`, without a keyring.
fn assert_refused(home: &Home, mode: Mode, why: &str) {
    let state_dir = home.state_dir();
    without_keyring(|| {
        let places = Places { keyring: Keyring::OURS, state_dir: Some(&state_dir) };
        for error in [places.find(mode).unwrap_err(), places.find_or_create(mode).unwrap_err()] {
            let shown = error.to_string();
            let expected = format!("cannot use '{}': {why}", home.key_file().display());
            assert!(shown.contains(&expected), "{shown}");
            assert_eq!(shown.starts_with("K8S_TOKEN_CACHE_ENCRYPTION=file: "), mode == Mode::File, "{shown}");
            assert_eq!(error.kind(), Kind::Cache);
        }
    });
}

#[cfg(not(target_os = "linux"))]
fn without_keyring(work: impl FnOnce() + Send) {
    work();
}

#[cfg(target_os = "linux")]
use in_the_keyring::without_keyring;

#[cfg(unix)]
mod in_unix_files {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    const STRANGER: u32 = 61234;

    fn key_file_content(key: &[u8]) -> Vec<u8> {
        [b"k8s-token-cache key 1\n", key].concat()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn is_root(home: &Home) -> bool {
        fs::metadata(home.dir.path()).unwrap().uid() == 0
    }

    #[test]
    fn a_key_file_is_a_line_and_32_bytes_for_its_owner_alone() {
        let home = Home::new();
        let (key, _) = find_or_create(Mode::File, Some(&home.state_dir())).unwrap();
        assert_eq!(fs::read(home.key_file()).unwrap(), key_file_content(key.expose()));
        let mode = |path: PathBuf| fs::symlink_metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(home.key_file()), 0o600);
        assert_eq!(mode(home.state_dir().join("key.lock")), 0o600);
        assert_eq!(mode(home.state_dir()), 0o700);
        assert_eq!(mode(home.dir.path().join("state")), 0o700);
    }

    #[test]
    fn a_key_file_is_read_back() {
        let home = Home::with_key_file(&key_file_content(&KEY));
        let found = find(Mode::File, Some(&home.state_dir())).unwrap().unwrap();
        assert_eq!(Found::from(found), Found(KEY, KeyOrigin::File));
        assert!(is_preferred(Mode::File, KeyOrigin::File) && !is_preferred(Mode::Auto, KeyOrigin::File));
    }

    #[test]
    fn a_key_file_of_another_length_is_refused() {
        for length in [0, 31, 33, 64, 5000] {
            let home = Home::with_key_file(&key_file_content(&vec![7; length]));
            assert_refused(&home, Mode::File, "it has the wrong length\nhint: move it away");
        }
    }

    #[test]
    fn a_key_file_that_others_can_read_or_write_is_refused() {
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601] {
            let home = Home::with_key_file(&key_file_content(&KEY));
            set_mode(&home.key_file(), mode);
            assert_refused(&home, Mode::File, "other users have access to it");
            assert_refused(&home, Mode::Auto, "other users have access to it");
        }
    }

    #[test]
    fn a_key_file_that_is_a_link_or_no_file_is_refused() {
        let target = Home::with_key_file(&key_file_content(&KEY));
        let home = Home::new();
        fs::create_dir_all(home.state_dir()).unwrap();
        symlink(target.key_file(), home.key_file()).unwrap();
        assert_refused(&home, Mode::File, "it is a symbolic link");

        fs::remove_file(home.key_file()).unwrap();
        fs::create_dir(home.key_file()).unwrap();
        assert_refused(&home, Mode::File, "it is not a regular file");

        fs::remove_dir(home.key_file()).unwrap();
        make_fifo(&home.key_file());
        assert_refused(&home, Mode::File, "it is not a regular file");
    }

    #[test]
    fn a_dangling_link_instead_of_a_key_file_is_not_followed() {
        let home = Home::new();
        fs::create_dir_all(home.state_dir()).unwrap();
        symlink(home.dir.path().join("elsewhere"), home.key_file()).unwrap();
        assert_refused(&home, Mode::File, "it is a symbolic link");
        assert!(!home.dir.path().join("elsewhere").exists());
    }

    #[test]
    fn a_key_file_or_directory_of_another_user_is_refused() {
        let home = Home::with_key_file(&key_file_content(&KEY));
        if !is_root(&home) {
            return skipped("only root can give files away");
        }
        chown(home.key_file(), Some(STRANGER), None).unwrap();
        assert_refused(&home, Mode::File, "it belongs to another user");

        let home = Home::new();
        chown(home.dir.path(), Some(STRANGER), None).unwrap();
        let error = find_or_create(Mode::File, Some(&home.state_dir())).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("k8s-token-cache': it would be created in the directory of another user"),
            "{error}"
        );
        assert!(fs::read_dir(home.dir.path()).unwrap().next().is_none());
    }

    #[test]
    fn leftovers_of_a_crash_do_no_harm() {
        let whole = key_file_content(&KEY);
        for left_over in [&b""[..], &whole[..9], &whole[..30], &whole, &[0; 54]] {
            let home = Home::new();
            fs::create_dir_all(home.state_dir()).unwrap();
            fs::write(home.state_dir().join("key.new"), left_over).unwrap();
            fs::write(home.state_dir().join("key.lock"), "").unwrap();
            find_or_create(Mode::File, Some(&home.state_dir())).unwrap();
            assert_eq!(home.names(), ["key", "key.lock"]);
        }
    }

    #[test]
    fn files_beside_the_key_file_that_are_not_ours_stay() {
        for name in ["key.new", "key.lock"] {
            let home = Home::new();
            fs::create_dir_all(home.state_dir()).unwrap();
            let path = home.state_dir().join(name);
            fs::write(&path, "precious").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let result = find_or_create(Mode::File, Some(&home.state_dir()));
            assert_eq!(result.is_err(), name == "key.new");
            assert_eq!(fs::read(&path).unwrap(), b"precious");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        }
    }

    #[test]
    fn a_directory_that_others_can_write_to_gets_no_key() {
        let home = Home::new();
        fs::create_dir_all(home.state_dir()).unwrap();
        fs::set_permissions(home.state_dir(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(find_or_create(Mode::File, Some(&home.state_dir())).is_err());
        assert!(home.names().is_empty());
    }

    #[test]
    fn a_directory_that_cannot_be_created_is_an_error_that_says_why() {
        let home = Home::new();
        fs::write(home.dir.path().join("state"), "").unwrap();
        let error = find_or_create(Mode::File, Some(&home.state_dir())).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("not a directory"), "{shown}");
        assert!(shown.starts_with("K8S_TOKEN_CACHE_ENCRYPTION=file: cannot"), "{shown}");
    }

    fn make_fifo(path: &Path) {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the path ends in NUL and outlives the call.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    }
}

#[cfg(windows)]
mod in_windows_files {
    use super::*;

    #[test]
    fn a_key_file_is_read_back_and_does_not_hold_the_key_itself() {
        let home = Home::new();
        let (key, _) = find_or_create(Mode::Auto, Some(&home.state_dir())).unwrap();
        let content = fs::read(home.key_file()).unwrap();
        assert!(!content.windows(SecretKey::BYTES).any(|part| part == key.expose()));
        let (found, source) = find(Mode::Auto, Some(&home.state_dir())).unwrap().unwrap();
        assert!(found.expose() == key.expose() && source == KeyOrigin::File);
    }

    #[test]
    fn a_key_file_that_was_cut_short_or_changed_is_refused() {
        let home = Home::new();
        find_or_create(Mode::File, Some(&home.state_dir())).unwrap();
        let whole = fs::read(home.key_file()).unwrap();
        fs::write(home.key_file(), &whole[..whole.len() - 1]).unwrap();
        assert_refused(&home, Mode::File, "it cannot be decrypted");
        let mut changed = whole;
        *changed.last_mut().unwrap() ^= 1;
        fs::write(home.key_file(), changed).unwrap();
        assert_refused(&home, Mode::File, "it cannot be decrypted");
    }
}

/// Says on standard error that a promise was not tested; the test runner would hide it.
#[cfg(unix)]
fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

#[cfg(target_os = "linux")]
mod in_the_keyring;
