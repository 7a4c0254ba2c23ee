//! Notes plugins whose last output could not be cached.

use super::findings::Findings;
use crate::commands::client::{LatestFound, UserClient};
use crate::config::Environment;
use crate::proxy::callers::{Callers, Ending, Subject};
use crate::sys;

pub fn check(findings: &mut Findings, clients: &[UserClient<'_>], environment: Environment<'_>) {
    let mut latest = LatestFound::none();
    for client in clients {
        if latest.of(client, || last_ending(client, environment)) == Some(Ending::NotStored) {
            let title = client.title();
            let text = format_args!(
                "the last output of the plugin of {title} could not be cached: see --warm; if it states no \
                 expiry, K8S_TOKEN_CACHE_DEFAULT_TTL says how long to cache it"
            );
            findings.note(&text);
        }
    }
}

/// Returns how the last run for this client ended, if that is still remembered.
fn last_ending(client: &UserClient<'_>, environment: Environment<'_>) -> Option<Ending> {
    let cache = client.cache(environment)?;
    Some(Callers::open(&cache.store)?.recall(Subject::key(&cache.name), sys::now()).row.ending)
}
