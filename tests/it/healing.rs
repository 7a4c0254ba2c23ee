//! Healing: a credential that the server rejects is replaced, and a client that asks often still gets
//! hits.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::{
    ApiServer, Call, Caller, Clock, Credential, HOUR, Identity, Kubeconfig, MINUTE, Plugin, Run, Sandbox,
    Tool, kubectl,
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
        let plugin = sandbox.plugin("plugin");
        for run in 1..20 {
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

#[test]
fn a_caller_that_asks_again_for_an_old_credential_gets_a_new_one() {
    let Some(entry) = Entry::of_age(61) else { return };
    let log = entry.sandbox.home().join("log");
    entry.sandbox.set_env("K8S_TOKEN_CACHE_LOG", &log);
    let mut caller = entry.caller();
    caller.call().assert_prints(credential(1));
    caller.call().assert_prints(credential(2));
    caller.call().assert_prints(credential(2));
    let log = fs::read_to_string(log).unwrap();
    let why = " plugin miss: the client asked again for the same credential";
    assert!(log.lines().nth(1).unwrap().ends_with(why), "{log}");
    assert_eq!(entry.plugin.runs(), 2);
    assert_eq!(entry.sandbox.entries(), 1);
}

#[test]
fn a_caller_that_asks_again_for_a_young_credential_gets_a_hit() {
    let Some(mut entry) = Entry::of_age(0) else { return };
    let mut caller = entry.caller();
    caller.call().assert_prints(credential(1));
    entry.clock.advance(55);
    for _ in 0..5 {
        caller.call().assert_prints(credential(1));
    }
    assert_eq!(entry.plugin.runs(), 1);
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
    let run = call.env("KUBERNETES_EXEC_INFO", crate::support::EXEC_INFO).run();
    run.assert_prints([credential(1), credential(2)].concat());
    assert_eq!(entry.plugin.runs(), 2);
}

#[test]
fn the_wait_between_heals_doubles_up_to_ten_minutes() {
    let Some(mut entry) = Entry::of_age(61) else { return };
    let mut caller = entry.caller();
    caller.call().assert_prints(credential(1));
    caller.call().assert_prints(credential(2));
    for (run, patience) in (2..).zip([120, 240, 480, 600, 600, 600]) {
        entry.clock.advance(patience - 5);
        caller.call().assert_prints(credential(run));
        entry.clock.advance(10);
        caller.call().assert_prints(credential(run + 1));
    }
}

/// The Python client treats a credential as expired five minutes early, and from then on runs the
/// plugin before every request.
#[test]
fn ten_python_clients_in_one_process_cost_one_plugin_run() {
    let Some(mut entry) = Entry::of_age(5 * MINUTE) else { return };
    let Some(mut program) = Caller::in_python(&entry.sandbox, entry.call()) else { return };
    program.call().assert_prints(credential(1));
    for _ in 1..10 {
        program.call().assert_prints(credential(2));
    }
    assert_eq!(entry.plugin.runs(), 2, "one more than the entry's own");
    for _ in 0..12 {
        entry.clock.advance(10);
        assert_eq!(program.call().code(), 0);
    }
    assert!(entry.plugin.runs() <= 3, "no more than one in the two minutes after");
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
    // The table works again.
    caller.call().assert_prints(credential(2));
}

/// They read the parent's id, name and start time, and read and write the row of a Kubernetes client,
/// because each kubectl is a new caller.
#[test]
#[cfg(target_os = "linux")]
fn identifying_the_caller_costs_a_hit_at_most_six_system_calls() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(credential(1));
    let trace = |call: fn(&Sandbox, &Plugin) -> Call| {
        call(&sandbox, &plugin).run().assert_prints(credential(1));
        let trace = sandbox.new_path("trace");
        let traced = call(&sandbox, &plugin).behind(["strace", "-qq", "-o", trace.to_str().unwrap()]);
        let run = traced.run_if_found().filter(|run| run.status.success())?;
        run.assert_prints(credential(1));
        Some(fs::read_to_string(trace).unwrap())
    };
    let (Some(person), Some(client)) = (trace(Sandbox::shell), trace(Sandbox::cache)) else {
        return crate::support::skip("no 'strace' that may trace");
    };
    assert_eq!(plugin.runs(), 2);
    for trace in [person, client] {
        let (_, after_opening) = trace.split_once("/token.json\"").unwrap();
        let (look_up, rest) = after_opening.split_once("close(").unwrap();
        // One read for the index, one for the entry's line.
        assert_eq!(look_up.matches("pread64(").count(), 2, "{trace}");
        // Not counted: the close itself, the write of the credential, and the exit.
        let calls = rest.lines().count() - 3;
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
fn a_server_that_rejects_every_token_costs_one_plugin_run_a_minute() {
    let Some(mut revoked) = Revoked::new() else { return };
    let direct = Kubeconfig::direct([revoked.entry.plugin.command()])
        .kubectl(&revoked.kubectl, &revoked.entry.sandbox, &revoked.server)
        .args(["get", "pods"])
        .run();
    let runs = revoked.entry.plugin.runs();
    for minute in 1..=3 {
        for _ in 0..3 {
            let run = revoked.get_pods();
            assert_eq!(run.code(), direct.code());
            assert_eq!(last_line(&run), last_line(&direct), "kubectl's own error");
        }
        assert_eq!(revoked.entry.plugin.runs(), runs + minute);
        revoked.entry.clock.advance(61);
    }
}

fn last_line(run: &Run) -> String {
    run.stderr_text().lines().last().unwrap_or_default().to_owned()
}
