//! Cache file and key file: their paths, their content, and that readers and writers do not block each
//! other.

use std::fs::{self, File};
use std::io::Read;
use std::os::windows::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{HOUR, Run, Sandbox, await_that, credential, is_wine};

/// <https://learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-createfilew>
const FILE_SHARE_READ: u32 = 1;

#[test]
fn the_cache_lies_in_appdata_and_the_key_in_localappdata() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    plugin.prints(credential("t", HOUR));
    sandbox.run(["aws"]);
    let lock_file = sandbox.cache_file().with_extension("json.lock");
    for file in [sandbox.cache_file(), lock_file, sandbox.key_file()] {
        assert!(file.is_file(), "{}", file.display());
    }
}

#[test]
fn without_appdata_the_plugin_runs_and_nothing_is_stored() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential);
    sandbox.unset("APPDATA");
    for runs in 1..3 {
        sandbox.run(["aws"]).assert_prints(&credential);
        assert_eq!(plugin.runs(), runs);
    }
    // A relative path would depend on the working directory, so it is ignored.
    sandbox.set("APPDATA", "relative");
    sandbox.run(["aws"]).assert_prints(&credential);
    assert!(!sandbox.profile().join("relative").exists());
}

#[test]
fn the_cache_file_can_be_set_by_a_variable_with_any_slashes() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential);
    for file in [r"new folder\tökens.json", "new folder/other.json"] {
        let file = sandbox.profile().join(file);
        sandbox.set("K8S_TOKEN_CACHE_FILE", &file);
        for _ in 0..2 {
            sandbox.run(["aws"]).assert_prints(&credential);
        }
        assert!(file.is_file());
    }
    assert_eq!(plugin.runs(), 2);
    assert!(!sandbox.cache_file().exists());
}

#[test]
fn a_cache_that_cannot_be_written_does_not_cost_the_credential() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential);
    fs::create_dir_all(sandbox.cache_file()).unwrap();
    sandbox.run(["aws"]).assert_prints(&credential);
    sandbox.set("K8S_TOKEN_CACHE_FILE", plugin.file().join("file.json"));
    sandbox.run(["aws"]).assert_prints(&credential);
    sandbox.set("K8S_TOKEN_CACHE_FILE", r"C:\a|b\token.json");
    sandbox.run(["aws"]).assert_prints(&credential);
}

#[test]
fn a_credential_inside_the_margin_is_not_served() {
    let sandbox = Sandbox::new();
    sandbox.set("K8S_TOKEN_CACHE_ENCRYPTION", "off");
    let plugin = sandbox.plugin("plugin.cmd");
    let old = credential("old", HOUR);
    plugin.prints(&old);
    sandbox.run(["plugin"]).assert_prints(&old);
    sandbox.age_s(4 * HOUR);
    sandbox.set("K8S_TOKEN_CACHE_REFRESH_MARGIN", "30m");
    sandbox.run(["plugin"]).assert_prints(&old);
    assert_eq!(plugin.runs(), 1);
    let new = credential("new", 5 * HOUR);
    plugin.prints(&new);
    sandbox.set("K8S_TOKEN_CACHE_REFRESH_MARGIN", "90m");
    sandbox.run(["plugin"]).assert_prints(&new);
    assert_eq!(plugin.runs(), 2);
}

/// DPAPI wraps the key, so neither the key nor the token is on the disk in plain text.
#[test]
fn the_encryption_key_is_wrapped_and_the_credential_is_sealed() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    plugin.prints(credential("a-token-that-is-easy-to-find", HOUR));
    sandbox.run(["aws", "an-argument"]);
    let cache = fs::read_to_string(sandbox.cache_file()).unwrap();
    assert!(cache.contains("\"sealed\":\""));
    assert!(!cache.contains("a-token") && !cache.contains("an-argument"));
    let key = fs::read(sandbox.key_file()).unwrap();
    let wrapped = key.strip_prefix(b"k8s-token-cache key 1\n").unwrap();
    assert!(wrapped.len() > 100, "32 bytes would be the unwrapped key: {}", wrapped.len());
}

#[test]
fn a_key_file_that_cannot_be_unwrapped_is_never_overwritten() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential);
    sandbox.run(["aws"]);
    let mut key = fs::read(sandbox.key_file()).unwrap();
    let middle = key.len() / 2;
    key[middle] ^= 1;
    key.truncate(key.len() - 8);
    fs::write(sandbox.key_file(), &key).unwrap();
    sandbox.run(["aws"]).assert_prints(&credential);
    assert_eq!(plugin.runs(), 2);
    sandbox.set("K8S_TOKEN_CACHE_ENCRYPTION", "file");
    sandbox.run(["aws"]).assert_prints(&credential);
    assert!(sandbox.log().contains("cannot be decrypted"), "{}", sandbox.log());
    assert_eq!(fs::read(sandbox.key_file()).unwrap(), key);
    fs::remove_file(sandbox.key_file()).unwrap();
    for _ in 0..2 {
        sandbox.run(["aws"]).assert_prints(&credential);
    }
    assert_eq!(plugin.runs(), 4);
}

/// Hits have the file open while a writer replaces it.
#[test]
fn a_cache_file_that_a_reader_has_open_is_replaced() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential);
    sandbox.run(["aws", "one"]).assert_prints(&credential);
    let before = fs::read_to_string(sandbox.cache_file()).unwrap();
    let mut reader = File::open(sandbox.cache_file()).unwrap();
    sandbox.run(["aws", "two"]).assert_prints(&credential);
    let mut seen = String::new();
    reader.read_to_string(&mut seen).unwrap();
    assert!(seen == before, "a reader keeps the file that it opened");
    drop(reader);
    if is_wine("it does not rename over an open file: the second credential was not stored") {
        return;
    }
    sandbox.run(["aws", "two"]).assert_prints(&credential);
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn a_writer_waits_for_a_reader_that_closes_the_file_soon() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential);
    sandbox.run(["aws", "one"]).assert_prints(&credential);
    plugin.hold();
    let call = sandbox.call(["aws", "two"]).spawn().unwrap();
    plugin.await_runs(2);
    // Allows other readers only, so that it blocks a rename on Windows too.
    let reader = File::options().read(true).share_mode(FILE_SHARE_READ).open(sandbox.cache_file()).unwrap();
    plugin.release();
    // The writer has written the new file and now retries the rename.
    let waits = || fs::read_dir(sandbox.cache_file().parent().unwrap()).unwrap().count() == 3;
    await_that("the new file is there", waits);
    drop(reader);
    Run(call.wait_with_output().unwrap()).assert_prints(&credential);
    sandbox.run(["aws", "two"]).assert_prints(&credential);
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn a_file_opened_without_sharing_does_not_cost_the_credential() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("aws.cmd");
    let credential = credential("t", HOUR);
    plugin.prints(&credential);
    sandbox.run(["aws"]).assert_prints(&credential);
    let exclusive = File::options().read(true).share_mode(0).open(sandbox.cache_file()).unwrap();
    sandbox.run(["aws"]).assert_prints(&credential);
    drop(exclusive);
    assert_eq!(plugin.runs(), 2);
    let names = fs::read_dir(sandbox.cache_file().parent().unwrap()).unwrap().count();
    assert_eq!(names, 2, "nothing is left behind");
    sandbox.run(["aws"]).assert_prints(&credential);
    assert_eq!(plugin.runs(), 2);
}

#[test]
fn hits_continue_while_the_cache_file_is_replaced() {
    let sandbox = Sandbox::new();
    let (read, written) = (sandbox.plugin("read.cmd"), sandbox.plugin("written.cmd"));
    let credential = credential("t", HOUR);
    read.prints(&credential);
    written.prints(&credential);
    sandbox.run(["read"]).assert_prints(&credential);
    let writer = |key: u32| sandbox.call(["written", &key.to_string()]);
    let done = AtomicBool::new(false);
    let mut writers = (0..8).map(|key| writer(key).spawn().unwrap()).collect::<Vec<_>>();
    thread::scope(|scope| {
        scope.spawn(|| {
            for call in writers.drain(..) {
                Run(call.wait_with_output().unwrap()).assert_prints(&credential);
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            sandbox.run(["read"]).assert_prints(&credential);
        }
    });
    assert_eq!((read.runs(), written.runs()), (1, 8));
    for key in 0..8 {
        Run(writer(key).output().unwrap()).assert_prints(&credential);
    }
    assert_eq!(written.runs(), 8, "no writer removed the entry of another one");
}
