//! What a plugin does because of its configuration files: prompt, though it never does by itself, run programs,
//! or take keys from old files.
//!
//! `aws eks get-token` runs a `credential_process`, and asks for the code of an `mfa_serial`; `oci` asks for the
//! passphrase of an encrypted key. The files are read only after a look-up has missed, when the plugin is about
//! to run or a call is about to wait, never on a plain hit.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::invocation::{Invocation, open_regular};
use crate::sys;

/// Larger files are not read: the answer is then that the plugin may prompt.
const MAX_BYTES: usize = 1 << 20;
/// Room for most files, so that one read finds all of it and one more the end.
const USUAL_BYTES: usize = 2 << 10;
/// The key of a profile whose credentials a program prints.
const PROCESS: &str = "credential_process";
/// The section that names plugins of the AWS CLI.
const PLUGINS: &str = "[plugins";
/// Longer chains of `source_profile` are not followed.
const MAX_PROFILES: usize = 32;

/// The configuration files to read before a run.
#[derive(Default)]
pub(super) struct Configuration {
    aws: Vec<AwsFiles>,
    oci: Option<PathBuf>,
}

struct AwsFiles {
    config: Option<PathBuf>,
    credentials: Option<PathBuf>,
    alias: Option<PathBuf>,
    /// Files of its first versions.
    old: Vec<PathBuf>,
    /// Several if the versions of the AWS CLI differ in which one they take; empty if it may be any profile.
    profiles: Vec<String>,
    /// Whether the environment has keys, which win over any profile.
    has_keys: bool,
    asks_for_arguments: bool,
    /// What the config file and the credentials file hold; `None` if one cannot be read. A miss asks several times,
    /// and stores nothing if the files change meanwhile.
    texts: OnceCell<Option<[String; 2]>>,
}

impl Configuration {
    /// Which profile the call uses: botocore session.py, credentials.py (`create_credential_resolver`); aws-cli
    /// awscli/clidriver.py (`resolve_auto_prompt_mode`). Some programs have other ways to choose a profile than
    /// the AWS CLI has, so that it may be any.
    pub fn check_aws(&mut self, call: &Invocation, chooses_as_aws: bool) {
        let text = |name: &str| call.variable(name).and_then(|value| value.into_string().ok());
        let place = |places: [&'static str; 2]| {
            places.into_iter().find_map(|place| call.resolve_place(place).into_iter().next())
        };
        let chosen = call.flag_value("--profile").map(str::to_owned);
        let mut profiles: Vec<String> = match &chosen {
            Some(profile) => vec![profile.clone()],
            None => ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].into_iter().filter_map(text).collect(),
        };
        profiles.retain(|profile| !profile.is_empty());
        if profiles.is_empty() {
            profiles.push("default".to_owned());
        }
        if !chooses_as_aws {
            profiles.clear();
        }
        let asks = text("AWS_CLI_AUTO_PROMPT").is_some_and(|value| !value.eq_ignore_ascii_case("off"));
        self.aws.push(AwsFiles {
            config: place(["$AWS_CONFIG_FILE", "~/.aws/config"]),
            credentials: place(["$AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"]),
            alias: Configuration::aws_aliases(call),
            old: Configuration::old_aws_files(call),
            profiles,
            has_keys: chosen.is_none()
                && call.has_variable("AWS_ACCESS_KEY_ID")
                && call.has_variable("AWS_SECRET_ACCESS_KEY"),
            asks_for_arguments: call.has_flag("--cli-auto-prompt") || asks,
            texts: OnceCell::new(),
        });
    }

    /// The AWS CLI's aliases.
    pub fn aws_aliases(call: &Invocation) -> Option<PathBuf> {
        call.resolve_place("~/.aws/cli/alias").pop()
    }

    /// The files that botocore searches last for keys (credentials.py, `BotoProvider`). Empty if `BOTO_CONFIG` names
    /// another one.
    pub fn old_aws_files(call: &Invocation) -> Vec<PathBuf> {
        if cfg!(windows) || call.has_variable("BOTO_CONFIG") {
            return Vec::new();
        }
        let mut files = call.resolve_place("~/.boto");
        files.push(PathBuf::from("/etc/boto.cfg"));
        files
    }

    /// Which configuration the call uses: oracle/oci-cli src/oci_cli/cli_util.py.
    pub fn check_oci(&mut self, call: &Invocation) {
        let has_other_signer = call.has_flag("--auth") || call.has_variable("OCI_CLI_AUTH");
        if !has_other_signer && !call.has_variable("OCI_CLI_PASSPHRASE") {
            let places = ["--config-file", "$OCI_CLI_CONFIG_FILE", "~/.oci/config"];
            self.oci = places.into_iter().find_map(|place| call.resolve_place(place).pop());
        }
    }

    pub fn may_prompt(&self) -> bool {
        self.aws.iter().any(AwsFiles::may_prompt)
            || self.oci.as_ref().is_some_and(|config| oci_may_prompt(config))
    }

    pub fn runs_programs(&self) -> bool {
        self.aws.iter().any(AwsFiles::runs_programs)
    }

    /// The command lines of processes that may be run for credentials.
    pub fn processes(&self) -> Vec<String> {
        self.aws.iter().flat_map(AwsFiles::processes).collect()
    }
}

impl AwsFiles {
    fn may_prompt(&self) -> bool {
        let Some(texts) = self.texts() else { return true };
        let has_alias = matches!(read(self.alias.as_deref()), Ok(text) if !text.is_empty());
        if self.asks_for_arguments || has_alias {
            return true;
        }
        if !mention(texts, &[PROCESS, "mfa_serial", "cli_auto_prompt", PLUGINS]) {
            return false;
        }
        let Some(profiles) = Profiles::parse(texts) else { return true };
        if profiles.may_run_code {
            return true;
        }
        self.profiles.iter().any(|profile| profiles.asks_for_arguments(profile))
            || !self.has_keys && self.profiles.iter().any(|profile| profiles.may_prompt(profile))
    }

    /// Whether a process, an alias or a plugin of the AWS CLI runs, which reads what it likes, or there are old
    /// files with keys. A file that is not understood may make it do so.
    fn runs_programs(&self) -> bool {
        let Some(texts) = self.texts() else { return true };
        if self.aliases().is_none_or(|aliases| !aliases.is_empty()) || self.has_old_keys() {
            return true;
        }
        mention(texts, &[PROCESS, PLUGINS])
            && Profiles::parse(texts)
                .is_none_or(|profiles| profiles.may_run_code || !self.processes_in(&profiles).is_empty())
    }

    /// The command lines of the processes of the profiles in use.
    fn processes(&self) -> Vec<String> {
        let profiles = self.texts().and_then(Profiles::parse);
        let mut lines = profiles.map(|profiles| self.processes_in(&profiles)).unwrap_or_default();
        lines.extend(self.aliases().unwrap_or_default());
        lines
    }

    /// What `aws eks` or its commands run instead (awscli/alias.py). `None` if that is not understood.
    fn aliases(&self) -> Option<Vec<String>> {
        let mut lines = Vec::new();
        for (section, keys) in sections(&read(self.alias.as_deref()).ok()?)? {
            let is_of_eks = section.starts_with("command eks");
            let of_plugin = keys.into_iter().filter(|(name, _)| is_of_eks || name == "eks");
            lines.extend(of_plugin.map(|(_, line)| line.trim_start_matches('!').to_owned()));
        }
        Some(lines)
    }

    fn has_old_keys(&self) -> bool {
        self.old.iter().any(|file| read(Some(file)).map_or(true, |text| text.contains("aws_access_key_id")))
    }

    fn processes_in(&self, profiles: &Profiles) -> Vec<String> {
        if self.has_keys && !self.profiles.is_empty() {
            return Vec::new();
        }
        let in_use = |name: &str| {
            self.profiles.is_empty() || profiles.with_sources(&self.profiles).iter().any(|used| used == name)
        };
        let all = profiles.config.iter().chain(&profiles.credentials);
        all.filter(|(name, _)| in_use(name)).filter_map(|(_, keys)| find(keys, PROCESS).cloned()).collect()
    }

    fn texts(&self) -> Option<&[String; 2]> {
        let read = |path: &Option<PathBuf>| read(path.as_deref()).ok();
        self.texts.get_or_init(|| Some([read(&self.config)?, read(&self.credentials)?])).as_ref()
    }
}

fn mention(texts: &[String], words: &[&str]) -> bool {
    let mentions = |text: &String| {
        let text = text.to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    texts.iter().any(mentions)
}

/// The text of a file; empty if there is none. Fails if it cannot be read or is not UTF-8.
fn read(path: Option<&Path>) -> Result<String, ()> {
    let Some(path) = path else { return Ok(String::new()) };
    let file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(_) => return Err(()),
    };
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    sys::read_to_end(&file, MAX_BYTES + 1, &mut bytes).map_err(|_| ())?;
    if bytes.len() > MAX_BYTES {
        return Err(());
    }
    String::from_utf8(bytes).map_err(|_| ())
}

/// The sections of an INI file, by name.
type Sections = Vec<(String, Keys)>;
type Keys = Vec<(String, String)>;

fn find<'a, T>(list: &'a [(String, T)], name: &str) -> Option<&'a T> {
    list.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// The profiles of the AWS CLI's two files.
struct Profiles {
    /// By name, from the config file.
    config: Sections,
    /// By name, from the credentials file, whose keys win.
    credentials: Sections,
    /// Whether the config file loads plugins.
    may_run_code: bool,
}

impl Profiles {
    /// `None` if a file is not understood.
    fn parse([config, credentials]: &[String; 2]) -> Option<Profiles> {
        let mut profiles =
            Profiles { config: Vec::new(), credentials: sections(credentials)?, may_run_code: false };
        for (name, keys) in sections(config)? {
            if name.eq_ignore_ascii_case("plugins") {
                profiles.may_run_code |= keys.iter().any(|(key, _)| key != "cli_legacy_plugin_path");
            } else if name == "default" {
                profiles.config.push((name, keys));
            } else if let Some(profile) = name.strip_prefix("profile") {
                let profile = profile.trim().trim_matches(['"', '\'']);
                profiles.config.push((profile.to_owned(), keys));
            }
        }
        Some(profiles)
    }

    /// The value of `key`. The credentials file wins.
    fn key(&self, profile: &str, key: &str) -> Option<&str> {
        [&self.credentials, &self.config]
            .into_iter()
            .find_map(|sections| find(find(sections, profile)?, key).map(String::as_str))
    }

    /// `names`, and the profiles that they take credentials from.
    fn with_sources(&self, names: &[String]) -> Vec<String> {
        let mut found: Vec<String> = names.to_vec();
        let mut at = 0;
        while let Some(name) = found.get(at) {
            at += 1;
            if let Some(source) = self.key(name, "source_profile").map(str::to_owned)
                && !found.contains(&source)
            {
                found.push(source);
            }
        }
        found
    }

    fn asks_for_arguments(&self, profile: &str) -> bool {
        self.key(profile, "cli_auto_prompt").is_some_and(|value| !value.eq_ignore_ascii_case("off"))
    }

    /// Follows the order in which botocore tries sources of credentials (credentials.py, `AssumeRoleProvider`,
    /// `ProfileProviderBuilder`).
    fn may_prompt(&self, profile: &str) -> bool {
        let mut profile = profile.to_owned();
        let mut seen: Vec<String> = Vec::new();
        while seen.len() < MAX_PROFILES {
            let has = |key: &str| self.key(&profile, key).is_some();
            if !has("role_arn") || has("web_identity_token_file") {
                return self.runs_process(&profile);
            }
            if has("mfa_serial") {
                return true;
            }
            let Some(source) = self.key(&profile, "source_profile").map(str::to_owned) else { return false };
            if source == profile || seen.contains(&source) {
                return false;
            }
            seen.push(std::mem::replace(&mut profile, source));
        }
        true
    }

    /// Whether a profile that assumes no role gets its credentials from a process.
    fn runs_process(&self, profile: &str) -> bool {
        let has = |key: &str| self.key(profile, key).is_some();
        let is_earlier = has("web_identity_token_file") || has("sso_account_id") || has("sso_role_name");
        let has_static =
            find(&self.credentials, profile).is_some_and(|keys| find(keys, "aws_access_key_id").is_some());
        has(PROCESS) && !is_earlier && !has_static && !has("login_session")
    }
}

/// The sections of an INI file as Python's configparser reads it. `None` for what this does not understand: a
/// line without a section or a separator, and `[DEFAULT]`, whose keys hold in all sections.
fn sections(text: &str) -> Option<Sections> {
    let mut sections = Sections::new();
    for line in text.lines() {
        let is_continuation = line.starts_with([' ', '\t']);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = trimmed.strip_prefix('[').filter(|_| !is_continuation) {
            let name = header.split_once(']')?.0.trim();
            // A section that occurs twice is an error there.
            if name == "DEFAULT" || find(&sections, name).is_some() {
                return None;
            }
            sections.push((name.to_owned(), Keys::new()));
            continue;
        }
        let (_, keys) = sections.last_mut()?;
        // An indented line continues the value above it, if there is one in this section.
        match keys.last_mut().filter(|_| is_continuation) {
            Some((_, value)) => *value = format!("{value} {trimmed}"),
            None => {
                let (key, value) = trimmed.split_once(['=', ':'])?;
                keys.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
    }
    Some(sections)
}

/// Whether `oci` asks: to make a missing configuration, or for the passphrase of an encrypted key.
fn oci_may_prompt(config: &Path) -> bool {
    let Ok(text) = read(Some(config)) else { return true };
    if text.is_empty() || text.contains("security_token_file") {
        return true;
    }
    let Some(sections) = sections(&text.replace("[DEFAULT]", "[default]")) else { return true };
    let profiles = sections.iter().map(|(_, keys)| keys).filter(|keys| find(keys, "pass_phrase").is_none());
    profiles.filter_map(|keys| find(keys, "key_file")).any(|file| {
        let home = config.parent().and_then(Path::parent).unwrap_or(Path::new(""));
        let path = match file.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => PathBuf::from(file),
        };
        read(Some(&path)).map_or(true, |key| key.contains("ENCRYPTED"))
    })
}

#[cfg(test)]
mod tests;
