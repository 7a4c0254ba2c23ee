//! Another program under the name of a known plugin.

use std::os::unix::fs::symlink;

use super::{Setting, same};
use crate::support::Call;

const AWS: [&str; 3] = ["aws", "eks", "get-token"];

#[test]
fn another_program_on_path_has_its_own_credential() {
    let setting = Setting::new();
    let [one, other] = ["one", "other"].map(|name| setting.home(name));
    for directory in [&one, &other] {
        for program in ["aws", "gke-gcloud-auth-plugin", "aws-vault"] {
            setting.add_plugin(&directory.join(program), directory.to_str().unwrap());
        }
    }
    let [with_one, with_other] = [&one, &other].map(|directory| setting.path_with(&[directory]));
    for words in [
        &AWS[..],
        &["gke-gcloud-auth-plugin"],
        &["env", "X=1", "aws", "eks", "get-token"],
        &["sh", "-c", "aws eks get-token"],
        &["aws-vault", "exec", "x", "aws", "eks", "get-token"],
    ] {
        let what = words.join(" ");
        let [first, second] = [&with_one, &with_other].map(|path| move |call: Call| call.env("PATH", path));
        setting.differ(&what, words, &first, &second);
        for program in ["aws", "gke-gcloud-auth-plugin", "aws-vault"] {
            setting.add_plugin(&other.join(program), &what);
        }
        setting.check(words, &second);
        assert!(!setting.check(words, &second).1, "{what}: the edited program");
        assert!(!setting.check(words, &first).1, "{what}: the first program");
    }
}

#[test]
fn an_edited_program_of_a_known_name_is_another_plugin() {
    let setting = Setting::new();
    let program = setting.programs.join("aws");
    let path = program.to_str().unwrap();
    let mut version = 0;
    for words in [&AWS[..], &[path, "eks", "get-token"], &["timeout", "50", path, "eks", "get-token"]] {
        setting.add_plugin(&program, "first");
        version += 1;
        let version = version.to_string();
        setting.changes("an edited program", words, || setting.add_plugin(&program, &version));
    }
    setting.add_plugin(&program, "last");
    let explained = setting.sandbox.program().arg("--explain").args(AWS);
    let explained = explained.env("KUBERNETES_EXEC_INFO", crate::support::EXEC_INFO).run().stdout_text();
    assert!(explained.contains("miss: its program has changed"), "{explained}");
    assert!(explained.contains(&format!("program    '{path}'")), "{explained}");
}

#[test]
fn another_path_to_the_same_program_hits() {
    let setting = Setting::new();
    setting.add_plugin(&setting.programs.join("aws"), "aws");
    let linked = setting.home("linked");
    std::fs::create_dir(&linked).unwrap();
    symlink(setting.programs.join("aws"), linked.join("aws")).unwrap();
    setting.check(&AWS, &same);
    let none = setting.home("none");
    for path in [
        setting.path_with(&[&none]),
        setting.path_with(&[&linked]),
        format!("{}:{}", setting.path_with(&[]), none.display()),
    ] {
        let with = |call: Call| call.env("PATH", &path);
        assert!(!setting.check(&AWS, &with).1, "{path}");
    }
    let before = setting.runs();
    let run = setting.cached(&AWS).env("PATH", "/usr/bin:/bin").by_another_caller().run();
    assert_eq!((run.code(), setting.runs()), (0, before), "a PATH without the program");
}
