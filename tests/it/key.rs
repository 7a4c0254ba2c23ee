//! The cache key: which calls share an entry, and which do not.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::support::{Credential, HOUR, Plugin, Sandbox, Setting, V1, V1BETA1};

fn misses_with_env(setting: &Setting, name: &str, value: impl AsRef<OsStr>) -> bool {
    setting.misses(setting.call().env(name, value))
}

fn misses_with_exec_info(setting: &Setting, info: &str) -> bool {
    misses_with_env(setting, "KUBERNETES_EXEC_INFO", info)
}

#[test]
fn argument_lists_that_look_alike_when_joined_are_told_apart() {
    let setting = Setting::new();
    let lists: &[&[&str]] = &[
        &[],
        &[""],
        &["", ""],
        &["a b"],
        &["a", "b"],
        &["a", "b", ""],
        &["", "a", "b"],
        &["ab"],
        &["a\nb"],
        &["a\n", "b"],
        &["a\\nb"],
        &["a,b"],
        &["a\tb"],
        &["a", "\n"],
        &["\n"],
        &["\"a\",\"b\""],
        &["'a' 'b'"],
        &["--", "a"],
        &["--key-env=A", "a"],
        &["a=b"],
        &["ä"],
        &["a\u{308}"],
    ];
    for list in lists {
        assert!(setting.misses(setting.call().args(*list)), "{list:?} is new");
    }
    for list in lists {
        assert!(!setting.misses(setting.call().args(*list)), "{list:?} is known");
    }
}

#[test]
fn arguments_reach_the_plugin_as_they_are() {
    let setting = Setting::new();
    setting.plugin.records();
    let arguments: Vec<OsString> =
        [&b""[..], b" ", b"a b", b"a\nb", b"\xff\xfe", b"--list", b"--", b"$HOME", b"*", b"\"'\\"]
            .iter()
            .map(|bytes| OsString::from_vec(bytes.to_vec()))
            .collect();
    setting.misses(setting.call().args(&arguments));
    assert_eq!(setting.plugin.argv(), arguments);
}

#[test]
fn arguments_that_are_not_utf8_are_told_apart() {
    let setting = Setting::new();
    let arguments: [&[u8]; 4] = [b"\xff", b"\xfe", "\u{fffd}".as_bytes(), b"a\xff"];
    for argument in arguments {
        assert!(setting.misses(setting.call().arg(OsStr::from_bytes(argument))));
    }
    for argument in arguments {
        assert!(!setting.misses(setting.call().arg(OsStr::from_bytes(argument))));
    }
}

#[test]
fn environment_that_is_not_utf8_is_told_apart() {
    let setting = Setting::with_plugin("aws");
    for value in [&b"\xff"[..], b"\xfe", "\u{fffd}".as_bytes()] {
        assert!(misses_with_env(&setting, "AWS_PROFILE", OsStr::from_bytes(value)));
        assert!(!misses_with_env(&setting, "AWS_PROFILE", OsStr::from_bytes(value)));
    }
    // A variable that is not part of the key changes nothing.
    assert!(setting.misses(setting.call()));
    assert!(!misses_with_env(&setting, "OTHER", OsStr::from_bytes(b"\xff")));
}

#[test]
fn variables_that_select_an_identity_count_by_value() {
    let variables =
        ["AWS_PROFILE", "AWS_REGION", "AWS_VAULT", "AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", "AWS_ROLE_ARN"];
    let setting = Setting::with_plugin("aws");
    assert!(setting.misses(setting.call()));
    for variable in variables {
        assert!(misses_with_env(&setting, variable, "one"), "{variable}");
        assert!(misses_with_env(&setting, variable, "two"), "{variable}");
        assert!(!misses_with_env(&setting, variable, "one"), "{variable}");
    }
    let gcloud = Setting::with_plugin("gke-gcloud-auth-plugin");
    assert!(misses_with_env(&gcloud, "CLOUDSDK_ACTIVE_CONFIG_NAME", "one"));
    assert!(misses_with_env(&gcloud, "CLOUDSDK_ACTIVE_CONFIG_NAME", "two"));
    assert!(!misses_with_env(&gcloud, "CLOUDSDK_ACTIVE_CONFIG_NAME", "one"));
    assert!(!setting.misses(setting.call()));
}

#[test]
fn one_variables_value_is_not_taken_for_anothers() {
    let setting = Setting::with_plugin("aws");
    assert!(setting.misses(setting.call().env("AWS_PROFILE", "x")));
    assert!(setting.misses(setting.call().env("AWS_REGION", "x")));
    assert!(setting.misses(setting.call().env("AWS_PROFILE", "x\nAWS_REGION=y")));
    assert!(setting.misses(setting.call().env("AWS_PROFILE", "x").env("AWS_REGION", "y")));
}

#[test]
fn variables_that_say_nothing_of_identity_do_not_count() {
    let setting = Setting::with_plugin("aws");
    assert!(setting.misses(setting.call()));
    for variable in ["TERM", "PWD", "OLDPWD", "SHLVL", "LANG", "COLUMNS", "_", "EDITOR"] {
        assert!(!misses_with_env(&setting, variable, "other"), "{variable}");
    }
}

#[test]
fn the_home_counts() {
    let setting = Setting::new();
    let elsewhere = setting.sandbox.home().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    // Both use one cache file and one key, so that only the home tells them apart.
    setting.sandbox.set_env("K8S_TOKEN_CACHE_FILE", setting.sandbox.cache_file());
    setting.sandbox.set_env("XDG_STATE_HOME", setting.sandbox.home().join("state"));
    assert!(setting.misses(setting.call()));
    assert!(misses_with_env(&setting, "HOME", &elsewhere));
    assert!(!setting.misses(setting.call()));
    assert_eq!(setting.sandbox.entries(), 2);
}

#[test]
fn variables_can_be_named_that_count() {
    let setting = Setting::new();
    let with = |tenant: &str| {
        let call = setting.sandbox.program().arg("--key-env=TENANT,STAGE");
        setting.misses(call.arg(setting.plugin.command()).env("TENANT", tenant))
    };
    assert!(with("a"));
    assert!(with("b"));
    assert!(!with("a"));

    let setting = Setting::new();
    setting.sandbox.set_env("K8S_TOKEN_CACHE_KEY_ENV", "TENANT,STAGE");
    assert!(misses_with_env(&setting, "TENANT", "a"));
    assert!(misses_with_env(&setting, "TENANT", "b"));
    assert!(misses_with_env(&setting, "STAGE", "b"));
    assert!(!misses_with_env(&setting, "TENANT", "a"));
    assert!(setting.misses(setting.call()));
    assert!(misses_with_env(&setting, "TENANT", ""), "set to nothing is not unset");
}

#[test]
fn a_named_file_that_changes_makes_a_miss() {
    let setting = Setting::new();
    let [one, two] = ["one", "two"].map(|name| setting.sandbox.home().join(name));
    fs::write(&one, "1").unwrap();
    let both = std::env::join_paths([&one, &two]).unwrap();
    setting.sandbox.set_env("K8S_TOKEN_CACHE_KEY_FILES", &both);
    assert!(setting.misses(setting.call()));
    assert!(!setting.misses(setting.call()));
    fs::write(&one, "22").unwrap();
    assert!(setting.misses(setting.call()), "another size");
    fs::write(&two, "").unwrap();
    assert!(setting.misses(setting.call()), "now there");
    assert!(!setting.misses(setting.call()));
    let copy = setting.sandbox.home().join("copy");
    fs::copy(&one, &copy).unwrap();
    let same_time = fs::metadata(&one).unwrap().modified().unwrap();
    fs::File::options().write(true).open(&copy).unwrap().set_modified(same_time).unwrap();
    fs::rename(&copy, &one).unwrap();
    assert!(setting.misses(setting.call()), "another inode");
    fs::write(&one, "33").unwrap();
    fs::File::options().write(true).open(&one).unwrap().set_modified(same_time).unwrap();
    assert!(setting.misses(setting.call()), "another change time");
    fs::remove_file(&two).unwrap();
    assert!(setting.misses(setting.call()), "gone");
    assert!(!setting.misses(setting.call()));
}

/// The user switches accounts while the plugin still answers for the old one.
#[test]
fn a_named_file_that_changes_while_the_plugin_runs_is_not_stored() {
    let setting = Setting::new();
    let file = setting.sandbox.home().join("account");
    fs::write(&file, "old").unwrap();
    setting.sandbox.set_env("K8S_TOKEN_CACHE_KEY_FILES", &file);
    setting.plugin.hold();
    let call = setting.call().spawn();
    setting.plugin.await_runs(1);
    fs::write(&file, "newer").unwrap();
    setting.plugin.release();
    assert_eq!(call.finish().code(), 0);
    assert_eq!(setting.sandbox.entries(), 0);
    assert!(setting.misses(setting.call()));
    assert!(!setting.misses(setting.call()));
}

#[test]
fn the_folder_counts_for_relative_commands_and_arguments_alone() {
    let setting = Setting::new();
    let folders = ["a", "b"].map(|name| {
        let folder = setting.sandbox.home().join(name);
        fs::create_dir(&folder).unwrap();
        folder
    });
    let [a, b] = &folders;
    let from = |folder, argument: &str| setting.misses(setting.call().arg(argument).current_dir(folder));
    assert!(from(a, "plain"));
    assert!(!from(b, "plain"));
    for argument in ["./here", "../here", "."] {
        assert!(from(a, argument), "{argument}");
        assert!(from(b, argument), "{argument}");
        assert!(!from(a, argument), "{argument}");
    }
}

#[test]
fn a_relative_command_is_another_one_in_each_folder() {
    let sandbox = Sandbox::new();
    let plugins = ["a", "b"].map(|folder| {
        let directory = sandbox.home().join(folder);
        fs::create_dir(&directory).unwrap();
        let plugin = Plugin::new(&directory, "plugin");
        plugin.prints(Credential::token(folder).expires_in(HOUR).bytes());
        (directory, plugin)
    });
    for _ in 0..2 {
        for (directory, plugin) in &plugins {
            let run = sandbox.program().arg("./plugin").current_dir(directory).run();
            let folder = directory.file_name().unwrap().to_str().unwrap();
            assert!(run.stdout_text().contains(&format!("\"{folder}\"")), "{run:?}");
            assert_eq!(plugin.runs(), 1);
        }
    }
}

#[test]
fn interactive_and_the_form_of_the_exec_info_do_not_count() {
    let setting = Setting::new();
    let same = [
        r#"{"kind":"ExecCredential","apiVersion":"V","spec":{"interactive":false}}"#,
        r#"{"kind":"ExecCredential","apiVersion":"V","spec":{"interactive":true}}"#,
        r#"{"kind":"ExecCredential","apiVersion":"V","spec":{}}"#,
        r#"{"spec":{"interactive":false},"apiVersion":"V","kind":"ExecCredential"}"#,
        " {\t\"kind\" : \"ExecCredential\",\r\n\"apiVersion\":\n\"V\", \"spec\":{ } } \n\n",
        r#"{"kind":"ExecCredential","apiVersion":"\u0063lient.authentication.k8s.io\/v1"}"#,
    ];
    for (index, info) in same.iter().enumerate() {
        let info = info.replace("\"V\"", &format!("\"{V1}\""));
        assert_eq!(misses_with_exec_info(&setting, &info), index == 0, "{info}");
    }
}

#[test]
fn another_api_version_is_another_key() {
    let setting = Setting::new();
    let info = |version| format!(r#"{{"kind":"ExecCredential","apiVersion":"{version}"}}"#);
    assert!(misses_with_exec_info(&setting, &info(V1)));
    assert!(misses_with_exec_info(&setting, &info(V1BETA1)));
    assert!(!misses_with_exec_info(&setting, &info(V1)));
}

#[test]
fn another_cluster_is_another_key_in_every_form_of_json() {
    let setting = Setting::new();
    let info = |cluster: &str| {
        format!(
            r#"{{"kind":"ExecCredential","apiVersion":"{V1}","spec":{{"cluster":{cluster},"interactive":false}}}}"#
        )
    };
    let different = [
        r#"{"server":"https://one"}"#,
        r#"{"server":"https://two"}"#,
        r#"{"server":"https://one","insecure-skip-tls-verify":true}"#,
        r#"{"server":"https://one","config":{"a":1,"b":[1,2]}}"#,
        r#"{"server":"https://one","config":{"a":1,"b":[2,1]}}"#,
        r#"{"server":"https://one","config":{"a":"1","b":[1,2]}}"#,
        r#"{"server":"https://one","config":null}"#,
    ];
    for cluster in different {
        assert!(misses_with_exec_info(&setting, &info(cluster)), "{cluster}");
    }
    let same = [
        r#"{ "server" : "https:\/\/one" }"#,
        r#"{"insecure-skip-tls-verify":true,"server":"https://one"}"#,
        r#"{"config":{"b":[1, 2],"a":1},"server":"https://one"}"#,
    ];
    for cluster in same {
        assert!(!misses_with_exec_info(&setting, &info(cluster)), "{cluster}");
    }
}

#[test]
fn an_empty_exec_info_counts_as_unset() {
    let setting = Setting::new();
    assert!(setting.misses(setting.sandbox.shell(&setting.plugin)));
    assert!(!misses_with_exec_info(&setting, ""));
    assert!(setting.misses(setting.call()));
}

/// No client writes these. The plugin gets the value unchanged and decides.
#[test]
fn an_invalid_exec_info_still_reaches_the_plugin() {
    let setting = Setting::new();
    setting.plugin.records();
    let nested = "[".repeat(100_000);
    let questions = [
        "",
        " ",
        "{",
        "{}",
        "null",
        "[]",
        "\"",
        "{\"kind\":\"ExecCredential\",\"spec\":{",
        "nonsense",
        r#"{"apiVersion":7}"#,
        r#"{"spec":[]}"#,
        r#"{"spec":{"cluster":7}}"#,
        &nested,
    ];
    for question in questions {
        let run = setting.call().env("KUBERNETES_EXEC_INFO", question).run();
        assert_eq!(run.code(), 0, "{question:.40}: {run:?}");
        assert!(!run.stdout.is_empty(), "{question:.40}: {run:?}");
    }
    let run = setting.call().env("KUBERNETES_EXEC_INFO", OsStr::from_bytes(b"\xff{")).run();
    assert_eq!(run.code(), 0, "{run:?}");
    assert_eq!(setting.plugin.environ_value("KUBERNETES_EXEC_INFO").unwrap(), OsStr::from_bytes(b"\xff{"));
}

#[test]
fn the_plugin_gets_the_exec_info_and_environment_of_the_client() {
    let setting = Setting::new();
    setting.plugin.records();
    setting.misses(setting.call().env("SOME_VARIABLE", "some value"));
    let seen = |name| setting.plugin.environ_value(name);
    assert_eq!(seen("KUBERNETES_EXEC_INFO").unwrap(), crate::support::EXEC_INFO);
    assert_eq!(seen("SOME_VARIABLE").unwrap(), "some value");
    assert_eq!(seen("HOME").unwrap(), setting.sandbox.home());
}
