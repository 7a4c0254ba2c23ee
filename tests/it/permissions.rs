//! Owners and modes of files, and credentials that are printed although the disk is read-only or full.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use crate::cache_file::assert_only_cache_files;
use crate::support::{
    Call, Mount, OTHER_USER, PROGRAM, Sandbox, Setting, await_that, entries_of, is_root, skip,
};

/// A cache in a directory that exists already and has this mode.
fn with_directory(mode: u32) -> (Setting, PathBuf) {
    let setting = Setting::new();
    let directory = setting.path("directory");
    fs::create_dir(&directory).unwrap();
    set_mode(&directory, mode);
    setting.sandbox.set_env("K8S_TOKEN_CACHE_FILE", directory.join("token.json"));
    (setting, directory)
}

fn call(setting: &Setting) -> Call {
    setting.sandbox.shell(&setting.plugin)
}

fn misses(setting: &Setting, argument: &str) -> bool {
    setting.misses(call(setting).arg(argument))
}

fn never_hits(setting: &Setting) -> bool {
    misses(setting, "") && misses(setting, "")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn created_files_and_directories_are_private_under_every_umask() {
    for umask in ["000", "022", "077"] {
        let setting = Setting::new();
        let call = setting.sandbox.tool("/bin/sh");
        let call = call.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh", PROGRAM]);
        call.arg(setting.plugin.command()).run().assert_prints(&setting.credential);
        assert_eq!(mode(&setting.sandbox.cache_directory()), 0o700, "umask {umask}");
        assert_eq!(mode(&setting.sandbox.cache_file()), 0o600, "umask {umask}");
        assert_eq!(mode(&setting.sandbox.lock_file()), 0o600, "umask {umask}");
        assert_eq!(mode(setting.sandbox.home()), 0o700, "umask {umask}");
    }
}

#[test]
fn a_directory_that_existed_before_keeps_its_mode() {
    for given in [0o700, 0o755, 0o711, 0o750, 0o1777, 0o1770, 0o2755] {
        let (setting, directory) = with_directory(given);
        assert!(misses(&setting, ""), "{given:o}");
        assert!(!misses(&setting, ""), "{given:o}");
        assert!(misses(&setting, "another key"), "{given:o}");
        assert_eq!(setting.sandbox.program().arg("--clear").run().code(), 0);
        assert_eq!(mode(&directory), given, "{given:o}");
    }
}

#[test]
fn the_home_directory_keeps_its_mode() {
    let setting = Setting::new();
    set_mode(setting.sandbox.home(), 0o755);
    setting.sandbox.set_env("K8S_TOKEN_CACHE_FILE", setting.sandbox.home().join("token.json"));
    assert!(misses(&setting, ""));
    assert!(!misses(&setting, ""));
    assert_eq!(mode(setting.sandbox.home()), 0o755);
}

#[test]
fn a_directory_that_others_can_write_to_is_not_used() {
    for given in [0o777, 0o770, 0o707, 0o722] {
        let (setting, directory) = with_directory(given);
        assert!(never_hits(&setting), "{given:o}");
        assert_eq!(names(&directory), Vec::<String>::new(), "{given:o}");
        assert_eq!(mode(&directory), given, "{given:o}");
    }
}

/// The directory was private when the cache file was made.
#[test]
fn a_directory_that_became_writable_for_others_gets_no_more_files() {
    let (setting, directory) = with_directory(0o700);
    assert!(misses(&setting, "stored before"));
    set_mode(&directory, 0o777);
    let before = fs::read(directory.join("token.json")).unwrap();
    assert!(never_hits(&setting));
    assert_eq!(fs::read(directory.join("token.json")).unwrap(), before);
    assert_only_cache_files(&directory);
    // Its entries may still be read: another user can rename a private file of this user, but not write
    // to it.
    assert!(!misses(&setting, "stored before"));
}

/// As after a restored backup or a `chmod -R`. Otherwise the cache would miss forever.
#[test]
fn files_that_became_readable_for_others_are_private_after_a_store() {
    for file in [Sandbox::cache_file, Sandbox::lock_file] {
        let setting = Setting::new();
        misses(&setting, "");
        let file = file(&setting.sandbox);
        set_mode(&file, 0o644);
        misses(&setting, "another key");
        assert_eq!(mode(&file), 0o600, "{file:?}");
        assert!(!misses(&setting, "another key"), "{file:?}");
    }
}

#[test]
fn a_file_or_directory_of_another_owner_is_not_used() {
    if !is_root() {
        return skip("only root can change the owner of files");
    }
    let change_owner = |path: &Path| chown(path, Some(OTHER_USER), None).unwrap();

    let (setting, directory) = with_directory(0o755);
    change_owner(&directory);
    assert!(never_hits(&setting), "the directory has another owner");
    assert_eq!(names(&directory), Vec::<String>::new());

    for directory_mode in [0o700, 0o1777] {
        let (setting, directory) = with_directory(directory_mode);
        let file = directory.join("token.json");
        assert!(misses(&setting, ""));
        assert!(!misses(&setting, ""));
        change_owner(&file);
        assert!(misses(&setting, ""), "the file has another owner, in {directory_mode:o}");
    }
}

/// In a sticky directory, any user may have created a link at the path of the cache file.
#[test]
fn a_symlink_of_another_owner_is_not_followed() {
    if !is_root() {
        return skip("only root can change the owner of links");
    }
    for name in ["token.json", "token.json.lock"] {
        let (setting, directory) = with_directory(0o1777);
        let precious = setting.sandbox.home().join("precious");
        fs::write(&precious, "data").unwrap();
        set_mode(&precious, 0o644);
        symlink(&precious, directory.join(name)).unwrap();
        std::os::unix::fs::lchown(directory.join(name), Some(OTHER_USER), None).unwrap();
        misses(&setting, "");
        misses(&setting, "");
        assert_eq!(fs::read(&precious).unwrap(), b"data", "{name}");
        assert_eq!(mode(&precious), 0o644, "{name}");
    }
}

#[test]
fn a_lock_file_deleted_between_calls_does_no_harm() {
    let setting = Setting::new();
    for key in ["one", "two", "three"] {
        assert!(misses(&setting, key));
        fs::remove_file(setting.sandbox.lock_file()).unwrap();
        assert!(!misses(&setting, key));
    }
    assert_eq!(setting.sandbox.entries(), 3);
}

#[test]
fn a_lock_file_deleted_or_replaced_while_held_does_no_harm() {
    for replace in [false, true] {
        let setting = Setting::new();
        setting.plugin.hold();
        let holder = call(&setting).spawn();
        setting.plugin.await_runs(1);
        let waiter = call(&setting).spawn();
        setting.sandbox.await_waiting(waiter.pid());
        fs::remove_file(setting.sandbox.lock_file()).unwrap();
        if replace {
            fs::write(setting.sandbox.lock_file(), "").unwrap();
            set_mode(&setting.sandbox.lock_file(), 0o600);
        }
        let late = call(&setting).arg("another key").spawn();
        // The waiting call may run the plugin too, because the lock that it waited for is gone.
        await_that("the late call runs the plugin", || setting.plugin.runs() >= 2);
        setting.plugin.release();
        for call in [holder, waiter, late] {
            call.finish().assert_prints(&setting.credential);
        }
        assert_eq!(setting.sandbox.entries(), 2);
        let runs = setting.plugin.runs();
        call(&setting).run().assert_prints(&setting.credential);
        assert!(!misses(&setting, "another key"));
        assert_eq!(setting.plugin.runs(), runs, "both of them hit");
    }
}

#[test]
fn without_a_home_directory_the_credential_is_still_printed() {
    let setting = Setting::new();
    // With `file`, a missing home directory is an error.
    setting.sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", "off");
    let homes = [None, Some(""), Some("/proc/no/such/home"), Some("/dev/null")];
    for home in homes {
        for _ in 0..2 {
            let call = call(&setting).without_env("HOME");
            let call = home.into_iter().fold(call, |call, home| call.env("HOME", home));
            call.run().assert_prints(&setting.credential);
        }
    }
    assert_eq!(setting.plugin.runs(), 2 * homes.len());
}

#[test]
fn a_file_instead_of_the_cache_directory_does_not_cost_the_credential() {
    let setting = Setting::new();
    fs::create_dir(setting.sandbox.cache_directory().parent().unwrap()).unwrap();
    fs::write(setting.sandbox.cache_directory(), "in the way").unwrap();
    assert!(never_hits(&setting));
    assert_eq!(fs::read(setting.sandbox.cache_directory()).unwrap(), b"in the way");
}

#[test]
fn a_read_only_cache_still_hits_and_does_not_cost_the_credential() {
    let setting = Setting::new();
    let directory = setting.sandbox.cache_directory();
    // Root ignores modes, but not a read-only file system.
    let mount = if is_root() {
        let Some(mount) = Mount::tmpfs(&directory, "mode=0700,size=1m") else { return };
        Some(mount)
    } else {
        None
    };
    assert!(misses(&setting, "stored"));
    match &mount {
        Some(mount) => mount.make_read_only(),
        None => {
            set_mode(&setting.sandbox.cache_file(), 0o400);
            set_mode(&setting.sandbox.lock_file(), 0o400);
            set_mode(&directory, 0o500);
        }
    }
    assert!(!misses(&setting, "stored"));
    assert!(misses(&setting, "new"));
    assert!(misses(&setting, "new"));
    assert_eq!(setting.sandbox.entries(), 1);
    set_mode_quietly(&directory, 0o700);
}

/// Makes the sandbox removable. Fails on a read-only file system, which is unmounted anyway.
fn set_mode_quietly(path: &Path, mode: u32) {
    let _ = fs::set_permissions(path, Permissions::from_mode(mode));
}

#[test]
fn a_full_disk_keeps_stored_entries_and_does_not_cost_the_credential() {
    let setting = Setting::new();
    let directory = setting.sandbox.cache_directory();
    let Some(_mount) = Mount::tmpfs(&directory, "mode=0700,size=64k") else { return };
    assert!(misses(&setting, "stored"));
    fill(&directory.join("filler"));
    for key in ["new", "newer", "new"] {
        assert!(misses(&setting, key));
    }
    assert!(!misses(&setting, "stored"));
    assert_eq!(entries_of(&setting.sandbox.cache_file()), 1);
    fs::remove_file(directory.join("filler")).unwrap();
    assert_only_cache_files(&directory);
    assert!(misses(&setting, "new"));
    assert!(!misses(&setting, "new"));
}

/// Writes until the disk is full.
fn fill(path: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
}

#[test]
fn a_disk_that_is_full_from_the_start_does_not_cost_the_credential() {
    let setting = Setting::new();
    let directory = setting.sandbox.cache_directory();
    let Some(_mount) = Mount::tmpfs(&directory, "mode=0700,size=16k") else { return };
    fill(&directory.join("filler"));
    assert!(never_hits(&setting));
}
