//! Single flight: one process per cache key runs the plugin, the others wait for its result, and no
//! wait is unlimited.

use crate::support::{Credential, HOUR, Running, Sandbox, Signal, after, await_that, kill};

#[test]
fn sixty_four_parallel_misses_run_the_plugin_once() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential).hold();
    let calls: Vec<_> = (0..64).map(|_| sandbox.cache(&plugin).spawn()).collect();
    for call in &calls {
        sandbox.await_waiting(call.pid());
    }
    plugin.await_runs(1);
    plugin.release();
    for call in calls {
        call.finish().assert_prints(&credential);
    }
    assert_eq!(plugin.runs(), 1);
    assert_eq!(sandbox.entries(), 1);
}

#[test]
fn a_hundred_parallel_misses_of_different_keys_are_all_stored() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential);
    let call = |number: usize| sandbox.cache(&plugin).arg(number.to_string());
    let calls: Vec<_> = (0..100).map(|number| call(number).spawn()).collect();
    for call in calls {
        call.finish().assert_prints(&credential);
    }
    assert_eq!(sandbox.entries(), 100);
    for number in 0..100 {
        call(number).run().assert_prints(&credential);
    }
    assert_eq!(plugin.runs(), 100);
}

#[test]
fn different_keys_do_not_wait_for_each_other() {
    let sandbox = Sandbox::new();
    let (slow, quick) = (sandbox.plugin("slow"), sandbox.plugin("quick"));
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    slow.prints(&credential).hold();
    quick.prints(&credential);
    let call = sandbox.cache(&slow).spawn();
    slow.await_runs(1);
    for number in 0..20 {
        sandbox.cache(&quick).arg(number.to_string()).run().assert_prints(&credential);
    }
    slow.release();
    call.finish().assert_prints(&credential);
}

/// A hit takes no lock.
#[test]
fn a_hit_does_not_wait_for_a_running_plugin() {
    let sandbox = Sandbox::new();
    let Some(mut clock) = sandbox.clock() else { return };
    let plugin = sandbox.plugin("plugin");
    let old = Credential::token("old").expires_in(HOUR).bytes();
    plugin.prints(&old);
    sandbox.shell(&plugin).run();
    plugin.prints(Credential::token("new").expires_in(3 * HOUR).bytes()).hold();
    clock.advance(2 * HOUR);
    let miss = sandbox.shell(&plugin).spawn();
    plugin.await_runs(2);
    clock.advance(-2 * HOUR);
    sandbox.shell(&plugin).run().assert_prints(&old);
    assert_eq!(plugin.runs(), 2);
    plugin.release();
    miss.finish();
}

#[test]
fn if_the_lock_holder_is_killed_a_waiting_call_takes_over() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential).hold();
    let mut holder = sandbox.cache(&plugin).spawn();
    plugin.await_runs(1);
    let waiters: Vec<_> = (0..5).map(|_| sandbox.cache(&plugin).spawn()).collect();
    for waiter in &waiters {
        sandbox.await_waiting(waiter.pid());
    }
    // Its plugin lives on and must not hold the lock.
    holder.kill_alone();
    plugin.await_runs(2);
    plugin.release();
    for waiter in waiters {
        waiter.finish().assert_prints(&credential);
    }
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn what_a_waiter_fetches_with_a_program_that_was_replaced_meanwhile_is_stored() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws");
    plugin.prints(Credential::token("t").expires_in(HOUR).bytes()).hold();
    let mut holder = sandbox.cache(&plugin).spawn();
    plugin.await_runs(1);
    let waiter = sandbox.cache(&plugin).spawn();
    sandbox.await_waiting(waiter.pid());
    let program = std::fs::File::options().write(true).open(plugin.command()).unwrap();
    program.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    drop(program);
    holder.kill_alone();
    plugin.await_runs(2);
    plugin.release();
    assert_eq!(waiter.finish().code(), 0);
    assert_eq!(sandbox.cache(&plugin).run().code(), 0);
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn if_the_lock_holder_is_stopped_one_waiter_takes_over_after_the_limit() {
    assert_one_waiter_takes_over("true");
}

/// On Linux, SIGURG interrupts a call that waits for the lock.
#[test]
fn a_waiter_takes_over_although_its_parent_ignores_a_signal() {
    assert_one_waiter_takes_over("trap '' URG");
}

/// Checks that one waiter runs the plugin beside a holder that is stopped, and gives the plugin the same
/// signals as a call that does not wait. `preparation` is what a shell does before it makes a call.
fn assert_one_waiter_takes_over(preparation: &str) {
    let sandbox = Sandbox::new();
    let Some(clock) = sandbox.clock() else { return };
    // A wait of five minutes takes 0.3 s.
    let _clock = clock.speed(1000);
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential).records().hold();
    let call = || after(preparation, sandbox.cache(&plugin)).spawn();
    let holder = call();
    plugin.await_runs(1);
    plugin.await_record();
    let inherited = plugin.inheritance();
    holder.signal(Signal::Stop);
    let waiters: Vec<_> = (0..5).map(|_| call()).collect();
    await_that("one waiter takes over", || plugin.runs() == 2);
    plugin.release();
    for waiter in waiters {
        waiter.finish().assert_prints(&credential);
    }
    holder.signal(Signal::Continue);
    holder.finish().assert_prints(&credential);
    sandbox.cache(&plugin).run().assert_prints(&credential);
    assert_eq!(plugin.runs(), 2);
    assert_eq!(plugin.inheritance(), inherited);
}

/// One minute, or five if the user may have to log in.
#[test]
fn the_wait_is_longer_for_a_plugin_that_may_prompt() {
    let sandbox = Sandbox::new();
    let Some(clock) = sandbox.clock() else { return };
    // One minute takes 1 s, five minutes take 5 s.
    let _clock = clock.speed(60);
    let held = |name: &str, args: &[&str]| {
        let plugin = sandbox.plugin(name);
        plugin.prints(Credential::token(name).expires_in(HOUR).bytes()).hold();
        let call = || sandbox.cache(&plugin).args(args).spawn();
        let holder = call();
        plugin.await_runs(1);
        let waiter = call();
        (plugin, [holder, waiter])
    };
    let calls = [held("plugin", &[]), held("aws", &["eks", "get-token"])];
    let [(other, _), (silent, _)] = &calls;
    silent.await_runs(2);
    assert_eq!(other.runs(), 1);
    other.await_runs(2);
    for (plugin, calls) in calls {
        plugin.release();
        for call in calls {
            assert_eq!(call.finish().code(), 0);
        }
    }
}

/// Checks that all calls after the first one run the plugin in parallel: the test holds all of them.
fn assert_do_not_queue(output: &[u8]) {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(output).hold();
    let calls: Vec<Running> = (0..20).map(|_| sandbox.cache(&plugin).spawn()).collect();
    for call in &calls {
        sandbox.await_waiting(call.pid());
    }
    plugin.await_runs(1);
    plugin.release_run(plugin.pids()[0]);
    plugin.await_runs(20);
    plugin.release();
    for call in calls {
        call.finish().assert_prints(output);
    }
    assert_eq!(plugin.runs(), 20);
    assert_eq!(sandbox.entries(), 0);
}

#[test]
fn calls_whose_output_has_no_expiry_do_not_queue() {
    assert_do_not_queue(&Credential::token("t").bytes());
}

#[test]
fn calls_whose_output_is_no_credential_do_not_queue() {
    assert_do_not_queue(b"kind: ExecCredential\n");
}

#[test]
fn a_cacheable_output_after_an_uncacheable_one_is_cached() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints("not a credential");
    sandbox.cache(&plugin).run().assert_prints("not a credential");
    plugin.prints(&credential);
    sandbox.cache(&plugin).run().assert_prints(&credential);
    sandbox.cache(&plugin).run().assert_prints(&credential);
    assert_eq!(plugin.runs(), 2);
}

/// The plugin of a killed call lives on with every descriptor that it inherited.
#[test]
fn a_plugin_that_outlives_its_call_does_not_keep_the_lock() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let credential = Credential::token("t").expires_in(HOUR).bytes();
    plugin.prints(&credential).hold();
    let mut holder = sandbox.cache(&plugin).spawn();
    plugin.await_runs(1);
    holder.kill_alone();
    let next = sandbox.cache(&plugin).spawn();
    plugin.await_runs(2);
    plugin.release_run(plugin.pids()[1]);
    next.finish().assert_prints(&credential);
    let orphan = plugin.pids()[0];
    kill(orphan, Signal::Kill);
    plugin.release();
}
