//! `--doctor` finds what is wrong, and its fixes work.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{Setting, User, everything_below, rows};
use crate::support::{Call, HOUR, skip};

pub const EKS: &str = "aws eks get-token --cluster-name demo";

impl Setting {
    pub fn healthy() -> Setting {
        let setting = Setting::new();
        setting.users(&[User::cached("dev", EKS)]);
        setting
    }

    /// The problems that it finds, each with its fix.
    #[track_caller]
    pub fn problems(&self, change: impl Fn(Call) -> Call) -> Vec<String> {
        let run = change(self.call(["--doctor"])).run();
        let report = run.stdout_text();
        let problems = rows(&report, "problem");
        let ends = match problems.len() {
            0 => "\nno problems found\n".to_owned(),
            1 => "\n1 problem found\n".to_owned(),
            more => format!("\n{more} problems found\n"),
        };
        assert!(report.ends_with(&ends), "{report}");
        assert_eq!(run.code(), i32::from(!problems.is_empty()), "{run:?}");
        assert!(problems.iter().all(|problem| problem.contains("\nfix: ")), "{report}");
        problems
    }

    /// Runs the fix of a problem in a shell. `command` is how it begins.
    #[track_caller]
    pub fn paste(&self, problem: &str, command: &str) {
        let fix = problem.split("\nfix: ").nth(1).unwrap();
        assert!(fix.starts_with(command), "{problem}");
        let shell = self.sandbox.tool("/bin/sh").args(["-c", fix]).run();
        assert_eq!(shell.code(), 0, "{shell:?}");
    }

    fn make_fifo(&self, path: &Path) {
        let run = self.sandbox.tool("mkfifo").arg(path).run();
        assert_eq!(run.code(), 0, "{run:?}");
    }

    /// The only problem that it finds.
    #[track_caller]
    pub fn problem(&self, change: impl Fn(Call) -> Call) -> String {
        let mut problems = self.problems(change);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }
}

pub fn same(call: Call) -> Call {
    call
}

#[test]
fn a_healthy_setting_has_no_problems_and_nothing_is_created() {
    let setting = Setting::healthy();
    let before = everything_below(setting.sandbox.home());
    assert!(setting.problems(same).is_empty());
    assert_eq!(everything_below(setting.sandbox.home()), before);
    assert!(setting.misses(setting.call(EKS.split(' '))));
    let before = everything_below(setting.sandbox.home());
    assert!(setting.problems(same).is_empty());
    assert_eq!(everything_below(setting.sandbox.home()), before);
    assert_eq!(setting.aws.runs(), 1, "it runs no plugin");
}

#[test]
fn an_unusable_cache_file_is_named_and_the_fix_works() {
    let setting = Setting::healthy();
    assert!(setting.misses(setting.call(EKS.split(' '))));
    let file = setting.sandbox.cache_file();
    let elsewhere = setting.write("elsewhere", "");
    let break_by: [(&str, &str, &dyn Fn()); 4] = [
        ("other users have access to it", "chmod 600 ", &|| {
            fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap()
        }),
        ("", "mv ", &|| {
            fs::remove_file(&file).unwrap();
            symlink(&elsewhere, &file).unwrap();
        }),
        ("it is not a regular file", "mv ", &|| fs::create_dir(&file).unwrap()),
        ("it is not a regular file", "mv ", &|| {
            // The name that the last fix used is taken.
            assert!(file.with_extension("json.old").is_dir());
            setting.make_fifo(&file);
        }),
    ];
    for (why, command, break_it) in break_by {
        break_it();
        let problem = setting.problem(same);
        assert!(problem.starts_with(&format!("cannot use '{}': {why}", file.display())), "{problem}");
        setting.paste(&problem, command);
        assert!(setting.problems(same).is_empty());
        let old = file.with_extension("json.old");
        if old.is_symlink() {
            assert_eq!(fs::read_link(&old).unwrap(), elsewhere, "the link was moved, not its target");
            fs::remove_file(old).unwrap();
        }
    }
}

#[test]
fn the_fix_for_a_foreign_file_overwrites_no_earlier_one() {
    let setting = Setting::healthy();
    let file = setting.sandbox.cache_file();
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    for number in 1..=3 {
        fs::write(&file, format!("precious {number}")).unwrap();
        setting.paste(&setting.problem(same), "mv ");
    }
    let moved = ["json.old", "json.old-2", "json.old-3"].map(|ending| file.with_extension(ending));
    let texts = moved.map(|path| fs::read_to_string(path).unwrap());
    assert_eq!(texts, ["precious 1", "precious 2", "precious 3"]);
}

#[test]
fn an_unusable_directory_is_named_and_the_fix_works() {
    let setting = Setting::healthy();
    assert!(setting.misses(setting.call(EKS.split(' '))));
    let directory = setting.sandbox.cache_file().parent().unwrap().to_owned();
    fs::set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
    let problem = setting.problem(same);
    assert!(problem.starts_with(&format!("cannot use '{}': ", directory.display())), "{problem}");
    setting.paste(&problem, "chmod u+rwx,go-w ");
    assert!(setting.problems(same).is_empty());
}

/// Only root can give a directory away, and take it back without sudo.
#[test]
fn a_directory_of_another_user_is_named_and_the_fix_takes_it_over() {
    let setting = Setting::healthy();
    assert!(setting.misses(setting.call(EKS.split(' '))));
    let directory = setting.sandbox.cache_file().parent().unwrap().to_owned();
    if std::os::unix::fs::chown(&directory, Some(12345), None).is_err() {
        return skip("only root can give a directory away");
    }
    let problem = setting.problem(same);
    assert!(problem.contains("belongs to another user"), "{problem}");
    setting.paste(&problem.replace("fix: sudo ", "fix: "), "chown -R \"$(id -u)\" ");
    assert!(setting.problems(same).is_empty());
}

#[test]
fn a_chosen_path_that_can_never_work_is_named_and_destroys_nothing() {
    let setting = Setting::healthy();
    let shared = setting.home("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o777)).unwrap();
    let file = setting.write("file", "content");
    let fifo = setting.home("fifo");
    setting.make_fifo(&fifo);
    let too_long = setting.home(&"x".repeat(300));
    for (path, why) in [
        (shared.join("token.json"), format!("cannot use '{}': ", shared.display())),
        (shared.clone(), format!("cannot use '{}': it is not a regular file", shared.display())),
        (fifo.clone(), format!("cannot use '{}': it is not a regular file", fifo.display())),
        (
            file.join("directory/token.json"),
            format!("the directory '{}/directory' cannot be", file.display()),
        ),
        (too_long.clone(), format!("cannot use '{}': ", too_long.display())),
        (PathBuf::from("/"), "'/' is not the name of a file".to_owned()),
    ] {
        let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_FILE", &path));
        assert!(problem.starts_with(&why), "{}: {problem}", path.display());
        assert!(!problem.contains("fix: rm") && !problem.contains("remove"), "{problem}");
    }
    assert_eq!(fs::read(&file).unwrap(), b"content");
}

#[test]
fn a_newer_cache_file_is_named() {
    let setting = Setting::healthy();
    assert!(setting.misses(setting.call(EKS.split(' '))));
    let file = setting.sandbox.cache_file();
    let newer = fs::read_to_string(&file).unwrap().replacen("\"version\":1", "\"version\":2", 1);
    fs::write(&file, newer).unwrap();
    assert!(setting.problem(same).contains("was written by a newer version of this program"));
}

#[test]
fn an_unusable_key_is_named_and_the_fix_works() {
    let setting = Setting::healthy();
    assert!(setting.misses(setting.call(EKS.split(' '))));
    let key = setting.home(".local/state/k8s-token-cache/key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let problem = setting.problem(same);
    assert!(
        problem.contains(&format!("cannot use '{}': other users have access to it", key.display())),
        "{problem}"
    );
    setting.paste(&problem, &format!("mv {0} {0}.old", key.display()));
    assert!(setting.problems(same).is_empty());
}

#[test]
fn a_clock_that_is_wrong_is_named() {
    let setting = Setting::healthy();
    let Some(mut clock) = setting.sandbox.clock() else { return };
    assert!(setting.misses(setting.call(EKS.split(' '))));
    clock.advance(-HOUR);
    let problem = setting.problem(same);
    assert!(problem.contains("and the cache file was written later than that"), "{problem}");
    clock.advance(-20 * 365 * 24 * HOUR);
    assert!(setting.problem(same).contains("which is too early"));
}

#[test]
fn settings_that_switch_the_cache_off_are_named() {
    let setting = Setting::healthy();
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_DISABLE", "1"));
    assert_eq!(
        problem,
        "nothing is cached: K8S_TOKEN_CACHE_DISABLE is set\nfix: unset K8S_TOKEN_CACHE_DISABLE"
    );
    let directory = setting.home("bin");
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_LOG", &directory));
    assert!(
        problem.starts_with(&format!("the log '{}' cannot be written", directory.display())),
        "{problem}"
    );
}

#[test]
fn wrong_settings_in_env_of_a_user_are_named_with_the_user() {
    let setting = Setting::new();
    for (name, value, expected) in [
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", "xx", "K8S_TOKEN_CACHE_REFRESH_MARGIN: invalid value 'xx'"),
        ("K8S_TOKEN_CACHE_DISABLE", "1", "nothing is cached: K8S_TOKEN_CACHE_DISABLE is set"),
        ("K8S_TOKEN_CACHE_DISABLE", "x", "nothing is cached: K8S_TOKEN_CACHE_DISABLE: invalid value 'x'"),
        ("K8S_TOKEN_CACHE_FIEL", "/x", "K8S_TOKEN_CACHE_FIEL is not a variable of this program"),
        ("K8S_TOKEN_CACHE_FILE", "~/x", "K8S_TOKEN_CACHE_FILE=~/x begins with '~'"),
        ("K8S_TOKEN_CACHE_FILE", "x/y", "K8S_TOKEN_CACHE_FILE=x/y is relative"),
        (
            "K8S_TOKEN_CACHE_KEY_FILES",
            "/x/*",
            "K8S_TOKEN_CACHE_KEY_FILES names '/x/*', which leads to no file",
        ),
    ] {
        let kubeconfig = setting.users(&[User::cached("ok", EKS), User::cached("dev", EKS).env(name, value)]);
        let problem = setting.problem(same);
        let title = format!("user 'dev' of '{}': ", kubeconfig.display());
        assert!(problem.starts_with(&(title + expected)), "{problem}");
        let fix = format!("\nfix: kubectl config set-credentials dev --exec-env={name}-");
        assert!(problem.ends_with(&fix), "{problem}");
    }
    for (name, value) in [("K8S_TOKEN_CACHE_REFRESH_MARGIN", "5s"), ("K8S_TOKEN_CACHE_DISABLE", "0")] {
        setting.users(&[User::cached("dev", EKS).env(name, value)]);
        assert!(setting.problems(same).is_empty(), "{name}={value}");
    }
    // What the environment says is reported once, and not for each user.
    setting.users(&[User::cached("dev", EKS).env("K8S_TOKEN_CACHE_REFRESH_MARGIN", "5s")]);
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_REFRESH_AHEAD", "soon"));
    assert!(problem.starts_with("K8S_TOKEN_CACHE_REFRESH_AHEAD: "), "{problem}");
}

#[test]
fn a_relative_cache_file_is_named_and_the_fix_works() {
    let setting = Setting::healthy();
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_FILE", "cache/token.json"));
    let expected = "K8S_TOKEN_CACHE_FILE=cache/token.json is relative: each directory gets another cache\n\
                    fix: export K8S_TOKEN_CACHE_FILE=/";
    assert!(problem.starts_with(expected), "{problem}");
    let (_, path) = problem.split_once("fix: export K8S_TOKEN_CACHE_FILE=").unwrap();
    assert!(path.ends_with("/cache/token.json"), "{problem}");
    assert!(setting.problems(|call| call.env("K8S_TOKEN_CACHE_FILE", path)).is_empty());
}

#[test]
fn every_invalid_setting_is_named_at_once() {
    let setting = Setting::healthy();
    let problems = setting.problems(|call| {
        let call = call.env("K8S_TOKEN_CACHE_REFRESH_MARGIN", "soon").env("K8S_TOKEN_CACHE_KEY_ENV", "A,,B");
        call.env("K8S_TOKEN_CACHE_ENCRYPTION_KEY", "hush").env("K8S_TOKEN_CACHE_DISABLE", "perhaps")
    });
    assert_eq!(problems.len(), 4, "{problems:?}");
    for (problem, expected) in problems.iter().zip([
        "K8S_TOKEN_CACHE_REFRESH_MARGIN: invalid value 'soon'",
        "K8S_TOKEN_CACHE_KEY_ENV: invalid value 'A,,B'",
        "K8S_TOKEN_CACHE_ENCRYPTION_KEY: invalid value: expected 32 bytes in base64",
        "nothing is cached: K8S_TOKEN_CACHE_DISABLE: invalid value 'perhaps'",
    ]) {
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn a_variable_that_does_not_exist_is_named_with_the_one_that_was_meant() {
    let setting = Setting::healthy();
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_FIEL", "/tmp/x"));
    let expected = "K8S_TOKEN_CACHE_FIEL is not a variable of this program\n\
                    fix: did you mean K8S_TOKEN_CACHE_FILE?";
    assert_eq!(problem, expected);
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_ZZZZZZ", "1"));
    assert!(problem.ends_with("\nfix: unset K8S_TOKEN_CACHE_ZZZZZZ"), "{problem}");
}

#[test]
fn a_tilde_that_no_shell_expanded_is_named_and_the_fix_expands_it() {
    let setting = Setting::healthy();
    let home = setting.sandbox.home().display().to_string();
    let problems = setting.problems(|call| call.env("KUBECONFIG", "~/.kube/config:/other"));
    let expected = format!("fix: export KUBECONFIG={home}/.kube/config:/other");
    assert!(problems[0].starts_with("KUBECONFIG=~/.kube/config:/other begins with '~'"), "{problems:?}");
    assert!(problems[0].ends_with(&expected), "{problems:?}");
    let problems = setting.problems(|call| call.env("K8S_TOKEN_CACHE_LOG", "~/log"));
    assert!(problems[0].ends_with(&format!("fix: export K8S_TOKEN_CACHE_LOG={home}/log")), "{problems:?}");
}

#[test]
fn a_key_file_that_does_not_exist_is_named_with_the_fix() {
    let setting = Setting::healthy();
    let there = setting.write("there", "").display().to_string();
    let odd = setting.write("[odd]*", "").display().to_string();
    let explained = |list: &str| {
        let call = setting.call(["--explain"]).args(EKS.split(' '));
        rows(&call.env("K8S_TOKEN_CACHE_KEY_FILES", list).run().stdout_text(), "but")
    };
    let names = |path: &str| format!("K8S_TOKEN_CACHE_KEY_FILES names '{path}', which leads to no file: ");
    let fix = "write each path in full";
    for (path, pattern) in [("/x/*.json", '*'), ("/x/?", '?'), ("/x/{a,b}", '{'), ("/x/[ab]", '[')] {
        let list = format!("{there}:{path}:{odd}");
        let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_KEY_FILES", &list));
        let expected = format!("{}only shells expand '{pattern}'", names(path));
        assert_eq!(problem, format!("{expected}\nfix: {fix}"));
        assert_eq!(explained(&list), [format!("{expected}: {fix}")]);
    }
    assert_eq!(explained("~/x"), [format!("{}only shells expand '~': {fix}", names("~/x"))]);
    assert_eq!(explained("/x/y"), [format!("{}there is no such file", names("/x/y"))]);
    assert!(explained(&there).is_empty());
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_KEY_FILES", "~/x"));
    assert!(problem.starts_with("K8S_TOKEN_CACHE_KEY_FILES=~/x begins with '~'"), "{problem}");
    let run = setting.call(["--doctor"]).env("K8S_TOKEN_CACHE_KEY_FILES", "/x/y").run();
    let notes = rows(&run.stdout_text(), "note");
    let expected = [&names("/x/y"), "there is no such file; it counts when it is created"].concat();
    assert!(run.code() == 0 && notes.contains(&expected), "{notes:?}");
}

#[test]
fn a_log_that_cannot_be_written_is_named_and_the_fix_works() {
    let setting = Setting::healthy();
    let log = setting.home("logs/of/the/cache");
    let with_log = |call: Call| call.env("K8S_TOKEN_CACHE_LOG", &log);
    let problem = setting.problem(with_log);
    assert!(problem.starts_with(&format!("the log '{}' cannot be written: ", log.display())), "{problem}");
    setting.paste(&problem, "mkdir -p ");
    assert!(setting.problems(with_log).is_empty());
    assert!(!log.exists(), "it creates nothing");
    fs::create_dir(&log).unwrap();
    assert!(setting.problem(with_log).contains("cannot be written: is a directory"));
}

/// The fixes are run by the real kubectl.
#[test]
fn it_says_where_the_encryption_key_is() {
    let setting = Setting::healthy();
    let says = |text: &str, variable: &str, value: &str| {
        let run = setting.call(["--doctor"]).env(variable, value).run();
        assert!(run.stdout_text().contains(text), "{run:?}");
    };
    says("ok         no encryption key has been created yet", "A", "");
    says("note       the cache is not encrypted", "K8S_TOKEN_CACHE_ENCRYPTION", "off");
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    says("encrypted; the key is in K8S_TOKEN_CACHE_ENCRYPTION_KEY", "K8S_TOKEN_CACHE_ENCRYPTION_KEY", key);
    assert!(setting.misses(setting.call(EKS.split(' '))));
    says(&format!("encrypted; the key is in '{}/", setting.sandbox.home().display()), "A", "");
}
