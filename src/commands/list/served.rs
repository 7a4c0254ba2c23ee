//! Which kubeconfig users an entry serves.

use crate::cache::store::Name;
use crate::commands::client::{LatestFound, clients, users};
use crate::commands::contents::Contents;
use crate::commands::parts;
use crate::config::Environment;
use crate::kubeconfig::{self, ClientEnvironment};

/// Pairs of an entry's name and a kubeconfig user whose next call looks for that entry, sorted.
pub struct ServedUsers(Vec<(Name, String)>);

impl ServedUsers {
    /// Looks at the users that go through the cache. Kubeconfigs that cannot be read have no users here;
    /// `--doctor` reports them.
    pub fn find(
        contents: &Contents,
        environment: Environment<'_>,
        kubeconfigs: &ClientEnvironment,
    ) -> ServedUsers {
        let cached = contents.entries.iter().map(|(_, entry)| parts::command_hash(entry.parts()));
        let mut cached: Vec<u128> = cached.collect();
        cached.sort_unstable();
        let mut served = Vec::new();
        let files = kubeconfig::default_files(kubeconfigs).unwrap_or_default();
        let (users, _) = if cached.is_empty() { Default::default() } else { users(&files, kubeconfigs) };
        let mut latest = LatestFound::none();
        for client in &clients(&users, kubeconfigs) {
            // Cache keys are made only for commands of which something is cached.
            if let Some(wrapped) = &client.wrapped
                && cached.binary_search(&parts::hash_words(&wrapped.command)).is_ok()
            {
                let name = latest.of(client, || contents.name_of(&client.cache(environment)?.key));
                served.extend(name.map(|name| (name, client.name())));
            }
        }
        served.sort_unstable();
        served.dedup();
        ServedUsers(served)
    }

    /// Returns the users that the entry of this name serves.
    pub fn of(&self, name: &Name) -> Vec<String> {
        let first = self.0.partition_point(|(other, _)| other < name);
        let mut users = Vec::new();
        for (_, user) in self.0[first..].iter().take_while(|(other, _)| other == name) {
            users.push(user.clone());
        }
        users
    }
}
