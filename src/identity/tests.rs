//! Which plugins are recognized, which variables and files count for each, and what is masked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::mask::is_secret_flag;
use super::program::program_name;
use super::table::ROWS;
use super::variables::{Groups, PROOFS};
use super::words::words;
use super::*;

const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// A command line split at blanks; `_` inside a word stands for a blank of a shell string.
fn command(line: &str) -> Vec<OsString> {
    line.split(' ').map(|word| word.replace('§', " ").into()).collect()
}

fn identify_in(line: &str, environment: &[(&str, &str)]) -> Identity {
    let environment: Vec<(&str, &str)> = environment.iter().chain(&[(HOME, "/home/u")]).copied().collect();
    identify(&command(line), &|name| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    })
}

/// What of a call the key is made from, as far as this module decides it.
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
fn every_variable_of_a_row_tells_identities_apart_and_no_other_does() {
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
fn a_plugin_of_another_family_looks_at_no_foreign_file_and_variable() {
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

/// Secrets are marked by their names or by hand; none is forgotten.
#[test]
fn a_variable_that_sounds_secret_is_marked_secret() {
    // Names of keys that are public: they come with a secret of their own.
    let public = ["EXOSCALE_API_KEY", "CLOUDSTACK_API_KEY", "ALICLOUD_ACCESS_KEY"];
    for variable in Groups::ALL.variables().filter(|variable| !public.contains(&variable.name)) {
        assert_eq!(variable.secret, is_secret_variable(variable.name), "{}", variable.name);
    }
}

type Recognised = (&'static str, Option<&'static str>, Interaction, &'static [&'static str]);

const AWS_FILES: &[&str] = &[".aws/config", ".aws/credentials"];
const AZ_FILES: &[&str] = &[".azure/azureProfile.json", ".azure/clouds.config", ".azure/config"];

/// Files below the home directory; for the union of variables the family is `None`.
const RECOGNISED: &[Recognised] = {
    use Interaction::{MayPrompt, Silent, Unknown};
    &[
        // The name
        ("aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("/usr/local/bin/aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("./aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("../bin/aws.exe eks get-token", Some("aws"), Silent, AWS_FILES),
        ("aws.cmd eks get-token", Some("aws"), Silent, AWS_FILES),
        ("aws.PS1 eks get-token", Some("aws"), Silent, AWS_FILES),
        ("aws.bat eks get-token", Some("aws"), Silent, AWS_FILES),
        ("aws.sh eks get-token", None, Unknown, &[]),
        ("my-aws eks get-token", None, Unknown, &[]),
        ("awsx eks get-token", None, Unknown, &[]),
        ("bin/ eks get-token", None, Unknown, &[]),
        // The call
        ("aws --region r eks get-token", Some("aws"), Silent, AWS_FILES),
        ("aws eks --profile p get-token", Some("aws"), Silent, AWS_FILES),
        ("aws sso login", Some("aws"), Unknown, AWS_FILES),
        ("aws get-token eks", Some("aws"), Unknown, AWS_FILES),
        ("heptio-authenticator-aws token -i c", Some("aws-iam-authenticator"), Silent, AWS_FILES),
        // env
        ("env aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("env AWS_PROFILE=p aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("/usr/bin/env A=1 B=2 aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("env AWS_CONFIG_FILE=/c aws eks get-token", Some("aws"), Silent, &["/c", ".aws/credentials"]),
        ("env AWS_CONFIG_FILE=~/c aws eks get-token", Some("aws"), Silent, &["c", ".aws/credentials"]),
        ("env AWS_CONFIG_FILE=/c env -u AWS_CONFIG_FILE aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("env -i aws eks get-token", Some("aws"), Silent, &[]),
        (
            "env -i HOME=/h USERPROFILE=/h aws eks get-token",
            Some("aws"),
            Silent,
            &["/h/.aws/config", "/h/.aws/credentials"],
        ),
        ("env --unset=AWS_PROFILE -- aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("env -S aws§eks§get-token", None, Unknown, &[]),
        ("env -C /d aws eks get-token", None, Unknown, &[]),
        ("env A=1", None, Unknown, &[]),
        // Programs that run a program
        ("timeout 10 aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("timeout -k 5 --signal=KILL 10 aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("nice aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("nice -n 5 aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("nohup env A=1 timeout 9 aws eks get-token", Some("aws"), Silent, AWS_FILES),
        ("timeout 10", None, Unknown, &[]),
        ("sudo aws eks get-token", None, MayPrompt, &[]),
        ("xargs aws eks get-token", None, Unknown, &[]),
        // Shells
        ("sh -c aws§eks§get-token", Some("aws"), Silent, AWS_FILES),
        ("bash -lc aws§eks§get-token", Some("aws"), Silent, AWS_FILES),
        ("bash -e -o pipefail -c exec§aws§eks§get-token", Some("aws"), Silent, AWS_FILES),
        ("sh -c AWS_PROFILE=p§aws§eks§'get-token'", Some("aws"), Silent, AWS_FILES),
        (
            "sh -c AWS_CONFIG_FILE=$HOME/c§aws§eks§get-token",
            Some("aws"),
            Silent,
            if cfg!(windows) { AWS_FILES } else { &["c", ".aws/credentials"] },
        ),
        ("sh -c aws§eks§get-token§--cluster-name§\"$C\"", Some("aws"), Silent, AWS_FILES),
        ("sh -c command§aws§eks§get-token", Some("aws"), Silent, AWS_FILES),
        ("sh -c 'aws'§eks§get-token§--cluster-name§'$C'", Some("aws"), Silent, AWS_FILES),
        ("sh -c $AWS§eks§get-token", None, Unknown, &[]),
        ("sh -c aws§eks§get-token§|§jq§.", None, Unknown, &[]),
        ("sh -c .§/profile;aws§eks§get-token", None, Unknown, &[]),
        ("sh -c aws§eks§get-token§>§f", None, Unknown, &[]),
        ("sh -c aws§eks§get-token§$(id)", None, Unknown, &[]),
        ("sh -c aws§eks§get-token§${C:-d}", None, Unknown, &[]),
        ("sh -c aws§'unfinished", None, Unknown, &[]),
        ("sh script.sh aws eks get-token", None, Unknown, &[]),
        ("sh -c", None, Unknown, &[]),
        // aws-vault and its like
        ("aws-vault exec prod -- aws eks get-token", Some("aws"), MayPrompt, AWS_FILES),
        ("aws-vault exec -n prod -- env A=1 aws eks get-token", Some("aws"), MayPrompt, AWS_FILES),
        ("aws-vault --backend file exec -d 1h prod aws eks get-token", Some("aws"), MayPrompt, AWS_FILES),
        (
            "aws-vault exec prod -- aws-iam-authenticator token -i c",
            Some("aws-iam-authenticator"),
            MayPrompt,
            AWS_FILES,
        ),
        ("aws-vault exec prod -- some-plugin", None, MayPrompt, &[".aws/config"]),
        ("aws-vault exec prod", None, MayPrompt, &[".aws/config"]),
        ("aws-vault list", Some("aws-vault"), MayPrompt, &[".aws/config"]),
        ("op run --no-masking aws eks get-token", None, MayPrompt, &[]),
        ("assume prod --exec", None, MayPrompt, &[".aws/config"]),
        ("assume prod --exec -- aws eks get-token", Some("aws"), MayPrompt, AWS_FILES),
        ("assume prod --exec aws§eks§get-token", Some("aws"), MayPrompt, AWS_FILES),
        ("chamber exec service -- aws eks get-token", Some("aws"), Unknown, AWS_FILES),
        (
            "op run -- doctl kubernetes cluster kubeconfig exec-credential",
            Some("doctl"),
            MayPrompt,
            if cfg!(target_os = "linux") { &[".config/doctl/config.yaml"] } else { &[] },
        ),
        (
            "op run --env-file /e -- aws eks get-token",
            Some("aws"),
            MayPrompt,
            &["/e", ".aws/config", ".aws/credentials"],
        ),
        // kubelogin, twice
        (
            "kubectl oidc-login get-token --oidc-issuer-url=https://i",
            Some("oidc-login"),
            MayPrompt,
            &[".kube/cache/oidc-login"],
        ),
        (
            "kubectl-oidc_login get-token --oidc-issuer-url https://i",
            Some("oidc-login"),
            MayPrompt,
            &[".kube/cache/oidc-login"],
        ),
        (
            "kubelogin get-token --oidc-issuer-url=i --token-cache-dir /t",
            Some("oidc-login"),
            MayPrompt,
            &["/t"],
        ),
        (
            "kubelogin get-token --oidc-issuer-url=i --grant-type=client-credentials",
            Some("oidc-login"),
            Silent,
            &[".kube/cache/oidc-login"],
        ),
        (
            "kubelogin get-token --oidc-issuer-url=i --username=u --password=p",
            Some("oidc-login"),
            Silent,
            &[".kube/cache/oidc-login"],
        ),
        (
            "kubelogin get-token --oidc-issuer-url=i --grant-type password --username=u",
            Some("oidc-login"),
            MayPrompt,
            &[".kube/cache/oidc-login"],
        ),
        (
            "kubelogin get-token --oidc-issuer-url=i --grant-type=device-code",
            Some("oidc-login"),
            MayPrompt,
            &[".kube/cache/oidc-login"],
        ),
        ("kubelogin.exe get-token --server-id s -l azurecli", Some("kubelogin"), Silent, AZ_FILES),
        (
            "kubelogin get-token --server-id s",
            Some("kubelogin"),
            MayPrompt,
            &[".kube/cache/kubelogin/auth.json"],
        ),
        (
            "kubelogin get-token --server-id=s --login=interactive --cache-dir=/k",
            Some("kubelogin"),
            MayPrompt,
            &["/k/auth.json"],
        ),
        (
            "kubelogin get-token --server-id s --login msi",
            Some("kubelogin"),
            Silent,
            &[".kube/cache/kubelogin/auth.json"],
        ),
        (
            "kubelogin get-token --server-id s --login spn",
            Some("kubelogin"),
            Silent,
            &[".kube/cache/kubelogin/auth.json"],
        ),
        (
            "kubelogin get-token --server-id s --login workloadidentity",
            Some("kubelogin"),
            Silent,
            &[".kube/cache/kubelogin/auth.json"],
        ),
        (
            "kubelogin get-token --server-id s --login ropc",
            Some("kubelogin"),
            Silent,
            &[".kube/cache/kubelogin/auth.json"],
        ),
        (
            "env AAD_LOGIN_METHOD=azurecli kubelogin get-token --server-id s --login devicecode",
            Some("kubelogin"),
            Silent,
            AZ_FILES,
        ),
        (
            "env AAD_LOGIN_METHOD=azurecli kubelogin get-token --server-id s --disable-environment-override",
            Some("kubelogin"),
            MayPrompt,
            &[".kube/cache/kubelogin/auth.json"],
        ),
        ("kubelogin get-token", None, Unknown, &[]),
        ("kubectl get pods", None, Unknown, &[]),
        ("kubectl", None, Unknown, &[]),
        // The others where their arguments matter
        (
            "gcloud auth print-access-token --configuration c",
            Some("gcloud"),
            Silent,
            &[
                ".config/gcloud/active_config",
                ".config/gcloud/configurations/config_c",
                ".config/gcloud/credentials.db",
            ],
        ),
        (
            "gcloud auth login",
            Some("gcloud"),
            Unknown,
            &[
                ".config/gcloud/active_config",
                ".config/gcloud/configurations/config_default",
                ".config/gcloud/credentials.db",
            ],
        ),
        (
            "gke-gcloud-auth-plugin --use_application_default_credentials=false",
            Some("gke-gcloud-auth-plugin"),
            Silent,
            &[
                ".config/gcloud/active_config",
                ".config/gcloud/configurations/config_default",
                ".config/gcloud/credentials.db",
            ],
        ),
        ("az login", Some("az"), Unknown, AZ_FILES),
        ("doctl kubernetes cluster kubeconfig exec-credential -c /d", Some("doctl"), Silent, &["/d"]),
        (
            "doctl kubernetes cluster kubeconfig exec-credential --sso-issuer-url=i -c/d",
            Some("doctl"),
            MayPrompt,
            &["/d"],
        ),
        ("oci --config-file /o ce cluster generate-token", Some("oci"), Silent, &["/o", ".oci/oci_cli_rc"]),
        ("pinniped login static --token t", Some("pinniped"), Silent, &[]),
        (
            "stackit ske kubeconfig login --idp",
            Some("stackit"),
            Silent,
            if cfg!(target_os = "linux") { &[".config/stackit/cli-profile.txt"] } else { &[] },
        ),
        ("client-keystone-auth --password p", Some("client-keystone-auth"), Silent, &[]),
        (
            "gardenlogin get-client-certificate --config /g",
            Some("gardenlogin"),
            Unknown,
            &["/g", ".garden/gardenctl-v2.yaml"],
        ),
        ("rancher kubectl", None, Unknown, &[]),
        ("tanzu login", None, Unknown, &[]),
        ("oc whoami", None, Unknown, &[]),
    ]
};

#[test]
fn command_lines_are_recognised() {
    for (line, family, interaction, files) in RECOGNISED {
        let identity = identify_in(line, &[]);
        assert_eq!(identity.family, *family, "{line}");
        assert_eq!(identity.interaction, *interaction, "{line}");
        let everything = Groups::ALL.variables().count();
        assert_eq!(identity.variables().count() == everything, family.is_none(), "{line}");
        if cfg!(target_os = "linux") {
            let home = Path::new("/home/u");
            let expected: Vec<PathBuf> = files.iter().map(|file| home.join(file)).collect();
            assert_eq!(identity.files, expected, "{line}");
        }
    }
}

#[test]
fn a_wrapper_adds_its_variables_to_those_of_the_plugin() {
    let names =
        |line| -> Vec<&str> { identify_in(line, &[]).variables().map(|variable| variable.name).collect() };
    let behind_vault = names("aws-vault exec p -- doctl x");
    for expected in ["AWS_PROFILE", "AWS_VAULT_BACKEND", "DIGITALOCEAN_ACCESS_TOKEN"] {
        assert!(behind_vault.contains(&expected), "{expected}");
    }
    assert!(!behind_vault.contains(&"CLOUDSDK_CONFIG"));
}

#[test]
fn variables_that_a_script_names_count() {
    let named = |line: &str| identify_in(line, &[]).named_variables;
    assert_eq!(named("sh -c aws§eks§get-token§--cluster-name§$C"), ["C"]);
    assert_eq!(named("sh -c ${PLUGIN:-x}§$A§\"$B_1\"§$A|cat§$1§$$"), ["PLUGIN", "A", "B_1"]);
    assert_eq!(named("pinniped login static --token-env MY_TOKEN"), ["MY_TOKEN"]);
    assert!(named("aws eks get-token --cluster-name $C").is_empty(), "no shell, no variable");
    let other = fingerprint("sh -c aws§$C", &[("C", "other")]);
    assert_ne!(fingerprint("sh -c aws§$C", &[("C", "c")]), other);
}

/// [`knows`] has no environment, and must not know less of a script than [`identify`].
#[test]
fn a_script_is_followed_with_the_values_of_its_variables() {
    let family = |script: &str| {
        let environment = [("TOOL", "aws"), ("WORDS", "aws eks get-token"), ("EMPTY", "")];
        identify_in(&format!("sh -c {script}"), &environment).family
    };
    assert_eq!(family("aws§--profile§$TOOL"), Some("aws"));
    assert_eq!(family("aws§\"$WORDS\""), Some("aws"));
    assert_eq!(family("aws§$EMPTY"), Some("aws"));
    assert_eq!(family("aws§$WORDS"), None, "the shell would split it");
    assert_eq!(family("$TOOL§eks§get-token"), None);
    assert_eq!(family("$EMPTY"), None);
    assert_eq!(family("A=$TOOL§aws§eks"), Some("aws"));
}

#[test]
fn variables_choose_where_the_files_are() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);
    let cases: &[Case] = &[
        ("aws x", &[("AWS_CONFIG_FILE", "/c"), ("AWS_SHARED_CREDENTIALS_FILE", "/s")], &["/c", "/s"]),
        ("aws x", &[("AWS_CONFIG_FILE", "/c"), ("AWS_SHARED_CREDENTIALS_FILE", "/c")], &["/c"]),
        ("aws x", &[("AWS_CONFIG_FILE", "")], &["/home/u/.aws/config", "/home/u/.aws/credentials"]),
        (
            "gcloud x",
            &[("CLOUDSDK_CONFIG", "/g"), ("CLOUDSDK_ACTIVE_CONFIG_NAME", "n")],
            &["/g/active_config", "/g/configurations/config_n", "/g/credentials.db"],
        ),
        ("az x", &[("AZURE_CONFIG_DIR", "/a")], &["/a/azureProfile.json", "/a/clouds.config", "/a/config"]),
        ("doctl x", &[("DIGITALOCEAN_CONFIG", "/d")], &["/d"]),
        (
            "tsh x",
            &[("TELEPORT_HOME", "/t"), ("TELEPORT_IDENTITY_FILE", "/i")],
            &["/t/current-profile", "/i"],
        ),
        ("kubelogin --oidc-issuer-url=i", &[("KUBECACHEDIR", "/k")], &["/k/oidc-login"]),
        ("kubelogin --server-id=i", &[("KUBECACHEDIR", "/k")], &["/k/auth.json"]),
        ("linode-cli x", &[("LINODE_CLI_CONFIG", "/l")], &["/l", "/home/u/.linode-cli"]),
        ("linode-cli x", &[("XDG_CONFIG_HOME", "/x")], &["/x/linode-cli", "/home/u/.linode-cli"]),
        (
            "gardenlogin x",
            &[("GL_HOME", "/g"), ("GCTL_HOME", "/h")],
            &["/g/gardenlogin.yaml", "/h/gardenctl-v2.yaml"],
        ),
        (
            "gke-gcloud-auth-plugin --use_application_default_credentials",
            &[("GOOGLE_APPLICATION_CREDENTIALS", "/k.json")],
            &["/k.json"],
        ),
    ];
    for (line, environment, files) in cases {
        let expected: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        assert_eq!(identify_in(line, environment).files, expected, "{line}");
    }
}

#[test]
fn without_a_home_directory_nothing_is_looked_at() {
    let identity = identify(&command("aws eks get-token"), &|_| None);
    assert_eq!(identity.family, Some("aws"));
    assert!(identity.files.is_empty());
}

#[test]
fn the_plugins_on_windows_go_by_any_case() {
    let name = |program: &str| program_name(program.as_ref()).into_owned();
    assert_eq!(name("AWS.EXE"), if cfg!(windows) { "aws" } else { "AWS" });
    assert_eq!(name("C:\\bin\\aws.exe"), if cfg!(windows) { "aws" } else { "C:\\bin\\aws" });
}

/// Which files of a tool's directory were how after which of its steps.
struct Step<'a> {
    kind: &'a str,
    command: &'a str,
    files: Vec<(&'a str, &'a str)>,
    texts: Vec<(&'a str, &'a str)>,
}

fn read_layout(layout: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for line in layout.lines().filter(|line| !line.starts_with('#')) {
        let (kind, rest) = line.split_once(' ').expect("two words at least");
        let step = match kind {
            "file" | "text" => steps.last_mut(),
            _ => {
                let (files, texts) = (Vec::new(), Vec::new());
                steps.push(Step { kind, command: rest, files, texts });
                None
            }
        };
        match (kind, step) {
            ("file", Some(step)) => {
                let (state, name) = rest.rsplit_once(' ').expect("a state and a name");
                step.files.push((name, state));
            }
            ("text", Some(step)) => step.texts.push(rest.split_once(' ').expect("name, text")),
            _ => {}
        }
    }
    steps
}

/// `tests/data/identity/README.md` says where the recordings come from.
#[test]
fn the_named_files_of_real_plugins_change_with_the_account_and_with_nothing_else() {
    let recordings = [
        ("aws", "AWS_CONFIG_DIR", include_str!("../../tests/data/identity/aws.layout")),
        ("gcloud", "CLOUDSDK_CONFIG", include_str!("../../tests/data/identity/gcloud.layout")),
        (
            "gke-gcloud-auth-plugin",
            "CLOUDSDK_CONFIG",
            include_str!("../../tests/data/identity/gcloud.layout"),
        ),
        ("az", "AZURE_CONFIG_DIR", include_str!("../../tests/data/identity/az.layout")),
        (
            "kubelogin --server-id s --login azurecli",
            "AZURE_CONFIG_DIR",
            include_str!("../../tests/data/identity/az.layout"),
        ),
        ("oci", "OCI_CONFIG_DIR", include_str!("../../tests/data/identity/oci.layout")),
    ];
    for (plugin, variable, layout) in recordings {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let directory = scratch.path();
        let root = directory.to_str().expect("a plain path");
        let environment = [
            (variable, root.to_owned()),
            ("AWS_CONFIG_FILE", format!("{root}/config")),
            ("AWS_SHARED_CREDENTIALS_FILE", format!("{root}/credentials")),
            ("OCI_CLI_CONFIG_FILE", format!("{root}/config")),
            ("OCI_CLI_RC_FILE", format!("{root}/oci_cli_rc")),
        ];
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut last = None;
        for step in read_layout(layout) {
            for (name, text) in &step.texts {
                fs::write(directory.join(name), text).expect("scratch is writable");
            }
            let state: Vec<(PathBuf, Option<&str>)> = identify_in(plugin, &environment)
                .files
                .into_iter()
                .map(|file| {
                    let name = file.strip_prefix(directory).expect("below the directory");
                    let known = step.files.iter().find(|(known, _)| name == Path::new(known));
                    (name.to_owned(), known.map(|(_, state)| *state))
                })
                .collect();
            assert!(state.iter().any(|(_, state)| state.is_some()), "{plugin}: {}", step.command);
            match step.kind {
                "switch" => assert_ne!(last.as_ref(), Some(&state), "{plugin}: {}", step.command),
                "run" => assert_eq!(last.as_ref(), Some(&state), "{plugin}: {}", step.command),
                _ => assert!(last.is_none(), "{plugin}: starts once"),
            }
            last = Some(state);
        }
    }
}

#[test]
fn gclouds_active_configuration_is_the_one_in_its_file() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let directory = scratch.path();
    let root = directory.to_str().expect("a plain path").to_owned();
    let file = || {
        let environment = [("CLOUDSDK_CONFIG", root.as_str())];
        let files = identify_in("gke-gcloud-auth-plugin", &environment).files;
        files[1].strip_prefix(directory).expect("below").display().to_string()
    };
    assert_eq!(file(), "configurations/config_default");
    for (text, name) in
        [("work\n", "work"), ("", "default"), ("  a-1 ", "a-1"), ("\u{0}\u{7f}", "\u{0}\u{7f}")]
    {
        fs::write(directory.join("active_config"), text).expect("writable");
        assert_eq!(file(), format!("configurations/config_{name}"));
    }
    fs::write(directory.join("active_config"), [0xff; 4000]).expect("writable");
    assert_eq!(file(), "configurations/config_default");
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

/// Before and after; `§` is a blank inside one argument.
const MASKED: &[(&str, &str)] = &[
    ("plugin --password=hunter2 x", "plugin --password=*** x"),
    ("plugin --password hunter2 x", "plugin --password *** x"),
    ("plugin -password hunter2", "plugin -password ***"),
    ("plugin --oidc-client-secret=hunter2", "plugin --oidc-client-secret=***"),
    ("plugin --oidc-client-secret hunter2", "plugin --oidc-client-secret ***"),
    ("plugin --client-secret -hunter2", "plugin --client-secret ***"),
    ("plugin --client-secret= --x", "plugin --client-secret= --x"),
    ("plugin --CLIENT_SECRET=hunter2", "plugin --CLIENT_SECRET=***"),
    ("plugin --application-credential-secret hunter2", "plugin --application-credential-secret ***"),
    ("plugin --token hunter2", "plugin --token ***"),
    ("plugin --access-token=hunter2", "plugin --access-token=***"),
    ("plugin --api-key hunter2", "plugin --api-key ***"),
    ("plugin --apikey=hunter2", "plugin --apikey=***"),
    ("plugin --secret-id hunter2", "plugin --secret-id ***"),
    ("plugin --client-certificate-password hunter2", "plugin --client-certificate-password ***"),
    ("aws-vault exec --mfa-token 123456 p -- aws", "aws-vault exec --mfa-token *** p -- aws"),
    ("doctl -t hunter2 x", "doctl -t *** x"),
    ("doctl -thunter2 x", "doctl -t*** x"),
    ("env A=1 /bin/doctl -t=hunter2 x", "env A=1 /bin/doctl -t=*** x"),
    ("kubelogin -t tenant", "kubelogin -t tenant"),
    ("env DIGITALOCEAN_ACCESS_TOKEN=hunter2 doctl", "env DIGITALOCEAN_ACCESS_TOKEN=*** doctl"),
    ("env AWS_SECRET_ACCESS_KEY=hunter2 aws", "env AWS_SECRET_ACCESS_KEY=*** aws"),
    ("env AWS_PROFILE=prod aws", "env AWS_PROFILE=prod aws"),
    ("env AWS_ACCESS_KEY_ID=AKIA aws", "env AWS_ACCESS_KEY_ID=AKIA aws"),
    ("plugin --proxy=http://u:hunter2@h:1/p", "plugin --proxy=http://u:***@h:1/p"),
    ("plugin http://u:hunter2@h", "plugin http://u:***@h"),
    ("plugin http://u:hun@ter2@h/x@y?a=1", "plugin http://u:***@h/x@y?a=1"),
    ("plugin https://u@h/p?token=hunter2&b=1", "plugin https://u@h/p?token=***&b=1"),
    ("plugin --url=https://h/p?x=1&client_secret=hunter2", "plugin --url=https://h/p?x=1&client_secret=***"),
    ("plugin --header Authorization=Bearer§hunter2", "plugin --header ***"),
    ("plugin --header Authorization:§Bearer§hunter2", "plugin --header ***"),
    ("plugin --param client_assertion=hunter2", "plugin --param client_assertion=***"),
    ("plugin --param=client_assertion=hunter2", "plugin --param=client_assertion=***"),
    ("plugin eyJhbGciOiJub25lIn0.e30.hunter2", "plugin ***"),
    ("plugin --jwt=eyJhbGciOiJub25lIn0.e30.hunter2", "plugin --jwt=***"),
    ("sh -c FOO_TOKEN=hunter2§aws§x", "sh -c ***"),
    ("sh -c aws§--password§'hun§ter2'", "sh -c ***"),
    ("sh -c curl§-H§\"X-Token:§hunter2\"", "sh -c ***"),
    ("sh -c a|doctl§-t§hunter2", "sh -c ***"),
    ("sh -c curl§https://u:hunter2@h", "sh -c ***"),
    ("sh -c aws§eks§get-token|cat", "sh -c aws§eks§get-token|cat"),
    ("aws eks get-token --cluster-name c", "aws eks get-token --cluster-name c"),
    ("az account get-access-token --resource r", "az account get-access-token --resource r"),
    ("plugin --token-cache-dir /d", "plugin --token-cache-dir /d"),
    ("plugin --federated-token-file=/f", "plugin --federated-token-file=/f"),
    ("plugin --token-only -i c", "plugin --token-only -i c"),
    ("plugin --token --verbose", "plugin --token --verbose"),
    ("plugin a=b=c --x=y", "plugin a=b=c --x=y"),
    ("plugin", "plugin"),
];

#[test]
fn secrets_in_arguments_are_hidden() {
    for (before, after) in MASKED {
        let shown = mask_arguments(&command(before));
        assert_eq!(shown.join(" "), after.replace('§', " "), "{before}");
    }
}

#[test]
fn a_blank_of_any_alphabet_hides_no_secret() {
    for blank in [" ", "\t", "\u{a0}", "\u{2003}"] {
        let argument = ["login", "--token", "secret"].join(blank);
        let shown = mask_arguments(&["plugin".into(), argument.into()]);
        assert!(!shown.concat().contains("secret"), "{shown:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_tilde_stands_for_the_home_in_front_of_any_bytes() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let identity = identify(&command("aws eks get-token"), &|name| match name {
        "HOME" => Some("/home/u".into()),
        "AWS_CONFIG_FILE" => Some(bytes(b"~/\xff")),
        _ => None,
    });
    assert!(identity.files.contains(&bytes(b"/home/u/\xff").into()), "{:?}", identity.files);
}

#[test]
fn a_command_line_cannot_drive_the_terminal() {
    let arguments = [OsString::from("a\u{1b}[2Jb"), OsString::from("x\r\ny")];
    for shown in mask_arguments(&arguments) {
        assert!(!shown.contains(char::is_control), "{shown}");
    }
}

#[test]
fn secret_flags_are_told_by_their_names() {
    for secret in ["--token", "-token", "--oidc-client-secret", "--password=x", "--api_key"] {
        assert!(is_secret_flag(secret), "{secret}");
    }
    for harmless in ["token", "--token-file", "--client-id", "--access-key-id", "-t", "--", ""] {
        assert!(!is_secret_flag(harmless), "{harmless}");
    }
}

/// Any words at all, many of them meaningful: no panic, the union if not recognised, and a marked
/// secret behind its flag never shown.
#[test]
fn no_command_line_is_too_strange() {
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
