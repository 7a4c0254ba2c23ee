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
use super::client::calling_process;
use crate::config;
use crate::error::{Error, Kind, Result, shown};
use crate::key::EXEC_INFO;
use crate::kubeconfig::kuberc;
use crate::sys;

const PATH: &str = "PATH";

/// Programs with client-go that read no kuberc. Any other program may be kubectl under another name.
const OTHER_CLIENTS: [&str; 8] =
    ["helm", "k9s", "terraform", "tofu", "flux", "argocd", "stern", "headlamp-server"];

/// Fails if kubectl called and its policy does not allow the wrapped command.
pub fn require_allowed(call: &Call<'_>) -> Result<()> {
    PolicySource::of(call).require_allowed(call)
}

/// The source of the policy for a call, for as long as its credential is kept warm.
pub struct PolicySource {
    /// The variables of [`names`] as the client has them; `None` if another client than kubectl called.
    values: Option<[Option<OsString>; 4]>,
}

impl PolicySource {
    pub fn of(call: &Call<'_>) -> PolicySource {
        let info = config::value(call.environment, EXEC_INFO).unwrap_or_default();
        // As client-go writes it; see `super::client`.
        if !info.as_encoded_bytes().ends_with(b"\n") {
            return PolicySource { values: None };
        }
        let client = calling_process();
        let name = client.as_ref().map(|client| client.name.as_str()).unwrap_or_default();
        if OTHER_CLIENTS.iter().any(|other| name.starts_with(other)) {
            return PolicySource { values: None };
        }
        let environment = client.and_then(|client| sys::environment_of(client.process.id));
        let value = |name: &str| match &environment {
            Some(environment) => value_in(environment, name),
            None => sys::variable(name),
        };
        PolicySource { values: Some(names().map(value)) }
    }

    /// Reads the kuberc. Fails if kubectl called and does not allow the wrapped command.
    pub fn require_allowed(&self, call: &Call<'_>) -> Result<()> {
        let Some(values) = &self.values else { return Ok(()) };
        let variable = |name: &str| names().iter().zip(values).find(|(known, _)| **known == name)?.1.clone();
        let Some(policy) = kuberc::policy(&variable) else { return Ok(()) };
        let program = call.command.first().map(OsString::as_os_str).unwrap_or_default();
        let error = |why: &str| {
            let text =
                ["kubectl's policy does not allow '", &shown(program).to_string(), "': ", why].concat();
            Error::new(Kind::PluginNotRunnable, text)
        };
        if let Some(denial) = policy.denial(program) {
            return Err(error(&denial.reason).with_hint(denial.hint));
        }
        if variable(PATH) != sys::variable(PATH) && !is_path(program) {
            return Err(error("the kubeconfig sets PATH").with_hint("write the program's path"));
        }
        Ok(())
    }
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
