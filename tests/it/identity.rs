//! A call with another identity gets another credential: the built program with every plugin of the table.

use std::fs;

use crate::support::Setting;
#[cfg(target_os = "linux")]
use crate::support::skip;

/// A plugin's call, files that choose its identity, below the home, and variables that do.
#[cfg(target_os = "linux")]
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

#[cfg(target_os = "linux")]
const ROWS: &[Row] = &[
    (
        "aws eks get-token --cluster-name demo",
        &[".aws/config", ".aws/credentials"],
        &[
            "AWS_PROFILE",
            "AWS_DEFAULT_PROFILE",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_ROLE_ARN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_ACCESS_KEY_ID",
            "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE",
        ],
    ),
    (
        "aws-iam-authenticator token -i demo",
        &[".aws/config", ".aws/credentials"],
        &["AWS_PROFILE", "DEFAULT_ROLE"],
    ),
    (
        "gke-gcloud-auth-plugin",
        &[
            ".config/gcloud/active_config",
            ".config/gcloud/configurations/config_default",
            ".config/gcloud/credentials.db",
        ],
        &["CLOUDSDK_CONFIG", "CLOUDSDK_ACTIVE_CONFIG_NAME", "CLOUDSDK_CORE_ACCOUNT"],
    ),
    (
        "gke-gcloud-auth-plugin --use_application_default_credentials",
        &[".config/gcloud/application_default_credentials.json"],
        &["GOOGLE_APPLICATION_CREDENTIALS"],
    ),
    (
        "kubelogin get-token --login azurecli --server-id s",
        &[".azure/azureProfile.json", ".azure/clouds.config", ".azure/config"],
        &["AZURE_CONFIG_DIR", "AAD_LOGIN_METHOD"],
    ),
    (
        "kubelogin get-token --login msi --server-id s",
        &[".kube/cache/kubelogin/auth.json"],
        &["AZURE_CLIENT_ID", "AZURE_TENANT_ID"],
    ),
    ("kubelogin get-token --oidc-issuer-url=https://i --oidc-client-id=c", &[], &["KUBECACHEDIR"]),
    ("az account get-access-token", &[".azure/azureProfile.json"], &["AZURE_CONFIG_DIR"]),
    (
        "doctl kubernetes cluster kubeconfig exec-credential --version=v1beta1 id",
        &[".config/doctl/config.yaml"],
        &["DIGITALOCEAN_ACCESS_TOKEN", "DIGITALOCEAN_CONTEXT"],
    ),
    (
        "oci ce cluster generate-token --cluster-id c",
        &[".oci/config", ".oci/oci_cli_rc"],
        &["OCI_CLI_PROFILE", "OCI_CLI_REGION"],
    ),
    ("ibmcloud iam oauth-tokens", &[], &["IBMCLOUD_API_KEY", "IBMCLOUD_HOME"]),
    (
        "tsh kube credentials --kube-cluster=k",
        &[".tsh/current-profile"],
        &["TELEPORT_PROXY", "TELEPORT_USER"],
    ),
    ("pinniped login oidc --issuer=https://i", &[], &["PINNIPED_USERNAME"]),
    ("linode-cli kube", &[".config/linode-cli", ".linode-cli"], &["LINODE_CLI_TOKEN"]),
    ("yc k8s create-token", &[".config/yandex-cloud/config.yaml"], &[]),
    ("aws-vault export --format=json prod", &[".aws/config"], &["AWS_VAULT_BACKEND"]),
    ("granted credential-process --profile prod", &[".aws/config"], &["GRANTED_SSO_ACCOUNT_ID"]),
    ("a-plugin-that-is-not-known", &[], &["AWS_PROFILE", "CLOUDSDK_CONFIG", "AZURE_CONFIG_DIR"]),
];

/// After a file is created, touched, replaced or removed, or a variable is set or changed, the next call is a
/// miss and the one after it a hit. Changes that say nothing about the identity are hits.
#[test]
#[cfg(target_os = "linux")]
fn every_choice_of_an_identity_is_a_miss_and_nothing_else_is() {
    for (line, files, variables) in ROWS {
        let mut words = line.split(' ');
        let setting = Setting::with_plugin(words.next().unwrap());
        let arguments: Vec<&str> = words.collect();
        let call = || setting.sandbox.cache(&setting.plugin).args(&arguments);
        assert!(setting.misses(call()), "{line}");
        let misses_once = |what: &str| {
            assert!(setting.misses(call()), "{line}: {what}");
            assert!(!setting.misses(call()), "{line}: {what}, and then a hit");
        };
        for file in *files {
            let path = setting.sandbox.home().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "1").unwrap();
            misses_once(&format!("{file} is made"));
            let touched =
                fs::metadata(&path).unwrap().modified().unwrap() + std::time::Duration::from_secs(1);
            fs::File::options().write(true).open(&path).unwrap().set_modified(touched).unwrap();
            misses_once(&format!("{file} is touched"));
            fs::remove_file(&path).unwrap();
            // The files are again as before this one was created.
            assert!(!setting.misses(call()), "{line}: {file} is gone");
        }
        for variable in *variables {
            for value in ["one", "two"] {
                assert!(setting.misses(call().env(variable, value)), "{line}: {variable}={value}");
                assert!(!setting.misses(call().env(variable, value)), "{line}: {variable}={value}");
            }
        }
        for variable in ["TERM", "PWD", "SHLVL", "LANG", "_"] {
            assert!(!setting.misses(call().env(variable, "other")), "{line}: {variable}");
        }
        for elsewhere in [".aws/sso/cache/x.json", ".kube/config", ".config/other"] {
            let path = setting.sandbox.home().join(elsewhere);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "1").unwrap();
        }
        assert!(!setting.misses(call()), "{line}: files of others");
    }
}

/// Each stat(2) takes some microseconds of a hit, and much more if the home directory is on a network.
#[test]
#[cfg(target_os = "linux")]
fn a_hit_looks_at_its_own_plugin_and_its_files_and_at_no_others() {
    let setting = Setting::with_plugin("aws");
    let call = || setting.sandbox.cache(&setting.plugin).args(["eks", "get-token"]);
    assert!(setting.misses(call()));
    let trace = setting.sandbox.new_path("trace");
    let strace = ["strace", "-f", "-o", trace.to_str().unwrap()];
    let Some(run) = call().behind(strace).run_if_found() else { return skip("no 'strace'") };
    if run.code() != 0 {
        return skip("strace cannot trace here");
    }
    let trace = fs::read_to_string(trace).unwrap();
    let home = format!("\"{}/", setting.sandbox.home().display());
    let mut looked_at: Vec<&str> = trace
        .lines()
        .filter(|line| !line.contains(" execve("))
        .filter_map(|line| line.split_once(&home)?.1.split('"').next())
        .collect();
    looked_at.sort_unstable();
    let own = [".cache/k8s-token-cache/token.json", ".local/state/k8s-token-cache/key"];
    looked_at.retain(|path| !own.iter().any(|own| path.starts_with(own)));
    assert_eq!(looked_at, [".aws/config", ".aws/credentials", "plugins/aws"]);
}

/// `cp -p`, `install -p` and `tar x` set size and modification time of what was there before; the file system
/// may give the same inode again. The change time cannot be set.
#[test]
fn a_file_of_equal_size_and_time_in_its_place_is_another_identity() {
    let setting = Setting::with_plugin("aws");
    let config = setting.sandbox.home().join(".aws/config");
    fs::create_dir(config.parent().unwrap()).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let put = |text: &str| {
        fs::write(&config, text).unwrap();
        fs::File::options().write(true).open(&config).unwrap().set_modified(time).unwrap();
    };
    let call = || setting.sandbox.cache(&setting.plugin).args(["eks", "get-token"]);
    put("dev");
    assert!(setting.misses(call()));
    assert!(!setting.misses(call()));
    put("prd");
    assert!(setting.misses(call()), "overwritten");
    fs::remove_file(&config).unwrap();
    put("dev");
    assert!(setting.misses(call()), "removed and made again");
    let other = config.with_file_name("other");
    fs::write(&other, "prd").unwrap();
    fs::File::options().write(true).open(&other).unwrap().set_modified(time).unwrap();
    fs::rename(&other, &config).unwrap();
    assert!(setting.misses(call()), "renamed over it");
    assert!(!setting.misses(call()));
}

/// gcloud sets the mode of `credentials.db` at each run, which changes its change time.
#[test]
#[cfg(target_os = "linux")]
fn the_mode_that_gcloud_sets_at_each_run_costs_no_hit() {
    use std::os::unix::fs::PermissionsExt;
    for plugin in ["gcloud", "gke-gcloud-auth-plugin", "a-script"] {
        let setting = Setting::with_plugin(plugin);
        let directory = setting.sandbox.home().join(".config/gcloud");
        fs::create_dir_all(&directory).unwrap();
        let [logins, active] = ["credentials.db", "active_config"].map(|name| directory.join(name));
        fs::write(&logins, "bob").unwrap();
        fs::write(&active, "default").unwrap();
        let call = || setting.sandbox.cache(&setting.plugin);
        assert!(setting.misses(call()), "{plugin}");
        for (file, is_miss) in [(&logins, false), (&active, true)] {
            fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
            assert_eq!(setting.misses(call()), is_miss, "{plugin}: the mode of {file:?}");
        }
        fs::write(&logins, "eve").unwrap();
        assert!(setting.misses(call()), "{plugin}: other content");
        fs::remove_file(&logins).unwrap();
        assert!(setting.misses(call()), "{plugin}: no login");
    }
}
