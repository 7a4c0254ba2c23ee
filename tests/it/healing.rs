//! Rejected credentials are replaced, and a client that asks often still gets hits.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::{
    ApiServer, Call, Caller, Clock, Credential, EXEC_INFO, HOUR, Identity, Kubeconfig, MINUTE, Plugin, Run,
    Sandbox, Tool, kubectl,
};

/// A cached credential that expires far in the future, and a plugin that prints another one on each run.
struct Entry {
    sandbox: Sandbox,
    clock: Clock,
    plugin: Plugin,
}

impl Entry {
    fn of_age(seconds: i64) -> Option<Entry> {
        let sandbox = Sandbox::new();
        let mut clock = sandbox.clock()?;
        let plugin = sandbox.plugin("aws");
        for run in 1..60 {
            plugin.prints_on_run(run, credential(run));
        }
        sandbox.cache(&plugin).by_another_caller().run().assert_prints(credential(1));
        clock.advance(seconds);
        Some(Entry { sandbox, clock, plugin })
    }

    fn call(&self) -> Call {
        self.sandbox.cache(&self.plugin)
    }

    fn caller(&self) -> Caller {
        Caller::of(&self.sandbox, self.call())
    }
}

fn token(run: usize) -> String {
    format!("token-of-run-{run}")
}

/// What the plugin prints on run number `run`.
fn credential(run: usize) -> Vec<u8> {
    Credential::token(token(run)).expires_as("2099-01-01T00:00:00Z").bytes()
}

/// `KUBERNETES_EXEC_INFO` as the kinds of clients write it; the last one sets none.
const CLIENT_GO: Option<&str> = Some(EXEC_INFO);
const KUBE_RS: Option<&str> = Some(
    r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#,
);
const PYTHON: Option<&str> = Some(
    r#"{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "spec": {"interactive": false}}"#,
);
const LIGHTKUBE: Option<&str> = None;

impl Entry {
    /// A client of this kind, and the number of the plugin run whose credential it gets.
    fn client(&self, exec_info: Option<&str>) -> (Caller, usize) {
        let call = self.sandbox.program().arg(self.plugin.command());
        let call = match exec_info {
            Some(exec_info) => call.env("KUBERNETES_EXEC_INFO", exec_info),
            None => call,
        };
        // Without KUBERNETES_EXEC_INFO the cache key is another one, so the first call is a miss.
        (Caller::of(&self.sandbox, call), if exec_info.is_some() { 1 } else { 2 })
    }
}

#[test]
fn client_go_that_asks_again_gets_a_new_credential_at_once() {
    let Some(entry) = Entry::of_age(0) else { return };
    let log = entry.sandbox.home().join("log");
    entry.sandbox.set_env("K8S_TOKEN_CACHE_LOG", &log);
    let (mut client, _) = entry.client(CLIENT_GO);
    for run in 1..=3 {
        client.call().assert_prints(credential(run));
    }
    let log = fs::read_to_string(log).unwrap();
    let why = " aws miss: the client asked again for the same credential";
    assert!(log.lines().nth(1).unwrap().ends_with(why), "{log}");
    assert_eq!(entry.plugin.runs(), 3);
    assert_eq!(entry.sandbox.entries(), 1);
}

#[test]
fn another_client_that_asks_again_after_ten_seconds_gets_a_new_credential() {
    for exec_info in [KUBE_RS, PYTHON, LIGHTKUBE] {
        let Some(mut entry) = Entry::of_age(0) else { return };
        let (mut client, run) = entry.client(exec_info);
        client.call().assert_prints(credential(run));
        entry.clock.advance(8);
        client.call().assert_prints(credential(run));
        entry.clock.advance(3);
        client.call().assert_prints(credential(run + 1));
    }
}

/// kube-rs asks three times at each start.
#[test]
fn the_age_of_the_entry_does_not_count_as_time_that_the_client_had_it() {
    for exec_info in [KUBE_RS, PYTHON, LIGHTKUBE] {
        let Some(mut entry) = Entry::of_age(0) else { return };
        let (mut client, run) = entry.client(exec_info);
        client.call().assert_prints(credential(run));
        for _ in 0..3 {
            entry.clock.advance(5 * MINUTE);
            let (mut client, _) = entry.client(exec_info);
            for _ in 0..3 {
                client.call().assert_prints(credential(run));
            }
        }
        assert_eq!(entry.plugin.runs(), run);
    }
}

/// fabric8 runs the plugin through a new `sh -c` each time.
#[test]
fn the_client_behind_a_new_shell_is_recognized() {
    let Some(mut entry) = Entry::of_age(0) else { return };
    let wrapped = entry.sandbox.program().arg(entry.plugin.command());
    let call = wrapped.behind(["/bin/sh", "-c", "\"$@\"; exit $?", "sh"]);
    let mut client = Caller::of(&entry.sandbox, call);
    client.call().assert_prints(credential(2));
    client.call().assert_prints(credential(2));
    entry.clock.advance(11);
    client.call().assert_prints(credential(3));
}

/// What a person types at a terminal leads its process group.
#[test]
fn a_client_that_leads_its_process_group_is_recognized() {
    let Some(entry) = Entry::of_age(0) else { return };
    let mut clients = [(); 2].map(|()| Caller::as_job(&entry.sandbox, entry.call()));
    for client in &mut clients {
        client.call().assert_prints(credential(1));
    }
    clients[0].call().assert_prints(credential(2));
    clients[1].call().assert_prints(credential(2));
    clients[1].call().assert_prints(credential(3));
}

#[test]
fn a_leading_client_behind_a_new_shell_is_recognized() {
    let Some(entry) = Entry::of_age(0) else { return };
    let wrapped = entry.sandbox.program().arg(entry.plugin.command()).env("KUBERNETES_EXEC_INFO", EXEC_INFO);
    let call = wrapped.behind(["/bin/sh", "-c", "\"$@\"; exit $?", "sh"]);
    let mut client = Caller::as_job(&entry.sandbox, call);
    for run in 1..=2 {
        client.call().assert_prints(credential(run));
    }
}

#[test]
fn a_rejection_drops_the_entries_of_other_clients_too() {
    let Some(mut entry) = Entry::of_age(0) else { return };
    let (mut other, _) = entry.client(LIGHTKUBE);
    other.call().assert_prints(credential(2));
    let (mut client, _) = entry.client(CLIENT_GO);
    client.call().assert_prints(credential(1));
    client.call().assert_prints(credential(3));
    // No ten seconds have passed: its entry is gone.
    other.call().assert_prints(credential(4));
    entry.clock.advance(1);
    entry.call().run().assert_prints(credential(3));
}

#[test]
fn a_rejected_credential_is_not_served_again_if_the_plugin_fails() {
    let Some(entry) = Entry::of_age(0) else { return };
    let (mut client, _) = entry.client(CLIENT_GO);
    client.call().assert_prints(credential(1));
    entry.plugin.prints_on_run(2, "").exits_with(3).writes_to_stderr("your session has expired\n");
    let run = client.call();
    assert_eq!((run.code(), run.stdout.len()), (3, 0), "{run:?}");
    assert_eq!(run.stderr_text(), "your session has expired\n");
    let other = entry.call().run();
    assert_eq!((other.code(), other.stdout.len()), (3, 0), "{other:?}");
    assert_eq!(entry.plugin.runs(), 2);
}

#[test]
fn healing_does_not_depend_on_an_earlier_lock_file() {
    for exec_info in [CLIENT_GO, KUBE_RS] {
        let Some(mut entry) = Entry::of_age(0) else { return };
        fs::remove_file(entry.sandbox.lock_file()).unwrap();
        let (mut client, _) = entry.client(exec_info);
        client.call().assert_prints(credential(1));
        entry.clock.advance(11);
        client.call().assert_prints(credential(2));
    }
}

/// A client that reads its credential once must not get one that expires in half a minute.
#[test]
fn each_kind_of_client_gets_its_minimum_of_remaining_life() {
    for (exec_info, minimum_s) in [(CLIENT_GO, 30), (KUBE_RS, 60), (PYTHON, 300), (LIGHTKUBE, 300)] {
        let sandbox = Sandbox::new();
        let Some(clock) = sandbox.clock() else { return };
        sandbox.set_env("K8S_TOKEN_CACHE_REFRESH_AHEAD", "0");
        let plugin = sandbox.plugin("aws");
        let mut entry = Entry { clock, plugin, sandbox };
        entry.plugin.prints(Credential::token("t").expires_at(entry.clock.now_unix_s() + HOUR).bytes());
        for (wait_s, runs) in [(0, 1), (HOUR - minimum_s - 5, 1), (10, 2)] {
            entry.clock.advance(wait_s);
            entry.client(exec_info).0.call();
            assert_eq!(entry.plugin.runs(), runs, "{exec_info:?}");
        }
    }
}

#[test]
fn the_minimum_of_remaining_life_is_at_most_half_of_a_life() {
    for exec_info in [PYTHON, LIGHTKUBE] {
        let sandbox = Sandbox::new();
        let Some(clock) = sandbox.clock() else { return };
        sandbox.set_env("K8S_TOKEN_CACHE_REFRESH_AHEAD", "0");
        let plugin = sandbox.plugin("aws");
        let mut entry = Entry { clock, plugin, sandbox };
        entry.plugin.prints(Credential::token("t").expires_at(entry.clock.now_unix_s() + 2 * MINUTE).bytes());
        for (wait_s, runs) in [(0, 1), (55, 1), (10, 2)] {
            entry.clock.advance(wait_s);
            entry.client(exec_info).0.call();
            assert_eq!(entry.plugin.runs(), runs, "{exec_info:?}");
        }
    }
}

#[test]
fn a_first_call_of_another_caller_is_a_hit() {
    let Some(entry) = Entry::of_age(HOUR) else { return };
    for _ in 0..5 {
        entry.caller().call().assert_prints(credential(1));
    }
    assert_eq!(entry.plugin.runs(), 1);
}

#[test]
fn a_shell_loop_keeps_getting_hits() {
    let Some(entry) = Entry::of_age(HOUR) else { return };
    // Without KUBERNETES_EXEC_INFO the cache key is another one.
    let call = || entry.sandbox.shell(&entry.plugin);
    let mut caller = Caller::of(&entry.sandbox, call());
    let run = caller.call();
    let mut clock = entry.clock;
    for _ in 0..5 {
        clock.advance(10 * MINUTE);
        assert_eq!(caller.call(), run);
    }
    assert_eq!(entry.plugin.runs(), 2);
}

#[test]
fn one_caller_may_ask_for_two_cache_keys_in_turn() {
    let Some(entry) = Entry::of_age(0) else { return };
    entry.call().arg("other").by_another_caller().run().assert_prints(credential(2));
    let mut clock = entry.clock;
    clock.advance(61);
    // One client asks for both in turn, for each the first time.
    let both = r#""$1" "$2"; "$1" "$2" other; exit 0"#;
    let (program, plugin) = (crate::support::PROGRAM, entry.plugin.command());
    let call = entry.sandbox.tool("/bin/sh").args(["-c", both, "sh", program]).arg(plugin);
    let run = call.env("KUBERNETES_EXEC_INFO", EXEC_INFO).run();
    run.assert_prints([credential(1), credential(2)].concat());
    assert_eq!(entry.plugin.runs(), 2);
}

/// A Python program that makes a client every minute still gets hits.
#[test]
fn the_time_between_heals_doubles_up_to_ten_minutes_for_kube_rs_and_python() {
    for exec_info in [KUBE_RS, PYTHON] {
        let Some(mut entry) = Entry::of_age(0) else { return };
        let (mut client, first_run) = entry.client(exec_info);
        client.call().assert_prints(credential(first_run));
        for (run, grace_period) in (first_run..).zip([10, 20, 40, 80, 160, 320, 600, 600]) {
            entry.clock.advance(grace_period - 2);
            client.call().assert_prints(credential(run));
            entry.clock.advance(4);
            client.call().assert_prints(credential(run + 1));
        }
    }
}

/// pykube-ng asks for each request. Without the cache it never has a rejected credential.
#[test]
fn a_client_that_asks_for_each_request_gets_a_new_credential_every_ten_seconds() {
    let Some(mut entry) = Entry::of_age(0) else { return };
    let (mut client, first_run) = entry.client(LIGHTKUBE);
    client.call().assert_prints(credential(first_run));
    for run in first_run..first_run + 8 {
        for _ in 0..2 {
            entry.clock.advance(3);
            client.call().assert_prints(credential(run));
        }
        entry.clock.advance(5);
        client.call().assert_prints(credential(run + 1));
    }
}

#[test]
fn the_first_processes_of_two_containers_are_two_callers() {
    let Some(entry) = Entry::of_age(61) else { return };
    let Some(mut one) = Caller::in_container(&entry.sandbox, entry.call()) else { return };
    // Start times have a resolution of 10 ms: the two containers must not start in the same interval.
    thread::sleep(Duration::from_millis(30));
    let Some(mut other) = Caller::in_container(&entry.sandbox, entry.call()) else { return };
    one.call().assert_prints(credential(1));
    other.call().assert_prints(credential(1));
    assert_eq!(entry.plugin.runs(), 1);
    // Each of them is still recognized.
    one.call().assert_prints(credential(2));
    assert_eq!(entry.plugin.runs(), 2);
}

#[test]
fn a_damaged_table_of_callers_does_no_harm() {
    let Some(entry) = Entry::of_age(61) else { return };
    let mut caller = entry.caller();
    caller.call().assert_prints(credential(1));
    let table = fs::read(entry.sandbox.lock_file()).unwrap();
    let first_row = table.iter().position(|byte| *byte != 0).unwrap();
    let mut random: u32 = 1;
    let mut garbage = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    };
    let torn: Vec<Vec<u8>> = vec![
        Vec::new(),
        table[..first_row + 32].to_vec(),
        table.iter().map(|_| garbage()).collect(),
        table.iter().map(|byte| byte ^ 0x10).collect(),
        vec![0xff; 1 << 20],
    ];
    for content in torn {
        fs::write(entry.sandbox.lock_file(), content).unwrap();
        // The caller is not known any more, so this is a hit.
        caller.call().assert_prints(credential(1));
    }
    assert_eq!(entry.plugin.runs(), 1);
    // Without the foreign file the table works again.
    fs::remove_file(entry.sandbox.lock_file()).unwrap();
    caller.call().assert_prints(credential(1));
    caller.call().assert_prints(credential(2));
}

/// They read the parent's id, name and start time, and read and write the row of a Kubernetes client,
/// because each kubectl is a new caller.
#[test]
#[cfg(target_os = "linux")]
fn identifying_the_caller_costs_a_hit_at_most_six_system_calls() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws");
    plugin.prints(credential(1));
    // The parent of the program is strace, under the client's name.
    let trace = |call: fn(&Sandbox, &Plugin) -> Call| {
        call(&sandbox, &plugin).run().assert_prints(credential(1));
        let trace = sandbox.new_path("trace");
        let call = call(&sandbox, &plugin);
        let program = crate::support::tool("strace")?.program;
        let strace = crate::support::renamed(&program, call.client_name());
        let run = call.behind([strace.as_str(), "-qq", "-o", trace.to_str().unwrap()]).run();
        if !run.status.success() {
            return None;
        }
        run.assert_prints(credential(1));
        Some(fs::read_to_string(trace).unwrap())
    };
    let (Some(person), Some(client)) = (trace(Sandbox::shell), trace(Sandbox::cache)) else {
        return crate::support::skip("no 'strace' that may trace");
    };
    assert_eq!(plugin.runs(), 2);
    for trace in [person, client] {
        let (_, after_opening) = trace.split_once("/token.json\"").unwrap();
        let (look_up, rest) = after_opening.split_once("/proc/").unwrap();
        // One read for the index, one for the entry's line.
        assert_eq!(look_up.matches("pread64(").count(), 2, "{trace}");
        // Not counted: the write of the credential, and the exit.
        let calls = rest.lines().count() - 2;
        assert!((1..=6).contains(&calls), "{calls} system calls: {trace}");
    }
}

/// kubectl with an entry that is a minute old and whose token the server rejects.
struct Revoked {
    entry: Entry,
    server: ApiServer,
    kubectl: Tool,
}

impl Revoked {
    fn new() -> Option<Revoked> {
        let kubectl = kubectl()?;
        let server = ApiServer::start();
        let entry = Entry::of_age(61)?;
        Some(Revoked { entry, server, kubectl })
    }

    fn get_pods(&self) -> Run {
        let kubeconfig = Kubeconfig::cached([self.entry.plugin.command()]);
        kubeconfig.kubectl(&self.kubectl, &self.entry.sandbox, &self.server).args(["get", "pods"]).run()
    }

    fn bearers(&self) -> Vec<Identity> {
        self.server.identities()
    }
}

fn bearer(run: usize) -> Identity {
    Identity::Bearer(token(run))
}

/// The rejected request is one for the list of APIs, which kubectl repeats.
#[test]
fn a_revoked_token_is_replaced_within_the_same_kubectl() {
    let Some(revoked) = Revoked::new() else { return };
    revoked.server.allow_token(&token(2));
    for _ in 0..2 {
        let run = revoked.get_pods();
        assert_eq!(run.code(), 0, "{run:?}");
        assert!(run.stdout_text().contains("the-only-pod"), "{run:?}");
    }
    assert_eq!(revoked.bearers(), [bearer(1), bearer(2)]);
    assert_eq!(revoked.entry.plugin.runs(), 2);
}

/// If kubectl has cached the list of APIs, the rejected request is the real one, and it fails.
#[test]
fn after_a_revoked_token_the_next_kubectl_always_works() {
    let Some(revoked) = Revoked::new() else { return };
    revoked.server.allow_token(&token(1));
    let run = revoked.get_pods();
    assert_eq!(run.code(), 0, "{run:?}");
    revoked.server.revoke_all();
    revoked.server.allow_token(&token(2));
    revoked.get_pods();
    for _ in 0..2 {
        let run = revoked.get_pods();
        assert_eq!(run.code(), 0, "{run:?}");
        assert!(run.stdout_text().contains("the-only-pod"), "{run:?}");
    }
    assert_eq!(revoked.entry.plugin.runs(), 2);
}

#[test]
fn a_server_that_rejects_every_token_costs_no_more_runs_than_without_the_cache() {
    let Some(revoked) = Revoked::new() else { return };
    let direct = Kubeconfig::direct([revoked.entry.plugin.command()])
        .kubectl(&revoked.kubectl, &revoked.entry.sandbox, &revoked.server)
        .args(["get", "pods"])
        .run();
    let before = revoked.entry.plugin.runs();
    let without_cache = before - 1;
    for kubectls in 1..=3 {
        let run = revoked.get_pods();
        assert_eq!(run.code(), direct.code());
        assert_eq!(last_line(&run), last_line(&direct), "kubectl's own error");
        assert!(revoked.entry.plugin.runs() <= before + kubectls * without_cache);
    }
}

fn last_line(run: &Run) -> String {
    run.stderr_text().lines().last().unwrap_or_default().to_owned()
}
