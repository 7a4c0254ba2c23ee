//! `--doctor`: what keeps the cache from working, and how to fix it.
//!
//! Looks at the clock, the settings, the cache file, the encryption key, the kubeconfigs and what they
//! run, and kubectl's list of allowed plugins. Each finding is `ok`, a `note` or a `problem`, and each
//! problem comes with a fix; a fix that is a command works when it is pasted. Runs nothing, creates
//! nothing. The exit status is 0 if there are no problems.

mod cache_file;
mod directories;
mod encryption_key;
mod exec_plugins;
mod findings;
mod kubeconfigs;
mod last_output;
mod preview;
mod seen;
mod settings;
mod shell;

use std::time::Duration;

use crate::cache;
use crate::cache::entry::CLOCK_TOLERANCE;
use crate::config::{Config, Environment};
use crate::error::Result;
use crate::format::time;
use crate::kubeconfig::ClientEnvironment;
use crate::proxy::callers::Callers;
use crate::proxy::keep_warm;
use crate::sys;
use findings::{Findings, Fix};

/// The clock is wrong if it is before this program was written: 2026-01-01T00:00:00Z.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);

/// Checks everything. `variables` are the names of all environment variables.
pub fn doctor(
    variables: &[String],
    environment: Environment<'_>,
    kubeconfigs: &ClientEnvironment,
) -> Result<u8> {
    let (config, errors) = Config::read_with_errors(environment);
    let mut findings = Findings::new(environment);
    check_clock(&mut findings, &config);
    settings::check(&mut findings, &config, &errors, variables, environment);
    cache_file::check(&mut findings, &config, environment);
    if errors.is_empty() {
        encryption_key::check(&mut findings, &config);
    }
    note_keepers(&mut findings, &config);
    kubeconfigs::check(&mut findings, environment, kubeconfigs);
    findings.finish()
}

/// Names the processes that keep credentials warm, and how to turn that off.
fn note_keepers(findings: &mut Findings, config: &Config) {
    let callers = cache::open_store(config).ok().and_then(|store| Callers::open(&store));
    let ids = callers.map(|callers| keep_warm::process_ids(&callers)).unwrap_or_default();
    if !ids.is_empty() {
        let processes = if ids.len() == 1 { "process" } else { "processes" };
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        let ids = ids.join(", ");
        let text =
            format_args!("kept warm by the {processes} {ids}; K8S_TOKEN_CACHE_KEEP_WARM=0 turns that off");
        findings.note(&text);
    }
}

fn check_clock(findings: &mut Findings, config: &Config) {
    let now = sys::now();
    let stamp = config.cache_file.as_deref().and_then(|file| sys::file_stamp(file).ok());
    let written_ns = stamp.map_or(0, |stamp| stamp.modified_ns);
    let wrong = if now < EARLIEST {
        ", which is too early"
    } else if written_ns > (now + CLOCK_TOLERANCE).as_nanos() as i128 {
        ", and the cache file was written later than that"
    } else {
        ""
    };
    let text = format!("the clock says {}{wrong}", time::format_rfc3339(now.as_secs()));
    if wrong.is_empty() {
        findings.ok(&text);
    } else {
        findings.problem(&text, &Fix::Advice("set the system's clock, or let the network set it (NTP)"));
    }
}
