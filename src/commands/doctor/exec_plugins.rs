//! Checks that every program that clients and the cache run exists and can be executed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::findings::{Findings, Fix};
use super::seen::Seen;
use super::shell;
use crate::commands::client::UserClient;
use crate::config::{self, Environment};
use crate::error::{printable, shown};
use crate::identity;
use crate::kubeconfig::ClientEnvironment;
use crate::sys;

pub struct ExecPlugins<'a> {
    environment: Environment<'a>,
    kubeconfigs: &'a ClientEnvironment,
    /// The programs that were checked already.
    seen: Seen,
}

impl<'a> ExecPlugins<'a> {
    pub fn new(environment: Environment<'a>, kubeconfigs: &'a ClientEnvironment) -> ExecPlugins<'a> {
        ExecPlugins { environment, kubeconfigs, seen: Seen::default() }
    }

    /// Checks the user's command, and the plugin behind the cache.
    pub fn check(&mut self, findings: &mut Findings, client: &UserClient<'_>) {
        if client.wrapped.is_none() {
            return self.check_plugin(findings, client.program(), client);
        }
        if !self.seen.contains(client.program().as_os_str()) {
            self.check_own_program(findings, client);
        }
        if let Some(plugin) = client.wrapped_program() {
            self.check_plugin(findings, PathBuf::from(plugin), client);
        }
    }

    fn check_own_program(&mut self, findings: &mut Findings, client: &UserClient<'_>) {
        let own_path = self.kubeconfigs.program.as_deref().unwrap_or(Path::new(""));
        let fix =
            [&shell::own_command(self.kubeconfigs), " --inject --command ", &shell::word(own_path)].concat();
        self.check_program(findings, client.program(), client, &Fix::Command(&fix));
    }

    fn check_plugin(&mut self, findings: &mut Findings, program: PathBuf, client: &UserClient<'_>) {
        if self.seen.contains(program.as_os_str()) {
            return;
        }
        if let Some(command_line) = split_command_line(&program, client) {
            return self.report_command_line(findings, program, client, &command_line);
        }
        let of_plugin = client.identity(self.environment).install_hint;
        let of_kubeconfig = Some(printable(client.user.install_hint.trim())).filter(|hint| !hint.is_empty());
        let advice = of_kubeconfig.as_deref().or(of_plugin).unwrap_or("install it, or put it on PATH");
        self.check_program(findings, program, client, &Fix::Advice(advice));
    }

    fn check_program(
        &mut self,
        findings: &mut Findings,
        program: PathBuf,
        client: &UserClient<'_>,
        fix: &Fix<'_>,
    ) {
        if self.seen.contains(program.as_os_str()) {
            return;
        }
        let name = shown(&program);
        match sys::find_program(program.as_os_str()) {
            None => {
                let searched = self.searched(&program);
                let text = format_args!("'{name}' is not found{searched}, and {} needs it", client.title());
                findings.problem(&text, fix);
            }
            Some(path) if !sys::may_execute(&path) => {
                let text =
                    format_args!("'{}' cannot be executed, and {} needs it", shown(&path), client.title());
                findings.problem(&text, &Fix::Command(&["chmod +x ", &shell::word(&path)].concat()));
            }
            Some(path) => findings.ok(&format_args!("'{name}' is found: '{}'", shown(&path))),
        }
        self.seen.insert(program.as_os_str());
    }

    /// Returns where a name was searched for.
    fn searched(&self, program: &Path) -> String {
        let path = config::value(self.environment, "PATH");
        match (program.components().count(), path) {
            (2.., _) => String::new(),
            (_, Some(path)) => format!(" on PATH ({})", shown(&path)),
            (_, None) => " (PATH is not set)".to_owned(),
        }
    }

    fn report_command_line(
        &mut self,
        findings: &mut Findings,
        program: PathBuf,
        client: &UserClient<'_>,
        command_line: &[OsString],
    ) {
        let text = format!("the command of {} is a whole command line, not a program", client.title());
        let mut fix =
            format!("kubectl config set-credentials {} --exec-command=", shell::word(&client.user.name));
        fix.push_str(&shell::word(&command_line[0]));
        for argument in &command_line[1..] {
            fix.push_str(" --exec-arg=");
            fix.push_str(&shell::word(argument));
        }
        let shown = identity::show_arguments(command_line, &|_| String::new());
        if shown.iter().zip(command_line).all(|(shown, word)| shown.as_str() == word) {
            findings.problem(&text, &Fix::Command(&fix));
        } else {
            // The fix would show what may be a secret.
            findings.problem(&text, &Fix::Advice("move all words but the first to 'args'"));
        }
        self.seen.insert(program.as_os_str());
    }
}

/// Returns the words of a command that is a whole command line, and the user's arguments after them.
fn split_command_line(program: &Path, client: &UserClient<'_>) -> Option<Vec<OsString>> {
    let is_direct = client.wrapped.is_none();
    let text = client.user.command.as_str();
    if !is_direct || !text.trim_ascii().contains(' ') || sys::find_program(program.as_os_str()).is_some() {
        return None;
    }
    let arguments = client.user.args.iter().map(String::as_str);
    Some(text.split_ascii_whitespace().chain(arguments).map(OsString::from).collect())
}
