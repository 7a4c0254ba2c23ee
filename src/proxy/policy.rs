//! kubectl's policy for exec plugins (kuberc), applied to the wrapped command.
//!
//! kubectl compares its list with the command in the kubeconfig, which is this program. Without a check
//! here, a list with this program would allow every program. Each run of the plugin is checked, also in a
//! process that keeps a credential warm. A hit runs nothing and reads no kuberc.
//!
//! The kubeconfig can set variables for its plugin (`exec.env`), and so could name another kuberc or change
//! PATH. So the variables that count are those that the client was started with, if the system tells them.

use std::ffi::{OsStr, OsString};

use super::call::Call;
use super::client::is_client_go;
use crate::config;
use crate::error::{Error, Kind, Result, shown};
use crate::key::EXEC_INFO;
use crate::kubeconfig::kuberc::{self, PluginPolicy};
use crate::sys::{self, Process};

const PATH: &str = "PATH";

/// Programs with client-go that read no kuberc. Any other program may be kubectl under another name.
const OTHER_CLIENTS: [&str; 8] =
    ["helm", "k9s", "terraform", "tofu", "flux", "argocd", "stern", "headlamp-server"];

/// The source of the policy for a call, for as long as its credential is kept warm. A kuberc that appears meanwhile
/// counts for any client.
pub struct PolicySource {
    /// The variables of [`names`] as the client has them; `None` if another client than kubectl called.
    values: Option<[Option<OsString>; 4]>,
}

impl PolicySource {
    /// `client` is the calling process, if that is known.
    pub fn of(call: &Call<'_>, client: Option<Process>) -> PolicySource {
        let info = config::value(call.environment, EXEC_INFO).unwrap_or_default();
        if !is_client_go(info.as_encoded_bytes()) {
            return PolicySource { values: None };
        }
        let environment = client.and_then(|client| sys::environment_of(client.id));
        let value = |name: &str| match &environment {
            Some(environment) => value_in(environment, name),
            None => sys::variable(name),
        };
        let source = PolicySource { values: Some(names().map(value)) };
        // The name comes last: to ask for it takes much longer than to see that there is no kuberc.
        match source.policy().is_some() && client.is_some_and(is_another_client) {
            true => PolicySource { values: None },
            false => source,
        }
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        names().iter().zip(self.values.as_ref()?).find(|(known, _)| **known == name)?.1.clone()
    }

    /// What the kuberc says now. `None` if it allows everything, or if another client than kubectl called.
    fn policy(&self) -> Option<PluginPolicy> {
        self.values.as_ref().and_then(|_| kuberc::policy(&|name| self.variable(name)))
    }

    /// Reads the kuberc. Fails if kubectl called and does not allow the wrapped command.
    pub fn require_allowed(&self, call: &Call<'_>) -> Result<()> {
        let Some(policy) = self.policy() else { return Ok(()) };
        let program = call.command.first().map(OsString::as_os_str).unwrap_or_default();
        let error = |why: &str| {
            let text =
                ["kubectl's policy does not allow '", &shown(program).to_string(), "': ", why].concat();
            Error::new(Kind::PluginNotRunnable, text)
        };
        if let Some(denial) = policy.denial(program) {
            return Err(error(&denial.reason).with_hint(denial.hint));
        }
        if self.variable(PATH) != sys::variable(PATH) && !is_path(program) {
            return Err(error("the kubeconfig sets PATH").with_hint("write the program's path"));
        }
        Ok(())
    }
}

/// Whether the process is a client that reads no kuberc.
fn is_another_client(client: Process) -> bool {
    let name = sys::process_info(client.id).map(|client| client.name).unwrap_or_default();
    OTHER_CLIENTS.iter().any(|other| name.starts_with(other))
}

/// The variables that lead to the kuberc and to the program of a name.
fn names() -> [&'static str; 4] {
    ["KUBERC", "KUBECTL_KUBERC", if cfg!(windows) { "USERPROFILE" } else { "HOME" }, PATH]
}

fn is_path(program: &OsStr) -> bool {
    program.to_string_lossy().contains(std::path::is_separator)
}

/// The value of a variable in `NAME=value` texts that end with a zero byte.
fn value_in(environment: &[u8], name: &str) -> Option<OsString> {
    let value_of = |text: &[u8]| {
        let value = text.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(OsString::from(String::from_utf8_lossy(value).into_owned()))
    };
    environment.split(|byte| *byte == 0).find_map(value_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        let environment = b"KUBERC_=no\0XKUBERC=no\0KUBERC=yes=1\0KUBERC=later\0HOME=\0";
        assert_eq!(value_in(environment, "KUBERC"), Some("yes=1".into()));
        assert_eq!(value_in(environment, "HOME"), Some("".into()));
        assert_eq!(value_in(environment, "HOM"), None);
        assert_eq!(value_in(b"", "HOME"), None);
    }
}
