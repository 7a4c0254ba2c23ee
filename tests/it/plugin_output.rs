//! What a plugin may print: everything reaches the client as it is, and only what a client would
//! accept is remembered.

use crate::support::{Credential, HOUR, Plugin, Sandbox};

const EXPIRY: &str = "2099-01-01T00:00:00Z";

/// Runs the plugin with that output and status; the client must get just that.
fn assert_passes_through(sandbox: &Sandbox, plugin: &Plugin, output: &[u8]) {
    plugin.prints(output);
    let before = plugin.runs();
    sandbox.cache(plugin).run().assert_prints(output);
    assert_eq!(plugin.runs(), before + 1, "an earlier output was cached");
}

/// Neither of two calls is served from cache.
fn assert_never_cached(outputs: &[&[u8]]) {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    for output in outputs {
        assert_passes_through(&sandbox, &plugin, output);
        assert_passes_through(&sandbox, &plugin, output);
        assert_eq!(sandbox.entries(), 0, "{}", String::from_utf8_lossy(output));
    }
}

/// A credential as JSON with this `status`.
fn with_status(status: &str) -> String {
    format!(r#"{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{status}}}"#)
}

fn valid() -> String {
    with_status(&format!(r#"{{"token":"t","expirationTimestamp":"{EXPIRY}"}}"#))
}

#[test]
fn what_these_tests_call_valid_is_cached() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    plugin.prints(valid());
    sandbox.cache(&plugin).run().assert_prints(valid());
    sandbox.cache(&plugin).run().assert_prints(valid());
    assert_eq!(plugin.runs(), 1);
}

/// Members that the program does not read may have any value, in any form of JSON.
#[test]
fn unknown_members_do_not_matter() {
    let unknown = [
        "null",
        "true",
        "0",
        "-0",
        "-1.5",
        "1.50e+2",
        "1E-7",
        "123456789012345678901234567890",
        "1e400",
        "\"\"",
        r#""\u00e4\/\b\f\n\r\t\\\"\ud83d\ude00""#,
        "\"\u{7f}ä\u{1f600}\"",
        "[]",
        "{}",
        r#"[1,"a",[null,{"b":{}}]]"#,
        r#"{"token":"other","status":{"token":"other"},"":1}"#,
        r#"{"a":1,"a":2}"#,
    ];
    let expiry = format!(r#""expirationTimestamp":"{EXPIRY}""#);
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    for (index, value) in unknown.iter().enumerate() {
        let inside = with_status(&format!(r#"{{"token":"t",{expiry},"x-unknown":{value}}}"#));
        let outside = valid().replacen('{', &format!(r#"{{"x-unknown":{value},"#), 1);
        for (place, output) in [("inside", inside), ("outside", outside)] {
            plugin.prints(&output);
            let before = plugin.runs();
            let call = || sandbox.cache(&plugin).arg(format!("{index} {place}")).run();
            call().assert_prints(&output);
            call().assert_prints(&output);
            assert_eq!(plugin.runs(), before + 1, "{output}");
        }
    }
}

#[test]
fn a_credential_truncated_at_any_byte_is_passed_through_and_not_cached() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let valid = valid();
    for length in 0..valid.len() {
        assert_passes_through(&sandbox, &plugin, &valid.as_bytes()[..length]);
    }
    assert_passes_through(&sandbox, &plugin, b"");
    assert_eq!(sandbox.entries(), 0);
}

#[test]
fn a_credential_with_any_byte_broken_is_passed_through() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let valid = valid().into_bytes();
    for index in (0..valid.len()).step_by(7) {
        for byte in [b'\0', b'"', b'\\', 0xff] {
            let mut broken = valid.clone();
            broken[index] = byte;
            plugin.prints(&broken);
            let run = sandbox.cache(&plugin).arg(format!("{index} {byte}")).run();
            run.assert_prints(&broken);
        }
    }
}

#[test]
fn text_that_is_not_json_is_never_cached() {
    let valid = valid();
    let trailing = [" x", "{}", ",", "]", "}", "\0", "\u{feff}", "//", "\n# done\n", &valid];
    let leading = ["x ", "login: ok\n", "//\n", "/* */", "[", "\u{b}", "\u{a0}"];
    let outputs: Vec<String> = trailing
        .iter()
        .map(|text| format!("{valid}{text}"))
        .chain(leading.iter().map(|text| format!("{text}{valid}")))
        .collect();
    assert_never_cached(&outputs.iter().map(|output| output.as_bytes()).collect::<Vec<_>>());
    assert_never_cached(&[b"", b" ", b"\n", b"null", b"true", b"7", b"\"token\"", b"[]", b"{}"]);
}

#[test]
fn json_that_breaks_the_grammar_is_never_cached() {
    let expiry = format!(r#""expirationTimestamp":"{EXPIRY}""#);
    let liberties = [
        format!(r#"{{"token":"t",{expiry},}}"#),
        format!(r#"{{"token":"t",/* why */{expiry}}}"#),
        format!("{{\"token\":\"t\",// why\n{expiry}}}"),
        format!("{{\"token\":\"t\",# why\n{expiry}}}"),
        format!(r#"{{token:"t",{expiry}}}"#),
        format!(r#"{{'token':'t',{expiry}}}"#),
        format!(r#"{{"token" "t",{expiry}}}"#),
        format!(r#"{{"token":"t" {expiry}}}"#),
        format!(r#"{{,"token":"t",{expiry}}}"#),
        format!(r#"{{"token":"t",{expiry},"x":007}}"#),
        format!(r#"{{"token":"t",{expiry},"x":+1}}"#),
        format!(r#"{{"token":"t",{expiry},"x":.5}}"#),
        format!(r#"{{"token":"t",{expiry},"x":1.}}"#),
        format!(r#"{{"token":"t",{expiry},"x":1e}}"#),
        format!(r#"{{"token":"t",{expiry},"x":-}}"#),
        format!(r#"{{"token":"t",{expiry},"x":NaN}}"#),
        format!(r#"{{"token":"t",{expiry},"x":True}}"#),
        format!(r#"{{"token":"t",{expiry},"x":0x1}}"#),
        format!(r#"{{"token":"t",{expiry},"x":[1,]}}"#),
        format!(r#"{{"token":"t",{expiry},"x"}}"#),
        format!(r#"{{"token":"t",{expiry},"x":}}"#),
        format!(r#"{{"token":"\x41",{expiry}}}"#),
        format!(r#"{{"token":"\u12",{expiry}}}"#),
        format!(r#"{{"token":"\'",{expiry}}}"#),
        format!("{{\"token\":\"a\nb\",{expiry}}}"),
        format!("{{\"token\":\"a\tb\",{expiry}}}"),
        format!("{{\"token\":\"a\u{1f}b\",{expiry}}}"),
    ];
    let outputs: Vec<String> = liberties.iter().map(|status| with_status(status)).collect();
    assert_never_cached(&outputs.iter().map(|output| output.as_bytes()).collect::<Vec<_>>());
}

#[test]
fn yaml_and_a_missing_kind_are_cached_as_client_go_takes_them() {
    let yaml = format!(
        "apiVersion: client.authentication.k8s.io/v1\nkind: ExecCredential\nstatus:\n  \
         token: t # a comment\n  expirationTimestamp: {EXPIRY}\n"
    );
    let outputs = [
        yaml.clone(),
        yaml.replace("kind: ExecCredential\n", ""),
        format!("---\n{}", valid()),
        valid().replace(r#""kind":"ExecCredential","#, ""),
        valid().replace("ExecCredential", ""),
    ];
    for output in outputs {
        let sandbox = Sandbox::new();
        let plugin = sandbox.plugin("plugin");
        plugin.prints(&output);
        sandbox.cache(&plugin).run().assert_prints(&output);
        sandbox.cache(&plugin).run().assert_prints(&output);
        assert_eq!(plugin.runs(), 1, "{output}");
    }
}

#[test]
fn what_a_client_cannot_use_is_never_cached() {
    let with = |token: &str, stamp: &str| {
        with_status(&format!(r#"{{"token":"{token}","expirationTimestamp":"{stamp}"}}"#))
    };
    let outputs = [
        with("t\\n", EXPIRY),
        with("a\\r\\nb", EXPIRY),
        with("\\u0000", EXPIRY),
        with("t", "2099-11-25t18:13:45Z"),
        with("t", "2099-11-25T18:13:45z"),
        with("t", "2099-11-25T18:13:60Z"),
        "apiVersion: client.authentication.k8s.io/v1\nstatus:\n  token: |\n    t\n  expirationTimestamp: 2099-01-01T00:00:00Z\n".to_owned(),
    ];
    assert_never_cached(&outputs.iter().map(|output| output.as_bytes()).collect::<Vec<_>>());
}

#[test]
fn a_name_that_is_given_twice_is_never_cached() {
    let status = format!(r#"{{"token":"t","expirationTimestamp":"{EXPIRY}"}}"#);
    let head = r#""kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1""#;
    let outputs = [
        format!(r#"{{{head},"status":{status},"status":{status}}}"#),
        format!(r#"{{{head},"kind":"ExecCredential","status":{status}}}"#),
        format!(r#"{{{head},"apiVersion":"client.authentication.k8s.io/v1","status":{status}}}"#),
        with_status(&format!(r#"{{"token":"t","token":"u","expirationTimestamp":"{EXPIRY}"}}"#)),
        with_status(&format!(
            r#"{{"token":"t","expirationTimestamp":"{EXPIRY}","expirationTimestamp":"{EXPIRY}"}}"#
        )),
        with_status(&format!(r#"{{"token":"t","\u0074oken":"u","expirationTimestamp":"{EXPIRY}"}}"#)),
    ];
    assert_never_cached(&outputs.iter().map(|output| output.as_bytes()).collect::<Vec<_>>());
}

#[test]
fn what_client_go_refuses_is_never_cached() {
    let valid = valid();
    let expiry = format!(r#""expirationTimestamp":"{EXPIRY}""#);
    let outputs = [
        valid.replace("ExecCredential", "Status"),
        valid.replace("ExecCredential\"", "ExecCredentialList\""),
        valid.replace("k8s.io/v1", "k8s.io/v1beta1"),
        valid.replace("k8s.io/v1", "k8s.io/v1alpha1"),
        valid.replace("k8s.io/v1", "k8s.io/v2"),
        valid.replace("client.authentication.k8s.io/v1", "v1"),
        valid.replace("client.authentication.k8s.io/v1", "example.com/v1"),
        valid.replace("client.authentication", "Client.Authentication"),
        valid.replace(r#""apiVersion":"client.authentication.k8s.io/v1","#, ""),
        valid.replace("\"status\"", "\"state\""),
        with_status("null"),
        with_status("[]"),
        with_status("\"t\""),
        with_status("{}"),
        with_status(&format!("{{{expiry}}}")),
        with_status(&format!(r#"{{"token":"",{expiry}}}"#)),
        with_status(&format!(r#"{{"token":null,{expiry}}}"#)),
        with_status(&format!(r#"{{"token":7,{expiry}}}"#)),
        with_status(&format!(r#"{{"token":["t"],{expiry}}}"#)),
        with_status(&format!(r#"{{"clientCertificateData":"c",{expiry}}}"#)),
        with_status(&format!(r#"{{"clientKeyData":"k",{expiry}}}"#)),
        with_status(&format!(r#"{{"token":"t","clientCertificateData":"c",{expiry}}}"#)),
        with_status(r#"{"token":"t","expirationTimestamp":4102444800}"#),
        with_status(r#"{"token":"t","expirationTimestamp":{}}"#),
        with_status(r#"{"token":"t","expirationTimestamp":false}"#),
    ];
    assert_never_cached(&outputs.iter().map(|output| output.as_bytes()).collect::<Vec<_>>());
}

#[test]
fn text_that_is_not_utf8_is_never_cached() {
    let expiry = format!(r#""expirationTimestamp":"{EXPIRY}""#);
    let bad: [&[u8]; 7] =
        [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"];
    let outputs: Vec<Vec<u8>> = bad
        .iter()
        .flat_map(|bytes| {
            ["token", "unknown"].map(|name| {
                let text = with_status(&format!(r#"{{"token":"t","@":"@@",{expiry}}}"#));
                let text = text.replace("\"@\"", &format!("\"{name}2\""));
                let at = text.find("@@").unwrap();
                [&text.as_bytes()[..at], bytes, &text.as_bytes()[at + 2..]].concat()
            })
        })
        .collect();
    assert_never_cached(&outputs.iter().map(Vec::as_slice).collect::<Vec<_>>());
}

/// Half a character, written as an escape: Go would replace it, other clients refuse it.
#[test]
fn lone_surrogates_are_passed_through() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    for token in [r"\ud800", r"\udc00", r"\udc00\ud800", r"\ud800\u0041", r"a\uD83D"] {
        let output = with_status(&format!(r#"{{"token":"{token}","expirationTimestamp":"{EXPIRY}"}}"#));
        for _ in 0..2 {
            plugin.prints(&output);
            sandbox.cache(&plugin).arg(token).run().assert_prints(&output);
        }
    }
}

#[test]
fn deep_nesting_is_passed_through_and_not_cached() {
    let expiry = format!(r#""expirationTimestamp":"{EXPIRY}""#);
    let nested = |open: &str, close: &str, depth: usize| {
        let (open, close) = (open.repeat(depth), close.repeat(depth));
        with_status(&format!(r#"{{"token":"t",{expiry},"x":{open}0{close}}}"#))
    };
    let outputs = [
        nested("[", "]", 65),
        nested("[", "]", 100_000),
        nested("{\"a\":", "}", 100_000),
        nested("[", "", 500_000),
        "[".repeat(500_000),
        "{\"a\":".repeat(100_000),
    ];
    assert_never_cached(&outputs.iter().map(|output| output.as_bytes()).collect::<Vec<_>>());
}

#[test]
fn reasonable_nesting_is_cached() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let nested = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let output = with_status(&format!(r#"{{"token":"t","expirationTimestamp":"{EXPIRY}","x":{nested}}}"#));
    plugin.prints(&output);
    sandbox.cache(&plugin).run().assert_prints(&output);
    sandbox.cache(&plugin).run().assert_prints(&output);
    assert_eq!(plugin.runs(), 1);
}

/// Sizes around the limit of what is collected, a megabyte; all bytes come out at every size.
#[test]
fn a_megabyte_and_more_is_passed_through() {
    const LIMIT: usize = 1 << 20;
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let of_size = |size: usize| {
        let valid = valid();
        let padding = " ".repeat(size - valid.len());
        format!("{valid}{padding}")
    };
    for size in [LIMIT + 1, LIMIT + 4096, 4 * LIMIT + 3] {
        assert_passes_through(&sandbox, &plugin, of_size(size).as_bytes());
        assert_passes_through(&sandbox, &plugin, of_size(size).as_bytes());
    }
    for size in [LIMIT - 1, LIMIT] {
        let output = of_size(size);
        plugin.prints(&output);
        sandbox.cache(&plugin).arg(size.to_string()).run().assert_prints(&output);
        sandbox.cache(&plugin).arg(size.to_string()).run().assert_prints(&output);
    }
    let garbage = vec![b'x'; 2 * LIMIT];
    assert_passes_through(&sandbox, &plugin, &garbage);
    assert_passes_through(&sandbox, &plugin, &garbage);
}

#[test]
fn a_large_credential_comes_back_from_cache_whole() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let token: String = (0..200_000).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    let credential = Credential::token(token).expires_in(HOUR).bytes();
    plugin.prints(&credential);
    sandbox.cache(&plugin).run().assert_prints(&credential);
    sandbox.cache(&plugin).run().assert_prints(&credential);
    assert_eq!(plugin.runs(), 1);
}

/// A byte order mark is what some Windows programs put in front; client-go accepts it.
#[test]
fn a_byte_order_mark_survives() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let output = format!("\u{feff}{}", valid());
    plugin.prints(&output);
    sandbox.cache(&plugin).run().assert_prints(&output);
    sandbox.cache(&plugin).run().assert_prints(&output);
}

/// No credential, with the plugin's message on stderr and its status: as without the cache.
#[test]
fn a_failing_plugins_output_and_status_pass_through() {
    let sandbox = Sandbox::new();
    let outputs: [&[u8]; 4] = [b"", b"error: no login\n", valid().leak().as_bytes(), b"{\"kind\":"];
    for (index, output) in outputs.iter().enumerate() {
        let plugin = sandbox.plugin(&format!("plugin{index}"));
        plugin.prints(output).exits_with(3).writes_to_stderr("a word of the plugin\n");
        let run = sandbox.cache(&plugin).run();
        assert_eq!((run.code(), run.stdout.as_slice()), (3, *output), "{run:?}");
        assert_eq!(run.stderr_text(), "a word of the plugin\n");
        assert_eq!(sandbox.entries(), 0);
    }
}

/// kubectl shows stderr to people and logs; fabric8 merges it into stdout.
#[test]
fn nothing_of_stdout_reaches_stderr() {
    let sandbox = Sandbox::new();
    for (name, status) in [("well", 0), ("badly", 1)] {
        let plugin = sandbox.plugin(name);
        plugin.prints("{\"status\":{\"token\":\"MARKED-SECRET\"").exits_with(status);
        let run = sandbox.cache(&plugin).run();
        assert!(!run.stderr_text().contains("MARKED-SECRET"), "{run:?}");
    }
}

/// The plugin prints and ends after the program has read its output and before it checks whether the plugin
/// still runs. A delayed system call makes this reproducible.
#[test]
#[cfg(target_os = "linux")]
fn output_that_comes_with_the_plugins_end_is_not_lost() {
    const SLOW_LOOK: [&str; 6] =
        ["strace", "-q", "-o", "/dev/null", "-e", "inject=wait4,waitid:delay_enter=500000"];
    let sandbox = Sandbox::new();
    if !sandbox.tool("true").behind(SLOW_LOOK).run_if_found().is_some_and(|run| run.status.success()) {
        return crate::support::skip("no 'strace' that may trace");
    }
    let plugin = sandbox.plugin("plugin");
    plugin.prints(valid()).hold();
    let call = sandbox.cache(&plugin).behind(SLOW_LOOK).spawn();
    plugin.await_runs(1);
    // By now the program is inside the delayed call.
    std::thread::sleep(std::time::Duration::from_millis(250));
    plugin.release();
    call.finish().assert_prints(valid());
    assert_eq!(sandbox.entries(), 1);
}
