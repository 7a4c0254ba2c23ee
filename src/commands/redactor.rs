//! Command lines and values as reports may show them, with tags for what is hidden.
//!
//! A tag is made with the encryption key, so that it distinguishes two hidden values but reveals nothing
//! about them. Without a key there is no tag.

use std::ffi::OsString;

use crate::cache::vault::{self, Vault};
use crate::config::Config;
use crate::format::fnv::fnv1a_128;
use crate::format::hex;
use crate::identity;

/// Two bytes: enough to distinguish a handful of values, and too few to confirm a guess.
const TAG_BYTES: usize = 2;

pub struct Redactor {
    vault: Option<Vault>,
}

impl Redactor {
    pub fn new(config: &Config) -> Redactor {
        Redactor { vault: vault::existing(config).ok().flatten() }
    }

    pub fn arguments(&self, arguments: &[OsString]) -> Vec<String> {
        identity::show_arguments(arguments, &|value| self.tag(value))
    }

    pub fn command_line(&self, arguments: &[OsString]) -> String {
        self.arguments(arguments).join(" ")
    }

    pub fn variable(&self, name: &str, value: &str) -> String {
        identity::show_variable(name, value, &|value| self.tag(value))
    }

    pub fn address(&self, text: &str) -> String {
        identity::show_address(text, &|value| self.tag(value))
    }

    fn tag(&self, value: &str) -> String {
        let mut tag = String::new();
        if let Some(Vault::Sealed(sealer)) = &self.vault {
            let input = ["shown:", value].concat();
            hex::push(&mut tag, &sealer.entry_name(fnv1a_128(input.as_bytes()))[..TAG_BYTES]);
        }
        tag
    }
}
