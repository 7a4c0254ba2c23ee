//! Any environment: a configuration or an error of status 2; a key or an error; and two environments
//! that differ in a variable that counts give two keys.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use program::config::Config;
use program::error::printable;
use program::exec_info::{ExecInfo, not_interactive};
use program::fuzz_target;
use program::identity::identify;
use program::key::{self, EXEC_INFO, Key, Source};

const NAMES: [&str; 12] = [
    EXEC_INFO,
    "K8S_TOKEN_CACHE_FILE",
    "K8S_TOKEN_CACHE_REFRESH_MARGIN",
    "K8S_TOKEN_CACHE_REFRESH_AHEAD",
    "K8S_TOKEN_CACHE_KEY_ENV",
    "K8S_TOKEN_CACHE_ENCRYPTION",
    "K8S_TOKEN_CACHE_KEY",
    "K8S_TOKEN_CACHE_DISABLE",
    "HOME",
    "XDG_CACHE_HOME",
    "AWS_PROFILE",
    "K8S_TOKEN_CACHE_KEY_FILES",
];

fuzz_target!(|lines: &[u8]| {
    let values: Vec<&[u8]> = lines.split(|byte| *byte == 0).collect();
    let environment = |name: &str| {
        let at = NAMES.iter().position(|known| *known == name)?;
        values.get(at).map(|value| OsString::from_vec(value.to_vec()))
    };
    check_exec_info(values[0]);
    let config = match Config::read(&environment) {
        Ok(config) => config,
        Err(error) => {
            assert_eq!(error.exit_status(), 2);
            if let Some(secret) = environment("K8S_TOKEN_CACHE_KEY").filter(|key| key.len() > 12) {
                // Nothing of the key, unless another variable says the same.
                let secret = secret.to_string_lossy();
                let others = values.iter().enumerate().filter(|(at, _)| *at != 6);
                let shown = |value: &[u8]| printable(&String::from_utf8_lossy(value));
                let elsewhere = others.map(|(_, value)| shown(value)).any(|value| value.contains(&*secret));
                assert!(elsewhere || !error.to_string().contains(&*secret));
            }
            return;
        }
    };
    let command = ["aws".into(), "eks".into(), "get-token".into()];
    let key_of = |environment: program::config::Environment<'_>| {
        Key::new(&Source {
            command: &command,
            identity: &identify(&command, environment),
            key_env: &config.key_env,
            key_files: &[],
            environment,
        })
    };
    let Ok(key) = key_of(&environment) else { return };
    let _ = key::parts(key.parts()).count();
    let other = |name: &str| {
        let value = environment(name);
        if name != "AWS_PROFILE" {
            return value;
        }
        let mut value = value.unwrap_or_default();
        value.push("x");
        Some(value)
    };
    let Ok(other) = key_of(&other) else { panic!("another profile makes no key") };
    assert_ne!(key.parts(), other.parts());
    assert_ne!(key.hash(), other.hash());
});

fn check_exec_info(text: &[u8]) {
    let Ok(info) = ExecInfo::parse(text) else { return };
    let text = std::str::from_utf8(text).unwrap();
    let quiet = not_interactive(text);
    assert!(ExecInfo::parse(quiet.as_bytes()) == Ok(info));
    if let Ok(document) = serde_json::from_str::<serde_json::Value>(&quiet) {
        let interactive = &document["spec"]["interactive"];
        assert!(interactive.is_null() || *interactive == false || text.matches("interactive").count() > 1);
    }
}
