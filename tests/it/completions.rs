//! Completion in bash, zsh, fish and PowerShell, asked as the shells ask it: exactly the options of
//! `--help` are offered, where the program accepts them; users come from the kubeconfig; the wrapped
//! command completes itself.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::documents::Help;
use crate::support::{Sandbox, Tool, kubectl, skip};

#[derive(Clone, Copy, Debug)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Pwsh,
}

const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Pwsh];

#[test]
fn every_option_of_help_is_offered_and_no_other() {
    let help = Help::read();
    let wanted: BTreeSet<String> = help.options().into_iter().map(str::to_owned).collect();
    in_every_shell(|shell| {
        let places = ["", "--inject ", "--restore ", "--list ", "--explain ", "--clear "];
        let offered: BTreeSet<String> =
            places.iter().flat_map(|place| shell.offers(&format!("{place}--"))).collect();
        assert_eq!(offered, wanted);
    });
}

#[test]
fn a_verb_offers_its_options() {
    in_every_shell(|shell| {
        shell.assert_offers("--inject --", &["--absolute", "--command", "--dry-run", "--quiet", "--user"]);
        shell.assert_offers(
            "--inject a-kubeconfig --",
            &["--absolute", "--command", "--dry-run", "--quiet", "--user"],
        );
        shell.assert_offers("--restore --", &["--dry-run", "--quiet", "--user"]);
        shell.assert_offers("--list --", &["--json"]);
        shell.assert_offers("--explain --", &["--key-env", "--user"]);
        shell.assert_offers("--clear --", &["--key-env", "--user"]);
        shell.assert_offers("--doctor --", &[]);
    });
}

#[test]
fn before_the_first_letter_the_options_are_offered() {
    let help = Help::read();
    let options_of_verbs = ["--json", "--dry-run", "--quiet", "--user", "--command", "--absolute"];
    let mut options = help.options();
    options.retain(|option| !options_of_verbs.contains(option));
    options.sort();
    in_every_shell(|shell| shell.assert_offers("", &options));
}

#[test]
fn the_users_of_the_kubeconfig_are_offered() {
    in_every_shell(|shell| {
        // Readline has one word more at every colon, and completes the last one.
        let arn = if let Shell::Bash = shell.shell { "eks:a" } else { "arn:aws:eks:a" };
        shell.assert_offers("--inject --user de", &["demo"]);
        shell.assert_offers("--restore --user arn:aws:eks", &[arn]);
        shell.assert_offers("--explain --user de", &["demo"]);
        shell.assert_offers("--clear --user de", &["demo"]);
    });
}

#[test]
fn the_wrapped_command_completes_itself() {
    in_every_shell(|shell| {
        for before in ["", "--key-env=A,B ", "--key-env A ", "--explain ", "--clear -- ", "-- "] {
            shell.assert_offers(&format!("{before}a-plugin --ver"), &["--verbose"]);
        }
        shell.assert_offers("a-plugin --inject --ver", &["--verbose"]);
        shell.assert_offers("a-plu", &["a-plugin"]);
    });
}

#[test]
fn variables_are_offered_for_the_key() {
    in_every_shell(|shell| {
        shell.assert_offers("--explain --key-env A_VARIABLE_OF_TH", &["A_VARIABLE_OF_THE_TEST"]);
    });
}

fn in_every_shell(test: impl Fn(&Interactive)) {
    let Some(kubectl) = kubectl() else { return };
    for shell in SHELLS {
        match Interactive::new(shell, &kubectl) {
            Some(interactive) => test(&interactive),
            None => skip(&format!("no {shell:?}, or no completion in it")),
        }
    }
}

/// A shell with a kubeconfig, kubectl, and a plugin that has a completion.
struct Interactive {
    shell: Shell,
    sandbox: Sandbox,
}

impl Interactive {
    fn new(shell: Shell, kubectl: &Tool) -> Option<Interactive> {
        let sandbox = Sandbox::new();
        let bin = kubectl.program.parent().unwrap();
        let plugins = sandbox.new_path("plugins");
        fs::create_dir(&plugins).unwrap();
        fs::write(plugins.join("a-plugin"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(plugins.join("a-plugin"), Permissions::from_mode(0o755)).unwrap();
        let path = [plugins, bin.to_owned()].into_iter().chain(std::env::split_paths(&kubectl.path));
        let path = std::env::join_paths(path);
        sandbox.set_env("PATH", path.unwrap());
        sandbox.set_env("A_VARIABLE_OF_THE_TEST", "1");
        let kubeconfig = sandbox.new_path("kubeconfig");
        fs::write(&kubeconfig, "users:\n- {name: demo, user: {}}\n- {name: 'arn:aws:eks:a', user: {}}\n")
            .unwrap();
        sandbox.set_env("KUBECONFIG", kubeconfig);
        let interactive = Interactive { shell, sandbox };
        interactive.ask("--list --").map(|_| interactive)
    }

    #[track_caller]
    fn assert_offers(&self, line: &str, wanted: &[&str]) {
        assert_eq!(self.offers(line), wanted, "{:?}: {line}", self.shell);
    }

    /// Sorted.
    fn offers(&self, line: &str) -> Vec<String> {
        self.ask(line).expect("the shell existed a moment ago")
    }

    /// `None` if the shell or its completion is missing.
    fn ask(&self, line: &str) -> Option<Vec<String>> {
        let (program, script) = match self.shell {
            Shell::Bash => ("bash", "complete.bash"),
            Shell::Zsh => ("zsh", "complete.zsh"),
            Shell::Fish => ("fish", "complete.fish"),
            Shell::Pwsh => ("pwsh", "complete.ps1"),
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let run = self
            .sandbox
            .tool("/usr/bin/env")
            .args([program.as_ref(), root.join("tests/support").join(script).as_os_str()])
            .arg(root.join("completions"))
            .arg(format!("k8s-token-cache {line}"))
            .run();
        // From `env`: there is no such program; from the scripts: they cannot complete.
        if run.status.code() == Some(127) {
            return None;
        }
        assert!(run.status.success(), "{:?}: {line}: {}", self.shell, String::from_utf8_lossy(&run.stderr));
        let text = String::from_utf8(run.stdout).unwrap();
        let offers: BTreeSet<&str> =
            text.lines().map(str::trim_end).filter(|offer| !offer.is_empty()).collect();
        Some(offers.into_iter().map(str::to_owned).collect())
    }
}
