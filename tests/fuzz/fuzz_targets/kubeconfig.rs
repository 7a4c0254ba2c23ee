//! An edited kubeconfig means, to another parser, what the original meant, except for the plugins that
//! were to change. Injecting twice equals injecting once, and restoring gives the meaning back. Or the
//! text is refused.
#![cfg_attr(feature = "libfuzzer", no_main)]

use k8s_token_cache::kubeconfig::Kubeconfig;
use k8s_token_cache::kubeconfig::plan::{EditRequest, InjectRequest, UserState, inject, restore};
use program::fuzz_target;
use serde_yaml_ng::Value;

const PROGRAM: &str = "k8s-token-cache";

fuzz_target!(|text: &str| {
    let edit = || EditRequest {
        users: &[],
        directory: Some("/home/u/.kube"),
        is_own: &|command| command == PROGRAM,
    };
    let request = InjectRequest {
        edit: edit(),
        program: PROGRAM,
        replaces_program: false,
        plugin_directory: None,
        is_reserved: &|command: &str| command == "list",
        is_known: &|_, _| false,
        counts_environment: &|_| false,
    };
    let inject = |text: &str| Kubeconfig::scan(text).and_then(|config| inject(&config, &request));
    let restore = |text: &str| Kubeconfig::scan(text).and_then(|config| restore(&config, &edit()));
    let Ok(plan) = inject(text) else { return };
    let injected = plan.apply(text);
    if plan.edits.is_empty() {
        assert_eq!(injected, text);
        return;
    }
    let again = inject(&injected).expect("what was injected can be injected");
    assert_eq!(again.apply(&injected), injected, "twice is not once");

    let restored = restore(&injected).expect("what was injected can be restored").apply(&injected);
    // The other parser refuses some texts that ours reads. If it reads a text, the meaning must be the same.
    let (Some(before), Some(during), Some(after)) = (meaning(text), meaning(&injected), meaning(&restored))
    else {
        return;
    };
    let was_injected =
        plan.users.iter().any(|(_, state)| matches!(state, UserState::Updated | UserState::AlreadyInjected));
    if !was_injected {
        assert_eq!(without_program(before.clone()), without_program(after), "restored");
    }
    assert_eq!(without_program(before), without_program(during), "injected");
});

fn meaning(text: &str) -> Option<Value> {
    serde_yaml_ng::Deserializer::from_str(text)
        .next()
        .and_then(|document| serde::Deserialize::deserialize(document).ok())
        .map(without_tags)
}

/// kubectl ignores custom tags: `resolve` in go-yaml leaves the text as it is.
fn without_tags(value: Value) -> Value {
    match value {
        Value::Tagged(tagged) => without_tags(tagged.value),
        Value::Sequence(items) => items.into_iter().map(without_tags).collect(),
        Value::Mapping(members) => Value::Mapping(
            members.into_iter().map(|(key, value)| (without_tags(key), without_tags(value))).collect(),
        ),
        other => other,
    }
}

/// Every exec plugin as one list: its command and arguments, this program and its options left out.
fn without_program(mut config: Value) -> Value {
    let Some(users) = config.get_mut("users").and_then(Value::as_sequence_mut) else { return config };
    for user in users {
        let Some(exec) = user.get_mut("user").and_then(|user| user.get_mut("exec")) else { continue };
        let Some(exec) = exec.as_mapping_mut() else { continue };
        let mut words = vec![exec.remove("command").unwrap_or_default()];
        if let Some(Value::Sequence(args)) = exec.remove("args") {
            words.extend(args);
        }
        while words.first().is_some_and(|word| word == PROGRAM) && words.len() > 1 {
            words.remove(0);
            while words.first().and_then(Value::as_str).is_some_and(|word| word.starts_with("--key-env=")) {
                words.remove(0);
            }
            if words.first().is_some_and(|word| word == "--") {
                words.remove(0);
            }
        }
        // client-go resolves a relative path against the kubeconfig's directory; what moved into
        // `args` had to become absolute.
        if let Some(Value::String(command)) = words.first_mut()
            && let Some(relative) = command.strip_prefix("/home/u/.kube/")
        {
            *command = relative.trim_start_matches("./").to_owned();
        }
        if let Some(Value::String(command)) = words.first_mut() {
            *command = command.trim_start_matches("./").to_owned();
        }
        exec.insert("words".into(), words.into());
    }
    config
}
