//! Any environment gives a configuration or an error with status 2, and a cache key or an error. Two
//! environments that differ in an identity variable give two cache keys.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;

use k8s_token_cache::config::Config;
use k8s_token_cache::identity::identify;
use k8s_token_cache::key::exec_info::{ExecInfo, not_interactive};
use k8s_token_cache::key::{self, CacheKey, EXEC_INFO, KeyInputs};
use k8s_token_cache::keystore;
use program::fuzz_target;

const KEY: &str = "K8S_TOKEN_CACHE_ENCRYPTION_KEY";
const NAMES: [&str; 12] = [
    EXEC_INFO,
    "K8S_TOKEN_CACHE_FILE",
    "K8S_TOKEN_CACHE_REFRESH_MARGIN",
    "K8S_TOKEN_CACHE_REFRESH_AHEAD",
    "K8S_TOKEN_CACHE_KEY_ENV",
    "K8S_TOKEN_CACHE_ENCRYPTION",
    KEY,
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
            // Another encryption key, valid or not, gives the same message: it reveals nothing of the key.
            let other =
                |name: &str| environment(name).map(|value| if name == KEY { another(&value) } else { value });
            assert_eq!(Config::read(&other).err().map(|error| error.to_string()), Some(error.to_string()));
            return;
        }
    };
    let command = ["aws".into(), "eks".into(), "get-token".into()];
    let key_of = |environment: k8s_token_cache::config::Environment<'_>| {
        CacheKey::new(&KeyInputs {
            command: &command,
            identity: &identify(&command, environment),
            key_env: &config.key_env,
            key_env_is_complete: false,
            key_files: &[],
            environment,
            process_variables: Vec::new,
            added_variables: &[],
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
    let Ok(other) = key_of(&other) else { panic!("another profile gives no cache key") };
    assert_ne!(key.parts(), other.parts());
    assert_ne!(key.hash(), other.hash());
});

fn another(key: &OsStr) -> OsString {
    if key.is_empty() {
        return OsString::new(); // An empty value counts as unset.
    }
    if keystore::from_environment(key).is_ok() { "A".repeat(43).into() } else { "!".into() }
}

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
