//! Which kubeconfig users an entry serves.

use crate::cache::store::Name;
use crate::commands::client::{UserClient, clients, users};
use crate::commands::contents::Contents;
use crate::config::Environment;
use crate::key::CacheKey;
use crate::kubeconfig::{self, ClientEnvironment};
use crate::proxy::Call;

/// The name of the entry that each kubeconfig user's next call looks for, sorted.
pub struct ServedUsers(Vec<(Name, String)>);

impl ServedUsers {
    /// Looks at the users that go through the cache. Kubeconfigs that cannot be read have no users here;
    /// `--doctor` reports them.
    pub fn find(
        contents: &Contents,
        environment: Environment<'_>,
        kubeconfigs: &ClientEnvironment,
    ) -> ServedUsers {
        let mut served = Vec::new();
        if !contents.entries.is_empty() {
            let files = kubeconfig::default_files(kubeconfigs).unwrap_or_default();
            let (users, _) = users(&files, kubeconfigs);
            for client in clients(&users, kubeconfigs) {
                let name = entry_name(contents, &client, environment);
                served.extend(name.map(|name| (name, client.name())));
            }
            served.sort_unstable();
            served.dedup();
        }
        ServedUsers(served)
    }

    /// Returns the users that the entry of this name serves.
    pub fn of(&self, name: &Name) -> Vec<String> {
        let first = self.0.partition_point(|(other, _)| other < name);
        let users = self.0[first..].iter().take_while(|(other, _)| other == name);
        users.map(|(_, user)| user.clone()).collect()
    }
}

fn entry_name(contents: &Contents, client: &UserClient<'_>, environment: Environment<'_>) -> Option<Name> {
    let environment = |name: &str| client.variable(name, environment);
    let call = Call::new(client.wrapped.clone()?, &environment).ok()?.with_variables(&client.user.env);
    contents.name_of(&CacheKey::new(&call.key_inputs()).ok()?)
}
