//! What is left of a kubeconfig in a diff.

use std::ffi::OsString;

use super::{inject, is_own};
use crate::kubeconfig::Kubeconfig;
use crate::kubeconfig::edit;
use crate::kubeconfig::redacted::{Reveal, redacted};
use crate::kubeconfig::shortened::shortened;

/// Hides every argument that contains an `x`, and every variable but `A`. Checks that lines stay lines, before
/// and after the edits of `--inject`.
pub fn redact(text: &str) -> String {
    let arguments = |call: &[OsString]| {
        let shown = call.iter().map(|word| word.to_string_lossy().into_owned());
        shown.map(|word| if word.contains('x') { "#".to_owned() } else { word }).collect()
    };
    let variable = |name: &str, value: &str| if name == "A" { value } else { "#" }.to_owned();
    let reveal = Reveal { mask: "***", arguments: &arguments, variable: &variable, is_own: &is_own };
    let edits = inject(text).unwrap().edits;
    let (shown, moved) = redacted(&Kubeconfig::scan(text).unwrap(), &edits, &reveal);
    let lines = |text: &str| text.split('\n').count();
    let changed = edit::apply(&moved, &shown, 0..shown.len());
    assert_eq!(lines(&shown), lines(text), "{shown}");
    assert_eq!(lines(&changed), lines(&edit::apply(&edits, text, 0..text.len())), "{changed}");
    let (short, moved) = shortened(text, &edits);
    let changed = edit::apply(&moved, &short, 0..short.len());
    assert_eq!(lines(&short), lines(text), "{short}");
    assert_eq!(lines(&changed), lines(&edit::apply(&edits, text, 0..text.len())), "{changed}");
    shown
}

#[test]
fn only_what_is_known_to_be_no_secret_is_shown() {
    for (before, after) in [
        ("users: [] # x\n", "users: [] # ***\n"),
        ("#x\n#\n---\n# x\r\nusers: []\n", "# ***\n#\n---\n# ***\r\nusers: []\n"),
        ("current-context: c\nx: x\n", "current-context: c\nx: ***\n"),
        ("clusters: [{name: c, cluster: {server: x}}]", "clusters: [{name: c, cluster: {server: ***}}]"),
        (
            "contexts: [{context: {user: u, x: x}, name: n}]",
            "contexts: [{context: {user: u, x: ***}, name: n}]",
        ),
        ("users: [{name: u, user: {token: x}}]", "users: [{name: u, user: {token: ***}}]"),
        ("users: [{name: u, user: {token: \"x\"}}]", "users: [{name: u, user: {token: \"***\"}}]"),
        (
            "users: [{user: {token: !!str &a 'x'}, name: *a}]",
            "users: [{user: {token: !!str &a '***'}, name: *a}]",
        ),
        (
            "users: [{name: u, user: {a b: [1, true, null, '']}}]",
            "users: [{name: u, user: {***: [***, true, null, '']}}]",
        ),
        ("a: |-  # x\n  x\n\n   x\nkind: Config\n", "a: |\n  ***\n\n   ***\nkind: Config\n"),
        ("a: x\n  x\nkind: \"\"\nb: \"x\n x\"\n", "a: ***\n  ***\nkind: \"\"\nb: \"***\"\n ***\n"),
        ("users: []\n---\nx\n", "users: []\n---\n***\n"),
    ] {
        assert_eq!(redact(before), after);
    }
}

#[test]
fn arguments_and_variables_are_shown_as_the_caller_says() {
    for (before, after) in [
        ("command: p, args: [a, x, 1]", "command: p, args: [a, #, 1]"),
        ("command: k8s-token-cache, args: [p, x]", "command: k8s-token-cache, args: [p, #]"),
        (
            "command: k8s-token-cache, args: [--key-env=XX, --, p, x]",
            "command: k8s-token-cache, args: [--key-env=XX, --, p, #]",
        ),
        ("command: p, env: [{name: A, value: x}]", "command: p, env: [{name: A, value: x}]"),
        ("command: p, env: [{value: x, name: B}]", "command: p, env: [{value: #, name: B}]"),
        ("command: p, apiVersion: v1, installHint: x", "command: p, apiVersion: v1, installHint: ***"),
        ("args: [a]", "args: [***]"),
    ] {
        let exec = |text: &str| ["users: [{name: u, user: {exec: {", text, "}}}]\n"].concat();
        assert_eq!(redact(&exec(before)), exec(after));
    }
}

/// A secret stays hidden, even if an alias of it is used in a place whose values are shown.
#[test]
fn an_alias_reveals_nothing_of_its_anchor() {
    let before = "users:\n- name: u\n  user:\n    token: &t x\n    exec: {command: p, args: [*t], env: [{name: A, value: *t}]}\n";
    assert_eq!(redact(before), before.replace("&t x", "&t ***"));
}
