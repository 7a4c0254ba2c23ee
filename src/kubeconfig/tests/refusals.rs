//! What is refused: for one user, with the line and the true reason, and for no other.

use super::{inject, inject_users, restore};
use crate::kubeconfig::plan::UserState;
use crate::kubeconfig::yaml::{Refusal, parse};

fn states(text: &str) -> Vec<(String, UserState)> {
    inject(text).unwrap_or_else(|refusal| panic!("{refusal:?}: {text}")).users
}

const MERGE_KEY: &str = "merge keys ('<<') are not supported";
const EXPLICIT_KEY: &str = "explicit keys ('? ') are not supported";

#[test]
fn a_construct_that_cannot_be_edited_refuses_the_users_it_touches() {
    let user = |name: &str, body: &str| format!("- name: {name}\n  user:\n    exec:\n{body}");
    let plain = "      command: aws\n      args: [x]\n";
    for (body, line, reason) in [
        ("      command: aws\n      command: aws\n", 7, "duplicate key"),
        ("      <<: *shared\n", 6, MERGE_KEY),
        ("      <<: [*shared]\n      command: aws\n", 6, MERGE_KEY),
        ("      ? command\n      : aws\n", 6, EXPLICIT_KEY),
        ("      ? command\n      :\n        aws\n      args: [x]\n", 6, EXPLICIT_KEY),
    ] {
        let text = format!(
            "shared: &shared {{args: [y], command: aws}}\nusers:\n{}{}{}",
            user("odd", body),
            user("next", plain),
            "current-context: x\n"
        );
        let refused = UserState::Refused(Refusal { line, reason });
        let expected = [("odd".to_owned(), refused), ("next".to_owned(), UserState::Injected)];
        assert_eq!(states(&text), expected, "{text}");
        let after = inject(&text).unwrap().apply(&text);
        assert_eq!(restore(&after).unwrap().apply(&after), text);
    }
}

#[test]
fn a_construct_behind_an_alias_refuses_the_user_of_the_alias() {
    let text = "\
bases:
- &odd {command: aws, command: aws}
- &indirect {exec: *odd}
users:
- name: direct
  user: {exec: *odd}
- name: indirect
  user: *indirect
- name: plain
  user: {exec: {command: aws}}
";
    let refused = UserState::Refused(Refusal { line: 2, reason: "duplicate key" });
    let expected = [("direct", refused), ("indirect", refused), ("plain", UserState::Injected)];
    assert_eq!(states(text), expected.map(|(name, state)| (name.to_owned(), state)));
}

#[test]
fn a_construct_outside_of_the_users_refuses_no_user() {
    for odd in [
        "contexts: []\ncontexts: []\n",
        "preferences: {<<: {colors: true}}\n",
        "? current-context\n: x\n",
        "clusters:\n- name: a\n  name: a\n",
    ] {
        let text = format!("{odd}users:\n- name: a\n  user:\n    exec:\n      command: aws\n");
        assert_eq!(states(&text), [("a".to_owned(), UserState::Injected)], "{text}");
    }
}

#[test]
fn users_that_are_duplicate_merged_in_or_explicit_are_all_refused() {
    let user = "- name: a\n  user: {exec: {command: aws}}\n";
    for (text, line, reason) in [
        (format!("users:\n{user}users:\n{user}"), 4, "duplicate key"),
        (format!("? users\n:\n{user}"), 1, EXPLICIT_KEY),
        ("x: &x {users: [{name: a, user: {exec: {command: aws}}}]}\n<<: *x\n".to_owned(), 2, MERGE_KEY),
    ] {
        assert_eq!(inject(&text).unwrap_err(), Refusal { line, reason }, "{text}");
    }
}

#[test]
fn a_user_that_cannot_be_read_does_not_keep_others_from_being_edited() {
    let text = "users:\n- user: {exec: {command: aws}}\n- name: b\n  user: {exec: no}\n- name: c\n  user: {exec: {command: aws}}\n- name: d\n  user: {exec: {command: aws, args: no}}\n";
    let refused = |line, reason| UserState::Refused(Refusal { line, reason });
    let expected = [
        ("", refused(2, "a user without a name")),
        ("b", refused(4, "'exec' is not a mapping")),
        ("c", UserState::Injected),
        ("d", refused(8, "'args' is not a list")),
    ];
    assert_eq!(states(text), expected.map(|(name, state)| (name.to_owned(), state)));
}

#[test]
fn a_file_that_sops_encrypted_is_refused() {
    let text = "users:\n- name: a\n  user: {exec: {command: aws}}\nsops:\n  version: 3.9.0\n";
    let refusal = inject(text).unwrap_err();
    assert_eq!(refusal.line, 4);
    assert!(refusal.reason.contains("SOPS"), "{}", refusal.reason);
    assert!(restore(text).is_err());
}

#[test]
fn merge_keys_and_duplicate_keys_are_read_as_kubectl_reads_them() {
    let text =
        "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nm: {<<: [*x, *y], a: 5}\nn: {b: 6, <<: *x, c: 7, c: 8}\n";
    let tree = parse(text).unwrap();
    let root = tree.documents()[0];
    let value = |mapping, key| {
        let mapping = tree.get(root, mapping).unwrap().value;
        tree.get(mapping, key).and_then(|entry| tree.scalar(entry.value))
    };
    let read = ["a", "b", "c", "d"].map(|key| value("m", key));
    assert_eq!(read, [Some("5"), Some("2"), Some("4"), None]);
    let read = ["a", "b", "c"].map(|key| value("n", key));
    assert_eq!(read, [Some("1"), Some("2"), Some("8")]);
}

#[test]
fn merges_of_merges_end() {
    let mut text = String::from("x0: &x0 {a: 1}\n");
    for level in 1..60 {
        let below = level - 1;
        text.push_str(&format!("x{level}: &x{level} {{<<: [*x{below}, *x{below}]}}\n"));
    }
    text.push_str("users: [{name: a, user: {exec: *x59}}]\n");
    assert_eq!(states(&text).len(), 1);
    assert!(inject_users(&text, &["a".to_owned()]).is_ok());
}
