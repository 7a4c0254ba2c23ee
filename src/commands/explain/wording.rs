//! Phrases of `--explain`: plugins, moments, the background refresh.

use std::time::Duration;

use crate::cache::entry::Entry;
use crate::commands::output::plural;
use crate::format::time::{self, Human};
use crate::identity::Interaction;
use crate::proxy::Call;
use crate::proxy::callers::KeyRow;
use crate::proxy::failure::unix_ms;
use crate::proxy::refresh;

pub const NO_CLIENT: &str = "none: KUBERNETES_EXEC_INFO is not set in a shell; clients set it, and its \
                             apiVersion and cluster are part of the cache key";

pub fn plugin(call: &Call<'_>) -> String {
    let identity = &call.identity;
    let manner = match identity.interaction {
        Interaction::Silent => "never prompts",
        Interaction::MayPrompt => "may prompt",
        Interaction::Unknown => "it is not known whether it prompts",
    };
    let everything = match call.key_env_is_complete {
        false => {
            "everything counts: its program, the files that it mentions, the files of all plugins, and the \
             environment"
        }
        true => {
            "these count: its program, the files that it mentions, the files of all plugins, and the variables \
             of --key-env and of all plugins"
        }
    };
    match (identity.family, identity.is_understood) {
        (Some(family), true) => [family, "; ", manner].concat(),
        (Some(family), false) => {
            format!("{family}, together with an unknown program, so {everything}; {manner}")
        }
        (None, _) => format!("unknown, so {everything}; {manner}"),
    }
}

/// Returns "2026-01-31T08:00:00Z (in 5m10s)".
pub fn moment(stamp_unix_s: u64, now: Duration) -> String {
    let left = time::time_left(stamp_unix_s, now);
    let stamp = time::format_rfc3339(stamp_unix_s);
    if left.is_zero() {
        return format!("{stamp} ({} ago)", Human(now.saturating_sub(Duration::from_secs(stamp_unix_s))));
    }
    format!("{stamp} (in {})", Human(left))
}

/// Returns when `entry` is renewed. `row` is what is remembered of its background refreshes.
pub fn refresh(call: &Call<'_>, entry: &Entry, row: &KeyRow, now: Duration) -> String {
    let Some(ahead) = refresh::ahead(&call.config, call.identity.interaction, entry) else {
        let why = match (&call.config.refresh_ahead, call.identity.interaction) {
            (Some(_), _) => "K8S_TOKEN_CACHE_REFRESH_AHEAD is 0",
            (None, Interaction::MayPrompt) => "the plugin may prompt",
            (None, _) => {
                "it is not known whether the plugin prompts, and K8S_TOKEN_CACHE_REFRESH_AHEAD is not set"
            }
        };
        return ["not in the background: ", why].concat();
    };
    if entry.time_left(now) >= ahead {
        let from_unix_s = entry.expires_unix_s.saturating_sub(ahead.as_secs());
        return ["in the background, by the first call after ", &moment(from_unix_s, now)].concat();
    }
    if row.refresh_paused_until_unix_ms <= unix_ms(now) {
        return "in the background, by the next call".to_owned();
    }
    if row.refresh_failures == 0 {
        return "in the background, right now".to_owned();
    }
    let failures = plural(row.refresh_failures.into(), "time", "times");
    format!(
        "it failed {failures}; the next try is after {}",
        moment(row.refresh_paused_until_unix_ms / 1000, now)
    )
}
