//! Paths that lead to a read-only file system, or into the directory of another user: nothing changes there,
//! and the credential is printed.
#![cfg(target_os = "linux")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use crate::paths::tree;
use crate::support::{Call, Mount, OTHER_USER, Setting, is_root, skip};

const KUBECONFIG: &str =
    "users:\n- name: dev\n  user:\n    exec:\n      command: aws\n      args: [eks, get-token]\n";

/// The variables that lead to each kind of path, and the path below the place.
const KINDS: [(&str, &str); 4] = [
    ("K8S_TOKEN_CACHE_FILE", "token.json"),
    ("XDG_STATE_HOME", ""),
    ("K8S_TOKEN_CACHE_LOG", "log"),
    ("KUBECONFIG", "kubeconfig"),
];

fn run(setting: &Setting, arguments: &[&str]) -> (i32, String) {
    let run = setting.sandbox.program().args(arguments).run();
    (run.code(), run.stdout_text() + &run.stderr_text())
}

/// Makes calls and reports. Returns how often the plugin ran.
fn use_everything(setting: &Setting) -> usize {
    let before = setting.plugin.runs();
    for _ in 0..2 {
        setting.misses(setting.call());
    }
    let plugin = setting.plugin.command().to_str().unwrap();
    for arguments in [&["--list"][..], &["--explain", plugin], &["--warm"], &["--clear", plugin]] {
        run(setting, arguments);
    }
    setting.plugin.runs() - before
}

#[test]
fn on_a_read_only_file_system_nothing_changes_and_the_credential_comes() {
    if !is_root() {
        return skip("only root can mount a file system");
    }
    for (variable, below) in KINDS {
        let setting = Setting::new();
        let place = setting.path("place");
        let Some(mount) = Mount::tmpfs(&place, "mode=0700,size=1m") else { return };
        fs::write(place.join("kubeconfig"), KUBECONFIG).unwrap();
        mount.make_read_only();
        setting.sandbox.set_env(variable, place.join(below));
        let before = tree(&place);
        let runs = use_everything(&setting);
        let is_cached = ["K8S_TOKEN_CACHE_LOG", "KUBECONFIG"].contains(&variable);
        assert_eq!(runs, if is_cached { 1 } else { 2 }, "{variable}");
        let (status, report) = run(&setting, &["--doctor"]);
        assert_eq!(status, 1, "{variable}: {report}");
        let (status, said) = run(&setting, &["--inject"]);
        if variable == "KUBECONFIG" {
            assert!(status == 1 && said.contains("read-only"), "{said}");
        }
        assert_eq!(tree(&place), before, "{variable}");
        assert_eq!(fs::read_to_string(place.join("kubeconfig")).unwrap(), KUBECONFIG);
    }
}

/// Root may write there, and would lock the user out of what it made.
#[test]
fn in_the_directory_of_another_user_root_makes_nothing() {
    if !is_root() {
        return skip("only root can give directories away");
    }
    for (variable, below) in KINDS {
        let setting = Setting::new();
        let place = setting.path("place");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("kubeconfig"), KUBECONFIG).unwrap();
        for path in [&place, &place.join("kubeconfig")] {
            chown(path, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
        }
        setting.sandbox.set_env(variable, place.join(below));
        let before = tree(&place);
        let runs = use_everything(&setting);
        let is_cached = ["K8S_TOKEN_CACHE_LOG", "KUBECONFIG"].contains(&variable);
        assert_eq!(runs, if is_cached { 1 } else { 2 }, "{variable}");
        run(&setting, &["--doctor"]);
        assert_eq!(tree(&place), before, "{variable}");
    }
}

/// `sudo k8s-token-cache --inject /home/u/.kube/config`.
#[test]
fn a_kubeconfig_of_another_user_keeps_its_owner_and_gets_no_neighbors() {
    if !is_root() {
        return skip("only root can give files away");
    }
    let setting = Setting::new();
    let place = setting.path("place");
    fs::create_dir(&place).unwrap();
    let file = place.join("kubeconfig");
    fs::write(&file, KUBECONFIG).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    for path in [&place, &file] {
        chown(path, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    }
    let before = tree(&place);
    let (status, said) = run(&setting, &["--inject", file.to_str().unwrap()]);
    assert_eq!(status, 0, "{said}");
    assert!(fs::read_to_string(&file).unwrap().contains("k8s-token-cache"), "{said}");
    assert_eq!(tree(&place), before);
    assert_eq!(fs::metadata(&file).unwrap().gid(), OTHER_USER);
}

/// The call, made by another user.
fn as_other_user(mut call: Call) -> Call {
    call.command().uid(OTHER_USER).gid(OTHER_USER);
    call
}

/// A setting that another user can use. `None` if that user cannot reach the program, which is reported.
fn for_other_user() -> Option<Setting> {
    let setting = Setting::new();
    fs::set_permissions(setting.sandbox.home(), Permissions::from_mode(0o755)).unwrap();
    let state = setting.plugin.command().with_extension("d");
    fs::set_permissions(state, Permissions::from_mode(0o777)).unwrap();
    let version = as_other_user(setting.sandbox.program().arg("--version")).run_if_found();
    let is_reached = version.is_some_and(|run| run.code() == 0);
    if !is_reached {
        skip("another user cannot reach the program");
    }
    is_reached.then_some(setting)
}

/// What root made in the user's home, or a home that the user may not even look into.
#[test]
fn a_user_who_is_locked_out_of_the_home_directory_gets_the_credential() {
    if !is_root() {
        return skip("only root can become another user");
    }
    for (locked, mode) in [("", 0o700), ("", 0o755), (".cache", 0o700), (".local", 0o700)] {
        let Some(setting) = for_other_user() else { return };
        let home = setting.path("home");
        fs::create_dir(&home).unwrap();
        if !locked.is_empty() {
            chown(&home, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
            fs::create_dir(home.join(locked)).unwrap();
        }
        fs::set_permissions(home.join(locked), Permissions::from_mode(mode)).unwrap();
        setting.sandbox.set_env("HOME", &home);
        let before = tree(&home.join(locked));
        for _ in 0..2 {
            as_other_user(setting.call()).run().assert_prints(&setting.credential);
        }
        assert_eq!(setting.plugin.runs(), 2, "{locked} {mode:o}: nothing is cached");
        assert_eq!(tree(&home.join(locked)), before, "{locked} {mode:o}");
        let doctor = as_other_user(setting.sandbox.program().arg("--doctor")).run();
        assert_eq!(doctor.code(), 1, "{locked} {mode:o}: {doctor:?}");
        assert!(doctor.stdout_text().contains("fix: sudo chown"), "{locked} {mode:o}: {doctor:?}");
    }
}

/// The file that the user would write is root's, as after `sudo -E kubectl` of an older version.
#[test]
fn a_user_whose_files_belong_to_root_gets_the_credential_and_the_files_stay() {
    if !is_root() {
        return skip("only root can become another user");
    }
    for name in ["token.json", "token.json.lock"] {
        let Some(setting) = for_other_user() else { return };
        let home = setting.path("home");
        let directory = home.join(".cache/k8s-token-cache");
        fs::create_dir_all(&directory).unwrap();
        for path in directory.ancestors().take_while(|path| path.starts_with(&home)) {
            chown(path, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
        }
        fs::write(directory.join(name), "").unwrap();
        setting.sandbox.set_env("HOME", &home);
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        let before = inode(&directory.join(name));
        as_other_user(setting.call()).run().assert_prints(&setting.credential);
        assert_eq!(inode(&directory.join(name)), before, "{name}");
        assert_eq!(fs::metadata(directory.join(name)).unwrap().len(), 0, "{name}");
    }
}
