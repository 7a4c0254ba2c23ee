//! Which paths words, variables and scripts name, without a look at the disk.

use std::path::Path;

use super::{HOME, command};
use crate::identity::invocation::Overlay;
use crate::identity::paths::{named_by_variable, named_by_words};
use crate::identity::script;

fn environment(name: &str) -> Option<std::ffi::OsString> {
    match name {
        HOME => Some("/home/u".into()),
        "DIR" => Some("/d".into()),
        _ => None,
    }
}

fn paths<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Vec<String> {
    paths.into_iter().map(|path| path.display().to_string()).collect()
}

#[test]
fn words_that_may_be_paths_are_looked_up_and_no_others() {
    for (line, expected) in [
        ("eks get-token --cluster-name demo --region eu-west-1 --output json", &[][..]),
        ("--role-arn arn:aws:iam::1:role/team/x --role=arn:aws:iam::1:role/x", &[]),
        ("--issuer https://i.example/a --exec client.authentication.k8s.io/v1beta1 --port 127.0.0.1:80", &[]),
        ("--cluster demo.example", &["demo.example"]),
        ("--config c --config=d -c e -f f", &["c", "d", "e", "f"]),
        ("--config-file ~/c -f/x", &["/home/u/c", "/x"]),
        ("file://a fileb:///b @c --data=@d @/e", &["a", "/b", "c", "d", "/e"]),
        ("--files=/a,/b --arg=key=/c", &["/a,/b", "/a", "/b", "key=/c", "/c"]),
        ("--cache-file /c --log-file=/l --output o/x", &[]),
        ("--config $DIR/c ${DIR}/d $NONE/e", &["/d/c", "/d/d", "$NONE/e"]),
    ] {
        let mut found = Vec::new();
        named_by_words(&command(line), &Overlay::new(&environment), |path| found.push(path));
        assert_eq!(paths(found.iter().map(|path| path.as_path())), expected, "{line}");
    }
}

#[test]
fn values_that_may_be_paths_are_looked_up_and_no_others() {
    for (name, value, expected, lists) in [
        ("CORP_CONFIG", "/c", &["/c"][..], true),
        ("CORP", "/c", &["/c"], false),
        ("CORP_CONFIG", "c", &["c"], true),
        ("CORP_STAGE", "dev", &[], false),
        ("CORP_URL", "https://h/x", &[], false),
        ("CORP_FILES", "/a:/b", &["/a:/b", "/a", "/b"], false),
        ("CORP_OPTIONS", "--url https://h/x --config=/a --to=file:///b", &["/a", "/b"], false),
        ("CORP_CONFIG_DIR", "/c", &["/c"], true),
        ("JAVA_HOME", "/c", &[], false),
        ("SSL_CERT_DIR", "/c", &[], false),
        ("PKG_CONFIG_LIBDIR", "/c", &["/c"], false),
        ("PATH", "/a:/b", &[], false),
        ("CORP_CACHE_FILE", "/c", &[], false),
        ("CORP", "~/c", &["/home/u/c"], false),
        ("LOGIN_CONFIG", "/c", &["/c"], true),
    ] {
        let found = named_by_variable(name.as_ref(), value.as_ref(), &environment);
        assert_eq!(paths(found.iter().map(|mention| mention.path.as_path())), expected, "{name}={value}");
        assert!(found.iter().all(|mention| mention.lists == lists), "{name}");
    }
}

/// A script, its programs, its files, and what cannot be told.
type ScriptCase = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

#[test]
fn scripts_are_read_as_a_shell_does() {
    #[rustfmt::skip]
    let cases: &[ScriptCase] = &[
        ("cat /a 'b c' \"d\"'e' f\\ g", &["cat"], &["/a", "b c", "de", "f g"], &[]),
        ("a | b && c; d & e\nf || (g) { h; }", &["a", "b", "c", "d", "e", "f", "g", "h"], &[], &[]),
        ("X=/x; a $X ${X}/y \"$X/z w\" '$X'", &["a"], &["/x", "/x/y", "/x/z w", "$X"], &[]),
        ("a $DIR/x ${NONE:-/n}", &["a"], &["/d/x", "/n"], &[]),
        ("exec env -i X=1 a # b /c", &["a"], &["1"], &[]),
        ("if a; then b; else c; fi", &["a", "b", "c"], &[], &[]),
        ("a <<E >/o 2>&1 </i\n/text $X/y\nE\nb", &["a", "b"], &["/i"], &[]),
        ("a <<<\"$(b /c)\"", &["b", "a"], &["/c"], &[]),
        ("a /x/* /y/?z /w/{a,b}", &["a"], &["/x", "/y", "/w"], &[]),
        ("echo \"{\\\"apiVersion\\\":\\\"c/v1\\\",\\\"token\\\":\\\"$(a)\\\"}\"", &["a", "echo"], &[], &[]),
        ("X=$(a); echo $X /b; b \"$X\" \"Bearer $X\" https://h/$X", &["a", "echo", "b"], &[], &[]),
        ("flock /l timeout 5 a b", &["flock", "timeout", "a", "b", "timeout"], &["/l", "timeout", "5", "a", "b"], &[]),
        ("$(a)/x b", &[], &[], &["$(...)"]),
    ];
    for (text, programs, expected, doubts) in cases {
        let mut overlay = Overlay::new(&environment);
        let named = script::read(text, &mut overlay);
        if doubts.is_empty() {
            assert!(
                programs.iter().all(|program| named.programs.iter().any(|known| known == program)),
                "{text}"
            );
            let found = paths(named.paths.iter().map(|mention| mention.path.as_path()));
            assert!(expected.iter().all(|path| found.iter().any(|known| known == path)), "{text}: {found:?}");
            assert!(found.iter().all(|path| !path.starts_with("/text") && path != "/o"), "{text}: {found:?}");
        }
        assert_eq!(named.doubts, *doubts, "{text}");
    }
}

#[test]
fn no_script_makes_the_reader_hang_or_panic() {
    let pieces =
        ["'", "\"", "$", "${", "$(", ")", "`", "\\", "<<", "<", ">", "\n", "a", "=", "~", "*", "{", "#", " "];
    for one in pieces {
        for two in pieces {
            for three in pieces {
                script::read(&[one, two, three].concat(), &mut Overlay::new(&environment));
            }
        }
    }
}
