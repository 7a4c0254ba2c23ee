//! What a write keeps, waits for and never leaves behind. Unix alone has owners and modes to keep.
#![cfg(unix)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Answer, Home, kubeconfig, read, settle, user};
#[cfg(target_os = "linux")]
use crate::support::{find, skip};

fn config(home: &Home) -> std::path::PathBuf {
    home.file("config", kubeconfig(&[user("a", "aws")]))
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Names in a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn mode_and_owner_stay() {
    let home = Home::new();
    let path = config(&home);
    for mode in [0o600, 0o640, 0o660] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        home.run(["--inject", "config"]).succeeded();
        home.run(["--restore", "config"]).succeeded();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
    }
    if is_root() {
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        chown(&path, Some(1234), Some(4321)).unwrap();
        home.run(["--inject", "config"]).succeeded();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (1234, 4321, 0o600));
    }
    assert_eq!(names(home.path()), ["config"]);
}

/// Runs a tool on a file. False if the file system has no such attributes.
#[cfg(target_os = "linux")]
fn ran(tool: &Path, args: &[&str], file: &Path) -> bool {
    std::process::Command::new(tool).args(args).arg(file).stderr(Stdio::null()).status().unwrap().success()
}

#[cfg(target_os = "linux")]
fn printed(tool: &Path, args: &[&str], file: &Path) -> String {
    let mut command = std::process::Command::new(tool);
    let output = command.args(args).arg(file.file_name().unwrap()).current_dir(file.parent().unwrap());
    String::from_utf8(output.output().unwrap().stdout).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn an_access_control_list_stays_and_gives_no_one_else_access() {
    let tools = ("setfacl", "getfacl");
    let (Some(set), Some(get)) = (find("SETFACL", tools.0, "an ACL"), find("GETFACL", tools.1, "an ACL"))
    else {
        return;
    };
    // The group may read the file only if the list says so; its mask is shown as the group's rights.
    for list in ["u:1234:rw,g::---", "g::---,m::r", "u:1234:r,g:4321:rw,m::rw"] {
        let home = Home::new();
        let path = config(&home);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        if !ran(&set, &["-m", list], &path) {
            return skip("ACLs: the file system has none");
        }
        let before = printed(&get, &["-c"], &path);
        home.run(["--inject", "config"]).succeeded();
        assert_eq!(printed(&get, &["-c"], &path), before, "{list}");
        assert!(read(&path).contains("k8s-token-cache"));
        assert_eq!(names(home.path()), ["config"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_default_access_control_list_of_the_directory_adds_no_rights() {
    let (Some(set), Some(get)) = (find("SETFACL", "setfacl", "an ACL"), find("GETFACL", "getfacl", "an ACL"))
    else {
        return;
    };
    let home = Home::new();
    let path = config(&home);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let before = printed(&get, &["-c"], &path);
    if !ran(&set, &["-d", "-m", "u:1234:rwx"], home.path()) {
        return skip("ACLs: the file system has none");
    }
    home.run(["--inject", "config"]).succeeded();
    assert_eq!(printed(&get, &["-c"], &path), before);
    assert!(read(&path).contains("k8s-token-cache"));
}

#[cfg(target_os = "linux")]
#[test]
fn extended_attributes_stay() {
    let tools = ("setfattr", "getfattr");
    let (Some(set), Some(get)) =
        (find("SETFATTR", tools.0, "attributes"), find("GETFATTR", tools.1, "attributes"))
    else {
        return;
    };
    let home = Home::new();
    let path = config(&home);
    for (name, value) in [("user.origin", "somewhere"), ("user.empty", "")] {
        if !ran(&set, &["-n", name, "-v", value], &path) {
            return skip("attributes: the file system has none");
        }
    }
    let before = printed(&get, &["-d"], &path);
    assert!(before.contains("user.origin=\"somewhere\""), "{before}");
    home.run(["--inject", "config"]).succeeded();
    assert_eq!(printed(&get, &["-d"], &path), before);
    assert!(read(&path).contains("k8s-token-cache"));
}

#[test]
fn a_symbolic_link_stays_and_its_target_changes() {
    let home = Home::new();
    let target = home.file("real/config", kubeconfig(&[user("a", "./aws")]));
    symlink("real/config", home.path().join("link")).unwrap();
    symlink("link", home.path().join("second")).unwrap();
    home.run(["--inject", "second"]).succeeded();
    assert!(fs::symlink_metadata(home.path().join("second")).unwrap().is_symlink());
    // client-go resolves a relative command against the path as given, not the target.
    let text = read(&target);
    assert!(text.contains(&format!("- {}/././aws\n", home.path().display())), "{text}");
    assert_eq!(names(&home.path().join("real")), ["config"]);
}

#[test]
fn a_file_with_two_names_changes_under_both() {
    let home = Home::new();
    let path = config(&home);
    let other = home.path().join("other");
    fs::hard_link(&path, &other).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    home.run(["--inject", "config"]).succeeded();
    assert!(read(&other).contains("command: k8s-token-cache"));
    settle(&path);
    home.run(["--restore", "config"]).succeeded();
    assert_eq!(read(&other), kubeconfig(&[user("a", "aws")]));
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
}

#[test]
fn in_a_directory_where_nothing_can_be_created_the_file_is_written_in_place() {
    let home = Home::new();
    let path = home.file("shut/config", kubeconfig(&[user("a", "aws")]));
    let shut = home.path().join("shut");
    fs::set_permissions(&shut, Permissions::from_mode(0o555)).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    let mut command = home.command();
    command.args(["--inject", "shut/config"]);
    if is_root() {
        // Root may write everywhere, so run as another user.
        for path in [home.path(), &shut, &path] {
            chown(path, Some(1234), Some(1234)).unwrap();
        }
        let program = home.path().join("k8s-token-cache");
        // By another process: what this one has open for writing while another test starts a program
        // cannot be executed.
        let copied = std::process::Command::new("cp").arg(crate::support::PROGRAM).arg(&program).status();
        assert!(copied.unwrap().success());
        command = as_other_user(&home, &program);
    }
    let output = command.output().unwrap();
    fs::set_permissions(&shut, Permissions::from_mode(0o755)).unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(read(&path).contains("k8s-token-cache"));
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    assert_eq!(names(&shut), ["config"]);
}

fn as_other_user(home: &Home, program: &Path) -> std::process::Command {
    use std::os::unix::process::CommandExt;
    let mut command = std::process::Command::new(program);
    command.env_clear().env("HOME", home.path()).env("PATH", home.path());
    command.current_dir(home.path()).args(["--inject", "shut/config"]).uid(1234).gid(1234);
    command
}

#[test]
fn only_regular_files_are_read() {
    let home = Home::new();
    fs::create_dir(home.path().join("directory")).unwrap();
    let fifo = home.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    for name in ["directory", "pipe"] {
        let answer = home.run(["--inject", name]).refused();
        assert!(answer.stderr.contains("not a regular file"), "{answer:?}");
    }
}

#[test]
fn a_file_of_more_than_64_mib_is_refused() {
    let home = Home::new();
    let text = kubeconfig(&[user("a", "aws")]);
    let filler = format!("# {}\n", "x".repeat(1 << 20)).repeat(64);
    home.file("config", [text, filler].concat());
    let answer = home.run(["--inject", "config"]).refused();
    assert!(answer.stderr.contains("line 1: the file has more than 64 MiB"), "{answer:?}");
}

#[test]
fn a_file_without_write_permission_is_refused_with_what_to_do() {
    let home = Home::new();
    let path = config(&home);
    let before = read(&path);
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    for option in [None, Some("--dry-run")] {
        let answer = home.run(["--inject", "config"].into_iter().chain(option)).refused();
        assert_eq!(
            answer.stderr,
            "k8s-token-cache: cannot write 'config': it is read-only\n\
             hint: if it may be changed: chmod u+w 'config'\n",
            "{option:?}"
        );
        assert_eq!(answer.stdout, "", "{option:?}");
    }
    assert_eq!(read(&path), before);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o400);
    assert_eq!(names(home.path()), ["config"]);
}

#[test]
fn a_read_only_file_that_needs_no_edit_is_fine() {
    let home = Home::new();
    let path = home.file("config", kubeconfig(&[user("a", "k8s-token-cache")]));
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    let answer = home.run(["--inject", "config"]).succeeded();
    assert!(answer.stdout.contains("already injected"), "{answer:?}");
}

/// As home-manager makes it: a link to a read-only file of a read-only directory.
#[test]
fn a_link_to_a_read_only_file_is_refused_with_the_file_it_leads_to() {
    let home = Home::new();
    let target = home.file("store/generated", kubeconfig(&[user("a", "aws")]));
    symlink(&target, home.path().join("config")).unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o444)).unwrap();
    let answer = home.run(["--inject", "config"]).refused();
    let expected = format!("cannot write 'config': it leads to '{}', which is read-only\n", target.display());
    assert!(answer.stderr.contains(&expected), "{answer:?}");
    assert!(fs::symlink_metadata(home.path().join("config")).unwrap().is_symlink());
    assert!(!read(&target).contains("k8s-token-cache"));
}

#[test]
fn utf_16_is_read_and_written_back_as_utf_16() {
    let home = Home::new();
    let text = format!("\u{feff}{}", kubeconfig(&[user("größe", "aws")])).replace('\n', "\r\n");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (bytes, unit) in [(little, u16::from_le_bytes as fn([u8; 2]) -> u16), (big, u16::from_be_bytes)] {
        let path = home.file("config", &bytes);
        let answer = home.run(["--inject", "config"]).succeeded();
        assert_eq!(answer.stdout, "config: größe: injected\n1 injected\n");
        let units: Vec<u16> = fs::read(&path).unwrap().as_chunks().0.iter().map(|pair| unit(*pair)).collect();
        let after = String::from_utf16(&units).unwrap();
        assert_eq!(
            after,
            text.replace("      - get", "      - aws\r\n      - get").replace("d: aws", "d: k8s-token-cache")
        );
        settle(&path);
        home.run(["--restore", "config"]).succeeded();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_lock_is_waited_for_and_removed_afterwards() {
    let home = Home::new();
    let path = config(&home);
    let lock = home.path().join("config.lock");
    fs::write(&lock, "").unwrap();
    let mut command = home.command();
    let child = command.args(["--inject", "config"]).stdout(Stdio::null()).spawn().unwrap();
    // The new file beside the old one shows that only the lock is missing.
    wait_until(|| names(home.path()).len() == 3);
    assert!(!read(&path).contains("k8s-token-cache"));
    fs::remove_file(&lock).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert!(read(&path).contains("k8s-token-cache"));
    assert_eq!(names(home.path()), ["config"]);
}

#[test]
fn a_file_that_changed_since_it_was_read_is_read_again() {
    let home = Home::new();
    let path = config(&home);
    let lock = home.path().join("config.lock");
    fs::write(&lock, "").unwrap();
    let child = home.command().args(["--inject", "config"]).stdout(Stdio::piped()).spawn().unwrap();
    wait_until(|| names(home.path()).len() == 3);
    // An editor ignores the lock, and may replace the file.
    let newer = home.file("newer", kubeconfig(&[user("a", "aws"), user("newer", "aws")]));
    fs::rename(&newer, &path).unwrap();
    fs::remove_file(&lock).unwrap();
    let answer = Answer::of(child.wait_with_output().unwrap()).succeeded();
    assert_eq!(answer.stdout, "config: a: injected\nconfig: newer: injected\n2 injected\n");
    assert_eq!(read(&path).matches("command: k8s-token-cache").count(), 2);
}

#[test]
fn a_stale_lock_is_named_after_a_while() {
    let home = Home::new();
    let path = config(&home);
    let before = read(&path);
    fs::write(home.path().join("config.lock"), "").unwrap();
    let answer = home.run(["--inject", "config"]).refused();
    assert_eq!(
        answer.stderr,
        "k8s-token-cache: cannot write 'config': 'config.lock' exists\n\
         hint: another program is writing, or was killed: if none is running, remove that file\n"
    );
    assert_eq!(read(&path), before);
    assert_eq!(names(home.path()), ["config", "config.lock"]);
}

#[test]
fn what_a_killed_injection_left_is_removed_by_the_next_one() {
    let home = Home::new();
    let path = config(&home);
    let temporary = home.path().join(".config.k8s-token-cache");
    fs::write(&temporary, "half a kubeconfig").unwrap();
    // Killed while it held the lock, and, at the last moment, with its work done.
    for target in [&temporary, &path] {
        fs::hard_link(target, home.path().join("config.lock")).unwrap();
        home.run(["--inject", "config"]).succeeded();
        assert_eq!(names(home.path()), ["config"]);
        assert!(read(&path).contains("k8s-token-cache"));
    }
}

/// A lock that is not a second name of our file is not ours, with content or without.
#[test]
fn a_lock_of_another_program_is_left_alone() {
    let home = Home::new();
    let path = config(&home);
    let lock = home.path().join("config.lock");
    for content in ["", "4242\n", &read(&path)] {
        fs::write(&lock, content).unwrap();
        home.run(["--inject", "--quiet", "config"]).succeeded();
        assert_eq!(read(&lock), content);
        assert!(!read(&path).contains("k8s-token-cache"));
    }
    fs::remove_file(&lock).unwrap();
    home.run(["--inject", "--quiet", "config"]).succeeded();
    assert!(read(&path).contains("k8s-token-cache"));
}

#[test]
fn a_fifo_or_link_at_the_lock_or_temporary_file_does_not_block() {
    let home = Home::new();
    let path = config(&home);
    let (lock, temporary) = (home.path().join("config.lock"), home.path().join(".config.k8s-token-cache"));
    let pipe = || assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
    let link = || symlink("config", &lock).unwrap();
    for occupy in [&pipe as &dyn Fn(), &link] {
        occupy();
        home.run(["--inject", "--quiet", "config"]).succeeded();
        assert!(!read(&path).contains("k8s-token-cache"));
        assert!(fs::symlink_metadata(&lock).is_ok());
        fs::remove_file(&lock).unwrap();
    }
    pipe();
    fs::rename(&lock, &temporary).unwrap();
    home.run(["--inject", "--quiet", "config"]).succeeded();
    assert!(read(&path).contains("k8s-token-cache"));
    assert_eq!(names(home.path()), [".config.k8s-token-cache", "config"]);
}

#[test]
fn a_temporary_file_in_use_is_left_alone() {
    let home = Home::new();
    let path = config(&home);
    let temporary = home.path().join(".config.k8s-token-cache");
    fs::write(&temporary, "claimed").unwrap();
    let claimed = File::open(&temporary).unwrap();
    claimed.lock().unwrap();
    home.run(["--inject", "config"]).succeeded();
    assert_eq!(names(home.path()), [".config.k8s-token-cache", "config"]);
    assert_eq!(read(&temporary), "claimed");
    assert!(read(&path).contains("k8s-token-cache"));
}

#[test]
fn the_lock_is_beside_the_link_as_kubectl_puts_it() {
    let home = Home::new();
    let target = home.file("real/config", kubeconfig(&[user("a", "aws")]));
    symlink("real/config", home.path().join("link")).unwrap();
    fs::write(home.path().join("link.lock"), "").unwrap();
    home.run(["--inject", "--quiet", "link"]).succeeded();
    assert!(!read(&target).contains("k8s-token-cache"));
    fs::rename(home.path().join("link.lock"), home.path().join("real/config.lock")).unwrap();
    home.run(["--inject", "--quiet", "link"]).succeeded();
    assert!(read(&target).contains("k8s-token-cache"));
}

#[test]
fn quiet_does_not_wait_for_a_lock_or_a_fresh_file() {
    let home = Home::new();
    let path = config(&home);
    let lock = home.path().join("config.lock");
    fs::write(&lock, "").unwrap();
    home.run(["--inject", "--quiet", "config"]).succeeded();
    assert!(!read(&path).contains("k8s-token-cache"));
    fs::remove_file(&lock).unwrap();

    File::options().write(true).open(&path).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    home.run(["--inject", "--quiet", "config"]).succeeded();
    assert!(!read(&path).contains("k8s-token-cache"));

    settle(&path);
    home.run(["--inject", "--quiet", "config"]).succeeded();
    assert!(read(&path).contains("k8s-token-cache"));
    assert_eq!(names(home.path()), ["config"]);
}

#[test]
fn a_kill_at_any_time_leaves_the_old_file_or_the_new_one() {
    let home = Home::new();
    let users: Vec<String> = (0..50).map(|n| user(&format!("user-{n}"), "aws")).collect();
    let before = kubeconfig(&users);
    let path = home.file("config", &before);
    home.run(["--inject", "config"]).succeeded();
    let after = read(&path);
    let quiet = || {
        home.file("config", &before);
        home.command().args(["--inject", "--quiet", "config"]).spawn().unwrap()
    };
    // How long it takes to write the file, on this machine and under its present load.
    let begin = Instant::now();
    let mut child = quiet();
    while read(&path) == before && child.try_wait().unwrap().is_none() {}
    let until_written = begin.elapsed();
    child.wait().unwrap();
    assert_eq!(read(&path), after);
    let (mut old, mut new, mut round) = (0, 0, 0);
    // Longer if the machine has become slower since.
    while round < 60 || (new == 0 && round < 600) {
        let mut child = quiet();
        // From before the first system call to well after the last one that matters.
        let delay = until_written * round / 30;
        let end = Instant::now() + delay;
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        match read(&path) {
            text if text == before => old += 1,
            text if text == after => new += 1,
            text => panic!("neither old nor new after {delay:?}: {text}"),
        }
        let _ = fs::remove_file(home.path().join("config.lock"));
        round += 1;
    }
    assert!(old > 0 && new > 0, "{old} old, {new} new: the delays miss the interesting time");
}

pub fn wait_until(done: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < limit, "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}
