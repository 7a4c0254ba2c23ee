//! One call of a client: the settings, the wrapped command and what is known of its plugin.

use std::ffi::OsString;
use std::time::Duration;

use crate::cache::{Cache, Lookup, Reason};
use crate::cli::Wrapped;
use crate::config::{Config, Environment};
use crate::credential::{self, Expectation, Verdict};
use crate::error::Result;
use crate::identity::{self, Identity};
use crate::key::{CacheKey, KeyInputs};
use crate::kubeconfig::yaml::document_to_json;
use crate::log::Log;
use crate::sys;

pub struct Call<'e> {
    pub config: Config,
    pub command: Vec<OsString>,
    pub identity: Identity,
    pub log: Log,
    pub environment: Environment<'e>,
    /// Whether `--key-env` states all variables that matter.
    pub key_env_is_complete: bool,
    /// The variables of `environment` that the process itself does not have, or has with another value.
    added_variables: Vec<(OsString, OsString)>,
}

impl<'e> Call<'e> {
    /// Reads the settings and identifies the plugin. Fails if a setting is invalid.
    pub fn new(wrapped: Wrapped, environment: Environment<'e>) -> Result<Call<'e>> {
        let mut config = Config::read(environment)?;
        let key_env_is_complete = wrapped.states_all_variables();
        config.key_env.extend(names(wrapped.key_env));
        Ok(Call {
            identity: identity::identify(&wrapped.command, environment),
            log: Log::new(config.log.clone(), &wrapped.command),
            command: wrapped.command,
            config,
            environment,
            key_env_is_complete,
            added_variables: Vec::new(),
        })
    }

    /// For a call whose environment has `variables` beside the process's own, or instead of them.
    pub fn with_variables(mut self, variables: &[(String, String)]) -> Call<'e> {
        let added = variables.iter().map(|(name, value)| (name.into(), value.into()));
        self.added_variables.extend(added);
        self
    }

    /// Reads the plugin's configuration, and returns whether it names programs. If so, everything counts for
    /// the key from now on. A hit need not call this: no entry of such a call is stored under the shorter
    /// key.
    pub fn extend_identity(&mut self) -> bool {
        let has_programs = self.identity.runs_configured_programs();
        if has_programs {
            self.identity = identity::identify_with_programs(&self.command, self.environment);
        }
        has_programs
    }

    /// Returns the call with the key under which its credential is stored.
    pub fn with_configuration(mut self) -> Call<'e> {
        if !self.extend_identity() && self.has_another_program() {
            self.identity.count_programs();
        }
        self
    }

    /// Whether PATH leads to another program than the one whose credential is stored.
    fn has_another_program(&self) -> bool {
        let cache = if self.identity.recorded_programs.is_empty() { Ok(None) } else { self.existing_cache() };
        let looked_up = cache.ok().flatten().and_then(|cache| cache.look_up(sys::now()).ok());
        looked_up.is_some_and(|looked_up| matches!(looked_up.lookup, Lookup::Miss(Reason::AnotherProgram)))
    }

    /// Judges the plugin's output. `api_version` is the one that the client asked for.
    pub fn judge(&self, output: &[u8], api_version: Option<&str>, now: Duration) -> Verdict {
        let default_ttl = self.config.default_ttl;
        credential::judge(
            output,
            &Expectation { api_version, default_ttl, yaml_to_json: &document_to_json },
            now,
        )
    }

    /// Returns the cache key. Fails if what it is made from cannot be read.
    pub fn cache_key(&self) -> Result<CacheKey> {
        CacheKey::new(&self.key_inputs())
    }

    /// Opens the cache, unless there is none; creates nothing.
    pub fn existing_cache(&self) -> Result<Option<Cache>> {
        Cache::existing(&self.config, self.cache_key()?)
    }

    /// Everything that the cache key is made from.
    pub fn key_inputs(&self) -> KeyInputs<'_> {
        KeyInputs {
            command: &self.command,
            identity: &self.identity,
            key_env: &self.config.key_env,
            key_env_is_complete: self.key_env_is_complete,
            key_files: &self.config.key_files,
            environment: self.environment,
            process_variables: sys::variables,
            added_variables: &self.added_variables,
        }
    }
}

/// The names in `--key-env`.
fn names(list: Option<Vec<String>>) -> Vec<String> {
    let names = list.into_iter().flatten().map(|name| name.trim_start_matches('+').to_owned());
    names.filter(|name| !name.is_empty()).collect()
}
