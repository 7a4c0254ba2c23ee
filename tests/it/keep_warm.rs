//! A credential that a person uses is renewed before it expires, by a process that ends by itself.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{
    Call, Caller, Clock, Credential, EXEC_INFO, MINUTE, PROGRAM, Plugin, Sandbox, Signal, Terminal,
    await_that, collects_orphans, is_alive, kill, rfc3339,
};

/// As an EKS token lives; it is due after two thirds of that.
const LIFE: i64 = 14 * MINUTE;
const DUE: i64 = LIFE - LIFE / 3;
const WINDOW: i64 = 30 * MINUTE;

/// A person at a terminal who uses `aws eks get-token`.
struct Person {
    sandbox: Sandbox,
    clock: Clock,
    aws: Plugin,
}

impl Person {
    /// `None`, which is reported, if no process may stay or the clock cannot be moved.
    fn new() -> Option<Person> {
        if !collects_orphans() {
            return None;
        }
        let sandbox = Sandbox::new();
        let clock = sandbox.clock()?;
        let person = Person { aws: sandbox.plugin("aws"), clock, sandbox };
        person.next_token_lives();
        Some(person)
    }

    fn next_token_lives(&self) {
        self.next_token_lives_in(0);
    }

    /// The next token is one that is made in so many seconds.
    fn next_token_lives_in(&self, seconds: i64) {
        self.aws.prints(self.token(self.aws.runs() + 1, seconds));
    }

    fn token(&self, run: usize, seconds: i64) -> Vec<u8> {
        let expires = self.clock.now_unix_s() + seconds + LIFE;
        Credential::token(format!("token-of-run-{run}")).expires_at(expires).bytes()
    }

    /// A call by kubectl, at a terminal.
    fn kubectl(&self) -> Call {
        let interactive = EXEC_INFO.replace("false", "true");
        self.sandbox.cache(&self.aws).args(["eks", "get-token"]).env("KUBERNETES_EXEC_INFO", interactive)
    }

    fn kept_for_any_client(&self) -> Call {
        self.kubectl().env("K8S_TOKEN_CACHE_KEEP_WARM", "30m")
    }

    fn use_kubectl(&self) {
        assert_eq!(self.kubectl().run().code(), 0);
    }

    /// The sleeping process, once it sleeps.
    fn keeper(&self) -> u32 {
        await_that("one process stays and has no children", || {
            let processes = self.sandbox.processes();
            processes.len() == 1 && is_asleep(processes[0])
        });
        self.sandbox.processes()[0]
    }

    fn advance_and_await_runs(&mut self, seconds: i64, runs: usize) {
        // The process may run the plugin as soon as the clock has moved.
        self.next_token_lives_in(seconds - 1);
        self.clock.advance(seconds + 1);
        await_that("the credential is renewed", || self.aws.runs() == runs);
        self.keeper();
    }

    fn assert_no_keeper(&self) {
        self.sandbox.await_quiet();
    }
}

/// Ends the processes that keep credentials warm after each test.
impl Drop for Person {
    fn drop(&mut self) {
        for process in self.sandbox.processes() {
            kill(process, Signal::Kill);
        }
    }
}

fn is_asleep(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/wchan")).is_ok_and(|wchan| wchan.contains("nanosleep"))
        || fs::read_to_string(format!("/proc/{process}/syscall"))
            .is_ok_and(|call| call.starts_with(&format!("{} ", libc::SYS_nanosleep)))
}

#[test]
fn a_credential_is_renewed_until_it_was_not_used_for_half_an_hour() {
    let Some(mut person) = Person::new() else { return };
    person.use_kubectl();
    person.keeper();
    for run in 2..=3 {
        person.advance_and_await_runs(DUE, run);
    }
    // A use opens the window again.
    person.use_kubectl();
    assert_eq!(person.aws.runs(), 3);
    for run in 4..=6 {
        person.advance_and_await_runs(DUE, run);
    }
    person.clock.advance(WINDOW);
    person.assert_no_keeper();
    assert_eq!(person.aws.runs(), 6);
}

#[test]
fn a_call_never_waits_while_the_credential_is_kept_warm() {
    let Some(mut person) = Person::new() else { return };
    person.use_kubectl();
    person.keeper();
    for run in 2..=8 {
        person.advance_and_await_runs(DUE, run);
        person.aws.hold();
        person.use_kubectl();
        person.aws.release();
    }
}

#[test]
fn only_a_person_and_a_silent_plugin_are_kept_warm_by_default() {
    let Some(person) = Person::new() else { return };
    person.sandbox.cache(&person.aws).args(["eks", "get-token"]).run();
    person.assert_no_keeper();
    person
        .kubectl()
        .arg("--output=text")
        .env("AWS_PROFILE", "other")
        .env("K8S_TOKEN_CACHE_KEEP_WARM", "0")
        .run();
    person.assert_no_keeper();
    let unknown = person.sandbox.plugin("unknown");
    unknown.prints(person.token(1, 0));
    let interactive = EXEC_INFO.replace("false", "true");
    person.sandbox.cache(&unknown).env("KUBERNETES_EXEC_INFO", interactive).run();
    person.assert_no_keeper();
}

#[test]
fn a_setting_keeps_every_client_and_every_plugin_warm() {
    let Some(mut person) = Person::new() else { return };
    let unknown = person.sandbox.plugin("unknown");
    unknown.prints(person.token(1, 0));
    person.sandbox.cache(&unknown).env("K8S_TOKEN_CACHE_KEEP_WARM", "1h").run();
    person.keeper();
    person.clock.advance(DUE + 1);
    await_that("the credential is renewed", || unknown.runs() == 2);
    person.clock.advance(60 * MINUTE);
    person.assert_no_keeper();
}

#[test]
fn one_process_serves_every_client_of_a_key() {
    let Some(person) = Person::new() else { return };
    person.use_kubectl();
    let keeper = person.keeper();
    for _ in 0..5 {
        person.use_kubectl();
    }
    assert_eq!(person.keeper(), keeper);
}

#[test]
fn at_most_eight_keys_are_kept_warm() {
    let Some(person) = Person::new() else { return };
    for key in 0..9 {
        person.kubectl().env("AWS_PROFILE", format!("profile-{key}")).run();
    }
    await_that("eight processes stay", || {
        let processes = person.sandbox.processes();
        processes.len() == 8 && processes.iter().all(|process| is_asleep(*process))
    });
    person.sandbox.program().arg("--clear").run();
    person.assert_no_keeper();
}

#[test]
fn the_reports_say_what_is_kept_warm() {
    let Some(person) = Person::new() else { return };
    let window_end = || rfc3339(person.clock.now_unix_s() + WINDOW);
    let earliest = window_end();
    person.use_kubectl();
    let keeper = person.keeper();
    let json = person.sandbox.program().args(["--list", "--json"]).run().stdout_text();
    let listing: serde_json::Value = serde_json::from_str(&json).unwrap();
    let until = listing["entries"][0]["kept_warm_until"].as_str().unwrap().to_owned();
    assert!((earliest..=window_end()).contains(&until), "{json}");
    let table = person.sandbox.program().arg("--list").run().stdout_text();
    assert!(table.contains("kept warm until"), "{table}");
    let doctor = person.sandbox.program().arg("--doctor").run().stdout_text();
    assert!(doctor.contains(&format!("kept warm by the process {keeper};")), "{doctor}");
    kill(keeper, Signal::Terminate);
    person.assert_no_keeper();
    let json = person.sandbox.program().args(["--list", "--json"]).run().stdout_text();
    assert!(!json.contains("kept_warm_until"), "{json}");
}

#[test]
fn clearing_ends_the_process_and_says_so() {
    for clear_one in [true, false] {
        let Some(person) = Person::new() else { return };
        person.use_kubectl();
        person.keeper();
        let clear = person.sandbox.program().arg("--clear");
        let clear =
            if clear_one { clear.arg(person.aws.command()).args(["eks", "get-token"]) } else { clear };
        let run = clear.run();
        assert!(run.stdout_text().contains("ended 1 process"), "{run:?}");
        person.assert_no_keeper();
    }
}

#[test]
fn a_failure_of_the_plugin_ends_the_process() {
    let Some(mut person) = Person::new() else { return };
    person.use_kubectl();
    person.keeper();
    person.aws.exits_with(1);
    person.clock.advance(DUE + 1);
    person.assert_no_keeper();
    assert_eq!(person.aws.runs(), 2);
}

#[test]
fn a_changed_identity_file_ends_the_process_before_the_plugin_runs() {
    let Some(mut person) = Person::new() else { return };
    person.use_kubectl();
    person.keeper();
    fs::create_dir(person.sandbox.home().join(".aws")).unwrap();
    fs::write(person.sandbox.home().join(".aws/config"), "[default]\nrole_arn = other\n").unwrap();
    person.clock.advance(DUE + 1);
    person.assert_no_keeper();
    assert_eq!(person.aws.runs(), 1);
}

/// A policy that is made or tightened while the process sleeps counts at its next run.
#[test]
fn a_policy_that_forbids_the_plugin_ends_the_process_before_it_runs() {
    for at in [".kube/kuberc", "elsewhere"] {
        let Some(mut person) = Person::new() else { return };
        let kuberc = person.sandbox.home().join(at);
        fs::create_dir(person.sandbox.home().join(".kube")).unwrap();
        let policy = |policy: &str| {
            let head = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";
            fs::write(&kuberc, format!("{head}credentialPluginPolicy: {policy}\n")).unwrap();
        };
        policy("AllowAll");
        if at == "elsewhere" {
            person.sandbox.set_env("KUBERC", &kuberc);
        }
        person.use_kubectl();
        person.keeper();
        person.advance_and_await_runs(DUE, 2);
        policy("DenyAll");
        person.clock.advance(DUE + 1);
        person.assert_no_keeper();
        assert_eq!(person.aws.runs(), 2, "{at}");
    }
}

#[test]
fn a_clock_that_jumps_past_the_window_or_back_ends_the_process() {
    for jump in [60 * MINUTE, 24 * 60 * MINUTE] {
        let Some(mut person) = Person::new() else { return };
        person.use_kubectl();
        person.keeper();
        person.clock.advance(jump);
        person.assert_no_keeper();
        assert_eq!(person.aws.runs(), 1, "{jump}");
    }
}

/// A laptop that was closed for a while, but used recently.
#[test]
fn an_expired_credential_is_renewed_if_the_window_is_still_open() {
    let Some(mut person) = Person::new() else { return };
    person.use_kubectl();
    person.keeper();
    person.advance_and_await_runs(LIFE + MINUTE, 2);
}

#[test]
fn a_killed_process_is_replaced_after_the_next_miss() {
    let Some(mut person) = Person::new() else { return };
    person.use_kubectl();
    let keeper = person.keeper();
    kill(keeper, Signal::Kill);
    await_that("no zombie is left", || !is_alive(keeper));
    person.clock.advance(LIFE + 1);
    person.next_token_lives();
    person.use_kubectl();
    person.keeper();
    assert_eq!(person.aws.runs(), 2);
}

#[test]
fn a_request_to_end_ends_the_process() {
    for signal in [Signal::Terminate, Signal::HangUp] {
        let Some(person) = Person::new() else { return };
        person.use_kubectl();
        kill(person.keeper(), signal);
        person.assert_no_keeper();
    }
}

#[test]
fn a_replaced_program_ends_the_process() {
    let Some(mut person) = Person::new() else { return };
    let program: PathBuf = person.sandbox.home().join("k8s-token-cache");
    // By another process: what this one has open for writing while another test starts a program cannot be
    // executed.
    let copy = || {
        let copied = person.sandbox.tool("cp").args([Path::new(PROGRAM), program.as_path()]).run();
        assert_eq!(copied.code(), 0);
    };
    copy();
    let interactive = EXEC_INFO.replace("false", "true");
    let call = person.sandbox.tool(&program).arg(person.aws.command()).args(["eks", "get-token"]);
    assert_eq!(call.env("KUBERNETES_EXEC_INFO", interactive).run().code(), 0);
    person.keeper();
    fs::remove_file(&program).unwrap();
    copy();
    person.clock.advance(DUE + 1);
    person.assert_no_keeper();
    assert_eq!(person.aws.runs(), 1);
}

#[test]
fn the_process_holds_nothing_but_the_null_device_and_the_lock() {
    let Some(person) = Person::new() else { return };
    person.use_kubectl();
    let keeper = person.keeper();
    assert_eq!(fs::read_link(format!("/proc/{keeper}/cwd")).unwrap(), PathBuf::from("/"));
    let mut open: Vec<PathBuf> = fs::read_dir(format!("/proc/{keeper}/fd"))
        .unwrap()
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap())
        .collect();
    open.sort();
    open.dedup();
    assert_eq!(open, [PathBuf::from("/dev/null"), person.sandbox.lock_file()]);
    let stat = fs::read_to_string(format!("/proc/{keeper}/stat")).unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    assert_eq!((fields[3], fields[4]), (keeper.to_string().as_str(), "0"), "its own session, no terminal");
}

/// The output ends with the call, although the process goes on sleeping.
#[test]
fn a_pipe_nohup_or_a_session_does_not_wait_for_the_process() {
    let pipe = ["sh", "-c", "\"$@\" | cat", "pipe"];
    for surroundings in [&pipe[..], &["nohup"], &["setsid", "--wait"]] {
        let Some(person) = Person::new() else { return };
        let run = person.kept_for_any_client().behind(surroundings.iter().copied()).run();
        assert_eq!(run.code(), 0, "{surroundings:?}: {run:?}");
        kill(person.keeper(), Signal::Terminate);
        person.assert_no_keeper();
    }
}

/// An SSH connection that is lost hangs up its terminal.
#[test]
fn the_end_of_a_terminal_session_does_not_end_the_process() {
    let Some(mut person) = Person::new() else { return };
    let terminal = Terminal::new();
    assert_eq!(person.kept_for_any_client().on_terminal(&terminal).run().code(), 0);
    person.keeper();
    drop(terminal);
    person.advance_and_await_runs(DUE, 2);
}

#[test]
fn in_a_container_without_an_init_no_process_stays() {
    let Some(person) = Person::new() else { return };
    let Some(mut client) = Caller::in_container_without_init(&person.sandbox, person.kubectl()) else {
        return;
    };
    assert_eq!(client.call().code(), 0);
    // The client is the first process, and the program that started it.
    await_that("only the client is left", || person.sandbox.processes().len() <= 2);
}
