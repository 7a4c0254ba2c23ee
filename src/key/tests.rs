//! What counts for the cache key and what does not, and how it is hashed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;

/// A call, for this and other modules' tests.
#[derive(Clone, Default)]
pub struct Caller {
    pub command: Vec<OsString>,
    pub variables: Vec<(String, OsString)>,
    pub key_env: Vec<String>,
    pub key_env_is_complete: bool,
    pub key_files: Vec<PathBuf>,
}

impl Caller {
    pub fn of(command: &[&str]) -> Caller {
        Caller { command: command.iter().map(OsString::from).collect(), ..Caller::default() }
    }

    pub fn with(mut self, variable: &str, value: impl Into<OsString>) -> Caller {
        self.variables.push((variable.to_owned(), value.into()));
        self
    }

    fn counting(mut self, key_env: &[&str]) -> Caller {
        self.key_env = key_env.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Hands what the key is made from to `act`.
    pub fn call<T>(&self, act: impl FnOnce(&KeyInputs<'_>) -> T) -> T {
        let environment = |name: &str| {
            self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let added: Vec<(OsString, OsString)> =
            self.variables.iter().map(|(name, value)| (name.into(), value.clone())).collect();
        act(&KeyInputs {
            command: &self.command,
            identity: &identity::identify(&self.command, &environment),
            key_env: &self.key_env,
            key_env_is_complete: self.key_env_is_complete,
            process_variables: Vec::new,
            added_variables: &added,
            key_files: &self.key_files,
            environment: &environment,
        })
    }

    pub fn key(&self) -> CacheKey {
        self.call(CacheKey::new).unwrap()
    }

    fn parts(&self) -> Vec<(PartKind, Vec<u8>)> {
        parts(self.key().parts()).map(|(part, content)| (part, content.to_vec())).collect()
    }

    fn has(&self, part: PartKind) -> bool {
        self.parts().iter().any(|(known, _)| *known == part)
    }
}

fn assert_all_differ(callers: &[Caller]) {
    for (number, caller) in callers.iter().enumerate() {
        for (other_number, other) in callers[..number].iter().enumerate() {
            assert_ne!(caller.key().parts(), other.key().parts(), "{number} and {other_number}");
            assert_ne!(caller.key().hash(), other.key().hash(), "{number} and {other_number}");
        }
    }
}

fn assert_all_same(callers: &[Caller]) {
    for (number, caller) in callers.iter().enumerate() {
        assert_eq!(caller.key().parts(), callers[0].key().parts(), "{number}");
        assert_eq!(caller.key().hash(), callers[0].key().hash(), "{number}");
    }
}

#[test]
fn arguments_are_told_apart_by_where_they_end() {
    let commands: [&[&str]; 15] = [
        &["plugin"],
        &["plugin", ""],
        &["plugin", "", ""],
        &["", "plugin"],
        &["plugin", "a b"],
        &["plugin", "a", "b"],
        &["plugin", "b", "a"],
        &["plugin", "ab"],
        &["plugin", "ab", ""],
        &["plugin", "", "ab"],
        &["plugin", "a\nb"],
        &["plugin", "a\n", "b"],
        &["plugin", "a", "\nb"],
        &["plugin", "'a b'"],
        &["plugin a b"],
    ];
    assert_all_differ(&commands.map(Caller::of));
}

#[cfg(unix)]
#[test]
fn what_is_not_utf_8_counts_byte_for_byte() {
    use std::os::unix::ffi::OsStringExt;
    let texts: [&[u8]; 6] = [b"\xff", b"\xfe", b"\xff\xff", b"\xc3\xa9", b"\xe9", "\u{fffd}".as_bytes()];
    let texts = texts.map(|text| OsString::from_vec(text.to_vec()));
    assert_all_differ(&texts.clone().map(|text| {
        let mut caller = Caller::of(&["plugin"]);
        caller.command.push(text);
        caller
    }));
    assert_all_differ(&texts.clone().map(|text| Caller::of(&["plugin"]).with("AWS_PROFILE", text)));
    assert_all_differ(&texts.map(|text| Caller::of(&["plugin"]).with("HOME", text)));
}

#[test]
fn variables_of_the_identity_count_by_name_and_value() {
    let plain = Caller::of(&["aws", "eks", "get-token"]);
    assert_all_differ(&[
        plain.clone(),
        plain.clone().with("AWS_PROFILE", ""),
        plain.clone().with("AWS_PROFILE", "a"),
        plain.clone().with("AWS_PROFILE", "a=b"),
        plain.clone().with("AWS_PROFILE", "a\nAWS_REGION=b"),
        plain.clone().with("AWS_PROFILE", "a").with("AWS_REGION", "b"),
        plain.clone().with("AWS_PROFILE", "b").with("AWS_REGION", "a"),
        plain.with("AWS_REGION", "a"),
    ]);
}

#[test]
fn other_variables_do_not_count() {
    let plain = Caller::of(&["aws", "eks", "get-token"]);
    assert_all_same(&[
        plain.clone(),
        plain.clone().with("PWD", "/x").with("EDITOR", "vi").with("K8S_TOKEN_CACHE_LOG", "/log"),
        plain.with("CLOUDSDK_ACTIVE_CONFIG_NAME", "work").with("MINE", "1"),
    ]);
}

#[test]
fn variables_that_the_user_names_count_in_whatever_order() {
    let plain = Caller::of(&["aws"]).with("MINE", "1").with("OURS", "2");
    assert_all_same(&[
        plain.clone().counting(&["MINE", "OURS"]),
        plain.clone().counting(&["OURS", "MINE"]),
        plain.clone().counting(&["OURS", "MINE", "OURS", "NOT_SET"]),
    ]);
    assert_all_differ(&[
        plain.clone(),
        plain.clone().counting(&["MINE"]),
        plain.clone().counting(&["OURS"]),
        plain.clone().counting(&["MINE", "OURS"]),
        Caller::of(&["aws"]).with("MINE", "2").with("OURS", "1").counting(&["MINE", "OURS"]),
        Caller::of(&["aws"]).with("MINE", "1\nOURS=2").counting(&["MINE", "OURS"]),
    ]);
}

#[test]
fn the_home_directory_counts() {
    let plain = Caller::of(&["plugin"]);
    assert_all_differ(&[plain.clone(), plain.clone().with("HOME", "/home/a"), plain.with("HOME", "/home/b")]);
}

#[test]
fn of_the_exec_info_only_version_and_cluster_count() {
    let told = |info: &str| Caller::of(&["plugin"]).with(EXEC_INFO, info);
    let v1 = told(
        r#"{"kind":"ExecCredential","apiVersion":"v1","spec":{"interactive":true,"cluster":{"server":"a"}}}"#,
    );
    assert_all_same(&[
        v1.clone(),
        told(
            r#"{"apiVersion":"v1","spec":{"cluster":{"server":"a"},"interactive":false},"kind":"ExecCredential"}"#,
        ),
        told(" { \"spec\" : { \"cluster\" : { \"server\" : \"\\u0061\" } } ,\n \"apiVersion\" : \"v1\" }\n"),
    ]);
    assert_all_differ(&[
        Caller::of(&["plugin"]),
        v1.clone(),
        told(r#"{"apiVersion":"v1beta1","spec":{"cluster":{"server":"a"}}}"#),
        told(r#"{"apiVersion":"v1","spec":{"cluster":{"server":"b"}}}"#),
        told(r#"{"apiVersion":"v1","spec":{"interactive":true}}"#),
    ]);
    assert_eq!(v1.key().api_version(), Some("v1"));
    assert_eq!(Caller::of(&["plugin"]).key().api_version(), None);
}

#[test]
fn an_empty_exec_info_is_none() {
    let plugin = Caller::of(&["plugin"]);
    assert_eq!(plugin.clone().with(EXEC_INFO, "").key().hash(), plugin.key().hash());
}

#[test]
fn an_exec_info_that_cannot_be_read_keeps_the_cache_out_and_stays_secret() {
    for info in [" ", "{}", "hush-hush", r#"{"apiVersion":"v1","apiVersion":"hush-hush"}"#] {
        let error = Caller::of(&["plugin"]).with(EXEC_INFO, info).call(CacheKey::new).err().unwrap();
        assert_eq!(error.kind(), Kind::Cache);
        assert!(!error.to_string().contains("hush-hush"));
    }
}

#[test]
fn the_working_directory_counts_where_a_path_needs_it() {
    // On Windows a path without a drive is relative.
    let absolute = if cfg!(windows) { r"C:\bin\plugin" } else { "/bin/plugin" };
    for (command, counts) in [
        (&["plugin"][..], false),
        (&[absolute, "a/../b", "-f=x", "x.", "team/role"], false),
        (&["./plugin"], true),
        (&["../plugin"], true),
        (&["plugin", "."], true),
        (&["plugin", "--file", ".hidden/file"], true),
        (&["plugin", "-f=./x"], true),
        (&["plugin", "--config", "Cargo.toml"], true),
        (&["plugin", "--config=Cargo.toml"], true),
        (&["plugin", "-cCargo.toml"], true),
        (&["plugin", "--data=@Cargo.toml"], true),
        (&["plugin", "--files=none,Cargo.toml"], true),
        (&["plugin", "--config", "none.toml"], false),
        (&["sh", "-c", "cat Cargo.toml | jq ."], true),
        (&["sh", "src/lib.rs"], true),
        (&["sh", "-c", "corp-login | jq -r x"], false),
        (&["make", "token"], true),
        (&["direnv", "exec", "/", "aws", "eks", "get-token"], true),
        (&["mise", "exec", "--", "aws", "eks", "get-token"], true),
        (&["op", "plugin", "run", "--", "aws", "eks", "get-token"], true),
        (&["doppler", "run", "--", "aws", "eks", "get-token"], true),
        (&["aws", "eks", "get-token", "--profile", "x", "--role-arn", "arn:aws:iam::1:role/team/x"], false),
        (&["aws", "eks", "get-token", "--cli-input-json", "file://x"], false),
        (&["kubelogin", "get-token", "--server-id", "s", "--client-certificate", "c.pem"], true),
        (&["doctl", "--config", "c.yaml", "kubernetes", "cluster", "kubeconfig", "exec-credential"], true),
        (&["env", "AWS_CONFIG_FILE=c", "aws", "eks", "get-token"], true),
    ] {
        assert_eq!(Caller::of(command).has(PartKind::WorkingDirectory), counts, "{command:?}");
    }
}

#[test]
fn a_file_counts_by_path_and_stamp() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let watching =
        |name: &str| Caller { key_files: vec![directory.path().join(name)], ..Caller::of(&["plugin"]) };
    let keys = |name: &str| watching(name).key().parts().to_vec();
    let missing = keys("config");
    assert_ne!(missing, keys("other"));
    assert_ne!(missing, Caller::of(&["plugin"]).key().parts());

    fs::write(&path, "a").unwrap();
    let made = keys("config");
    assert_ne!(made, missing);
    assert_eq!(made, keys("config"));

    fs::write(&path, "ab").unwrap();
    let longer = keys("config");
    assert_ne!(longer, made);

    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
    assert_ne!(keys("config"), longer);

    fs::remove_file(&path).unwrap();
    assert_eq!(keys("config"), missing);
}

#[cfg(unix)]
#[test]
fn a_file_that_another_took_the_place_of_counts_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for name in ["config", "other"] {
        File::create(path(name)).unwrap().set_modified(past).unwrap();
    }
    let caller = Caller { key_files: vec![path("config")], ..Caller::of(&["plugin"]) };
    let before = caller.key().hash();
    fs::rename(path("other"), path("config")).unwrap();
    assert_ne!(caller.key().hash(), before);
}

#[test]
fn a_secret_is_marked_as_one_and_named() {
    let plain = Caller::of(&["doctl"]);
    for (caller, secret) in [
        (plain.clone().with("DIGITALOCEAN_CONTEXT", "x"), None),
        (plain.clone().with("DIGITALOCEAN_ACCESS_TOKEN", "x"), Some("DIGITALOCEAN_ACCESS_TOKEN")),
        (plain.clone().with("MY_PASSWORD", "x"), None),
        (plain.clone().with("MY_PASSWORD", "x").counting(&["MY_PASSWORD"]), Some("MY_PASSWORD")),
        (plain.clone().with("MINE", "x").counting(&["MINE", "MY_PASSWORD"]), None),
    ] {
        assert_eq!(caller.key().secrets().first().map(String::as_str), secret);
        assert_eq!(caller.has(PartKind::Secret), secret.is_some());
    }
    let commands: &[(&[&str], &[&str])] = &[
        (&["doctl", "--client-secret=x"], &["--client-secret"]),
        (&["doctl", "--client-secret", "x", "--token=y"], &["--client-secret", "--token"]),
        (&["doctl", "https://me:x@host/"], &["argument 1"]),
        (&["doctl", "-tx"], &["argument 1"]),
        (&["doctl", "-t", "x"], &["-t"]),
        (&["env", "TOKEN=x", "doctl"], &["argument 1"]),
        (&["sh", "-c", "TOKEN=x doctl"], &["-c"]),
        (&["sh", "-c", "plugin\n\u{1b} --x"], &[]),
        (&["doctl", "--token-file", "x"], &[]),
        (&["doctl", "--print-token"], &[]),
    ];
    for (command, secrets) in commands {
        let caller = Caller::of(command).with("AWS_PROFILE", "x").counting(&[]);
        assert_eq!(caller.key().secrets(), *secrets, "{command:?}");
    }
    assert_all_differ(&[
        plain.clone().with("DIGITALOCEAN_ACCESS_TOKEN", "a"),
        plain.with("DIGITALOCEAN_ACCESS_TOKEN", "b"),
    ]);
}

#[test]
fn the_parts_can_be_read_back() {
    let info = r#"{"apiVersion":"v1","spec":{"cluster":{}}}"#;
    let mut caller = Caller::of(&["./aws", "", "a b"])
        .with("MINE", "1")
        .with("HOME", "/h")
        .with("USERPROFILE", "/h")
        .with("AWS_SECRET_ACCESS_KEY", "hush")
        .with(EXEC_INFO, info);
    caller.key_env.push("MINE".to_owned());
    caller.key_files.push("/not/there".into());
    let shown: Vec<(char, Vec<u8>)> =
        caller.parts().into_iter().map(|(part, content)| (char::from(part as u8), content)).collect();
    let kinds: String = shown.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, "vaaaqeichdfff");
    let contents: Vec<&[u8]> = shown.iter().map(|(_, content)| content.as_slice()).collect();
    let expected = [&[FORMAT][..], b"./aws", b"", b"a b", b"AWS_SECRET_ACCESS_KEY", b"MINE=1", b"v1"];
    assert_eq!(contents[..7], expected);
    assert_eq!(contents[8], b"/h");
    assert_eq!(contents[12], b"/not/there\0");
}

#[test]
fn parts_that_are_cut_short_end_early() {
    let caller = Caller::of(&["plugin", "argument"]).with("HOME", "/h");
    let key = caller.key();
    let whole = caller.parts();
    for length in 0..key.parts().len() {
        let read: Vec<_> = parts(&key.parts()[..length]).collect();
        assert!(read.len() < whole.len());
        assert!(read.iter().zip(&whole).all(|((part, content), whole)| (*part, content.to_vec()) == *whole));
    }
    assert_eq!(parts(b"?\0\0\0\0").count(), 0);
    assert_eq!(parts(b"a\xff\xff\xff\xffx").count(), 0);
}

proptest! {
    #[test]
    fn two_commands_have_two_keys(
        one in prop::collection::vec("[ab \n]{0,2}", 1..4), other in prop::collection::vec("[ab \n]{0,2}", 1..4),
    ) {
        let key = |command: &[String]| Caller { command: command.iter().map(OsString::from).collect(), ..Caller::default() }.key();
        prop_assert_eq!(key(&one).parts() == key(&other).parts(), one == other);
        prop_assert_eq!(key(&one).hash() == key(&other).hash(), one == other);
    }
}
