//! Hostile environments: closed, full or unread streams, no free descriptors or processes, FIFOs instead
//! of files, a directory that is swapped during a call, plugins that misbehave.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use crate::support::{Call, Setting, after, make_fifo, skip};

/// Checks a miss and a hit, each after `preparation`.
fn assert_works_after(setting: &Setting, preparation: &str) {
    for _ in 0..2 {
        after(preparation, setting.call()).run().assert_prints(&setting.credential);
    }
    assert_eq!(setting.plugin.runs(), 1, "{preparation}");
}

/// A call whose plugin is a shell that runs `script`; `$0` is a file with the credential.
fn call_script(setting: &Setting, script: &str) -> Call {
    let output = setting.path("output");
    // A file that an unknown plugin could read is part of the cache key.
    if !output.exists() {
        fs::write(&output, &setting.credential).unwrap();
    }
    setting.sandbox.program().args(["/bin/sh", "-c", script]).arg(output)
}

#[test]
fn closed_stdin_and_stderr_do_no_harm() {
    for closed in ["exec <&-", "exec 2>&-", "exec <&- 2>&-"] {
        assert_works_after(&Setting::new(), closed);
    }
}

/// The next file that is opened gets the descriptor of the closed stream.
#[test]
fn a_file_that_reuses_a_closed_descriptor_gets_no_output() {
    let setting = Setting::with_token("marked-secret");
    for closed in ["exec >&-", "exec <&- >&-", "exec <&- >&- 2>&-"] {
        for _ in 0..2 {
            after(closed, setting.call()).run().assert_prints("");
        }
    }
    for file in [setting.sandbox.cache_file(), setting.sandbox.lock_file()] {
        let content = fs::read(&file).unwrap();
        assert!(!content.windows(13).any(|window| window == b"marked-secret"), "{}", file.display());
    }
    setting.call().run().assert_prints(&setting.credential);
    assert_eq!(setting.plugin.runs(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_output_device_is_reported_and_causes_no_second_run() {
    let setting = Setting::new();
    for _ in 0..2 {
        let mut call = setting.call();
        call.command().stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        let run = call.run();
        assert_eq!(run.code(), 1);
        let expected = "k8s-token-cache: cannot write to standard output: no space left on device\n";
        assert_eq!(run.stderr_text(), expected);
    }
    assert_eq!(setting.plugin.runs(), 1);
}

/// Node.js clients have one. EAGAIN means to wait, not to fail.
#[test]
fn a_nonblocking_output_gets_every_byte() {
    let setting = Setting::with_token(&"t".repeat(900_000));
    for _ in 0..2 {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut call = setting.call();
        call.command().stdout(OwnedFd::from(theirs));
        let running = call.spawn();
        let mut printed = Vec::new();
        ours.read_to_end(&mut printed).unwrap();
        assert!(printed == setting.credential);
        assert_eq!(running.finish().code(), 0);
    }
    assert_eq!(setting.plugin.runs(), 1);
}

/// If there is no descriptor for a pipe, the program replaces itself with the plugin.
#[test]
fn with_few_file_descriptors_the_credential_is_still_printed() {
    for most in 4..16 {
        let setting = Setting::new();
        // With `file`, a key file that cannot be opened is an error.
        setting.sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", "off");
        let limited = format!("ulimit -n {most}; exec \"$@\"");
        // This plugin needs only one descriptor itself.
        let call = |name: &str| {
            let output = setting.sandbox.home().join(name);
            // A file that an unknown plugin could read is part of the cache key.
            if !output.exists() {
                fs::write(&output, &setting.credential).unwrap();
            }
            setting.sandbox.program().arg("/bin/cat").arg(output)
        };
        let limited = |name: &str| call(name).behind(["/bin/sh", "-c", &limited, "sh"]).run();
        limited("one").assert_prints(&setting.credential);
        call("one").run().assert_prints(&setting.credential);
        // Entries that are already stored are not lost.
        limited("two").assert_prints(&setting.credential);
        let entries = setting.sandbox.entries();
        assert!(entries >= 1, "{most}");
        call("one").run().assert_prints(&setting.credential);
        limited("one").assert_prints(&setting.credential);
        assert_eq!(setting.sandbox.entries(), entries, "{most}");
    }
}

/// As with too many processes. The program replaces itself with the plugin.
#[test]
fn if_fork_fails_the_credential_is_still_printed() {
    let setting = Setting::new();
    let output = setting.sandbox.home().join("output");
    fs::write(&output, &setting.credential).unwrap();
    let trace = setting.sandbox.home().join("trace");
    let refuse = "inject=?clone,?clone3,?fork,?vfork:error=EAGAIN";
    let strace = ["strace", "-f", "-o", trace.to_str().unwrap(), "-e", refuse];
    let Some(run) = setting.sandbox.program().arg("/bin/cat").arg(output).behind(strace).run_if_found()
    else {
        return skip("no 'strace'");
    };
    if !fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("(INJECTED)")) {
        return skip("strace cannot trace here");
    }
    run.assert_prints(&setting.credential);
}

#[test]
fn with_one_file_descriptor_the_cache_stays_intact() {
    let setting = Setting::new();
    setting.call().run().assert_prints(&setting.credential);
    for closed in ["", "exec <&-; ", "exec <&- 2>&-; "] {
        // The shell cannot open the plugin, which is a script, so its error may be the result.
        let run = after(&format!("{closed}ulimit -n 1"), setting.call()).run();
        assert!(run.code() != 0 || run.stdout == setting.credential, "{closed}: {run:?}");
    }
    setting.call().run().assert_prints(&setting.credential);
    assert_eq!(setting.sandbox.entries(), 1);
}

/// Kubeconfigs may come from other people, and they name files.
#[test]
fn a_fifo_named_in_a_kubeconfig_does_not_hang_the_program() {
    let setting = Setting::new();
    let [pipe, config] = ["pipe", "config"].map(|name| setting.sandbox.home().join(name));
    make_fifo(&pipe);
    let command = setting.plugin.command().display();
    let text = format!(
        "clusters: [{{name: c, cluster: {{server: 'https://c', certificate-authority: {pipe}}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\ncurrent-context: c\n\
         users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: {command}, \
         interactiveMode: Never, provideClusterInfo: true}}}}}}]\n",
        pipe = pipe.display()
    );
    fs::write(&config, text).unwrap();
    let run = |verb: &str| setting.sandbox.program().arg(verb).arg(&config).env("KUBERC", &pipe).run();
    for verb in ["--inject", "--warm", "--restore"] {
        assert_eq!(run(verb).code(), 0, "{verb}");
    }
    assert_eq!(setting.plugin.runs(), 1);
}

#[test]
fn a_fifo_instead_of_the_key_file_or_its_lock_does_not_hang() {
    let setting = Setting::new();
    setting.sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", "auto");
    let state = setting.sandbox.home().join(".local/state/k8s-token-cache");
    fs::create_dir_all(&state).unwrap();
    for name in ["key.lock", "key"] {
        // The first call makes a key, without a lock.
        let _ = fs::remove_file(state.join(name));
        make_fifo(&state.join(name));
        #[cfg_attr(not(target_os = "linux"), allow(unused_mut))]
        let mut call = setting.call();
        // The key would go into the keyring of the user who runs the tests.
        #[cfg(target_os = "linux")]
        crate::support::forbid_keyring(call.command());
        call.run().assert_prints(&setting.credential);
    }
}

/// A user namespace has its own keyrings.
#[test]
#[cfg(target_os = "linux")]
fn a_fifo_instead_of_the_key_lock_does_not_hang_with_a_keyring() {
    const NAMESPACE: [&str; 3] = ["unshare", "--user", "--map-root-user"];
    let setting = Setting::new();
    if setting.sandbox.tool("true").behind(NAMESPACE).run().code() != 0 {
        return skip("no user namespace can be created");
    }
    setting.sandbox.set_env("K8S_TOKEN_CACHE_ENCRYPTION", "auto");
    let state = setting.sandbox.home().join(".local/state/k8s-token-cache");
    fs::create_dir_all(&state).unwrap();
    make_fifo(&state.join("key.lock"));
    setting.call().behind(NAMESPACE).run().assert_prints(&setting.credential);
}

/// The swap may happen after the directory was checked and before it is used.
#[test]
#[cfg(target_os = "linux")]
fn a_directory_swapped_for_a_symlink_during_a_call_gets_no_files() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};

    let setting = Setting::new();
    let victim = setting.sandbox.home().join("victim");
    fs::create_dir(&victim).unwrap();
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o777)).unwrap();
    setting.call().run().assert_prints(&setting.credential);
    let link = setting.sandbox.home().join("link");
    symlink(&victim, &link).unwrap();
    let done = AtomicBool::new(false);
    let (directory, calls) = (setting.sandbox.cache_directory(), 0..150);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                crate::support::exchange(&directory, &link);
            }
        });
        // Collect first and assert later, so that the thread always ends.
        let runs: Vec<_> = calls.map(|number| setting.call().arg(number.to_string()).run()).collect();
        done.store(true, Ordering::Relaxed);
        runs.iter().for_each(|run| run.assert_prints(&setting.credential));
    });
    assert!(fs::read_dir(&victim).unwrap().next().is_none(), "a file was created where others can write");
    let directory = if directory.is_symlink() { link } else { directory };
    crate::cache_file::assert_only_cache_files(&directory);
}

#[test]
fn a_plugin_that_closes_its_streams_early_is_waited_for() {
    let setting = Setting::new();
    let runs = setting.sandbox.home().join("runs");
    // A file that the script names by its path would be part of the cache key.
    let script = "cat \"$0\"; exec <&- >&- 2>&-; sleep 0.1; echo run >>\"$(dirname \"$0\")/runs\"; exit 0";
    for _ in 0..2 {
        call_script(&setting, script).run().assert_prints(&setting.credential);
        assert_eq!(fs::read_to_string(&runs).unwrap(), "run\n");
    }
    let failing = "cat \"$0\"; exec <&- >&- 2>&-; sleep 0.1; exit 9";
    let run = call_script(&setting, failing).run();
    assert_eq!((run.code(), &run.stdout), (9, &setting.credential));
}

/// Like an agent that the plugin starts and that inherits its stdout.
#[cfg(target_os = "linux")]
#[test]
fn a_daemon_that_keeps_stdout_open_does_not_delay_the_call() {
    let setting = Setting::new();
    let script = "sleep 1000 2>/dev/null & cat \"$0\"";
    for _ in 0..2 {
        let mut call = call_script(&setting, script);
        // The daemon may hold the plugin's stdout, but no pipe that this test reads.
        call.command().stderr(std::process::Stdio::null());
        let run = call.run();
        assert_eq!((run.code(), &run.stdout), (0, &setting.credential));
    }
    for daemon in setting.sandbox.processes() {
        crate::support::kill(daemon, crate::support::Signal::Kill);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn endless_output_is_passed_through_until_the_reader_closes() {
    let setting = Setting::new();
    // The limit is too small for a program that keeps all output in memory.
    let limit = "ulimit -v 65536; \"$@\" | head -c 300000000 | wc -c";
    let call = setting.sandbox.program().args(["yes", "k8s"]);
    let run = call.behind(["/bin/sh", "-c", limit, "sh"]).run();
    assert_eq!((run.code(), run.stdout.trim_ascii()), (0, &b"300000000"[..]));
    setting.sandbox.await_quiet();
}

/// Some tools serve secrets through a FIFO. What its writer has is for the plugin.
#[test]
fn a_fifo_instead_of_an_identity_file_does_not_hang() {
    for (command, file) in [
        ("aws", ".aws/config"),
        ("aws", ".aws/credentials"),
        ("aws", ".aws/cli/alias"),
        ("oci", ".oci/config"),
        ("gcloud", ".config/gcloud/active_config"),
        ("corp-login", ".config/gcloud/active_config"),
    ] {
        let setting = Setting::new();
        let plugin = setting.sandbox.plugin(command);
        plugin.prints(&setting.credential);
        let path = setting.sandbox.home().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        make_fifo(&path);
        setting.sandbox.cache(&plugin).args(["eks", "get-token"]).run().assert_prints(&setting.credential);
    }
}
