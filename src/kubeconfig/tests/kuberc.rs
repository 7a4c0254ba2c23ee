//! kubectl's policy for exec plugins: what is allowed, and what to do about the rest.

use std::ffi::{OsStr, OsString};

use super::TestDirectory;
use crate::kubeconfig::kuberc::{Denial, PluginPolicy, policy};

const HEAD: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";

fn read(name: &str, text: &str) -> (TestDirectory, Option<PluginPolicy>) {
    let directory = TestDirectory::new(name);
    let path = directory.file("kuberc", text);
    let policy = policy(&|name| (name == "KUBERC").then(|| path.clone().into_os_string()));
    (directory, policy)
}

fn denial(text: &str, program: &str) -> Option<Denial> {
    // Several tests run at the same time.
    let thread = format!("kuberc-{:?}", std::thread::current().id());
    read(&thread, text).1?.denial(OsStr::new(program))
}

fn allowlist(entries: &str) -> String {
    format!("{HEAD}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n{entries}")
}

#[test]
fn without_a_policy_everything_is_allowed() {
    for text in [
        "",
        HEAD,
        &format!("{HEAD}credentialPluginPolicy: AllowAll\n"),
        &format!("{HEAD}credentialPluginPolicy: \"\"\n"),
        "credentialPluginPolicy: DenyAll\n",
        "apiVersion: v1\nkind: Preference\ncredentialPluginPolicy: DenyAll\n",
        "aliases: [",
    ] {
        assert_eq!(denial(text, "aws"), None, "{text}");
    }
}

#[test]
fn deny_all_allows_nothing_and_says_so() {
    let denial = denial(&format!("{HEAD}credentialPluginPolicy: DenyAll\n"), "aws").unwrap();
    assert!(denial.reason.ends_with("is DenyAll"), "{}", denial.reason);
    assert!(denial.hint.contains("Allowlist"), "{}", denial.hint);
}

#[test]
fn the_first_document_that_is_a_preference_counts() {
    let other = "apiVersion: v1\nkind: Other\n---\n";
    let text = format!("{other}{HEAD}credentialPluginPolicy: DenyAll\n---\n{HEAD}");
    assert!(denial(&text, "aws").is_some());
}

#[test]
fn an_invalid_policy_allows_nothing() {
    for text in [
        format!("{HEAD}credentialPluginPolicy: Sometimes\n"),
        format!("{HEAD}credentialPluginPolicy: AllowAll\ncredentialPluginAllowlist: [{{name: aws}}]\n"),
        format!("{HEAD}credentialPluginPolicy: DenyAll\ncredentialPluginAllowlist: [{{name: aws}}]\n"),
        allowlist("- name: \"\"\n- name: aws\n"),
        allowlist("- name: /opt/./aws\n- name: aws\n"),
        allowlist("- name: /opt/x/../aws\n- name: aws\n"),
        "credentialPluginPolicy: [".to_owned(),
    ] {
        let denial = denial(&text, "aws").unwrap_or_else(|| panic!("{text}"));
        assert!(denial.reason.contains("is invalid"), "{}", denial.reason);
    }
}

#[test]
fn an_entry_allows_the_same_text_and_the_same_path() {
    let sh = if cfg!(windows) { "cmd.exe" } else { "sh" };
    let Some(found) = crate::sys::find_program(OsStr::new(sh)) else { panic!("no {sh} on PATH") };
    let found = found.to_str().unwrap();
    let [path, detour] = match cfg!(windows) {
        true => [r"C:\opt\not-installed", r"C:\opt\x\..\not-installed"],
        false => ["/opt/not-installed", "/opt/x/../not-installed"],
    };
    for (entry, program, is_allowed) in [
        ("not-installed", "not-installed", true),
        (path, path, true),
        (path, detour, true),
        (path, "not-installed", false),
        ("not-installed", path, false),
        ("not-installed", "./not-installed", false),
        (sh, found, true),
        (found, sh, true),
        ("aws", sh, false),
    ] {
        for member in ["name", "command"] {
            let text = allowlist(&format!("- name: other\n- {member}: '{entry}'\n"));
            assert_eq!(denial(&text, program).is_none(), is_allowed, "{entry} {program}");
        }
    }
}

#[test]
fn the_hint_names_the_item_to_add_in_the_words_of_the_list() {
    for (entries, item) in [("- name: aws\n", "- name: it"), ("- name: a\n- command: aws\n", "- command: it")]
    {
        let denial = denial(&allowlist(entries), "it").unwrap();
        assert!(denial.hint.starts_with("add to credentialPluginAllowlist in '"), "{}", denial.hint);
        assert!(denial.hint.ends_with(&format!(":\n{item}")), "{}", denial.hint);
    }
}

#[test]
fn without_a_list_the_hint_is_the_whole_key() {
    for list in ["", "credentialPluginAllowlist: []\n", "credentialPluginAllowlist: null\n"] {
        let text = format!("{HEAD}credentialPluginPolicy: Allowlist\n{list}");
        let denial = denial(&text, "it").unwrap_or_else(|| panic!("{text}"));
        assert!(denial.hint.ends_with(":\ncredentialPluginAllowlist:\n- name: it"), "{}", denial.hint);
    }
}

#[test]
fn the_variables_of_kubectl_turn_the_policy_off() {
    let (directory, _) = read("kuberc-off", &format!("{HEAD}credentialPluginPolicy: DenyAll\n"));
    let path = directory.0.join("kuberc").into_os_string();
    let with = |kuberc: &str, gate: &str| {
        policy(&|name| match name {
            "KUBERC" if kuberc == "off" => Some(OsString::from("off")),
            "KUBERC" => Some(path.clone()),
            "KUBECTL_KUBERC" => Some(OsString::from(gate)),
            _ => None,
        })
    };
    assert!(with("", "true").is_some());
    assert!(with("off", "true").is_none());
    assert!(with("", "false").is_none());
}
