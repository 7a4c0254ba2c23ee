//! The table's rows and variables, and helpers for the tests of command lines.

mod masked;
mod recognized;
mod recorded;

use std::collections::BTreeSet;

use super::table::ROWS;
use super::variables::{Groups, PROOFS};
use super::words::words;
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
        ("op read op://vault/item/field", MayPrompt),
        ("gke-gcloud-auth-plugin --use_application_default_credentials", Silent),
        ("gke-gcloud-auth-plugin", Silent),
        ("gcloud config config-helper --format=json", Silent),
        ("kubelogin get-token --oidc-issuer-url=https://i --oidc-client-id=c", MayPrompt),
        ("kubelogin get-token --login azurecli --server-id s", Silent),
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
    ]
};

#[test]
fn every_row_is_found_by_its_call() {
    assert_eq!(ROWS.len(), ONE_CALL_PER_ROW.len());
    for (row, (line, interaction)) in ROWS.iter().zip(ONE_CALL_PER_ROW) {
        let identity = identify_in(line, &[]);
        assert_eq!(identity.family, Some(row.family), "{line}");
        assert_eq!(identity.interaction, *interaction, "{line}");
        assert_eq!(identity.install_hint, Some(row.install_hint), "{line}");
        assert_eq!(identity.variables().count(), row.groups.variables().count(), "{line}");
        assert!(identity.files.len() <= 5, "{line}: a few stat calls only");
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
        for proof in words(PROOFS) {
            assert_eq!(before, fingerprint(line, &[(proof, "b")]), "{line}: {proof}");
        }
    }
}

#[test]
fn a_known_plugin_looks_only_at_its_own_files_and_variables() {
    let aws = identify_in("aws eks get-token", &[]);
    assert!(aws.variables().all(|variable| !variable.name.starts_with("CLOUDSDK")));
    assert!(aws.files.iter().all(|file| file.starts_with("/home/u/.aws")));
    assert!(identify_in("some-plugin --x", &[]).files.is_empty());
}

#[test]
fn the_union_has_every_variable_once() {
    let all: Vec<&str> = Groups::ALL.variables().map(|variable| variable.name).collect();
    let distinct: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(all.len(), distinct.len());
    let of_rows: BTreeSet<&str> =
        ROWS.iter().flat_map(|row| row.groups.variables()).map(|variable| variable.name).collect();
    assert_eq!(distinct, of_rows, "a group that no row uses, or a bit that names no group");
    assert!(words(PROOFS).all(|name| !distinct.contains(name)));
    assert_eq!(identify_in("some-plugin", &[]).variables().count(), all.len());
}

#[test]
fn a_variable_with_a_secret_name_is_marked_secret() {
    // Keys that are public: each comes with a secret of its own.
    let public = ["EXOSCALE_API_KEY", "CLOUDSTACK_API_KEY", "ALICLOUD_ACCESS_KEY"];
    for variable in Groups::ALL.variables().filter(|variable| !public.contains(&variable.name)) {
        assert_eq!(variable.secret, is_secret_variable(variable.name), "{}", variable.name);
    }
}

#[test]
fn key_env_is_needed_for_unknown_variables_only() {
    let aws = command("aws eks get-token");
    for known in ["AWS_PROFILE", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        assert!(covers(&aws, known), "{known}");
    }
    for unknown in ["CLOUDSDK_CONFIG", "MY_VARIABLE", "aws_profile", ""] {
        assert!(!covers(&aws, unknown), "{unknown}");
    }
    assert!(covers(&command("some-plugin"), "CLOUDSDK_CONFIG"));
    assert!(!covers(&command("some-plugin"), "MY_VARIABLE"));
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
        if identity.family.is_none() {
            assert_eq!(identity.variables().count(), Groups::ALL.variables().count());
            assert_ne!(identity.interaction, Interaction::Silent);
        }
        arguments.extend(["--client-secret".into(), "marked".into()]);
        assert_eq!(mask_arguments(&arguments).last().map(String::as_str), Some("***"));
    }
}
