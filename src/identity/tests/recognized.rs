//! How command lines are recognized.

#[cfg(unix)]
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{command, fingerprint, identify_in};
use crate::identity::program::program_name;
use crate::identity::variables::Groups;
use crate::identity::{Interaction, identify};

type Recognized = (&'static str, Option<&'static str>, Interaction, &'static [&'static str]);

const AWS_FILES: &[&str] = &[".aws/config", ".aws/credentials"];
/// The first is in the working directory.
const KEYSTONE_FILES: &[&str] = &["clouds.yaml", ".config/openstack/clouds.yaml"];
const AZ_FILES: &[&str] = &[".azure/azureProfile.json", ".azure/clouds.config", ".azure/config"];

/// Files are relative to the home directory. A family of `None` means that all variables count.
const RECOGNIZED: &[Recognized] = {
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
        ("bash -ec aws§eks§get-token", Some("aws"), Silent, AWS_FILES),
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
        ("chamber exec service -- aws eks get-token", Some("aws"), Silent, AWS_FILES),
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
        ("stdbuf -o0 aws eks get-token", Some("aws"), Silent, AWS_FILES),
        (
            "saml2aws exec -a prod -- aws eks get-token",
            Some("aws"),
            MayPrompt,
            &[".saml2aws", ".aws/credentials"],
        ),
        ("saml2aws exec --role r aws eks get-token", Some("aws"), MayPrompt, &[".saml2aws"]),
        ("aws-sso exec -p prod aws eks get-token", Some("aws"), MayPrompt, AWS_FILES),
        ("aws-okta exec prod -- aws eks get-token", Some("aws"), MayPrompt, AWS_FILES),
        ("aws-okta exec prod aws eks get-token", None, MayPrompt, &[".aws/config"]),
        ("doppler run -- aws eks get-token", Some("aws"), Unknown, AWS_FILES),
        ("doppler run --command aws§eks§get-token", Some("aws"), Unknown, AWS_FILES),
        ("doppler run aws eks get-token", None, Unknown, AWS_FILES),
        ("infisical run -c aws§eks§get-token", Some("aws"), MayPrompt, AWS_FILES),
        ("envchain prod aws eks get-token", Some("aws"), MayPrompt, AWS_FILES),
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
        (
            "client-keystone-auth --keystone-url=u --domain-name=d --user-name=n --project-name=p --password p",
            Some("client-keystone-auth"),
            Silent,
            KEYSTONE_FILES,
        ),
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

/// Whether the line begins with a wrapper that has files of its own.
fn wraps(line: &str) -> bool {
    ["saml2aws", "aws-sso", "aws-okta", "doppler", "infisical"].iter().any(|name| line.starts_with(name))
}

#[test]
fn command_lines_are_recognized() {
    for (line, family, interaction, files) in RECOGNIZED {
        let identity = identify_in(line, &[]);
        assert_eq!(identity.family, *family, "{line}");
        assert_eq!(identity.interaction, *interaction, "{line}");
        let everything = Groups::ALL.variables().count();
        assert_eq!(identity.variables().count() == everything, !identity.is_understood, "{line}");
        assert!(family.is_some() || !identity.is_understood, "{line}");
        if cfg!(target_os = "linux") {
            let home = Path::new("/home/u");
            let expected: Vec<PathBuf> = files
                .iter()
                .map(|file| if *file == "clouds.yaml" { file.into() } else { home.join(file) })
                .collect();
            match identity.is_understood {
                true if !line.contains(" -- ") && !wraps(line) => {
                    assert_eq!(identity.files, expected, "{line}");
                }
                true => assert!(expected.iter().all(|file| identity.files.contains(file)), "{line}"),
                false => {
                    assert!(expected.iter().all(|file| identity.files.contains(file)), "{line}");
                    assert!(identity.files.contains(&home.join(".oci/config")), "{line}");
                }
            }
        }
    }
}

/// Their start files could set anything, so everything counts, and the files too.
#[test]
fn a_shell_that_runs_start_files_is_understood_only_in_part() {
    for (line, environment, file) in [
        ("bash -lc aws§eks§get-token", &[][..], ".bash_profile"),
        ("sh -l -c aws§eks§get-token", &[], ".profile"),
        ("bash -ic aws§eks§get-token", &[], ".bashrc"),
        ("bash --login -c aws§eks§get-token", &[], ".bash_profile"),
        ("bash -c aws§eks§get-token", &[("BASH_ENV", "/home/u/rc")], "rc"),
        ("sh -c aws§eks§get-token", &[("ENV", "/home/u/rc")], "rc"),
        ("zsh -c aws§eks§get-token", &[("ZDOTDIR", "/home/u/zsh")], ".zshenv"),
    ] {
        let identity = identify_in(line, environment);
        assert!(!identity.is_understood, "{line}");
        assert_eq!(identity.interaction, Interaction::Silent, "{line}");
        assert!(identity.files.contains(&Path::new("/home/u").join(file)), "{line}: {:?}", identity.files);
    }
}

#[test]
fn a_wrapper_adds_its_variables_to_the_plugins() {
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
fn variables_select_where_the_files_are() {
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
fn program_names_ignore_case_on_windows() {
    let name = |program: &str| program_name(program.as_ref()).into_owned();
    assert_eq!(name("AWS.EXE"), if cfg!(windows) { "aws" } else { "AWS" });
    assert_eq!(name("C:\\bin\\aws.exe"), if cfg!(windows) { "aws" } else { "C:\\bin\\aws" });
}

#[cfg(unix)]
#[test]
fn a_leading_tilde_becomes_the_home_directory_before_any_bytes() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let identity = identify(&command("aws eks get-token"), &|name| match name {
        "HOME" => Some("/home/u".into()),
        "AWS_CONFIG_FILE" => Some(bytes(b"~/\xff")),
        _ => None,
    });
    assert!(identity.files.contains(&bytes(b"/home/u/\xff").into()), "{:?}", identity.files);
}
