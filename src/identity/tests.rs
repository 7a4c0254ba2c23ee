//! The table's rows and variables, and helpers for the tests of command lines.

mod documented;
mod masked;
#[cfg(unix)]
mod named;
mod recognized;
mod recorded;
mod shown;

use std::collections::BTreeSet;

use super::session::is_session_variable;
use super::table::{ROWS, Surroundings};
use super::variables::{Groups, MISE};
use super::*;

const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// A command line split at spaces; `§` inside a word means a space of a shell string.
fn command(line: &str) -> Vec<OsString> {
    line.split(' ').map(|word| word.replace('§', " ").into()).collect()
}

fn identify_in(line: &str, environment: &[(&str, &str)]) -> Identity {
    let environment: Vec<(&str, &str)> = environment.iter().chain(&[(HOME, "/home/u")]).copied().collect();
    identify(&command(line), &|name| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    })
}

/// The parts of the cache key that this module decides.
fn fingerprint(line: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let identity = identify_in(line, environment);
    let value = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let names = identity.variables().map(|variable| variable.name);
    let named = identity.named_variables.iter().map(String::as_str);
    let mut parts: Vec<String> =
        names.chain(named).filter_map(|name| Some(format!("{name}={}", value(name)?))).collect();
    parts.extend(identity.files.iter().map(|file| file.display().to_string()));
    parts
}

/// One call of each row, in the order of the table, and whether it is silent.
const ONE_CALL_PER_ROW: &[(&str, Interaction)] = {
    use Interaction::{MayPrompt, Silent, Unknown};
    &[
        ("aws eks get-token --cluster-name c", Silent),
        ("aws-iam-authenticator token -i c", Silent),
        ("aws-vault export --format=json prod", MayPrompt),
        ("granted credential-process --profile prod", MayPrompt),
        ("chamber list service", Unknown),
        ("op plugin run aws eks get-token", MayPrompt),
        ("op read op://vault/item/field", MayPrompt),
        ("gke-gcloud-auth-plugin --use_application_default_credentials", Silent),
        ("gke-gcloud-auth-plugin", Silent),
        ("gcloud config config-helper --flags-file f", Unknown),
        ("gcloud auth application-default print-access-token", Silent),
        ("gcloud config config-helper --format=json", Silent),
        ("kubelogin get-token --oidc-issuer-url=https://i --oidc-client-id=c", MayPrompt),
        ("kubelogin get-token --login azurecli --server-id s", Silent),
        ("kubelogin get-token --login azd --server-id s", Silent),
        ("kubelogin get-token --server-id s --login devicecode", MayPrompt),
        ("az account get-access-token", Silent),
        ("doctl kubernetes cluster kubeconfig exec-credential --version=v1beta1 id", Silent),
        ("oci ce cluster generate-token --cluster-id c --region r", Silent),
        ("ibmcloud iam oauth-tokens", Unknown),
        ("tsh kube credentials --kube-cluster=k --teleport-cluster=t --proxy=p", MayPrompt),
        ("pinniped login oidc --issuer=https://i", MayPrompt),
        ("tanzu pinniped-auth login --issuer=https://i", MayPrompt),
        ("linode-cli profile view", Unknown),
        ("yc k8s create-token --profile=default", MayPrompt),
        ("ack-ram-tool credential-plugin get-token --cluster-id c", Silent),
        ("client-keystone-auth --keystone-url=https://k", MayPrompt),
        ("exo compute sks kubeconfig c user --exec-credential", Silent),
        ("stackit ske kubeconfig login", MayPrompt),
        ("rancher token --server=s --user=u", MayPrompt),
        ("kubectl gardenlogin get-client-certificate --name n", Unknown),
        ("oc get-token --client-id c --issuer-url i", MayPrompt),
        ("okteto kubetoken --context c", MayPrompt),
        ("saml2aws script", MayPrompt),
        ("aws-sso list", MayPrompt),
        ("aws-okta login", MayPrompt),
        ("doppler run -- aws eks get-token", Unknown),
        ("infisical run -- aws eks get-token", MayPrompt),
        ("envchain --list", MayPrompt),
        ("vault read kubernetes/creds/x", Unknown),
        ("tbot kube credentials --destination-dir /d", Silent),
        ("up organization token", Silent),
        ("gscloud kubernetes cluster exec-credential --cluster c", Silent),
        ("infra tokens add", Silent),
    ]
};

#[test]
fn every_row_is_found_by_its_call() {
    // On Windows a path without a drive is relative.
    let (root, home) = if cfg!(windows) { (r" C:\", r"C:\Users\u") } else { (" /", "/home/u") };
    assert_eq!(ROWS.len(), ONE_CALL_PER_ROW.len());
    for (row, (line, interaction)) in ROWS.iter().zip(ONE_CALL_PER_ROW) {
        let identity = identify_in(&line.replace(" /", root), &[(HOME, home)]);
        assert_eq!(identity.interaction, *interaction, "{line}");
        let is_wrapper = line.contains(" run ");
        if !is_wrapper {
            assert_eq!(identity.family, Some(row.family), "{line}");
            assert_eq!(identity.install_hint, Some(row.install_hint), "{line}");
        }
        assert!(row.groups.variables().all(|variable| identity.covers(variable.name)), "{line}");
        let wants_environment = row.also.has(Surroundings::ENVIRONMENT);
        assert_eq!(identity.is_understood, !wants_environment, "{line}");
        assert_eq!(identity.counts_directory, row.also.has(Surroundings::DIRECTORY), "{line}");
        assert!(!identity.is_understood || identity.files.len() <= 6, "{line}: a few stat calls only");
    }
}

#[test]
fn every_variable_of_a_row_counts_and_no_other_does() {
    for (line, _) in ONE_CALL_PER_ROW {
        let before = fingerprint(line, &[("TERM", "a")]);
        for variable in identify_in(line, &[]).variables() {
            let other = fingerprint(line, &[("TERM", "a"), (variable.name, "/x")]);
            assert_ne!(before, other, "{line}: {}", variable.name);
            let third = fingerprint(line, &[("TERM", "a"), (variable.name, "/y")]);
            assert_ne!(other, third, "{line}: {}", variable.name);
        }
        for indifferent in ["TERM", "PWD", "SHLVL", "_", "AWS_PAGER", "CLOUDSDK_PYTHON"] {
            assert_eq!(before, fingerprint(line, &[(indifferent, "b")]), "{line}: {indifferent}");
        }
    }
}

#[test]
fn a_known_plugin_looks_only_at_its_own_files_and_variables() {
    let aws = identify_in("aws eks get-token", &[]);
    assert!(aws.variables().all(|variable| !variable.name.starts_with("CLOUDSDK")));
    assert!(aws.files.iter().all(|file| file.starts_with("/home/u/.aws")));
}

#[test]
fn the_union_has_every_variable_once() {
    let all: Vec<&str> = Groups::ALL.variables().map(|variable| variable.name).collect();
    let distinct: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(all.len(), distinct.len());
    let of_rows: BTreeSet<&str> = ROWS
        .iter()
        .map(|row| row.groups)
        .chain([MISE])
        .flat_map(Groups::variables)
        .map(|variable| variable.name)
        .collect();
    assert_eq!(distinct, of_rows, "a group that no row uses, or a bit that names no group");
    assert!(Groups::ALL.proofs().chain(Groups::ALL.switches()).all(|name| !distinct.contains(name)));
    assert_eq!(identify_in("some-plugin", &[]).variables().count(), all.len());
}

#[test]
fn a_variable_with_a_secret_name_is_marked_secret() {
    // Keys that are public: each comes with a secret of its own.
    let public = ["EXOSCALE_API_KEY", "CLOUDSTACK_API_KEY", "ALICLOUD_ACCESS_KEY", "AWS_ACCESS_KEY"];
    for variable in Groups::ALL.variables().filter(|variable| !public.contains(&variable.name)) {
        assert_eq!(variable.secret, is_secret_variable(variable.name), "{}", variable.name);
    }
}

#[test]
fn key_env_is_needed_for_unknown_variables_only() {
    let aws = command("aws eks get-token");
    let proofs = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
    for known in ["AWS_PROFILE", "AWS_REGION", "AWS_PAGER", "KUBERNETES_EXEC_INFO"].iter().chain(&proofs) {
        assert!(covers(&aws, known), "{known}");
    }
    for unknown in ["CLOUDSDK_CONFIG", "MY_VARIABLE", "aws_profile", "", "SYSTEM_ACCESSTOKEN"] {
        assert!(!covers(&aws, unknown), "{unknown}");
    }
    assert!(covers(&command("kubelogin get-token --server-id s"), "SYSTEM_ACCESSTOKEN"));
    let unknown = command("some-plugin");
    assert!(covers(&unknown, "CLOUDSDK_CONFIG") && covers(&unknown, "KUBERNETES_EXEC_INFO"));
    for proof in
        ["SYSTEM_ACCESSTOKEN", "AZURE_CLIENT_SECRET", "OS_PASSWORD", "MY_VARIABLE"].iter().chain(&proofs)
    {
        assert!(!covers(&unknown, proof), "{proof}");
    }
    assert!(covers(&command("sh -c plugin§$MY_VARIABLE"), "MY_VARIABLE"));
    assert!(covers(&command("gke-gcloud-auth-plugin"), "USE_GKE_GCLOUD_AUTH_PLUGIN"));
}

/// Random words, many of them meaningful: no panic, the union if not recognized, and the secret behind its
/// flag is never shown.
#[test]
fn any_command_line_is_recognized_or_counts_everything() {
    const PIECES: &[&str] = &[
        "aws",
        "env",
        "sh",
        "-c",
        "--",
        "-",
        "=",
        "$",
        "${",
        "}",
        "'",
        "\"",
        "eks",
        "get-token",
        " ",
        "A=1",
        "-u",
        "timeout",
        "exec",
        "aws-vault",
        "kubectl",
        "oidc-login",
        "kubelogin",
        "--login",
        "--server-id",
        "--oidc-issuer-url",
        "-l",
        "assume",
        "--exec",
        "gcloud",
        "--configuration",
        "~",
        "/",
        "\\",
        "ü",
        "\u{1b}",
        "://",
        "@",
        ":",
        "?",
        "&",
        "-t",
        "doctl",
        "op",
        "run",
        "--token",
        "--token-env",
        "nice",
        "-n",
        "\u{0}",
        "eyJ",
        "exe",
        ".",
        "--cache-dir",
    ];
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for _ in 0..5_000 {
        let mut arguments = Vec::new();
        for _ in 0..next(7) {
            let word: String = (0..=next(3)).map(|_| PIECES[next(PIECES.len())]).collect();
            arguments.push(OsString::from(word));
        }
        let identity = identify(&arguments, &|name| (name == HOME).then(|| "/home/u".into()));
        assert_eq!(identity.is_understood, identity.variables().count() < Groups::ALL.variables().count());
        if identity.family.is_none() {
            assert!(!identity.is_understood, "{arguments:?}");
            assert_ne!(identity.interaction, Interaction::Silent);
        }
        arguments.extend(["--client-secret".into(), "marked".into()]);
        assert_eq!(mask_arguments(&arguments).last().map(String::as_str), Some("***"));
    }
}

#[test]
fn no_identity_variable_is_a_session_variable() {
    for variable in Groups::ALL.variables().map(|variable| variable.name).chain(Groups::ALL.proofs()) {
        assert!(!is_session_variable(variable), "{variable}");
    }
    for name in
        ["CORP_SESSION_ID", "LC_AWS_PROFILE", "SSH_KEY", "HISTORY_TOKEN", "TERMINUS_TOKEN", "XDG_CONFIG_HOME"]
    {
        assert!(!is_session_variable(name), "{name}");
    }
}

#[test]
fn session_variables_are_removed_and_the_others_sorted() {
    let of = |names: &[&str]| names.iter().map(|name| ((*name).into(), "x".into())).collect::<Vec<_>>();
    let (names, prefixes) = session::listed();
    let mut variables = of(&["B", "A", "TERMX", "HOMES", "SSH_AUTH_SOCKET", "A", "WARP_API_KEY"]);
    let expected = of(&["A", "A", "B", "HOMES", "SSH_AUTH_SOCKET", "TERMX", "WARP_API_KEY"]);
    variables.extend(of(&names));
    variables.extend(prefixes.iter().map(|prefix| ([prefix, "_1"].concat().into(), "x".into())));
    session::remove_session_variables(&mut variables, false);
    assert_eq!(variables, expected);
    let mut agent = of(&["SSH_AUTH_SOCK", "SSH_TTY"]);
    session::remove_session_variables(&mut agent, true);
    assert_eq!(agent, of(&["SSH_AUTH_SOCK"]));
    assert!(names.iter().chain(&prefixes).all(|name| is_session_variable(name)));
}

#[test]
fn a_path_loses_repetitions_and_what_editors_add() {
    let path = |elements: &[&str]| std::env::join_paths(elements).unwrap();
    let found = path(&["/a", "/b", "/a", "/h/.vscode-server/bin/1/bin/remote-cli", "/c", "/b"]);
    assert_eq!(session::stable_path(&found), path(&["/a", "/b", "/c"]));
}
