//! A plugin gets its arguments unchanged, although `cmd` parses those of batch files by its own rules.

use std::ffi::OsString;

use crate::plugin::words_of;
use crate::support::{Sandbox, is_wine};

const AWKWARD: [&str; 14] = [
    "eks",
    "",
    "a b",
    r#"say "x""#,
    r"C:\folder\",
    r"C:\a folder\",
    "a&b",
    "a|b<c>d",
    "^caret",
    "(p)",
    "!x!",
    "a,b;c=d",
    "größe",
    "--url=https://host/?a=1&b=2",
];
const WITH_PERCENT_SIGNS: [&str; 4] = ["100%", "%PATH%", "a%20b", "%%x"];

#[test]
fn a_batch_file_gets_every_argument_unchanged() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("gcloud.cmd");
    let words = [&["gcloud"], &AWKWARD[..]].concat();
    assert_eq!(sandbox.run(words).status(), 0);
    assert_eq!(plugin.arguments(), AWKWARD);
}

#[test]
fn a_batch_file_gets_percent_signs_unchanged() {
    if is_wine(r#"its cmd does not support "%cd:~,%", with which std escapes a percent sign"#) {
        return;
    }
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("gcloud.cmd");
    let words = [&["gcloud"], &WITH_PERCENT_SIGNS[..]].concat();
    assert_eq!(sandbox.run(words).status(), 0);
    assert_eq!(plugin.arguments(), WITH_PERCENT_SIGNS);
}

/// `cmd` has no escape for one.
#[test]
fn a_line_break_in_an_argument_of_a_batch_file_is_refused() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("gcloud.cmd");
    for argument in ["a\nb", "a\r\nb"] {
        sandbox.run(["gcloud", argument]).assert_own_error(126, "cannot run 'gcloud'");
    }
    assert_eq!(plugin.runs(), 0);
}

#[test]
fn a_program_gets_every_argument_unchanged() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.plugin("plugin");
    let arguments = [&AWKWARD[..], &WITH_PERCENT_SIGNS, &["a\nb"]].concat();
    let mut words = words_of(plugin.file());
    words.extend(arguments.iter().map(OsString::from));
    assert_eq!(sandbox.run(words).status(), 0);
    assert_eq!(plugin.arguments(), arguments);
}
