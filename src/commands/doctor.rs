//! `--doctor`: what keeps the cache from working, and how to mend it.
//!
//! Looks at the clock, the cache file, the key, the kubeconfigs and what they run, and kubectl's
//! list of allowed plugins. A line per finding, `ok`, `note` or `problem`; behind a problem stands
//! what mends it. Runs nothing, and makes nothing. The exit status is 0 where nothing needs mending.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::client::{UserClient, Users, users};
use super::page::Page;
use super::{KeyPlace, plural};
use crate::cache;
use crate::config::{Config, Encryption, Environment};
use crate::error::{Result, reason, shown};
use crate::format::time;
use crate::keystore::Mode;
use crate::kubeconfig;
use crate::sys::{self, Directory};

/// No clock is right that stands before this program was written: 2026-01-01T00:00:00Z.
const EARLIEST_UNIX_S: u64 = 1_767_225_600;
/// What clocks of a network may differ by.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

pub fn doctor(
    config: &Config,
    environment: Environment<'_>,
    kubeconfigs: &kubeconfig::ClientEnvironment,
) -> Result<u8> {
    let mut visit = Visit { page: Page::for_output(environment), problems: 0 };
    visit.clock(config);
    visit.settings(config);
    visit.cache(config);
    visit.key(config);
    visit.kubeconfigs(environment, kubeconfigs);
    visit.end()
}

struct Visit {
    page: Page,
    problems: usize,
}

impl Visit {
    fn ok(&mut self, text: &dyn Display) {
        self.page.row("ok", text);
    }

    fn note(&mut self, text: &dyn Display) {
        self.page.row("note", text);
    }

    fn problem(&mut self, text: &dyn Display, mend: &dyn Display) {
        self.problems += 1;
        self.page.row("problem", text);
        self.page.row("", &format_args!("mend: {mend}"));
    }

    fn end(mut self) -> Result<u8> {
        if self.problems == 0 {
            self.page.heading(&"nothing needs mending");
        } else {
            let things = plural(self.problems, "thing needs", "things need");
            self.page.heading(&format_args!("{things} mending"));
        }
        self.page.print()?;
        Ok(u8::from(self.problems > 0))
    }

    fn clock(&mut self, config: &Config) {
        let now = sys::now();
        let stamp = config.cache_file.as_deref().and_then(|file| sys::file_stamp(file).ok());
        let written_ns = stamp.map_or(0, |stamp| stamp.modified_ns);
        let wrong = if now.as_secs() < EARLIEST_UNIX_S {
            ", which is long ago"
        } else if written_ns > (now + CLOCK_TOLERANCE).as_nanos() as i128 {
            ", and the cache file was written later than that"
        } else {
            ""
        };
        let text = format!("the clock says {}{wrong}", time::format_rfc3339(now.as_secs()));
        if wrong.is_empty() {
            self.ok(&text);
        } else {
            self.problem(&text, &"set the system's clock, or let the network set it (NTP)");
        }
    }

    fn settings(&mut self, config: &Config) {
        if config.disabled {
            self.problem(&"nothing is cached: K8S_TOKEN_CACHE_DISABLE is set", &"unset it");
        }
        if let Some(log) = &config.log
            && !can_be_written(log)
        {
            let text = format_args!("the log '{}' cannot be written", shown(log));
            self.problem(&text, &"make it writable, or set K8S_TOKEN_CACHE_LOG to another file");
        }
    }

    fn cache(&mut self, config: &Config) {
        let store = match cache::open_store(config) {
            Ok(store) => store,
            Err(error) => return self.problem(&error, &"set HOME, or K8S_TOKEN_CACHE_FILE to a file"),
        };
        let path = store.path();
        let problems_before = self.problems;
        for path in [path, &path.with_file_name(store.lock_name())] {
            match sys::open_private(path) {
                Err(error) if !is_missing(&error) => {
                    self.cannot_use(path, &error, &"remove it: the next call makes a new one");
                }
                _ => {}
            }
        }
        self.cache_directory(path.parent().unwrap_or(Path::new("")));
        if store.contents().is_ok_and(|contents| contents.is_newer()) {
            let text = format_args!("'{}' was written by a newer version of this program", shown(path));
            self.problem(&text, &"use that version, or set K8S_TOKEN_CACHE_FILE to another path");
        }
        if self.problems == problems_before {
            let state = match path.exists() {
                false => "will be made when needed",
                // Who else may write there is not looked at.
                true if cfg!(windows) => "can be written",
                true => "can be written, by you alone",
            };
            self.ok(&format_args!("the cache file '{}' {state}", shown(path)));
        }
    }

    fn cannot_use(&mut self, path: &Path, error: &io::Error, mend: &dyn Display) {
        self.problem(&format_args!("cannot use '{}': {}", shown(path), reason(error)), mend);
    }

    fn cache_directory(&mut self, directory: &Path) {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        match Directory::open(directory) {
            Err(error) if !is_missing(&error) => {
                let mend = "take write permission from others ('chmod go-w'), or set K8S_TOKEN_CACHE_FILE";
                self.cannot_use(directory, &error, &mend);
            }
            _ if !can_be_made(directory) => {
                let text = format_args!("'{}' cannot be written", shown(directory));
                self.problem(&text, &"make it writable, or set K8S_TOKEN_CACHE_FILE");
            }
            _ => {}
        }
    }

    fn key(&mut self, config: &Config) {
        let place = match KeyPlace::find(config) {
            Ok(place) => place,
            Err(error) => {
                let text = error.to_string();
                let hint =
                    text.split_once('\n').and_then(|(text, hint)| Some((text, hint.strip_prefix("hint: ")?)));
                let (text, hint) = hint.unwrap_or((&text, "see K8S_TOKEN_CACHE_ENCRYPTION"));
                return self.problem(&text, &hint);
            }
        };
        match (place, &config.encryption, &config.state_directory) {
            (KeyPlace::Off, ..) => {
                self.note(&"the cache is not encrypted: K8S_TOKEN_CACHE_ENCRYPTION is off")
            }
            (KeyPlace::NotMade, Encryption::Stored(mode), directory) if needs_directory(*mode) => {
                self.key_directory(directory.as_deref());
            }
            (place, ..) => self.ok(&place.describe(config)),
        }
    }

    /// There is no key yet, and it will be a file.
    fn key_directory(&mut self, directory: Option<&Path>) {
        match directory {
            None => self.problem(&"the directory for the key is not known", &"set HOME"),
            Some(directory) if !can_be_made(directory) => {
                let text = format_args!("no encryption key can be made in '{}'", shown(directory));
                self.problem(&text, &"make that directory writable");
            }
            Some(_) => self.ok(&"no encryption key has been made yet"),
        }
    }

    fn kubeconfigs(&mut self, environment: Environment<'_>, kubeconfigs: &kubeconfig::ClientEnvironment) {
        let mut files = match kubeconfig::default_files(kubeconfigs) {
            Ok(files) => files,
            Err(error) => return self.problem(&error, &"set HOME or KUBECONFIG"),
        };
        files.retain(|file| {
            if !file.exists() {
                self.note(&format_args!("there is no kubeconfig '{}'", shown(file)));
            }
            file.exists()
        });
        let (users, errors) = users(&files, kubeconfigs);
        for error in &errors {
            self.problem(error, &"correct that line; until then the cache leaves the file alone");
        }
        self.users(&users, environment, kubeconfigs);
    }

    fn users(
        &mut self,
        users: &Users,
        environment: Environment<'_>,
        kubeconfigs: &kubeconfig::ClientEnvironment,
    ) {
        let injected = users.iter().filter(|(_, user)| user.injected).count();
        match users.len() {
            0 => self.note(&"no user of a kubeconfig has an exec plugin"),
            all => {
                let users = plural(all, "user with an exec plugin goes", "users with an exec plugin go");
                self.ok(&format_args!("{injected} of {users} through the cache"));
            }
        }
        let (mut programs, mut commands) = (Vec::new(), Vec::new());
        for (file, user) in users {
            let client = UserClient::new(file, user, None, kubeconfigs);
            if !user.injected {
                let text =
                    format_args!("{}, line {}, does not go through the cache", client.title(), user.line);
                let mend = format_args!("k8s-token-cache --inject --user {}", shell_word(&client.name()));
                self.problem(&text, &mend);
            }
            self.programs(&client, environment, kubeconfigs, &mut programs);
            self.other_cache(&client, environment, &mut programs);
            if user.injected && !commands.contains(&&user.command) {
                commands.push(&user.command);
                self.allowlist(&user.command, kubeconfigs);
            }
        }
    }

    /// Whether everything is there that is run, and can be.
    fn programs(
        &mut self,
        client: &UserClient<'_>,
        environment: Environment<'_>,
        kubeconfigs: &kubeconfig::ClientEnvironment,
        seen: &mut Vec<PathBuf>,
    ) {
        let hint = client.identity(environment).install_hint.unwrap_or("install it, or put it on PATH");
        if client.wrapped.is_some() {
            let own_path = kubeconfigs.program.as_deref().unwrap_or(Path::new("")).to_string_lossy();
            let mend =
                ["put it on PATH, or: k8s-token-cache --inject --command ", &shell_word(&own_path)].concat();
            self.program(client.program(), client, &mend, seen);
        } else {
            self.program(client.program(), client, hint, seen);
        }
        if let Some(plugin) = client.wrapped_program() {
            self.program(PathBuf::from(plugin), client, hint, seen);
        }
    }

    fn program(&mut self, program: PathBuf, client: &UserClient<'_>, mend: &str, seen: &mut Vec<PathBuf>) {
        if seen.contains(&program) {
            return;
        }
        let name = shown(&program);
        match sys::find_program(program.as_os_str()) {
            None => {
                let text = format_args!("'{name}' is not found, which {} needs", client.title());
                self.problem(&text, &mend);
            }
            Some(path) if !sys::may_execute(&path) => {
                let text =
                    format_args!("'{}' cannot be executed, which {} needs", shown(&path), client.title());
                self.problem(&text, &"make it executable ('chmod +x'), or install it anew");
            }
            Some(path) => self.ok(&format_args!("'{name}' is found: '{}'", shown(&path))),
        }
        seen.push(program);
    }

    /// Until July 2026 it gave out what it had in there, whatever account was active by then:
    /// https://github.com/kubernetes/cloud-provider-gcp/issues/1122
    fn other_cache(
        &mut self,
        client: &UserClient<'_>,
        environment: Environment<'_>,
        seen: &mut Vec<PathBuf>,
    ) {
        let path = client.beside_file(Path::new("gke_gcloud_auth_plugin_cache"));
        let is_gke = client.identity(environment).family == Some("gke-gcloud-auth-plugin");
        if is_gke && path.exists() && !seen.contains(&path) {
            let what = "the plugin's own cache, may outlive a change of the account: remove it after one";
            self.note(&format_args!("'{}', {what}", shown(&path)));
            seen.push(path);
        }
    }

    fn allowlist(&mut self, command: &str, kubeconfigs: &kubeconfig::ClientEnvironment) {
        if let Some((path, lines)) = kubeconfig::missing_in_kuberc(kubeconfigs, command) {
            let text = format_args!("kubectl may not run '{command}': '{}' does not allow it", shown(&path));
            self.problem(&text, &format_args!("add to that file:\n{}", lines.trim_ascii_end()));
        }
    }
}

/// Nothing is there, perhaps because a file is in the place of a directory.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether the key will be a file, as far as can be told without making one.
fn needs_directory(mode: Mode) -> bool {
    mode == Mode::File || !cfg!(target_os = "linux")
}

/// Whether a directory is there and can be written, or can be made.
fn can_be_made(directory: &Path) -> bool {
    let absolute = sys::absolute(directory).unwrap_or_default();
    let existing = absolute.ancestors().find(|ancestor| ancestor.exists());
    existing.is_some_and(|existing| existing.is_dir() && sys::may_write(existing))
}

fn can_be_written(file: &Path) -> bool {
    match file.metadata() {
        Ok(metadata) => !metadata.is_dir() && sys::may_write(file),
        Err(_) => sys::absolute(file).is_ok_and(|file| file.parent().is_some_and(can_be_made)),
    }
}

/// A word as it can be given to a shell.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '@' | '%' | '+' | '=' | ':' | ',' | '.' | '/' | '_' | '-')
    };
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_copied_to_a_shell() {
        for (word, expected) in [
            ("arn:aws:eks:eu-west-1:1:cluster/a", "arn:aws:eks:eu-west-1:1:cluster/a"),
            ("it's mine", r"'it'\''s mine'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(word), expected);
        }
    }
}
