//! The program as kubectl's plugin: krew links it as `kubectl-token_cache`, and kubectl runs the link for
//! `kubectl token-cache`. It works by that name, and kubeconfigs name the link, which outlives upgrades.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::support::{Call, Credential, HOUR, PROGRAM, Plugin, Run, Sandbox, V1, kubectl};

#[test]
fn kubectl_runs_it_as_its_plugin() {
    let Some(kubectl) = kubectl() else { return };
    let krew = Krew::new();
    let run = |arguments: &[&str]| {
        let path = format!("{}:{}", krew.link().parent().unwrap().display(), kubectl.path.display());
        let call = krew.sandbox.tool(&kubectl.program).arg("token-cache").args(arguments);
        call.env("PATH", path).env("KUBECONFIG", krew.kubeconfig()).run()
    };
    assert_eq!(run(&["--version"]).stdout_text(), format!("k8s-token-cache {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(run(&["--inject"]).code(), 0);
    assert_eq!(krew.command(), krew.link().to_str().unwrap());
    assert_eq!(run(&["--restore"]).code(), 0);
    assert_eq!(krew.command(), krew.plugin.command().to_str().unwrap());
}

#[test]
fn a_miss_and_a_hit_go_through_the_link_that_inject_wrote() {
    let krew = Krew::new();
    assert_eq!(krew.call(["--inject"]).run().code(), 0);
    for _ in 0..2 {
        let call = krew.sandbox.tool(krew.command()).arg(krew.plugin.command()).arg("get-token");
        call.run().assert_prints(&krew.credential);
    }
    assert_eq!(krew.plugin.runs(), 1);
}

#[test]
fn a_kubeconfig_outlives_an_upgrade_by_krew() {
    let krew = Krew::new();
    assert_eq!(krew.call(["--inject"]).run().code(), 0);
    krew.install("v2.0.0");
    fs::remove_dir_all(krew.version("v1.0.0")).unwrap();
    let call = krew.sandbox.tool(krew.command()).arg(krew.plugin.command()).arg("get-token");
    call.run().assert_prints(&krew.credential);
    assert_eq!(
        krew.call(["--inject"]).run().stdout_text().lines().last(),
        Some("nothing to do: 1 already injected")
    );
}

#[test]
fn a_shell_that_finds_the_link_on_path_writes_the_link() {
    let krew = Krew::new();
    let call = krew.sandbox.tool("/bin/sh").args(["-c", "kubectl-token_cache --inject"]);
    let run = krew.with_link_on_path(call).run();
    assert_eq!(run.code(), 0, "{run:?}");
    assert_eq!(krew.command(), krew.link().to_str().unwrap());
}

#[test]
fn a_program_that_path_knows_by_its_own_name_is_written_by_that() {
    let krew = Krew::new();
    let bin = krew.sandbox.home().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(PROGRAM, bin.join("k8s-token-cache")).unwrap();
    krew.sandbox.set_env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    assert_eq!(krew.call(["--inject"]).run().code(), 0);
    assert_eq!(krew.command(), "k8s-token-cache");
}

#[test]
fn another_installation_takes_the_link_for_the_program_itself() {
    let krew = Krew::new();
    let original = krew.text();
    assert_eq!(krew.call(["--inject"]).run().code(), 0);
    let injected = krew.text();
    // Neither while krew's copy is there, nor when it is gone, is the cache put in front of the cache.
    for is_installed in [true, false] {
        if !is_installed {
            fs::remove_file(krew.link()).unwrap();
        }
        assert_eq!(krew.other(["--inject"]).code(), 0);
        assert_eq!(krew.text(), injected, "installed: {is_installed}");
    }
    assert_eq!(krew.other(["--restore"]).code(), 0);
    assert_eq!(krew.text(), original);
}

#[test]
fn a_bare_name_of_the_link_is_the_program_itself() {
    let krew = Krew::new();
    for command in ["kubectl-token_cache", "kubectl-token_cache.exe", "/elsewhere/kubectl-token_cache"] {
        krew.write_kubeconfig(command, &[krew.plugin.command().to_str().unwrap(), "get-token"]);
        let before = krew.text();
        assert_eq!(krew.other(["--inject"]).code(), 0);
        assert_eq!(krew.text(), before, "{command}");
        assert_eq!(krew.other(["--restore"]).code(), 0);
        assert_eq!(krew.command(), krew.plugin.command().to_str().unwrap(), "{command}");
    }
}

#[test]
fn help_and_hints_name_it_as_it_was_called() {
    let krew = Krew::new();
    let help = krew.call(["--help"]).run().stdout_text();
    assert!(help.contains("\n  kubectl token-cache [--key-env=NAME,...] COMMAND [ARG]...\n"), "{help}");
    assert!(!help.contains("  k8s-token-cache "), "{help}");
    let wrong = krew.call(["--no-such-option"]).run();
    assert_eq!(wrong.code(), 2);
    assert!(wrong.stderr_text().contains("'kubectl token-cache --help'"), "{wrong:?}");
    let doctor = krew.call(["--doctor"]).run().stdout_text();
    assert!(doctor.contains("kubectl token-cache --inject --user sample"), "{doctor}");

    let plugin = krew.plugin.command().to_str().unwrap();
    for profile in ["a", "b"] {
        let call = krew.call(["--key-env=AWS_PROFILE", plugin]).env("AWS_PROFILE", profile);
        assert_eq!(call.run().code(), 0);
    }
    let clear = krew.call(["--clear", "--key-env=AWS_PROFILE", plugin]).env("AWS_PROFILE", "a").run();
    assert!(clear.stdout_text().contains("AWS_PROFILE=... kubectl token-cache --clear ..."), "{clear:?}");

    let help = krew.other(["--help"]).stdout_text();
    assert!(help.contains("\n  k8s-token-cache [--key-env=NAME,...] COMMAND [ARG]...\n"), "{help}");
    assert!(!help.contains("kubectl token-cache"), "{help}");
}

#[test]
fn every_verb_works_through_the_link() {
    let krew = Krew::new();
    for verb in ["--inject", "--warm", "--list", "--doctor", "--clear", "--restore"] {
        let run = krew.call([verb]).run();
        assert_eq!(run.code(), 0, "{verb}: {run:?}");
    }
    let command = krew.plugin.command().to_str().unwrap();
    assert_eq!(krew.call(["--explain", command]).run().code(), 0);
    assert_eq!(krew.plugin.runs(), 1, "--warm runs the plugin");
}

/// A home with the program as krew installs it, and a kubeconfig with one exec plugin.
struct Krew {
    sandbox: Sandbox,
    plugin: Plugin,
    credential: Vec<u8>,
}

impl Krew {
    fn new() -> Krew {
        let sandbox = Sandbox::new();
        let plugin = sandbox.plugin("login");
        let credential = Credential::token("the-token").expires_in(HOUR).bytes();
        let krew = Krew { sandbox, plugin, credential };
        krew.install("v1.0.0");
        krew.plugin.prints(&krew.credential);
        krew.write_kubeconfig(krew.plugin.command().to_str().unwrap(), &["get-token"]);
        krew.sandbox.set_env("KUBECONFIG", krew.kubeconfig());
        krew
    }

    /// A version of the plugin, and the link to it.
    fn install(&self, version: &str) {
        let folder = self.version(version);
        fs::create_dir_all(&folder).unwrap();
        fs::hard_link(PROGRAM, folder.join("k8s-token-cache"))
            .or_else(|_| fs::copy(PROGRAM, folder.join("k8s-token-cache")).map(drop))
            .unwrap();
        fs::create_dir_all(self.link().parent().unwrap()).unwrap();
        let _ = fs::remove_file(self.link());
        symlink(folder.join("k8s-token-cache"), self.link()).unwrap();
    }

    fn version(&self, version: &str) -> PathBuf {
        self.sandbox.home().join(".krew/store/token-cache").join(version)
    }

    fn link(&self) -> PathBuf {
        self.sandbox.home().join(".krew/bin/kubectl-token_cache")
    }

    fn kubeconfig(&self) -> PathBuf {
        self.sandbox.home().join("kubeconfig")
    }

    fn write_kubeconfig(&self, command: &str, arguments: &[&str]) {
        let arguments = arguments.iter().map(|argument| format!("      - {argument}\n")).collect::<String>();
        let text = format!(
            "apiVersion: v1\nkind: Config\nusers:\n- name: sample\n  user:\n    exec:\n      apiVersion: {V1}\n      \
             interactiveMode: Never\n      command: {command}\n      args:\n{arguments}"
        );
        fs::write(self.kubeconfig(), text).unwrap();
    }

    /// As kubectl calls its plugin: by the path that it found.
    fn call<const N: usize>(&self, arguments: [&str; N]) -> Call {
        self.sandbox.tool(self.link()).args(arguments)
    }

    /// The program of another installation, not on PATH either.
    fn other<const N: usize>(&self, arguments: [&str; N]) -> Run {
        self.sandbox.program().args(arguments).run()
    }

    fn with_link_on_path(&self, call: Call) -> Call {
        call.env("PATH", format!("{}:/usr/bin:/bin", self.link().parent().unwrap().display()))
    }

    fn text(&self) -> String {
        fs::read_to_string(self.kubeconfig()).unwrap()
    }

    /// What the kubeconfig has as command.
    fn command(&self) -> String {
        let document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&self.text()).unwrap();
        document["users"][0]["user"]["exec"]["command"].as_str().unwrap().to_owned()
    }
}
