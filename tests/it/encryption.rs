//! Encryption: the cache file is useless without its key, and an entry is valid only under its own name
//! and times.

use std::fs;
use std::os::unix::fs::MetadataExt;
#[cfg(target_os = "linux")]
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Call, Credential, HOUR, Plugin, Sandbox};
#[cfg(target_os = "linux")]
use crate::support::{forbid_keyring, is_root, remove_keyrings_of, skip};

/// Secrets long enough that no 8 bytes of one occur anywhere else by chance.
const TOKEN: &str = "k8s-aws-v1.q7ZtJ4wLxR2vB9nKcM5hYgTpD8sFaQeU3";
const ARGUMENT: &str = "--cluster-name=Vw6Xk1PzJq8RrNf4";
const SECRET_ARGUMENT: &str = "--client-secret=Hm3Gt9LsWd5Yc7Bq";
const PROFILE: &str = "profile-Jx2Mv8TkZr6QnHs4";
const SECRET_VARIABLE: &str = "Pb5Kw9XfLc3RtGj7";
/// 32 bytes of text, so that a trace shows them unescaped.
const KEY: &str = "Ud4Sz8Ny1Ea6Oi0WTf2Rb7Ig3Cm5Qx9V";
const KEY_BASE64: &str = "VWQ0U3o4TnkxRWE2T2kwV1RmMlJiN0lnM0NtNVF4OVY=";

struct Setting {
    sandbox: Sandbox,
    aws: Plugin,
}

impl Setting {
    fn new() -> Setting {
        let sandbox = Sandbox::new();
        let aws = sandbox.plugin("aws");
        aws.prints(Credential::token(TOKEN).expires_in(HOUR).bytes());
        Setting { sandbox, aws }
    }

    fn with_encryption(mode: &str) -> Setting {
        let setting = Setting::new();
        setting.sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", mode);
        setting
    }

    /// A call with a secret in each place that can hold one.
    fn call(&self) -> Call {
        let call = self.sandbox.cache(&self.aws).args(["eks", "get-token", ARGUMENT, SECRET_ARGUMENT]);
        call.env("AWS_PROFILE", PROFILE).env("AWS_CONTAINER_AUTHORIZATION_TOKEN", SECRET_VARIABLE)
    }

    #[track_caller]
    fn misses(&self, call: Call) -> bool {
        let before = self.aws.runs();
        let run = call.run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()));
        self.aws.runs() > before
    }

    fn cache_text(&self) -> String {
        fs::read_to_string(self.sandbox.cache_file()).unwrap()
    }

    fn put_cache_text(&self, text: &str) {
        fs::write(self.sandbox.cache_file(), text).unwrap();
    }

    fn key_file(&self) -> PathBuf {
        self.sandbox.home().join(".local/state/k8s-token-cache/key")
    }

    /// The entries' names and objects, in the order of the file.
    fn entries(&self) -> Vec<(String, Value)> {
        let document: Value = serde_json::from_str(&self.cache_text()).unwrap();
        let entries = document["entries"].as_object().unwrap().clone();
        entries.into_iter().collect()
    }
}

fn secrets() -> [&'static [u8]; 7] {
    [TOKEN, ARGUMENT, SECRET_ARGUMENT, PROFILE, SECRET_VARIABLE, KEY, KEY_BASE64].map(str::as_bytes)
}

/// Checks that no 8 bytes of any of `secrets` are in `bytes`.
#[track_caller]
fn assert_no_piece(bytes: &[u8], secrets: &[&[u8]], place: &str) {
    for piece in secrets.iter().flat_map(|secret| secret.windows(8)) {
        let found = bytes.windows(8).any(|window| window == piece);
        assert!(!found, "{place} holds '{}'", String::from_utf8_lossy(piece));
    }
}

/// Every file below `directory`, without those of the plugins.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        match entry.file_type().unwrap().is_dir() {
            true if path.ends_with("plugins") => {}
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

#[test]
fn no_8_bytes_of_a_secret_are_in_any_file() {
    use base64::Engine;
    for (mode, key) in [("auto", Some(KEY_BASE64)), ("file", None)] {
        let setting = Setting::with_encryption(mode);
        if let Some(key) = key {
            setting.sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION_KEY", key);
        }
        assert!(setting.misses(setting.call()));
        assert!(!setting.misses(setting.call()));
        let key_file = fs::read(setting.key_file()).ok();
        assert_eq!(key_file.is_some(), key.is_none());
        let mut secrets = secrets().to_vec();
        secrets.extend(key_file.as_deref().map(|content| &content[content.len() - 32..]));
        let files = files_below(setting.sandbox.home());
        assert!(
            files.contains(&setting.sandbox.cache_file()) && files.contains(&setting.sandbox.lock_file())
        );
        for file in files.iter().filter(|file| **file != setting.key_file()) {
            assert_no_piece(&fs::read(file).unwrap(), &secrets, &file.display().to_string());
        }
        for (_, entry) in setting.entries() {
            let sealed = base64::prelude::BASE64_STANDARD.decode(entry["sealed"].as_str().unwrap()).unwrap();
            assert_no_piece(&sealed, &secrets, "the envelope");
        }
    }
}

/// Its arguments and its output aside, a hit passes no part of a secret to the kernel.
#[test]
#[cfg(target_os = "linux")]
fn no_8_bytes_of_a_secret_are_in_a_trace_of_a_hit() {
    let setting = Setting::new();
    setting.sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION_KEY", KEY_BASE64);
    assert!(setting.misses(setting.call()));
    let trace = setting.sandbox.new_path("trace");
    let strace = ["strace", "-f", "-v", "-s", "1000000", "-o", trace.to_str().unwrap()];
    let Some(run) = setting.call().behind(strace).run_if_found() else {
        return skip("no 'strace'");
    };
    if run.code() != 0 {
        return skip("strace cannot trace here");
    }
    assert_eq!(setting.aws.runs(), 1, "it was a hit");
    let trace = fs::read_to_string(trace).unwrap();
    let (shown, rest): (Vec<&str>, Vec<&str>) =
        trace.lines().partition(|line| line.contains(" execve(") || line.contains(" write(1, "));
    assert!(shown.iter().any(|line| line.contains(TOKEN)), "the trace is of this call");
    assert!(rest.iter().any(|line| line.contains("sealed")), "the trace shows what was read");
    assert_no_piece(rest.join("\n").as_bytes(), &secrets(), "the trace");
}

#[test]
fn a_plain_entry_is_not_read_with_encryption_and_is_replaced() {
    let setting = Setting::new();
    let with = |mode: &str| {
        let call = setting.sandbox.cache(&setting.aws).arg("eks").env("AWS_PROFILE", "p");
        setting.misses(call.env("K8S_TOKEN_CACHE_ENCRYPTION", mode))
    };
    assert!(with("off"));
    assert!(!with("off"));
    let plain = setting.entries().remove(0);
    assert_eq!(plain.1["credential"].as_str().unwrap().matches(TOKEN).count(), 1);
    assert!(with("file"), "a plain entry is not read");
    assert!(!with("file"));
    let text = setting.cache_text();
    // A plain entry is not read even under the name of the sealed one.
    let sealed = setting.entries().into_iter().find(|(_, entry)| entry.get("sealed").is_some()).unwrap();
    setting.put_cache_text(&text.replace(&sealed.0, &"0".repeat(32)).replace(&plain.0, &sealed.0));
    assert!(with("file"), "a plain entry is not read under any name");
    assert!(!setting.cache_text().contains("credential"), "and is replaced");
}

#[test]
fn another_encryption_key_is_another_entry_name() {
    let setting = Setting::new();
    let other = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    for key in [KEY_BASE64, other] {
        assert!(setting.misses(setting.call().env("K8S_TOKEN_CACHE_ENCRYPTION_KEY", key)));
        assert!(!setting.misses(setting.call().env("K8S_TOKEN_CACHE_ENCRYPTION_KEY", key)));
    }
    for key in [KEY_BASE64, other] {
        assert!(
            !setting.misses(setting.call().env("K8S_TOKEN_CACHE_ENCRYPTION_KEY", key)),
            "neither displaced the other"
        );
    }
    let names: Vec<String> = setting.entries().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn the_plugin_does_not_get_the_encryption_key() {
    let setting = Setting::new();
    setting.aws.records();
    for disabled in ["0", "1"] {
        let call = setting.call().env("K8S_TOKEN_CACHE_ENCRYPTION_KEY", KEY_BASE64);
        call.env("K8S_TOKEN_CACHE_DISABLE", disabled).run();
        assert_eq!(setting.aws.environ_value("K8S_TOKEN_CACHE_ENCRYPTION_KEY"), None);
        assert_eq!(setting.aws.environ_value("AWS_PROFILE").unwrap(), PROFILE);
    }
    assert_eq!(setting.aws.runs(), 2);
}

#[test]
fn clear_keeps_the_encryption_key() {
    let setting = Setting::new();
    assert!(setting.misses(setting.call()));
    let key = fs::read(setting.key_file()).unwrap();
    assert_eq!(setting.sandbox.program().arg("--clear").run().code(), 0);
    assert_eq!(fs::read(setting.key_file()).unwrap(), key);
    assert!(setting.misses(setting.call()), "it is cleared");
    assert!(!setting.misses(setting.call()));
    assert_eq!(fs::read(setting.key_file()).unwrap(), key);
}

#[test]
fn the_key_file_is_private_and_not_in_the_cache_directory() {
    let setting = Setting::new();
    assert!(setting.misses(setting.call()));
    let metadata = fs::metadata(setting.key_file()).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(setting.key_file().parent().unwrap()).unwrap().mode() & 0o7777, 0o700);
    assert!(!setting.key_file().starts_with(setting.sandbox.cache_directory()));
}

/// Name and times are authenticated with the entry. Every change keeps the length, so that the index
/// still fits.
#[test]
fn a_moved_or_prolonged_entry_is_a_miss_and_is_replaced() {
    let swap = |text: &str, one: &str, other: &str| {
        text.replace(one, "\u{1}").replace(other, one).replace('\u{1}', other)
    };
    type Change<'a> = &'a dyn Fn(&str, [&str; 2], [&str; 2], u64) -> String;
    let changes: [(&str, Change, usize); 5] = [
        ("as it was", &|text, _, _, _| text.to_owned(), 0),
        ("names swapped", &|text, [a, b], _, _| swap(text, a, b), 2),
        ("envelopes swapped", &|text, _, [a, b], _| swap(text, a, b), 2),
        ("one copied over the other", &|text, _, [a, b], _| text.replace(a, b), 1),
        (
            "a later expiry, in the entries and the index",
            &|text, _, _, expires| text.replace(&expires.to_string(), &(expires + 1).to_string()),
            2,
        ),
    ];
    for (what, change, missed) in changes {
        let setting = Setting::new();
        setting.aws.prints(Credential::token(TOKEN).expires_as("2099-01-01T00:00:00Z").bytes());
        let calls = || ["this", "that"].map(|argument| setting.call().arg(argument));
        for call in calls() {
            assert!(setting.misses(call));
        }
        let [(one, one_entry), (other, other_entry)] = &setting.entries()[..] else { panic!("two entries") };
        let sealed = [one_entry, other_entry].map(|entry| entry["sealed"].as_str().unwrap());
        let whole = setting.cache_text();
        let text = change(&whole, [one, other], sealed, one_entry["expires"].as_u64().unwrap());
        assert_eq!(text.len(), whole.len(), "{what}");
        assert_eq!(text == whole, missed == 0, "{what}");
        setting.put_cache_text(&text);
        let misses = calls().map(|call| usize::from(setting.misses(call)));
        assert_eq!(misses.iter().sum::<usize>(), missed, "{what}");
        for call in calls() {
            assert!(!setting.misses(call), "{what}: replaced");
        }
    }
}

/// Through the file; the unit tests of the envelope flip every bit.
#[test]
fn a_changed_character_of_a_sealed_entry_is_a_silent_miss() {
    let setting = Setting::new();
    assert!(setting.misses(setting.call()));
    for position in [0, 7, 20, 60, 200] {
        let text = setting.cache_text();
        let at = text.find("\"sealed\":\"").unwrap() + 10 + position;
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        setting.put_cache_text(&[&text[..at], other, &text[at + 1..]].concat());
        assert!(setting.misses(setting.call()), "character {position}");
        assert!(!setting.misses(setting.call()), "character {position}: replaced");
    }
}

/// Each of them can read what the others stored.
#[test]
fn parallel_first_calls_agree_on_one_encryption_key() {
    for _ in 0..4 {
        let setting = Setting::new();
        let calls = || (0..6).map(|number| setting.call().arg(number.to_string()));
        let running: Vec<_> = calls().map(Call::spawn).collect();
        for call in running {
            assert_eq!(call.finish().code(), 0);
        }
        assert_eq!(setting.aws.runs(), 6);
        for call in calls() {
            assert!(!setting.misses(call));
        }
        assert_eq!(setting.entries().len(), 6);
    }
}

/// As in a container whose seccomp filter forbids the keyring's system calls.
#[test]
#[cfg(target_os = "linux")]
fn without_a_keyring_auto_uses_a_file_and_keyring_runs_the_plugin() {
    let setting = Setting::with_encryption("auto");
    let forbidden = |call: Call| {
        let mut call = call;
        forbid_keyring(call.command());
        call
    };
    assert!(setting.misses(forbidden(setting.call())));
    assert!(!setting.misses(forbidden(setting.call())));
    assert_eq!(
        fs::metadata(setting.key_file()).unwrap().len() as usize,
        "k8s-token-cache key 1\n".len() + 32
    );
    let run = forbidden(setting.call().env("K8S_TOKEN_CACHE_ENCRYPTION", "keyring")).run();
    assert_eq!((run.code(), run.stdout.is_empty()), (0, false), "the credential is not lost: {run:?}");
    assert_eq!(setting.aws.runs(), 2);
}

/// `auto` gives up caching before it gives up encryption.
#[test]
#[cfg(target_os = "linux")]
fn without_a_place_for_the_key_nothing_is_stored_in_plain_text() {
    let setting = Setting::with_encryption("auto");
    fs::create_dir_all(setting.key_file().parent().unwrap()).unwrap();
    symlink("/dev/null", setting.key_file()).unwrap();
    for _ in 0..2 {
        let mut call = setting.call();
        forbid_keyring(call.command());
        assert!(setting.misses(call));
    }
    assert_eq!(setting.sandbox.entries(), 0);
}

/// As with `sudo -u`: a user in the session of another user has their own key and cache.
#[test]
#[cfg(target_os = "linux")]
fn in_the_keyring_every_user_has_their_own_encryption_key() {
    const STRANGERS: [u32; 2] = [1_912_377, 1_912_378];
    if !is_root() {
        return skip("only root can become another user");
    }
    let places = STRANGERS.map(|user| {
        let setting = Setting::with_encryption("keyring");
        change_owner(setting.sandbox.home(), user);
        let as_user = |call: Call| {
            use std::os::unix::process::CommandExt;
            let mut call = call;
            call.command().uid(user).gid(user);
            call
        };
        let missed = [setting.misses(as_user(setting.call())), setting.misses(as_user(setting.call()))];
        let files = files_below(setting.sandbox.home());
        remove_keyrings_of(user);
        (missed, files.contains(&setting.key_file()))
    });
    assert_eq!(places, [([true, false], false); 2]);
}

/// Changes the owner of everything below `path`.
#[cfg(target_os = "linux")]
fn change_owner(path: &Path, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).unwrap();
    if path.symlink_metadata().unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap().flatten() {
            change_owner(&entry.path(), user);
        }
    }
}

/// The file stores the parts of the key in plain text, so a call with a secret among them is not cached.
#[test]
fn without_encryption_a_call_that_contains_a_secret_is_not_cached() {
    let setting = Setting::with_encryption("off");
    let call = || setting.sandbox.cache(&setting.aws);
    let secret_calls: [&dyn Fn() -> Call; 6] = [
        &|| call().arg(SECRET_ARGUMENT),
        &|| call().args(["--token", "Pb5Kw9XfLc3RtGj7"]),
        &|| call().arg("https://me:Pb5Kw9XfLc3RtGj7@example.com/"),
        &|| call().env("AWS_CONTAINER_AUTHORIZATION_TOKEN", SECRET_VARIABLE),
        &|| call().env("AWS_ENDPOINT_URL", "https://me:Pb5Kw9XfLc3RtGj7@example.com/"),
        &|| call().env("TENANT_PASSWORD", SECRET_VARIABLE).env("K8S_TOKEN_CACHE_KEY_ENV", "TENANT_PASSWORD"),
    ];
    for secret_call in secret_calls {
        assert!(setting.misses(secret_call()));
        assert!(setting.misses(secret_call()));
    }
    assert_eq!(setting.sandbox.entries(), 0);
    // These are not secrets.
    for harmless in [&["a b"][..], &["a\nb"], &["--token-file", "/f"], &["get", "--print-token"]] {
        let harmless_call = || call().args(harmless).env("AWS_PROFILE", "p");
        assert!(setting.misses(harmless_call()));
        assert!(!setting.misses(harmless_call()), "{harmless:?}");
    }
}
