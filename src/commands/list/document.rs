//! `--list --json`: one line of JSON, which docs/JSON.md describes.

use nanoserde::SerJson;

use super::listed::Listed;
use crate::commands::contents::{Contents, KeyLocation, file_name};
use crate::commands::parts;
use crate::commands::redactor::Redactor;
use crate::config::Config;
use crate::error::{printable, shown};
use crate::format::time;
use crate::key::PartKind;
use crate::keystore::{self, KeyOrigin};

/// The whole output. It is stable: members may be added.
#[derive(SerJson)]
pub struct ListDocument {
    /// Raised when a member is removed or changes its meaning.
    version: u64,
    file: String,
    /// See [`KeyLocation::word`].
    key: String,
    /// Only if the encryption key is in a file.
    key_file: Option<String>,
    /// The number of entries that cannot be decrypted with this key.
    unreadable: u64,
    entries: Vec<EntryDocument>,
}

impl ListDocument {
    pub fn new(
        config: &Config,
        contents: &Contents,
        listed: Vec<Listed<'_>>,
        redactor: &Redactor,
    ) -> ListDocument {
        let key_file = match (&contents.key, &config.state_directory) {
            (KeyLocation::In(KeyOrigin::File), Some(directory)) => Some(keystore::key_file(directory)),
            _ => None,
        };
        let mut entries = Vec::new();
        for listed in listed {
            entries.push(EntryDocument::new(listed, redactor));
        }
        ListDocument {
            version: 1,
            file: file_name(config),
            key: contents.key.word().to_owned(),
            key_file: key_file.map(|file| shown(&file).to_string()),
            unreadable: contents.unreadable as u64,
            entries,
        }
    }
}

/// An entry. What may be a secret is `***` and a tag.
#[derive(SerJson)]
struct EntryDocument {
    command: Vec<String>,
    /// The variables that are part of the cache key.
    variables: Vec<VariableDocument>,
    /// The `apiVersion` that the client asked for; absent without a client.
    api_version: Option<String>,
    /// The server of the cluster that the client described, if any.
    server: Option<String>,
    users: Vec<String>,
    changed_files: Vec<String>,
    created: String,
    expires: String,
    age_seconds: u64,
    left_seconds: u64,
    state: String,
    kept_warm_until: Option<String>,
}

#[derive(SerJson)]
struct VariableDocument {
    name: String,
    value: String,
}

impl EntryDocument {
    fn new(listed: Listed<'_>, redactor: &Redactor) -> EntryDocument {
        let (mut variables, mut api_version, mut server) = (Vec::new(), None, None);
        for item in parts::items(listed.entry.parts()) {
            match item.part {
                PartKind::ApiVersion => api_version = Some(printable(&item.text())),
                PartKind::Cluster => server = Some(item.value(redactor)),
                _ if item.is_variable() => {
                    variables.push(VariableDocument {
                        name: printable(&item.name()),
                        value: item.value(redactor),
                    });
                }
                _ => {}
            }
        }
        EntryDocument {
            command: listed.command,
            variables,
            api_version,
            server,
            users: listed.users,
            changed_files: listed.changed_files,
            created: time::format_rfc3339(listed.entry.created_unix_s),
            expires: time::format_rfc3339(listed.entry.expires_unix_s),
            age_seconds: listed.age.as_secs(),
            left_seconds: listed.left.as_secs(),
            state: listed.state.to_owned(),
            kept_warm_until: listed.kept_warm_until,
        }
    }
}
