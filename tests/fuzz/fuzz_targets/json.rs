//! Our JSON reader and serde_json accept the same texts and read the same values from them.
#![cfg_attr(feature = "libfuzzer", no_main)]

use k8s_token_cache::format::json::{self, MAX_DEPTH};
use program::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let ours = json::parse(text);
    let theirs: Result<serde_json::Value, _> = serde_json::from_slice(text);
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => assert_same(*ours, theirs),
        (Err(_), Ok(theirs)) => assert!(depth(theirs) > MAX_DEPTH),
        (Ok(_), Err(error)) => panic!("accepted what serde_json refuses: {error}"),
        (Err(_), Err(_)) => {}
    }
});

fn assert_same(ours: json::Value<'_>, theirs: &serde_json::Value) {
    use serde_json::Value::{Array, Null, Object, String};
    match theirs {
        Null => assert!(ours.is_null()),
        String(text) => {
            assert_eq!(ours.as_str().as_deref(), Some(text.as_str()));
            let mut written = std::string::String::new();
            json::push_string(&mut written, text);
            assert_eq!(serde_json::from_str::<std::string::String>(&written).as_ref().ok(), Some(text));
        }
        Array(elements) => {
            let ours: Vec<_> = ours.elements().unwrap().collect();
            assert_eq!(ours.len(), elements.len());
            ours.into_iter().zip(elements).for_each(|(ours, theirs)| assert_same(ours, theirs));
        }
        Object(members) => {
            for (name, value) in members {
                // A duplicate name is refused; serde_json takes the last one.
                if let Ok(found) = ours.member(name) {
                    assert_same(found.unwrap(), value);
                } else {
                    assert!(ours.members().unwrap().filter(|(key, _)| key == name).count() > 1);
                }
            }
        }
        other => {
            assert_eq!(serde_json::from_str::<serde_json::Value>(ours.text()).as_ref().ok(), Some(other))
        }
    }
}

fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(elements) => 1 + elements.iter().map(depth).max().unwrap_or_default(),
        serde_json::Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
