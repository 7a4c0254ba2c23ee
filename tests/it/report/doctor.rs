//! `--doctor` finds what is wrong, says how to mend it, and is content afterwards.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::{Setting, User, everything_below, rows};
use crate::support::{Call, HOUR, PROGRAM};

const EKS: &str = "aws eks get-token --cluster-name demo";

impl Setting {
    fn healthy() -> Setting {
        let setting = Setting::new();
        setting.users(&[User::cached("dev", EKS)]);
        setting
    }

    /// The problems that it finds, each with how to mend it.
    #[track_caller]
    fn problems(&self, change: impl Fn(Call) -> Call) -> Vec<String> {
        let run = change(self.call(["--doctor"])).run();
        let report = run.stdout_text();
        let problems = rows(&report, "problem");
        let ends = match problems.len() {
            0 => "\nnothing needs mending\n".to_owned(),
            1 => "\n1 thing needs mending\n".to_owned(),
            more => format!("\n{more} things need mending\n"),
        };
        assert!(report.ends_with(&ends), "{report}");
        assert_eq!(run.code(), i32::from(!problems.is_empty()), "{run:?}");
        assert!(problems.iter().all(|problem| problem.contains("\nmend: ")), "{report}");
        problems
    }

    /// The only problem that it finds.
    #[track_caller]
    fn problem(&self, change: impl Fn(Call) -> Call) -> String {
        let mut problems = self.problems(change);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }
}

fn same(call: Call) -> Call {
    call
}

#[test]
fn nothing_needs_mending_before_and_after_the_first_call_and_nothing_is_made() {
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
fn users_without_the_cache_are_named_and_injecting_mends_it() {
    let setting = Setting::new();
    setting.users(&[User::direct("arn:aws:eks:eu-west-1:1:cluster/a", EKS), User::direct("it's", EKS)]);
    let problems = setting.problems(same);
    assert_eq!(problems.len(), 2);
    assert!(problems[0].starts_with("user 'arn:aws:eks:eu-west-1:1:cluster/a' of '"), "{problems:?}");
    for problem in &problems {
        let mend = problem.split("\nmend: ").nth(1).unwrap();
        let shell = setting.sandbox.tool("/bin/sh").args(["-c", mend]).run();
        assert_eq!(shell.code(), 0, "{shell:?}");
    }
    assert!(setting.problems(same).is_empty());
}

#[test]
fn a_program_that_is_missing_is_named_and_its_mend_works() {
    let setting = Setting::healthy();
    fs::remove_file(setting.home("bin/k8s-token-cache")).unwrap();
    let problem = setting.problem(same);
    assert!(problem.starts_with("'k8s-token-cache' is not found, which user 'dev' of "), "{problem}");
    let mend = problem.split("or: k8s-token-cache ").nth(1).unwrap();
    let (_, path) = mend.split_once("--command ").unwrap();
    assert_eq!(path, PROGRAM);
    assert_eq!(setting.call(mend.split(' ')).run().code(), 0);
    assert!(setting.problems(same).is_empty());
}

#[test]
fn a_plugin_that_is_missing_or_cannot_be_executed_is_named() {
    let setting = Setting::new();
    setting.users(&[User::cached("do", "doctl kubernetes"), User::cached("own", "no-such-plugin x")]);
    let problems = setting.problems(same);
    assert!(problems[0].starts_with("'doctl' is not found, which user 'do' of '"), "{problems:?}");
    assert!(problems[0].contains("https://docs.digitalocean.com/"), "the table knows: {problems:?}");
    assert!(problems[1].ends_with("mend: install it, or put it on PATH"), "{problems:?}");
    setting.write("plugins/no-such-plugin", "");
    setting.write("plugins/doctl", "");
    let problems = setting.problems(same);
    assert!(problems.iter().all(|problem| problem.contains("cannot be executed")), "{problems:?}");
    assert_eq!(problems.len(), 2);
}

#[test]
fn a_cache_file_that_is_not_private_or_not_a_file_is_named_and_its_mend_works() {
    let setting = Setting::healthy();
    assert!(setting.misses(setting.call(EKS.split(' '))));
    let file = setting.sandbox.cache_file();
    let break_by: [(&str, &dyn Fn()); 3] = [
        ("other users have access to it", &|| {
            fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap()
        }),
        ("", &|| {
            fs::remove_file(&file).unwrap();
            symlink("/etc/hostname", &file).unwrap();
        }),
        ("it is not a regular file", &|| {
            fs::remove_file(&file).unwrap();
            fs::create_dir(&file).unwrap();
        }),
    ];
    for (why, break_it) in break_by {
        break_it();
        let problem = setting.problem(same);
        assert!(problem.starts_with(&format!("cannot use '{}': {why}", file.display())), "{problem}");
        assert!(problem.ends_with("\nmend: remove it: the next call makes a new one"), "{problem}");
    }
    fs::remove_dir(&file).unwrap();
    assert!(setting.problems(same).is_empty());
}

#[test]
fn a_directory_that_others_can_write_to_is_named() {
    let setting = Setting::healthy();
    let shared = setting.home("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o777)).unwrap();
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_FILE", shared.join("token.json")));
    assert!(problem.starts_with(&format!("cannot use '{}': ", shared.display())), "{problem}");
    let in_a_file = setting.write("file", "").join("directory");
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_FILE", in_a_file.join("token.json")));
    assert!(problem.starts_with(&format!("'{}' cannot be written", in_a_file.display())), "{problem}");
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
fn a_key_that_cannot_be_used_is_named_and_its_mend_works() {
    let setting = Setting::healthy();
    assert!(setting.misses(setting.call(EKS.split(' '))));
    let key = setting.home(".local/state/k8s-token-cache/key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let problem = setting.problem(same);
    assert!(
        problem.contains(&format!("cannot use '{}': other users have access to it", key.display())),
        "{problem}"
    );
    assert!(problem.ends_with("mend: remove it, and a new key is made"), "{problem}");
    fs::remove_file(key).unwrap();
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
    assert!(setting.problem(same).contains("which is long ago"));
}

#[test]
fn settings_that_switch_the_cache_off_are_named() {
    let setting = Setting::healthy();
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_DISABLE", "1"));
    assert_eq!(problem, "nothing is cached: K8S_TOKEN_CACHE_DISABLE is set\nmend: unset it");
    let directory = setting.home("bin");
    let problem = setting.problem(|call| call.env("K8S_TOKEN_CACHE_LOG", &directory));
    assert!(
        problem.starts_with(&format!("the log '{}' cannot be written", directory.display())),
        "{problem}"
    );
    let run = setting.call(["--doctor"]).env("K8S_TOKEN_CACHE_REFRESH_MARGIN", "soon").run();
    assert_eq!(run.code(), 2, "{run:?}");
}

#[test]
fn a_kubeconfig_that_cannot_be_read_is_named_and_a_missing_one_noted() {
    let setting = Setting::healthy();
    setting.write(".kube/config", "users: [");
    let problem = setting.problem(same);
    assert!(problem.contains(".kube/config', line 1: "), "{problem}");
    fs::remove_file(setting.home(".kube/config")).unwrap();
    assert!(setting.problems(same).is_empty());
    let report = setting.shown(["--doctor"]);
    assert!(rows(&report, "note")[0].starts_with("there is no kubeconfig '"), "{report}");
}

#[test]
fn a_list_of_allowed_plugins_without_this_program_is_named_and_its_mend_works() {
    let setting = Setting::healthy();
    let policy =
        "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: Allowlist\n";
    let kuberc = setting.write(".kube/kuberc", policy);
    let problem = setting.problem(same);
    assert!(problem.starts_with("kubectl may not run 'k8s-token-cache': '"), "{problem}");
    let lines = problem.split("mend: add to that file:\n").nth(1).unwrap();
    fs::write(kuberc, format!("{policy}{lines}\n")).unwrap();
    assert!(setting.problems(same).is_empty());
}

#[test]
fn a_cache_of_the_plugins_own_that_may_be_somebody_elses_is_noted() {
    let setting = Setting::new();
    let gke = |name| User::cached(name, "gke-gcloud-auth-plugin");
    setting.users(&[gke("one"), gke("two"), User::cached("eks", EKS)]);
    setting.sandbox.plugin("gke-gcloud-auth-plugin");
    let notes = || {
        assert!(setting.problems(same).is_empty());
        rows(&setting.shown(["--doctor"]), "note")
    };
    assert!(notes().is_empty());
    let cache = setting.write(".kube/gke_gcloud_auth_plugin_cache", "{}");
    let expected = format!(
        "'{}', the plugin's own cache, may outlive a change of the account: remove it after one",
        cache.display()
    );
    assert_eq!(notes(), [expected]);
    setting.users(&[User::cached("eks", EKS)]);
    assert!(notes().is_empty());
}

#[test]
fn it_says_where_the_key_lives() {
    let setting = Setting::healthy();
    let says = |text: &str, variable: &str, value: &str| {
        let run = setting.call(["--doctor"]).env(variable, value).run();
        assert!(run.stdout_text().contains(text), "{run:?}");
    };
    says("ok         no encryption key has been made yet", "A", "");
    says("note       the cache is not encrypted", "K8S_TOKEN_CACHE_ENCRYPTION", "off");
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    says("encrypted; the key is in K8S_TOKEN_CACHE_ENCRYPTION_KEY", "K8S_TOKEN_CACHE_ENCRYPTION_KEY", key);
    assert!(setting.misses(setting.call(EKS.split(' '))));
    says(&format!("encrypted; the key is in '{}/", setting.sandbox.home().display()), "A", "");
}
