//! One call of a client: the settings, the wrapped command and what is known of its plugin.

use std::ffi::OsString;

use crate::cli::Wrapped;
use crate::config::{Config, Environment};
use crate::error::Result;
use crate::identity::{self, Identity};
use crate::key::KeyInputs;
use crate::log::Log;

pub struct Call<'e> {
    pub config: Config,
    pub command: Vec<OsString>,
    pub identity: Identity,
    pub log: Log,
    pub environment: Environment<'e>,
}

impl<'e> Call<'e> {
    /// Reads the settings and identifies the plugin. Fails if a setting is invalid.
    pub fn new(wrapped: Wrapped, environment: Environment<'e>) -> Result<Call<'e>> {
        let mut config = Config::read(environment)?;
        config.key_env.extend(wrapped.key_env.unwrap_or_default());
        Ok(Call {
            identity: identity::identify(&wrapped.command, environment),
            log: Log::new(config.log.clone(), &wrapped.command),
            command: wrapped.command,
            config,
            environment,
        })
    }

    /// Everything that the cache key is made from.
    pub fn key_inputs(&self) -> KeyInputs<'_> {
        KeyInputs {
            command: &self.command,
            identity: &self.identity,
            key_env: &self.config.key_env,
            key_files: &self.config.key_files,
            environment: self.environment,
        }
    }
}
