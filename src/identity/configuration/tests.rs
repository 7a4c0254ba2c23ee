//! Profiles of the AWS CLI, and keys of oci, that make a silent plugin prompt or run programs.

use std::ffi::OsString;
use std::fs;

use crate::identity::{Identity, Interaction, identify};

type Variables = &'static [(&'static str, &'static str)];

/// What `read` says of the identity of `line`, with these files of the AWS CLI.
fn read_identity<T>(
    line: &str,
    [config, credentials]: [&str; 2],
    environment: Variables,
    read: impl FnOnce(&Identity) -> T,
) -> T {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.path().join(".aws/config"), config).unwrap();
    fs::write(home.path().join(".aws/credentials"), credentials).unwrap();
    let command: Vec<OsString> = line.split_ascii_whitespace().map(OsString::from).collect();
    read(&identify(&command, &|name| match name {
        "HOME" | "USERPROFILE" => Some(home.path().into()),
        _ => environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()),
    }))
}

const ROLE_WITH_MFA: &str =
    "[default]\nregion = r\n[profile p]\nrole_arn = a\nmfa_serial = s\nsource_profile = default\n";
const PROCESS: &str = "[profile p]\ncredential_process = corp-sso get\n";
const STATIC: &str = "[p]\naws_access_key_id = a\naws_secret_access_key = b\n";
const P: Variables = &[("AWS_PROFILE", "p")];
const P_AND_KEYS: Variables =
    &[("AWS_PROFILE", "p"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];

#[test]
fn a_profile_that_asks_or_runs_a_process_may_prompt() {
    let cases = [
        ("", "", P, "", false),
        ("[profile p]\nregion = r\n", "", P, "", false),
        (ROLE_WITH_MFA, "", P, "", true),
        (ROLE_WITH_MFA, "", &[], "", false),
        (ROLE_WITH_MFA, "", &[], "--profile p", true),
        (ROLE_WITH_MFA, "", &[], "--profile=p", true),
        (ROLE_WITH_MFA, "", &[("AWS_DEFAULT_PROFILE", "p")], "", true),
        // Without a role, mfa_serial has no effect.
        ("[profile p]\nmfa_serial = s\n", "", P, "", false),
        (
            "[profile p]\nrole_arn = a\nsource_profile = q\n[profile q]\nrole_arn = b\nmfa_serial = s\nsource_profile = d\n",
            "",
            P,
            "",
            true,
        ),
        (
            "[profile p]\nrole_arn = a\nsource_profile = q\n[profile q]\ncredential_process = x\n",
            "",
            P,
            "",
            true,
        ),
        ("[profile p]\nrole_arn = a\nsource_profile = p\n[profile q]\nmfa_serial = x\n", "", P, "", false),
        ("[profile p]\nrole_arn = a\nweb_identity_token_file = f\nmfa_serial = x\n", "", P, "", false),
        (PROCESS, "", P, "", true),
        (PROCESS, STATIC, P, "", false),
        ("[profile p]\ncredential_process = x\naws_access_key_id = a\n", "", P, "", true),
        (
            "[profile p]\ncredential_process = x\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n",
            "",
            P,
            "",
            false,
        ),
        ("", "[p]\ncredential_process = x\n", P, "", true),
        (PROCESS, "", P_AND_KEYS, "", false),
        (PROCESS, "", P_AND_KEYS, "--profile p", true),
        ("[profile \"a b\"]\ncredential_process = x\n", "", &[("AWS_PROFILE", "a b")], "", true),
        ("[DEFAULT]\nmfa_serial = s\n[profile p]\nrole_arn = a\n", "", P, "", true),
        ("[profile p]\r\ncredential_process = x\r\n", "", P, "", true),
        ("credential_process = x\n", "", P, "", true),
        ("[profile p]\ncredential_process = x\n[profile p]\n", "", P, "", true),
        ("[profile p]\n# credential_process = x\nregion = r\n", "", P, "", false),
        ("[profile p]\ns3 =\n  credential_process = x\n", "", P, "", false),
        ("[plugins]\ncorp = corp_plugin\n", "", P, "", true),
        ("[profile p]\ncli_auto_prompt = on\n", "", P, "", true),
        ("", "", &[("AWS_CLI_AUTO_PROMPT", "on")], "", true),
        ("", "", &[], "--cli-auto-prompt", true),
    ];
    for (config, credentials, environment, flags, expected) in cases {
        let line = format!("aws eks get-token {flags}");
        let prompts = read_identity(&line, [config, credentials], environment, |identity| {
            assert_eq!(identity.interaction, Interaction::Silent);
            identity.interaction_now() == Interaction::MayPrompt
        });
        assert_eq!(prompts, expected, "{config}\n{credentials}\n{environment:?} {flags}");
    }
}

#[test]
fn a_process_of_the_profile_in_use_is_a_program_of_its_own() {
    let chain = "[profile p]\nrole_arn = a\nsource_profile = q\n[profile q]\ncredential_process = x\n";
    let of_default = "[default]\ncredential_process = x\n";
    let aws = "aws eks get-token";
    let cases: &[(&str, [&str; 2], Variables, bool)] = &[
        (aws, ["", ""], P, false),
        (aws, [PROCESS, ""], P, true),
        (aws, [PROCESS, ""], &[], false),
        ("aws eks get-token --profile p", [PROCESS, ""], &[], true),
        ("aws-iam-authenticator token -i c", [PROCESS, ""], P, true),
        (aws, [of_default, ""], &[], true),
        (aws, [of_default, ""], P, false),
        (aws, [chain, ""], P, true),
        (aws, ["", "[p]\ncredential_process = x\n"], P, true),
        // A static key wins in the AWS CLI, but not in every program.
        (aws, [PROCESS, STATIC], P, true),
        (aws, [PROCESS, ""], P_AND_KEYS, false),
        ("aws eks get-token --profile p", [PROCESS, ""], P_AND_KEYS, true),
        (aws, [ROLE_WITH_MFA, ""], P, false),
        (aws, ["[profile p]\n# credential_process = x\n", ""], P, false),
        (aws, ["[plugins]\ncorp = corp_plugin\n", ""], P, true),
        (aws, ["[profile p]\ncredential_process = x\n[profile p]\n", ""], P, true),
        // aws-vault takes the profile from its arguments, and sets another environment.
        ("aws-vault exec p -- aws eks get-token", [PROCESS, ""], &[], true),
        ("gcloud config config-helper", [PROCESS, ""], P, false),
        // Everything counts in any case.
        ("corp-login", [PROCESS, ""], P, false),
    ];
    for (line, texts, environment, expected) in cases {
        let runs = read_identity(line, *texts, environment, Identity::runs_configured_programs);
        assert_eq!(runs, *expected, "{line}\n{texts:?}\n{environment:?}");
    }
}

#[test]
fn an_encrypted_key_of_oci_asks_for_its_passphrase() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join(".oci");
    fs::create_dir(&directory).unwrap();
    let interaction = |variables: &[&str]| {
        let command: Vec<OsString> = "oci ce cluster generate-token".split(' ').map(OsString::from).collect();
        let identity = identify(&command, &|name| match name {
            "HOME" | "USERPROFILE" => Some(home.path().into()),
            _ => variables.contains(&name).then(|| "x".into()),
        });
        identity.interaction_now()
    };
    assert_eq!(interaction(&[]), Interaction::MayPrompt, "it offers to make a configuration");
    fs::write(directory.join("key.pem"), "-----BEGIN PRIVATE KEY-----").unwrap();
    fs::write(directory.join("config"), "[DEFAULT]\nuser=u\nkey_file=~/.oci/key.pem\n").unwrap();
    assert_eq!(interaction(&[]), Interaction::Silent);
    fs::write(directory.join("key.pem"), "-----BEGIN ENCRYPTED PRIVATE KEY-----").unwrap();
    assert_eq!(interaction(&[]), Interaction::MayPrompt);
    assert_eq!(interaction(&["OCI_CLI_PASSPHRASE"]), Interaction::Silent);
    fs::write(directory.join("config"), "[DEFAULT]\nuser=u\nkey_file=~/.oci/key.pem\npass_phrase=x\n")
        .unwrap();
    assert_eq!(interaction(&[]), Interaction::Silent);
}
