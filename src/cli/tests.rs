//! Which command an argument vector means, and the messages about wrong ones.

use super::*;
use crate::config::PROGRAM;
use crate::error::Kind;

fn words(arguments: &[&str]) -> Vec<OsString> {
    arguments.iter().map(OsString::from).collect()
}

fn parsed(arguments: &[&str]) -> Result<Command> {
    parse(words(arguments))
}

fn proxy(key_env: &[&str], command: &[&str]) -> Command {
    Command::Proxy(wrapped(key_env, command))
}

/// Without names there was no `--key-env`.
fn wrapped(key_env: &[&str], command: &[&str]) -> Wrapped {
    let key_env: Vec<String> = key_env.iter().map(|name| (*name).to_owned()).collect();
    Wrapped { key_env: Some(key_env).filter(|names| !names.is_empty()), command: words(command) }
}

fn explain(key_env: &[&str], command: &[&str]) -> Command {
    Command::Explain(CallSubject::Command(wrapped(key_env, command)))
}

fn clear(key_env: &[&str], command: &[&str]) -> Command {
    Command::Clear(CallSubject::Command(wrapped(key_env, command)))
}

fn edit(action: Action) -> InjectOptions {
    let (users, files) = (Vec::new(), Vec::new());
    InjectOptions { action, dry_run: false, quiet: false, users, command: None, absolute: false, files }
}

#[test]
fn every_call_of_the_usage_text_is_understood() {
    let inject = InjectOptions {
        dry_run: true,
        quiet: true,
        users: vec!["a".into(), "b=c".into()],
        command: Some("/x/k8s-token-cache".into()),
        absolute: true,
        files: vec!["f".into(), "g".into()],
        ..edit(Action::Inject)
    };
    let inject_arguments = [
        "--inject",
        "--dry-run",
        "f",
        "--quiet",
        "--user",
        "a",
        "--user=b=c",
        "--absolute",
        "--command",
        "/x/k8s-token-cache",
        "g",
    ];
    let restore = InjectOptions { quiet: true, files: vec!["--list".into()], ..edit(Action::Restore) };
    for (arguments, expected) in [
        (&["aws"][..], proxy(&[], &["aws"])),
        (&["aws", "eks", "get-token"], proxy(&[], &["aws", "eks", "get-token"])),
        (&["--key-env=A", "aws"], proxy(&["A"], &["aws"])),
        (&["--key-env=A,B", "aws"], proxy(&["A", "B"], &["aws"])),
        (&["--key-env", "A,B", "aws"], proxy(&["A", "B"], &["aws"])),
        (&["--key-env=A", "--key-env=B", "aws"], proxy(&["A", "B"], &["aws"])),
        (&["--inject"], Command::Kubeconfig(edit(Action::Inject))),
        (&inject_arguments, Command::Kubeconfig(inject)),
        (&["--quiet", "--restore", "--", "--list"], Command::Kubeconfig(restore)),
        (&["--list"], Command::List { json: false }),
        (&["--list", "--json"], Command::List { json: true }),
        (&["--json", "--list"], Command::List { json: true }),
        (&["--clear"], Command::Clear(CallSubject::Unnamed)),
        (&["--clear", "aws", "eks"], clear(&[], &["aws", "eks"])),
        (&["--clear", "--key-env=A", "aws"], clear(&["A"], &["aws"])),
        (&["--key-env=A", "--clear", "aws"], clear(&["A"], &["aws"])),
        (&["--clear", "--user", "dev"], Command::Clear(CallSubject::User("dev".into()))),
        (&["--user=dev", "--clear"], Command::Clear(CallSubject::User("dev".into()))),
        (&["--explain", "aws", "--json"], explain(&[], &["aws", "--json"])),
        (&["--explain", "--key-env=A", "aws"], explain(&["A"], &["aws"])),
        (&["--explain", "list"], explain(&[], &["list"])),
        (&["--explain"], Command::Explain(CallSubject::Unnamed)),
        (&["--explain", "--"], Command::Explain(CallSubject::Unnamed)),
        (&["--explain", "--user", "a"], Command::Explain(CallSubject::User("a".into()))),
        (&["--user=a", "--explain"], Command::Explain(CallSubject::User("a".into()))),
        (&["--warm"], Command::Warm(vec![])),
        (&["--warm", "f", "g"], Command::Warm(vec!["f".into(), "g".into()])),
        (&["--doctor"], Command::Doctor),
        (&["--help"], Command::Help),
        (&["--list", "--help"], Command::Help),
        (&["--help", "--json", "aws"], Command::Help),
        (&["--version", "-h"], Command::Help),
        (&["-h"], Command::Help),
        (&["--version"], Command::Version),
        (&["-V"], Command::Version),
        (&["--list", "--list"], Command::List { json: false }),
    ] {
        assert_eq!(parsed(arguments).unwrap(), expected, "{arguments:?}");
    }
}

#[test]
fn every_word_from_the_command_on_belongs_to_the_plugin() {
    for (arguments, command) in [
        (&["aws", "--list", "--help", "--version"][..], &["aws", "--list", "--help", "--version"][..]),
        (&["aws", "--key-env=A", "--", "--json"], &["aws", "--key-env=A", "--", "--json"]),
        (&["--", "aws"], &["aws"]),
        (&["--", "--list"], &["--list"]),
        (&["--", "--", "aws"], &["--", "aws"]),
        (&["--", "-"], &["-"]),
        (&["aws", ""], &["aws", ""]),
        (&["aws", "-"], &["aws", "-"]),
        (&["a b", "c\nd"], &["a b", "c\nd"]),
        (&["--", "list"], &["list"]),
        (&["./help"], &["./help"]),
        (&["lists"], &["lists"]),
    ] {
        assert_eq!(parsed(arguments).unwrap(), proxy(&[], command), "{arguments:?}");
    }
    assert_eq!(parsed(&["--clear", "--", "--odd"]).unwrap(), clear(&[], &["--odd"]));
}

#[test]
fn a_wrong_call_says_what_is_wrong_and_where_help_is() {
    for (arguments, text) in [
        (&[][..], "no command to run"),
        (&["--"], "no command to run"),
        (&["--key-env=A"], "no command to run"),
        (&["--key-env=A", "--"], "no command to run"),
        (&[""], "the name of the command to run is empty"),
        (&["", "aws"], "the name of the command to run is empty"),
        (&["--clear", ""], "the name of the command to run is empty"),
        (&["--key-env"], "--key-env needs names of environment variables"),
        (&["--lists"], "unknown option '--lists': did you mean --list?"),
        (&["--inejct"], "unknown option '--inejct': did you mean --inject?"),
        (&["-clear"], "unknown option '-clear': did you mean --clear?"),
        (&["--dryrun", "--inject"], "unknown option '--dryrun': did you mean --dry-run?"),
        (&["-l"], "unknown option '-l'"),
        (&["-"], "unknown option '-'"),
        (&["-hV"], "unknown option '-h...'"),
        (&["--List"], "unknown option '--List': did you mean --list?"),
        (&["--key-envs=A", "aws"], "unknown option '--key-envs': did you mean --key-env?"),
        (&["--no-such-option"], "unknown option '--no-such-option'"),
        (&["--list", "aws"], "--list takes no arguments"),
        (&["--list", "--", "aws"], "--list takes no arguments"),
        (&["--doctor", "file"], "--doctor takes no arguments"),
        (&["--explain", "--key-env=A"], "no command to explain"),
        (&["--explain", "--user=a", "--user=b"], "--explain takes one --user"),
        (&["--explain", "--user=a", "aws"], "--explain takes --user or a command, not both"),
        (&["--explain", "--user=a", "--key-env=A"], "--explain takes --user or a command, not both"),
        (&["--clear", "--user=a", "--user=b"], "--clear takes one --user"),
        (&["--clear", "--user=a", "aws"], "--clear takes --user or a command, not both"),
        (&["--clear", "--user="], "--user needs the name of a user"),
        (&["--clear", "--key-env=A"], "no command to clear"),
        (&["--json"], "--json requires --list"),
        (&["--json", "aws"], "--json requires --list"),
        (&["--clear", "--json"], "--json requires --list"),
        (&["--list", "--clear"], "--list and --clear exclude each other"),
        (&["--clear", "--list"], "--clear and --list exclude each other"),
        (&["--inject", "--warm"], "--inject and --warm exclude each other"),
        (&["--json", "--doctor"], "--json requires --list"),
        (&["--dry-run", "--warm"], "--dry-run requires --inject or --restore"),
        (&["--quiet", "--list"], "--quiet requires --inject or --restore"),
        (&["--user", "a", "--list"], "--user requires --inject, --restore, --explain or --clear"),
        (&["--restore", "--command", "x"], "--command requires --inject"),
        (&["--restore", "--absolute"], "--absolute requires --inject"),
        (&["--key-env=A", "--list"], "--key-env requires a command to run, explain or clear"),
        (&["--inject", "--user"], "--user needs the name of a user"),
        (&["--inject", "--user="], "--user needs the name of a user"),
        (&["--inject", "--command", ""], "--command needs a name or a path"),
    ] {
        let error = parsed(arguments).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{arguments:?}");
        assert_eq!(error.to_string(), format!("{text}\nhint: {HINT}"), "{arguments:?}");
    }
}

#[test]
fn names_of_variables_are_checked() {
    for list in [",", "A,", ",A", "A,,B", "A=1"] {
        for arguments in [&[&format!("--key-env={list}"), "aws"][..], &["--key-env", list, "aws"]] {
            let error = parsed(arguments).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.to_string().starts_with("--key-env: "), "{error}");
        }
    }
    for arguments in [&["--key-env=", "aws"][..], &["--key-env", "", "aws"], &["--key-env= ", "aws"]] {
        let expected = Wrapped { key_env: Some(Vec::new()), command: words(&["aws"]) };
        assert_eq!(parsed(arguments).unwrap(), Command::Proxy(expected), "an empty list");
    }
    assert_eq!(parsed(&["--key-env= A , B ", "aws"]).unwrap(), proxy(&["A", "B"], &["aws"]));
    assert_eq!(parsed(&["--key-env", "--", "aws"]).unwrap(), proxy(&["--"], &["aws"]));
}

#[test]
fn the_value_of_an_unknown_option_is_not_shown() {
    for arguments in [
        &["--token=hush-hush", "aws"][..],
        &["--list=hush-hush"],
        &["-t=hush-hush"],
        &["-thush-hush"],
        &["--list", "hush-hush"],
        &["--json", "hush-hush"],
    ] {
        let text = parsed(arguments).unwrap_err().to_string();
        assert!(!text.contains("hush"), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn invalid_utf_8_is_accepted_in_a_command_and_refused_in_options() {
    use std::os::unix::ffi::OsStringExt;
    let odd = |text: &[u8]| OsString::from_vec(text.to_vec());
    let command = vec![odd(b"\xff"), odd(b"a\xffb"), odd(b"--\xff")];
    assert_eq!(parse(command.clone()).unwrap(), Command::Proxy(Wrapped { key_env: None, command }));
    for arguments in [
        vec![odd(b"--\xff"), "aws".into()],
        vec![odd(b"--key-env=\xff"), "aws".into()],
        vec!["--key-env".into(), odd(b"\xff"), "aws".into()],
    ] {
        assert_eq!(parse(arguments).unwrap_err().kind(), Kind::Usage);
    }
}

#[test]
fn a_verb_without_its_dashes_is_refused() {
    for (verb, _) in VERBS {
        let word = &verb[2..];
        for arguments in [&[word][..], &[word, "a"], &["--key-env=A", word]] {
            let error = parsed(arguments).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{arguments:?}");
            let expected = format!(
                "'{word}' was not run: did you mean {verb}?\nhint: for a plugin of that name: k8s-token-cache -- {word}"
            );
            assert_eq!(error.to_string(), expected, "{arguments:?}");
        }
    }
}

#[test]
fn a_program_that_does_not_exist_may_be_a_typo_of_a_verb() {
    assert_eq!(mistyped_verb("inejct".as_ref()), Some("--inject"));
    for program in ["aws", "/usr/bin/clear", "kubelogin"] {
        assert_eq!(mistyped_verb(program.as_ref()), None, "{program}");
    }
}

#[test]
fn the_usage_text_fits_80_columns_and_names_everything() {
    for line in USAGE.lines() {
        assert!(line.chars().count() <= 80 && line.trim_end() == line, "{line}");
    }
    assert!(USAGE.ends_with('\n'));
    for name in VERBS.map(|(verb, _)| verb).iter().chain(&OPTIONS) {
        assert!(USAGE.lines().any(|line| line.trim_start().starts_with(name)), "{name}");
    }
    for name in config::VARIABLES {
        assert!(USAGE.contains(&format!("\n  {name} ")), "{name}");
    }
}

#[test]
fn command_lines_in_a_text_use_the_name_that_the_program_was_called_by() {
    for (text, expected) in [
        ("", ""),
        ("run 'k8s-token-cache --help'", "run 'kubectl token-cache --help'"),
        ("  k8s-token-cache A\n  k8s-token-cache B\n", "  kubectl token-cache A\n  kubectl token-cache B\n"),
        ("/x/k8s-token-cache --help", "/x/k8s-token-cache --help"),
        ("https://h/k8s-token-cache/k8s-token-cache\n", "https://h/k8s-token-cache/k8s-token-cache\n"),
    ] {
        assert_eq!(with_command_name(text, "kubectl token-cache"), expected);
    }
    assert_eq!(with_command_name(USAGE, PROGRAM), USAGE);
    let usage = with_command_name(USAGE, "kubectl token-cache");
    assert!(!usage.contains("k8s-token-cache -") && usage.contains("\n  kubectl token-cache "), "{usage}");
}
