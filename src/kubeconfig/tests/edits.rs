//! Property tests: kubeconfigs in many styles, whole and mutated, are edited as a second YAML reader
//! expects it: a port of libyaml, which kubectl's and PyYAML's readers descend from too. It knows
//! nothing of places and edits.

use std::path::{MAIN_SEPARATOR, Path};

use proptest::prelude::*;
use serde::Deserialize;
use serde_yaml_ng::Value;

use super::redacted::redact;
use super::writer::{Dice, kubeconfig, mutate};
use super::{DIRECTORY, inject, inject_unknown, inject_users, is_own, restore};
use crate::kubeconfig::diff;
use crate::kubeconfig::plan::{Plan, UserState};

/// All documents; none if the second reader refuses them.
fn documents(text: &str) -> Option<Vec<Value>> {
    // The second reader does not skip a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    documents.map(|document| Value::deserialize(document).ok()).collect()
}

/// What injecting should make of a kubeconfig, without text edits. Refused users stay as they are.
fn injected(mut documents: Vec<Value>, plan: &Plan) -> Vec<Value> {
    let users = documents.first_mut().and_then(|document| document.get_mut("users"));
    let users = users.and_then(Value::as_sequence_mut).map(Vec::as_mut_slice);
    for (user, (_, state)) in users.unwrap_or_default().iter_mut().zip(&plan.users) {
        if matches!(state, UserState::Refused(_)) {
            continue;
        }
        let exec = user.get_mut("user").and_then(|user| user.get_mut("exec"));
        if let Some(exec) = exec.and_then(Value::as_mapping_mut) {
            inject_exec(exec);
        }
    }
    documents
}

fn inject_exec(exec: &mut serde_yaml_ng::Mapping) {
    let Some(command) = exec.get("command").and_then(Value::as_str).map(str::to_owned) else {
        return;
    };
    if command.is_empty() {
        return;
    }
    let args = exec.get("args").and_then(Value::as_sequence).cloned().unwrap_or_default();
    let env = exec.get("env").and_then(Value::as_sequence).cloned().unwrap_or_default();
    let mut names: Vec<&str> = Vec::new();
    for name in env.iter().filter_map(|item| item.get("name").and_then(Value::as_str)) {
        if name != "AWS_PROFILE" && !names.contains(&name) {
            names.push(name);
        }
    }
    let mut words: Vec<Value> = Vec::new();
    if !names.is_empty() {
        words.push(format!("--key-env={}", names.join(",")).into());
    }
    if is_own(&command) {
        // Only a wrapped command can get more names, and the writer writes no `--key-env`.
        if matches!(args.first().and_then(Value::as_str), Some(arg) if !arg.is_empty() && !arg.starts_with('-'))
        {
            words.extend(args);
            exec.insert("args".into(), words.into());
        }
        return;
    }
    if command.starts_with('-') {
        words.push("--".into());
    }
    if command.contains(MAIN_SEPARATOR) && !Path::new(&command).is_absolute() {
        words.push(format!("{DIRECTORY}{MAIN_SEPARATOR}.{MAIN_SEPARATOR}{command}").into());
    } else {
        words.push(command.into());
    }
    words.extend(args);
    exec.insert("command".into(), "k8s-token-cache".into());
    exec.insert("args".into(), words.into());
}

/// Empty arguments, null and none mean the same.
fn without_empty_args(mut documents: Vec<Value>) -> Vec<Value> {
    let users = documents.first_mut().and_then(|document| document.get_mut("users"));
    for user in users.and_then(Value::as_sequence_mut).into_iter().flatten() {
        let exec = user.get_mut("user").and_then(|user| user.get_mut("exec"));
        if let Some(exec) = exec.and_then(Value::as_mapping_mut)
            && exec
                .get("args")
                .is_some_and(|args| args.is_null() || args.as_sequence().is_some_and(Vec::is_empty))
        {
            exec.remove("args");
        }
    }
    documents
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_shrink_iters: 3000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_style_is_injected_once_and_comes_back(
        rolls in prop::collection::vec(any::<u8>(), 0..160)
    ) {
        let (before, exact) = kubeconfig(&rolls);
        let Some(meaning) = documents(&before) else { panic!("the writer writes YAML: {before}") };
        let has_own = before.contains("k8s-token-cache");

        let plan = inject(&before).unwrap();
        let after = plan.apply(&before);
        prop_assert_eq!(documents(&after).unwrap(), injected(meaning.clone(), &plan), "{}", &after);
        prop_assert!(inject(&after).unwrap().edits.is_empty(), "{}", after);

        let Ok(back) = restore(&after) else { panic!("not restored: {after}") };
        let back = back.apply(&after);
        if exact && !has_own {
            prop_assert_eq!(&back, &before);
        } else if !has_own {
            let meaning = without_empty_args(meaning);
            prop_assert_eq!(without_empty_args(documents(&back).unwrap()), meaning, "{}", back);
        }
    }

    #[test]
    fn a_mutated_file_is_refused_or_edited_as_another_reader_expects(
        rolls in prop::collection::vec(any::<u8>(), 0..160),
        changes in prop::collection::vec(any::<u8>(), 0..24),
    ) {
        let (mut before, _) = kubeconfig(&rolls);
        let mut dice = Dice { rolls: &changes };
        for _ in 0..changes.len() / 4 {
            mutate(&mut before, &mut dice);
        }
        if let (Ok(plan), Some(meaning)) = (inject(&before), documents(&before)) {
            let after = plan.apply(&before);
            prop_assert_eq!(documents(&after), Some(injected(meaning, &plan)), "{}", &after);
            prop_assert!(inject(&after).unwrap().edits.is_empty(), "{}", after);
        }
        let _ = restore(&before);
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(text in "[ -~\\n\\t\\r:\\-\\[\\]{}&*!|>'\"#%@`é\u{feff}]{0,200}") {
        let _ = inject(&text);
        let _ = restore(&["users:\n", &text].concat());
            }

    #[test]
    fn the_diff_of_an_edit_is_one_that_patch_would_take(
        rolls in prop::collection::vec(any::<u8>(), 0..160)
    ) {
        let (before, _) = kubeconfig(&rolls);
        let plan = inject(&before).unwrap();
        let diff = diff::unified("config", &before, &plan.edits, false);
        prop_assert_eq!(patched(&before, &diff), plan.apply(&before), "{}", diff);
    }

    #[test]
    fn every_line_of_a_redacted_kubeconfig_is_one_of_the_original(
        rolls in prop::collection::vec(any::<u8>(), 0..160)
    ) {
        let (before, _) = kubeconfig(&rolls);
        redact(&before);
    }
}

/// Applies a diff as `patch` does; every line of context must match.
fn patched(before: &str, diff: &str) -> String {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let mut new = String::new();
    let mut at = 0;
    let lines: Vec<&str> = diff.split_inclusive('\n').collect();
    for (place, line) in lines.iter().enumerate().skip(2) {
        let no_newline = lines.get(place + 1).is_some_and(|next| next.starts_with('\\'));
        let text = if no_newline { line[1..].trim_end_matches('\n') } else { &line[1..] };
        match &line[..1] {
            "@" => {
                let start = line[4..].split([',', ' ']).next().unwrap().parse::<usize>().unwrap();
                let count = line[4..].split([',', ' ']).nth(1).unwrap();
                let start = if count == "0" { start } else { start - 1 };
                new.extend(old[at..start].iter().copied());
                at = start;
            }
            "+" => new.push_str(text),
            " " | "-" => {
                assert_eq!(old[at], text);
                if line.starts_with(' ') {
                    new.push_str(text);
                }
                at += 1;
            }
            _ => assert!(line.starts_with('\\')),
        }
    }
    new.extend(old[at..].iter().copied());
    new
}

#[test]
fn a_user_that_was_not_named_does_not_change_with_another() {
    let shared = "users:\n- name: a\n  user: &u\n    exec:\n      command: aws\n      args: [x]\n- name: b\n  user: *u\n";
    let refusal = inject_users(shared, &["a".to_owned()]).unwrap_err();
    assert_eq!(
        (refusal.line, refusal.reason),
        (7, "this user shares its exec plugin with a user that would change")
    );
    let both = inject_users(shared, &["a".to_owned(), "b".to_owned()]).unwrap();
    assert_eq!(both.edits.len(), 2);
}

#[test]
fn a_variable_that_came_later_is_added_to_what_is_injected() {
    let text = "users:\n- name: a\n  user:\n    exec:\n      command: k8s-token-cache\n      args:\n      - --key-env=TENANT\n      - aws\n      env: [{name: TENANT, value: a}, {name: REALM, value: b}]\n";
    let plan = inject(text).unwrap();
    assert_eq!(plan.users, [("a".to_owned(), UserState::Updated)]);
    let after = plan.apply(text);
    assert!(after.contains("      - --key-env=REALM\n      - --key-env=TENANT\n      - aws\n"));
    assert!(inject(&after).unwrap().edits.is_empty());
    let back = restore(&after).unwrap().apply(&after);
    assert!(back.contains("command: aws\n      env:"), "{back}");
}

#[test]
fn names_in_env_only_add_for_an_unknown_plugin() {
    let plain = "users:\n- name: a\n  user:\n    exec:\n      command: corp-login\n      env: [{name: STAGE, value: a}]\n";
    let unknown = |text: &str| inject_unknown(text).unwrap().apply(text);
    assert!(unknown(plain).contains("--key-env=+STAGE\n"), "{}", unknown(plain));
    assert!(inject(plain).unwrap().apply(plain).contains("--key-env=STAGE\n"));
    let injected = unknown(plain);
    assert_eq!(unknown(&injected), injected);
    // A list without the plus sign states all that matters, and stays so.
    let stated = "users:\n- name: a\n  user:\n    exec:\n      command: k8s-token-cache\n      args:\n      - --key-env=A\n      - corp-login\n      env: [{name: STAGE, value: a}]\n";
    assert!(unknown(stated).contains("--key-env=STAGE\n"));
}
