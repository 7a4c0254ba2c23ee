//! Everything that a path from the environment can lead to: what is not ours stays as it is, byte for byte
//! and inode for inode, and the credential is printed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::support::{OTHER_USER, Setting, is_root, make_fifo, make_null_device, skip};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\nusers: []\n";
/// The cache file of another program (kube-credential-cache).
const OTHER_CACHE: &str = "{\"version\":1,\"credentials\":{\"a\":{\"token\":\"t\"}}}";

/// A cache file in a directory that exists already.
fn in_directory() -> Setting {
    let setting = Setting::new();
    fs::create_dir(setting.path("d")).unwrap();
    setting.sandbox.set_env("K8S_TOKEN_CACHE_FILE", setting.path("d/token.json"));
    setting
}

fn misses(setting: &Setting) -> bool {
    setting.misses(setting.call())
}

fn status_of(setting: &Setting, arguments: &[&str]) -> i32 {
    setting.sandbox.program().args(arguments).run().code()
}

/// Does everything that may open, make, replace or remove a file.
fn do_everything(setting: &Setting) {
    assert!(misses(setting));
    assert!(misses(setting));
    let plugin = setting.plugin.command().to_str().unwrap();
    for arguments in [&["--list"][..], &["--doctor"], &["--explain", plugin], &["--clear", plugin]] {
        status_of(setting, arguments);
    }
}

/// What a path must still be afterwards.
#[derive(Debug, PartialEq)]
struct State {
    inode: u64,
    mode: u32,
    owner: u32,
    links: u64,
    content: Option<Vec<u8>>,
    names: Vec<PathBuf>,
}

fn state_of(path: &Path) -> State {
    let metadata = fs::symlink_metadata(path).unwrap();
    let kind = metadata.file_type();
    let mut names: Vec<PathBuf> = if kind.is_dir() {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    } else if kind.is_symlink() {
        vec![fs::read_link(path).unwrap()]
    } else {
        Vec::new()
    };
    names.sort();
    State {
        inode: metadata.ino(),
        mode: metadata.mode(),
        owner: metadata.uid(),
        links: metadata.nlink(),
        content: kind.is_file().then(|| fs::read(path).unwrap()),
        names,
    }
}

type Maker = (&'static str, fn(&Path));

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
}

fn beside(path: &Path) -> PathBuf {
    path.parent().unwrap().parent().unwrap().join("target")
}

/// What is not ours, wherever it is.
const FOREIGN: [Maker; 15] = [
    ("a text file", |path| write(path, "precious\n")),
    ("a private text file", |path| {
        write(path, "precious\n");
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }),
    ("a kubeconfig", |path| write(path, KUBECONFIG)),
    ("another program's cache", |path| write(path, OTHER_CACHE)),
    ("JSON", |path| write(path, "{\"version\":\"1\"}")),
    ("a disk image", |path| write(path, [&[0; 40_000][..], b"data"].concat())),
    ("a directory", |path| fs::create_dir(path).unwrap()),
    ("a directory with a file", |path| {
        fs::create_dir(path).unwrap();
        write(&path.join("file"), "precious\n");
    }),
    ("a FIFO", make_fifo),
    ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ("a link to a text file", |path| {
        write(&beside(path), "precious\n");
        symlink(beside(path), path).unwrap();
    }),
    ("a hard link to a text file", |path| {
        write(&beside(path), "precious\n");
        fs::hard_link(beside(path), path).unwrap();
    }),
    ("a hard link to an empty file", |path| {
        write(&beside(path), "");
        fs::hard_link(beside(path), path).unwrap();
    }),
    ("a dangling link", |path| symlink(beside(path), path).unwrap()),
    ("a link to itself", |path| symlink(path, path).unwrap()),
];

/// `FOREIGN`, and what only root can make.
fn foreign() -> Vec<Maker> {
    let mut makers = FOREIGN.to_vec();
    if is_root() {
        makers.push(("a device", make_null_device));
        makers.push(("another user's file", |path| {
            write(path, "precious\n");
            chown(path, Some(OTHER_USER), None).unwrap();
        }));
    }
    makers
}

fn assert_untouched(setting: &Setting, path: &Path, before: &State, what: &str) {
    assert_eq!(&state_of(path), before, "{what}");
    let target = fs::read_to_string(setting.path("target")).ok();
    let expected = match what {
        "a hard link to an empty file" => Some(""),
        _ => has_target(what).then_some("precious\n"),
    };
    assert_eq!(target.as_deref(), expected, "{what}");
}

/// Whether the maker leaves a file at [`beside`].
fn has_target(what: &str) -> bool {
    what.contains("link to a") && what.ends_with("file")
}

#[test]
fn a_cache_path_that_is_not_ours_stays_and_gets_no_neighbors() {
    for (what, make) in foreign() {
        let setting = in_directory();
        let path = setting.path("d/token.json");
        make(&path);
        let (before, directory) = (state_of(&path), state_of(&setting.path("d")));
        do_everything(&setting);
        let clear = setting.sandbox.program().arg("--clear").run();
        assert_eq!(clear.code(), 1, "{what}: {clear:?}");
        assert!(clear.stderr_text().contains("d/token.json'"), "{what}: {clear:?}");
        assert!(clear.stderr_text().ends_with("\nhint: --doctor says how to fix this\n"));
        let doctor = setting.sandbox.program().arg("--doctor").run();
        assert_eq!(doctor.code(), 1, "{what}: {doctor:?}");
        assert!(doctor.stdout_text().contains("d/token.json'"), "{what}: {doctor:?}");
        assert!(doctor.stdout_text().contains("fix: unset K8S_TOKEN_CACHE_FILE") || what.contains("user"));
        assert_untouched(&setting, &path, &before, what);
        assert_eq!(state_of(&setting.path("d")).names, directory.names, "{what}");
    }
}

#[test]
fn a_lock_or_temporary_path_that_is_not_ours_stays() {
    for name in ["token.json.lock", "token.json.new"] {
        for (what, make) in foreign() {
            let setting = in_directory();
            let path = setting.path("d").join(name);
            make(&path);
            let before = state_of(&path);
            do_everything(&setting);
            let clear = setting.sandbox.program().arg("--clear").run();
            assert_eq!(clear.code(), 1, "{name} is {what}: {clear:?}");
            assert!(clear.stderr_text().contains(name), "{name} is {what}: {clear:?}");
            assert_untouched(&setting, &path, &before, what);
            assert!(!setting.path("d/token.json").exists(), "{name} is {what}");
        }
    }
}

/// With a cache file that was stored before, hits write to the lock file.
#[test]
fn a_hit_writes_to_no_lock_file_that_is_not_ours() {
    for (what, make) in foreign() {
        let setting = in_directory();
        assert!(misses(&setting));
        let path = setting.path("d/token.json.lock");
        fs::remove_file(&path).unwrap();
        make(&path);
        let before = state_of(&path);
        assert!(!misses(&setting), "{what}");
        assert!(!misses(&setting), "{what}");
        assert_untouched(&setting, &path, &before, what);
        let doctor = setting.sandbox.program().arg("--doctor").run();
        assert!(
            doctor.code() == 1 && doctor.stdout_text().contains("token.json.lock'"),
            "{what}: {doctor:?}"
        );
    }
}

#[test]
fn a_path_of_the_encryption_key_that_is_not_ours_stays() {
    let state = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/state" };
    for name in ["key", "key.lock", "key.new"] {
        for (what, make) in foreign() {
            let setting = in_directory();
            let directory = setting.path(state).join("k8s-token-cache");
            fs::create_dir_all(&directory).unwrap();
            let path = directory.join(name);
            make(&path);
            let before = state_of(&path);
            setting.call().run().assert_prints(&setting.credential);
            setting.call().run().assert_prints(&setting.credential);
            assert_eq!(state_of(&path), before, "{name} is {what}");
            let is_stored = setting.path("d/token.json").exists();
            assert_eq!(is_stored, name == "key.lock", "{name} is {what}");
        }
    }
}

#[test]
fn a_log_path_that_is_not_ours_stays() {
    for (what, make) in foreign() {
        let setting = in_directory();
        let path = setting.path("d/log");
        setting.sandbox.set_env("K8S_TOKEN_CACHE_LOG", &path);
        make(&path);
        let before = state_of(&path);
        assert!(misses(&setting), "{what}");
        assert!(!misses(&setting), "{what}");
        // What is written to a device or a FIFO changes nothing there.
        assert_eq!(state_of(&path), before, "{what}");
        assert_eq!(setting.path("target").exists(), has_target(what), "{what}");
        let is_stream = ["a FIFO", "a device"].contains(&what);
        assert_eq!(status_of(&setting, &["--doctor"]), i32::from(!is_stream), "{what}");
    }
}

/// Reports and edits of a path where no kubeconfig is. `--warm` reads it, too.
#[test]
fn a_kubeconfig_path_that_is_not_ours_stays_and_blocks_nothing() {
    for (what, make) in foreign() {
        let setting = in_directory();
        let path = setting.path("d/kubeconfig");
        make(&path);
        setting.sandbox.set_env("KUBECONFIG", &path);
        let (before, directory) = (state_of(&path), state_of(&setting.path("d")));
        let file = path.to_str().unwrap();
        let is_empty = ["a kubeconfig", "a device", "a hard link to an empty file"].contains(&what);
        for verb in ["--inject", "--restore"] {
            let run = setting.sandbox.program().args([verb, file]).run();
            assert_eq!(run.code() == 0, is_empty && what != "a device", "{verb}, {what}: {run:?}");
            assert!(is_empty || run.stderr_text().contains("kubeconfig"), "{verb}, {what}: {run:?}");
        }
        for verb in ["--list", "--doctor", "--warm", "--explain"] {
            setting.sandbox.program().arg(verb).run().code();
        }
        assert_untouched(&setting, &path, &before, what);
        assert_eq!(state_of(&setting.path("d")).names, directory.names, "{what}");
        assert!(misses(&setting), "{what}");
        assert!(!misses(&setting), "{what}");
    }
}

/// The content is ours, so only the second name tells that the user keeps the file elsewhere too.
#[test]
fn a_file_of_ours_with_a_second_name_is_not_written_and_doctor_says_so() {
    for name in ["token.json", "token.json.lock", "log"] {
        let setting = in_directory();
        setting.sandbox.set_env("K8S_TOKEN_CACHE_LOG", setting.path("d/log"));
        assert!(misses(&setting));
        assert_eq!(status_of(&setting, &["--clear"]), 0);
        let path = setting.path("d").join(name);
        fs::hard_link(&path, beside(&path)).unwrap();
        let before = state_of(&path);
        assert!(misses(&setting), "{name}");
        assert_eq!(misses(&setting), name != "log", "{name}");
        assert_eq!(status_of(&setting, &["--clear"]), i32::from(name != "log"), "{name}");
        assert_eq!(state_of(&path), before, "{name}");
        let doctor = setting.sandbox.program().arg("--doctor").run();
        assert_eq!(doctor.code(), 1, "{name}: {doctor:?}");
        let text = doctor.stdout_text();
        assert!(text.contains(&format!("d/{name}'")) && text.contains("hard links"), "{name}: {text}");
    }
}

#[test]
fn a_log_may_be_a_link_of_the_users_own() {
    let setting = in_directory();
    let line = "2026-01-01T00:00:00Z 1 aws hit: 1h left\n";
    write(&setting.path("log"), line);
    symlink(setting.path("log"), setting.path("link")).unwrap();
    setting.sandbox.set_env("K8S_TOKEN_CACHE_LOG", setting.path("link"));
    misses(&setting);
    let log = fs::read_to_string(setting.path("log")).unwrap();
    assert!(log.starts_with(line) && log.lines().count() == 2, "{log}");
}

/// Files of ours, and what a crash leaves of them.
#[test]
fn a_path_that_is_ours_or_free_works() {
    let whole = {
        let setting = in_directory();
        misses(&setting);
        fs::read(setting.path("d/token.json")).unwrap()
    };
    let [beginning, zeros] = [&whole[..9], &[0; 3000][..]];
    for (name, content) in [
        ("token.json", &whole[..]),
        ("token.json", &whole[..whole.len() / 2]),
        ("token.json", beginning),
        ("token.json", zeros),
        ("token.json", b""),
        ("token.json.new", &whole),
        ("token.json.new", beginning),
        ("token.json.new", b""),
        ("token.json.lock", zeros),
        ("token.json.lock", b"k8s-token-cache lock 1\n"),
        ("token.json.lock", b""),
    ] {
        let setting = in_directory();
        write(&setting.path("d").join(name), content);
        assert!(misses(&setting), "{name}");
        assert!(!misses(&setting), "{name}");
        assert_eq!(status_of(&setting, &["--doctor"]), 0, "{name}");
        assert_eq!(status_of(&setting, &["--clear"]), 0, "{name}");
        assert!(misses(&setting), "{name}");
    }
}

/// Every file and directory below `directory`, with owner and mode.
pub fn tree(directory: &Path) -> Vec<(PathBuf, u32, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        found.push((path.clone(), metadata.uid(), metadata.mode()));
        if metadata.is_dir() {
            found.extend(tree(&path));
        }
    }
    found.sort();
    found
}

/// `sudo -E kubectl`, or a container with the home directory of its host: what root made there would lock
/// the user out.
#[test]
fn root_makes_nothing_in_the_home_directory_of_another_user() {
    if !is_root() {
        return skip("only root can give directories away");
    }
    for existing in [&[][..], &[".cache", ".local"], &[".cache", ".cache/k8s-token-cache", ".local/state"]] {
        for encryption in ["file", "off"] {
            let setting = in_directory();
            let home = setting.path("home");
            fs::create_dir(&home).unwrap();
            chown(&home, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
            for directory in existing {
                fs::create_dir_all(home.join(directory)).unwrap();
                for path in home.join(directory).ancestors().take_while(|path| *path != home) {
                    chown(path, Some(OTHER_USER), None).unwrap();
                }
            }
            setting.sandbox.set_env("HOME", &home);
            setting.sandbox.set_env("K8S_TOKEN_CACHE_FILE", "");
            setting.sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", encryption);
            setting.sandbox.set_env("K8S_TOKEN_CACHE_LOG", home.join("log"));
            let before = tree(&home);
            do_everything(&setting);
            assert_eq!(status_of(&setting, &["--clear"]), 1);
            assert_eq!(tree(&home), before, "{existing:?}, {encryption}");
        }
    }
}

/// The link leads to a directory of this user that is fit for the cache.
#[test]
fn a_directory_link_of_another_user_is_not_followed() {
    if !is_root() {
        return skip("only root can change the owner of links");
    }
    for (owner, is_used) in [(OTHER_USER, false), (0, true)] {
        for link_to in ["own", "own/deeper"] {
            let setting = in_directory();
            let (own, shared) = (setting.path("own"), setting.path("shared"));
            fs::create_dir_all(own.join("deeper")).unwrap();
            fs::create_dir(&shared).unwrap();
            fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
            symlink(setting.path(link_to), shared.join("link")).unwrap();
            lchown(shared.join("link"), Some(owner), None).unwrap();
            // A link of this user leads to the other one.
            symlink(shared.join("link"), setting.path("mine")).unwrap();
            for way in [shared.join("link"), setting.path("mine")] {
                for below in ["token.json", "new/token.json"] {
                    setting.sandbox.set_env("K8S_TOKEN_CACHE_FILE", way.join(below));
                    setting.sandbox.set_env("K8S_TOKEN_CACHE_LOG", way.join("log"));
                    setting.call().run().assert_prints(&setting.credential);
                    let target = setting.path(link_to);
                    let made = [below, "log"].map(|name| target.join(name).exists());
                    assert_eq!(made, [is_used; 2], "{way:?}");
                    assert_eq!(target.join("new").exists(), is_used && below != "token.json");
                    for name in ["token.json", "token.json.lock", "log"] {
                        let _ = fs::remove_file(target.join(name));
                    }
                    let _ = fs::remove_dir_all(target.join("new"));
                }
            }
        }
    }
}
