//! Every variable of the configuration: defaults, accepted and rejected values.

use super::*;
use crate::error::Kind;

/// An absolute path on the platform that runs the test, since the rules ask whether a path is.
fn absolute_path(path: &str) -> String {
    if cfg!(windows) { format!("C:{path}") } else { path.to_owned() }
}

type Variables<'a> = &'a [(&'a str, &'a str)];

fn environment(variables: Variables<'_>) -> impl Fn(&str) -> Option<OsString> {
    move |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
}

fn read(variables: Variables<'_>) -> Result<Config> {
    Config::read(&environment(variables))
}

fn error(variables: Variables<'_>) -> Error {
    let error = read(variables).err().unwrap();
    assert_eq!(error.kind(), Kind::Usage);
    error
}

#[test]
fn each_platform_has_its_directories() {
    let [home, elsewhere] = ["/home/u", "/elsewhere"].map(absolute_path);
    let variables = [
        ("HOME", home.as_str()),
        ("USERPROFILE", home.as_str()),
        ("AppData", elsewhere.as_str()),
        ("LocalAppData", elsewhere.as_str()),
    ];
    let environment = environment(&variables);
    let directories = |platform| {
        [cache_directory(platform, &environment), state_directory(platform, &environment)].map(Option::unwrap)
    };
    let expected = |base: &str, [cache, state]: [&str; 2]| {
        [cache, state].map(|below| PathBuf::from(base).join(below).join("k8s-token-cache"))
    };
    assert_eq!(directories(Platform::Xdg), expected(&home, [".cache", ".local/state"]));
    assert_eq!(
        directories(Platform::MacOs),
        expected(&home, ["Library/Caches", "Library/Application Support"])
    );
    assert_eq!(directories(Platform::Windows), expected(&elsewhere, ["", ""]));
}

#[test]
fn xdg_directories_come_before_the_home_directory() {
    let [home, cache, state] = ["/home/u", "/xdg/cache", "/xdg/state"].map(absolute_path);
    let variables = [
        ("HOME", home.as_str()),
        ("USERPROFILE", home.as_str()),
        ("XDG_CACHE_HOME", cache.as_str()),
        ("XDG_STATE_HOME", state.as_str()),
    ];
    let environment = environment(&variables);
    let below = |base: &str| Some(PathBuf::from(base).join("k8s-token-cache"));
    assert_eq!(cache_directory(Platform::Xdg, &environment), below(&cache));
    assert_eq!(state_directory(Platform::Xdg, &environment), below(&state));
    assert_eq!(cache_directory(Platform::MacOs, &environment), below(&format!("{home}/Library/Caches")));
}

#[test]
fn a_relative_or_empty_xdg_directory_is_ignored() {
    let home = absolute_path("/home/u");
    for relative in ["", ".", "cache", "./cache", "../cache", "~/cache"] {
        let variables = [
            ("HOME", home.as_str()),
            ("USERPROFILE", home.as_str()),
            ("XDG_CACHE_HOME", relative),
            ("XDG_STATE_HOME", relative),
        ];
        let environment = environment(&variables);
        let below = |base: &str| Some(PathBuf::from(&home).join(base).join("k8s-token-cache"));
        assert_eq!(cache_directory(Platform::Xdg, &environment), below(".cache"), "{relative}");
        assert_eq!(state_directory(Platform::Xdg, &environment), below(".local/state"), "{relative}");
    }
}

#[test]
fn without_a_base_directory_there_are_no_directories() {
    for variables in
        [&[][..], &[("HOME", ""), ("USERPROFILE", ""), ("AppData", "")], &[("HOME", "u"), ("AppData", "u")]]
    {
        for platform in [Platform::Xdg, Platform::MacOs, Platform::Windows] {
            assert_eq!(cache_directory(platform, &environment(variables)), None);
            assert_eq!(state_directory(platform, &environment(variables)), None);
        }
        let config = read(variables).unwrap();
        assert_eq!((config.cache_file, config.state_directory), (None, None));
    }
}

#[test]
fn without_settings_the_documented_defaults_apply() {
    let base = absolute_path("/base");
    let config =
        read(&[("HOME", &base), ("USERPROFILE", &base), ("AppData", &base), ("LocalAppData", &base)])
            .unwrap();
    assert!(config.cache_file.unwrap().ends_with("k8s-token-cache/token.json"));
    assert!(config.state_directory.unwrap().ends_with("k8s-token-cache"));
    assert_eq!(config.refresh_margin, Duration::from_secs(30));
    assert_eq!((config.refresh_ahead, config.keep_warm), (None, None));
    assert_eq!(config.default_ttl, Duration::ZERO);
    assert!(config.key_env.is_empty() && config.key_files.is_empty() && config.log.is_none());
    assert!(matches!(config.encryption, Encryption::Stored(Mode::Auto)));
    assert!(!config.disabled);
}

#[test]
fn every_setting_is_read() {
    let files = std::env::join_paths(["a", "/b c"]).unwrap().into_string().unwrap();
    let config = read(&[
        ("K8S_TOKEN_CACHE_FILE", "relative/cache.json"),
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", "1m30s"),
        ("K8S_TOKEN_CACHE_REFRESH_AHEAD", "0"),
        ("K8S_TOKEN_CACHE_KEEP_WARM", "8h"),
        ("K8S_TOKEN_CACHE_DEFAULT_TTL", "10m"),
        ("K8S_TOKEN_CACHE_KEY_ENV", "B, A ,\u{a0}C"),
        ("K8S_TOKEN_CACHE_KEY_FILES", &files),
        ("K8S_TOKEN_CACHE_ENCRYPTION", "off"),
        ("K8S_TOKEN_CACHE_DISABLE", "1"),
        ("K8S_TOKEN_CACHE_LOG", "/log"),
    ])
    .unwrap();
    assert_eq!(config.cache_file.unwrap(), PathBuf::from("relative/cache.json"));
    assert_eq!(config.refresh_margin, Duration::from_secs(90));
    assert_eq!(config.refresh_ahead, Some(Duration::ZERO));
    assert_eq!(config.keep_warm, Some(Duration::from_secs(8 * 3600)));
    assert_eq!(config.default_ttl, Duration::from_secs(600));
    assert_eq!(config.key_env, ["B", "A", "C"]);
    assert_eq!(config.key_files, [PathBuf::from("a"), PathBuf::from("/b c")]);
    assert!(matches!(config.encryption, Encryption::Off));
    assert!(config.disabled);
    assert_eq!(config.log.unwrap(), PathBuf::from("/log"));
}

#[test]
fn an_empty_setting_counts_as_unset() {
    let config = read(&[
        ("K8S_TOKEN_CACHE_FILE", ""),
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", ""),
        ("K8S_TOKEN_CACHE_REFRESH_AHEAD", ""),
        ("K8S_TOKEN_CACHE_KEEP_WARM", ""),
        ("K8S_TOKEN_CACHE_DEFAULT_TTL", ""),
        ("K8S_TOKEN_CACHE_KEY_ENV", ""),
        ("K8S_TOKEN_CACHE_KEY_FILES", ""),
        ("K8S_TOKEN_CACHE_ENCRYPTION", ""),
        ("K8S_TOKEN_CACHE_ENCRYPTION_KEY", ""),
        ("K8S_TOKEN_CACHE_DISABLE", ""),
        ("K8S_TOKEN_CACHE_LOG", ""),
    ])
    .unwrap();
    assert_eq!((config.cache_file, config.log), (None, None));
    assert_eq!((config.refresh_ahead, config.keep_warm, config.default_ttl), (None, None, Duration::ZERO));
    assert_eq!(config.refresh_margin, Duration::from_secs(30));
    assert!(config.key_env.is_empty() && config.key_files.is_empty() && !config.disabled);
    assert!(matches!(config.encryption, Encryption::Stored(Mode::Auto)));
}

#[test]
fn every_encryption_mode_is_read() {
    let way = |text| read(&[("K8S_TOKEN_CACHE_ENCRYPTION", text)]).unwrap().encryption;
    assert!(matches!(way("auto"), Encryption::Stored(Mode::Auto)));
    assert!(matches!(way("keyring"), Encryption::Stored(Mode::Keyring)));
    assert!(matches!(way("file"), Encryption::Stored(Mode::File)));
    assert!(matches!(way("off"), Encryption::Off));
}

#[test]
fn an_invalid_value_is_named_with_what_is_expected() {
    let duration = "a duration such as '30s', '1m30s', '1.5h' or '0'";
    let names = "names of environment variables, separated by commas";
    let ways = "'auto', 'keyring', 'file' or 'off'";
    for (variable, value, expected) in [
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", "30", duration),
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", "-5s", duration),
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", "soon", duration),
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", " ", duration),
        ("K8S_TOKEN_CACHE_REFRESH_AHEAD", "5 m", duration),
        ("K8S_TOKEN_CACHE_KEEP_WARM", "yes", duration),
        ("K8S_TOKEN_CACHE_DEFAULT_TTL", "600", duration),
        ("K8S_TOKEN_CACHE_KEY_ENV", "A,,B", names),
        ("K8S_TOKEN_CACHE_KEY_ENV", "A,", names),
        ("K8S_TOKEN_CACHE_ENCRYPTION", "on", ways),
        ("K8S_TOKEN_CACHE_ENCRYPTION", "Auto", ways),
    ] {
        let text = error(&[(variable, value)]).to_string();
        assert_eq!(text, format!("{variable}: invalid value '{value}': expected {expected}"));
    }
}

#[test]
fn an_invalid_value_is_shown_in_one_line_and_shortened() {
    let value = format!("so\non {}", "x".repeat(1000));
    let text = error(&[("K8S_TOKEN_CACHE_REFRESH_MARGIN", &value)]).to_string();
    let shown = format!("so\u{fffd}on {}", "x".repeat(54));
    assert!(text.starts_with(&format!("K8S_TOKEN_CACHE_REFRESH_MARGIN: invalid value '{shown}':")), "{text}");
}

#[test]
fn a_value_in_a_list_of_names_is_not_shown() {
    let text = error(&[("K8S_TOKEN_CACHE_KEY_ENV", "TOKEN=secret")]).to_string();
    assert!(text.contains("'TOKEN'") && !text.contains("secret"), "{text}");
}

#[cfg(unix)]
#[test]
fn invalid_utf_8_is_refused_in_text_and_accepted_in_paths() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(b"/odd-\xff".to_vec());
    let set = |variable: &'static str| {
        let odd = odd.clone();
        Config::read(&move |name: &str| (name == variable).then(|| odd.clone()))
    };
    for variable in
        ["K8S_TOKEN_CACHE_REFRESH_MARGIN", "K8S_TOKEN_CACHE_KEY_ENV", "K8S_TOKEN_CACHE_ENCRYPTION"]
    {
        let error = set(variable).err().unwrap();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(
            error.to_string().starts_with(variable) && error.to_string().ends_with("UTF-8 text"),
            "{error}"
        );
    }
    assert_eq!(set("K8S_TOKEN_CACHE_FILE").unwrap().cache_file, Some(PathBuf::from(&odd)));
    assert_eq!(set("K8S_TOKEN_CACHE_LOG").unwrap().log, Some(PathBuf::from(&odd)));
    assert_eq!(set("K8S_TOKEN_CACHE_KEY_FILES").unwrap().key_files, [PathBuf::from(&odd)]);
}

#[test]
fn the_encryption_key_is_read_or_refused_and_never_shown() {
    const KEY: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=";
    for good in [KEY, &KEY[..43], &format!(" {KEY}\n")] {
        match read(&[("K8S_TOKEN_CACHE_ENCRYPTION_KEY", good)]).unwrap().encryption {
            Encryption::Given(key) => assert_eq!(key.expose(), b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"),
            _ => panic!("the key was not read"),
        }
    }
    for bad in [&KEY[1..], &KEY[..42], &KEY.repeat(2), "hush-hush", "aHVzaC1odXNo", " "] {
        let text = error(&[("K8S_TOKEN_CACHE_ENCRYPTION_KEY", bad)]).to_string();
        assert!(text.starts_with("K8S_TOKEN_CACHE_ENCRYPTION_KEY: ") && text.contains("32 bytes in base64"));
        assert!(
            ["hush", "aHVz", &KEY[4..12]].iter().all(|secret| !text.contains(secret)),
            "the key is shown"
        );
    }
}

#[test]
fn the_old_name_of_the_encryption_key_is_refused_and_names_the_new_one() {
    for encryption in ["off", "auto"] {
        let text = error(&[("K8S_TOKEN_CACHE_ENCRYPTION", encryption), ("K8S_TOKEN_CACHE_KEY", "hush")]);
        assert_eq!(text.to_string(), "K8S_TOKEN_CACHE_KEY is now called K8S_TOKEN_CACHE_ENCRYPTION_KEY");
    }
}

#[test]
fn off_wins_over_a_key() {
    let config =
        read(&[("K8S_TOKEN_CACHE_ENCRYPTION", "off"), ("K8S_TOKEN_CACHE_ENCRYPTION_KEY", "hush-hush")])
            .unwrap();
    assert!(matches!(config.encryption, Encryption::Off));
}

#[test]
fn an_unknown_encryption_mode_is_refused_even_with_a_key() {
    let variables = [("K8S_TOKEN_CACHE_ENCRYPTION", "of"), ("K8S_TOKEN_CACHE_ENCRYPTION_KEY", "hush-hush")];
    assert!(!error(&variables).to_string().contains("hush-hush"));
}

fn switch(text: &str) -> (bool, bool) {
    let config = read(&[("K8S_TOKEN_CACHE_DISABLE", text)]).unwrap();
    (config.disabled, config.warning.is_some())
}

#[test]
fn the_switch_takes_the_usual_words_in_any_case() {
    for word in ["1", "true", "yes", "on", "TRUE", "Yes", "oN", " 1 "] {
        assert_eq!(switch(word), (true, false), "{word}");
    }
    for word in ["0", "false", "no", "off", "FALSE", "No", " off", " "] {
        assert_eq!(switch(word), (false, false), "{word}");
    }
}

#[test]
fn an_invalid_switch_counts_as_on_and_is_a_warning() {
    for word in ["2", "enabled", "y", "-1"] {
        assert_eq!(switch(word), (true, true), "{word}");
    }
    let warning = read(&[("K8S_TOKEN_CACHE_DISABLE", "maybe")]).unwrap().warning.unwrap().to_string();
    assert!(warning.starts_with("K8S_TOKEN_CACHE_DISABLE: invalid value 'maybe': expected '1', 'true'"));
}

#[test]
fn with_the_cache_switched_off_no_other_setting_is_an_error() {
    let config = read(&[
        ("K8S_TOKEN_CACHE_DISABLE", "1"),
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", "soon"),
        ("K8S_TOKEN_CACHE_ENCRYPTION_KEY", "hush"),
        ("K8S_TOKEN_CACHE_KEY", "hush"),
    ]);
    assert!(config.unwrap().disabled);
}

#[test]
fn every_invalid_setting_is_reported() {
    let variables = [
        ("K8S_TOKEN_CACHE_REFRESH_MARGIN", "soon"),
        ("K8S_TOKEN_CACHE_KEY_ENV", "A,,B"),
        ("K8S_TOKEN_CACHE_ENCRYPTION", "on"),
    ];
    let (_, errors) = Config::read_with_errors(&environment(&variables));
    let named: Vec<bool> = errors
        .iter()
        .zip(variables)
        .map(|(error, (variable, _))| error.to_string().starts_with(variable))
        .collect();
    assert_eq!(named, [true; 3]);
}

#[test]
fn the_list_of_variables_is_the_one_that_is_read() {
    let read = std::cell::RefCell::new(std::collections::BTreeSet::new());
    Config::read_with_errors(&|name: &str| {
        read.borrow_mut().insert(name.to_owned());
        None
    });
    let read: Vec<String> = read.into_inner().into_iter().filter(|name| name.starts_with(PREFIX)).collect();
    let mut expected = VARIABLES.map(str::to_owned).to_vec();
    expected.push(OLD_ENCRYPTION_KEY.to_owned());
    expected.sort();
    assert_eq!(read, expected);
}

#[test]
fn the_program_is_named_as_it_was_called() {
    for (called_as, words) in [
        ("k8s-token-cache", "k8s-token-cache"),
        ("/usr/bin/k8s-token-cache", "k8s-token-cache"),
        ("", "k8s-token-cache"),
        ("/x/another-name", "k8s-token-cache"),
        ("kubectl-token_cache", "kubectl token-cache"),
        ("/home/u/.krew/bin/kubectl-token_cache", "kubectl token-cache"),
        ("kubectl-token_cache.exe", "kubectl token-cache"),
    ] {
        assert_eq!(command_name(OsStr::new(called_as)), words, "{called_as}");
    }
}
