//! Every file of the corpus becomes what the file beside it says; see `tests/data/kubeconfig/README.md`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::{Home, find, settle};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/kubeconfig");

/// In these another command wraps this program, so that they cannot be restored.
const NOT_RESTORED: [&str; 1] = ["already-further-in.yaml"];

struct Case {
    name: String,
    before: Vec<u8>,
    refused: Option<String>,
}

impl Case {
    fn beside(&self, what: &str) -> Option<Vec<u8>> {
        fs::read(format!("{DATA}/{}.{what}", self.name)).ok()
    }
}

fn cases() -> Vec<Case> {
    let mut names: Vec<String> = fs::read_dir(DATA)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "README.md")
        .filter(|name| !["injected", "restored", "refused"].iter().any(|end| name.ends_with(end)))
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| Case {
            before: fs::read(format!("{DATA}/{name}")).unwrap(),
            refused: fs::read_to_string(format!("{DATA}/{name}.refused")).ok(),
            name,
        })
        .collect()
}

/// Runs `check` for each case in a home of its own, several at a time: most of it is waiting.
fn for_each(cases: &[Case], check: impl Fn(&Case, &Home) + Sync) {
    let left = Mutex::new(cases.iter());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().next();
                    let Some(case) = next else { break };
                    check(case, &Home::new());
                }
            });
        }
    });
}

#[track_caller]
fn assert_bytes(case: &Case, path: &Path, expected: &[u8], what: &str) {
    let bytes = fs::read(path).unwrap();
    let (got, wanted) = (String::from_utf8_lossy(&bytes), String::from_utf8_lossy(expected));
    assert!(bytes == expected, "{}: {what}\n--- got\n{got}\n--- wanted\n{wanted}", case.name);
}

fn injected(case: &Case, home: &Home) -> Vec<u8> {
    let bytes = case.beside("injected").unwrap_or_else(|| panic!("no {}.injected", case.name));
    match String::from_utf8(bytes) {
        // A slash is no separator to client-go on Windows, where these are names.
        Ok(text) if cfg!(windows) => text.replace("@DIR@/./", "").into_bytes(),
        Ok(text) => text.replace("@DIR@", home.path().to_str().unwrap()).into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

#[test]
fn each_file_is_injected_once_and_restored_as_it_was() {
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.refused.is_none()).collect();
    assert!(cases.len() >= 40, "{} files", cases.len());
    for_each(&cases, |case, home| {
        let path = home.file(&case.name, &case.before);
        let expected = injected(case, home);

        home.run(["--inject", &case.name]).succeeded();
        assert_bytes(case, &path, &expected, "injected");

        settle(&path);
        let again = home.run(["--inject", &case.name]).succeeded();
        assert_bytes(case, &path, &expected, "injected twice");
        assert!(again.stdout.contains("nothing to do"), "{}: {}", case.name, again.stdout);

        settle(&path);
        let restored = home.run(["--restore", &case.name]);
        let is_refused = NOT_RESTORED.contains(&case.name.as_str());
        assert_eq!(restored.status, Some(i32::from(is_refused)), "{}: {restored:?}", case.name);
        let original = case.beside("restored").unwrap_or_else(|| case.before.clone());
        assert_bytes(case, &path, &original, "restored");
    });
}

#[test]
fn what_cannot_be_edited_safely_is_refused_with_line_and_reason() {
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.refused.is_some()).collect();
    assert!(cases.len() >= 20, "{} files", cases.len());
    for_each(&cases, |case, home| {
        let path = home.file(&case.name, &case.before);
        let (line, reason) = case.refused.as_deref().unwrap().trim_end().split_once(": ").unwrap();
        for option in [None, Some("--dry-run")] {
            let answer = home.run(["--inject", &case.name].into_iter().chain(option)).refused();
            let expected = format!(", line {line}: {reason}");
            let said = answer.stdout + &answer.stderr;
            assert!(said.contains(&expected), "{}: {said}", case.name);
            assert!(!said.contains("nothing done: no users"), "{}: {said}", case.name);
            assert_bytes(case, &path, &case.before, "refused");
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "{}", case.name);
    });
}

/// kubectl, an independent reader, sees the same kubeconfig except for `command` and `args`.
#[test]
fn kubectl_reads_every_injected_file_as_the_original_with_the_command_moved() {
    let Some(kubectl) = find("KUBECTL", "kubectl", "kubectl reading the corpus") else {
        return;
    };
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.refused.is_none()).collect();
    for_each(&cases, |case, home| {
        let path = home.file(&case.name, &case.before);
        let before = view(&kubectl, home, &path);
        fs::write(&path, injected(case, home)).unwrap();
        let after = view(&kubectl, home, &path);
        assert_eq!(after, moved(before, &after, home), "{}", case.name);
    });
}

fn view(kubectl: &Path, home: &Home, path: &Path) -> Value {
    let output = Command::new(kubectl)
        .env("HOME", home.path())
        .arg("--kubeconfig")
        .arg(path)
        .args(["config", "view", "--raw", "-o", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The original, with the cache in front of each command that `after` has it in front of.
fn moved(mut before: Value, after: &Value, home: &Home) -> Value {
    let users = before["users"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
    for (place, user) in users.iter_mut().enumerate() {
        let Some(exec) = user["user"].get_mut("exec").filter(|exec| exec.is_object()) else {
            continue;
        };
        let words = |exec: &Value| -> Vec<String> {
            let args = exec["args"].as_array().cloned().unwrap_or_default();
            args.iter().map(|arg| arg.as_str().unwrap().to_owned()).collect()
        };
        let mut wrapped = vec![exec["command"].as_str().unwrap().to_owned()];
        let got = words(&after["users"][place]["user"]["exec"]);
        if is_injected(&wrapped[0], &words(exec)) {
            continue;
        }
        if cfg!(unix) && (wrapped[0].starts_with('.') || wrapped[0].starts_with("bin/")) {
            wrapped[0] = format!("{}/./{}", home.path().display(), wrapped[0]);
        }
        wrapped.extend(words(exec));
        let options = got.len().checked_sub(wrapped.len()).unwrap();
        assert!(got[..options].iter().all(|arg| arg.starts_with("--")), "{got:?}");
        exec["command"] = json!("k8s-token-cache");
        exec["args"] = json!(got[..options].iter().chain(&wrapped).collect::<Vec<_>>());
    }
    before
}

fn is_injected(command: &str, args: &[String]) -> bool {
    command.contains("k8s-token-cache")
        || ["aws-vault", "sh"].contains(&command) && args.concat().contains("k8s-token-cache")
}
