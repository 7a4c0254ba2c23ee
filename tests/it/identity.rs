//! Whoever chooses another identity gets that one's credential: the built program in front of every
//! plugin of the table, and in front of the real ones that can be had.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use std::thread;

use serde_json::json;

use crate::support::{
    Call, Credential, EXEC_INFO, HOUR, Plugin, Sandbox, V1BETA1, aws, now_unix_s, skip, tool,
};

struct Setting {
    sandbox: Sandbox,
    plugin: Plugin,
}

impl Setting {
    fn new(plugin: &str) -> Setting {
        let sandbox = Sandbox::new();
        let plugin = sandbox.plugin(plugin);
        plugin.prints(Credential::token("t").expires_in(HOUR).bytes());
        Setting { sandbox, plugin }
    }

    /// Whether this call runs the plugin.
    #[track_caller]
    fn misses(&self, call: Call) -> bool {
        let before = self.plugin.runs();
        let run = call.run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{run:?}");
        self.plugin.runs() > before
    }
}

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
    ("a-plugin-that-nobody-knows", &[], &["AWS_PROFILE", "CLOUDSDK_CONFIG", "AZURE_CONFIG_DIR"]),
];

/// A file that is made, touched, replaced or removed, a variable that is set or changed: a miss,
/// and then a hit. What tells nothing of the identity: a hit.
#[test]
#[cfg(target_os = "linux")]
fn every_choice_of_an_identity_is_a_miss_and_nothing_else_is() {
    for (line, files, variables) in ROWS {
        let mut words = line.split(' ');
        let setting = Setting::new(words.next().unwrap());
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
            // As it was before there was such a file.
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

/// Each look costs a hit some microseconds, and on a home in the network much more.
#[test]
#[cfg(target_os = "linux")]
fn a_hit_looks_at_the_files_of_its_own_plugin_and_at_no_others() {
    let setting = Setting::new("aws");
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
    assert_eq!(looked_at, [".aws/config", ".aws/credentials"]);
}

/// The real program in the place of the fake one, with what it needs to be found and to find.
fn real(name: &str) -> Option<Setting> {
    let tool = if name == "aws" { aws() } else { tool(name) }?;
    let setting = Setting::new(name);
    setting.plugin.becomes(&tool.program);
    setting.sandbox.set_env("PATH", &tool.path);
    Some(setting)
}

#[test]
fn the_real_aws_runs_once_for_one_identity_and_anew_for_another() {
    let Some(setting) = real("aws") else { return };
    let home = setting.sandbox.home();
    let credentials = "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = made-up\n\
                       [other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = made-up\n";
    fs::create_dir(home.join(".aws")).unwrap();
    fs::write(
        home.join(".aws/config"),
        "[default]\nregion = eu-west-1\n[profile other]\nregion = eu-west-1\n",
    )
    .unwrap();
    fs::write(home.join(".aws/credentials"), credentials).unwrap();
    let call = || setting.sandbox.cache(&setting.plugin).args(["eks", "get-token", "--cluster-name", "demo"]);
    let other = || call().env("AWS_PROFILE", "other");
    assert!(setting.misses(call()));
    assert!(!setting.misses(call()));
    assert!(setting.misses(other()));
    assert!(!setting.misses(other()));
    assert!(!setting.misses(call()));
    assert_ne!(call().run().stdout, other().run().stdout);
    let program = aws().unwrap().program;
    let set = ["configure", "set", "region", "us-east-1"];
    assert_eq!(setting.sandbox.tool(program).args(set).run().code(), 0);
    assert!(setting.misses(call()), "aws configure has changed the file");
    assert!(!setting.misses(call()));
}

/// A script, a shell or `env -S` around the real program: its files count, and the answer is the right one.
#[test]
fn the_real_aws_behind_a_script_gets_the_account_of_its_file() {
    let Some(setting) = real("aws") else { return };
    let home = setting.sandbox.home().to_owned();
    fs::create_dir(home.join(".aws")).unwrap();
    fs::write(home.join(".aws/config"), "[default]\nregion = eu-west-1\n").unwrap();
    let account = |id: &str| {
        let text = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = made-up\n");
        fs::write(home.join(".aws/credentials"), text).unwrap();
    };
    let plugin = setting.plugin.command().display().to_string();
    let script = home.join("my-login");
    fs::write(&script, format!("#!/bin/sh\nexec {plugin} eks get-token --cluster-name demo\n")).unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = script.display().to_string();
    let line = format!("{plugin} eks get-token --cluster-name demo");
    let [pipe, list] = [format!("{line} | cat"), format!("set -e; {line}")];
    for words in [&[script.as_str()][..], &["sh", "-c", &pipe], &["bash", "-c", &list], &["env", "-S", &line]]
    {
        let call = || {
            let call = setting.sandbox.program().args(words).by_new("kubectl");
            call.env("KUBERNETES_EXEC_INFO", EXEC_INFO)
        };
        account("AKIAEXAMPLE");
        assert!(setting.misses(call()), "{words:?}");
        assert!(!setting.misses(call()), "{words:?}");
        account("AKIAOTHER");
        let before = setting.plugin.runs();
        let token = call().run().stdout_text();
        assert_eq!(setting.plugin.runs(), before + 1, "{words:?}: another account");
        assert!(signed_for(&token).contains("AKIAOTHER"), "{words:?}");
        assert!(!setting.misses(call()), "{words:?}");
    }
}

/// The address that the token of `aws eks get-token` consists of.
fn signed_for(credential: &str) -> String {
    use base64::Engine;
    let credential: serde_json::Value = serde_json::from_str(credential).unwrap();
    let token = credential["status"]["token"].as_str().unwrap().strip_prefix("k8s-aws-v1.").unwrap();
    String::from_utf8(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap()
}

/// `cp -p`, `install -p` and `tar x` set size and modification time of what was there before; the file system may
/// give the same inode again. The change time cannot be set.
#[test]
fn a_file_of_equal_size_and_time_in_its_place_is_another_identity() {
    let setting = Setting::new("aws");
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

/// `oci ce cluster generate-token` signs a request and asks nobody.
#[test]
fn the_real_oci_runs_once_for_one_identity() {
    let Some(setting) = real("oci") else { return };
    let directory = setting.sandbox.home().join(".oci");
    fs::create_dir(&directory).unwrap();
    let Some(key) = rsa_key(&setting.sandbox) else { return };
    fs::write(directory.join("key.pem"), key).unwrap();
    let config = format!(
        "[DEFAULT]\nuser=ocid1.user.oc1..example\nfingerprint={}\ntenancy=ocid1.tenancy.oc1..example\n\
         region=eu-frankfurt-1\nkey_file=~/.oci/key.pem\n",
        vec!["11"; 16].join(":")
    );
    fs::write(directory.join("config"), config).unwrap();
    for warning in ["OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING", "SUPPRESS_LABEL_WARNING"] {
        setting.sandbox.set_env(warning, "True");
    }
    let cluster = "ocid1.cluster.oc1.eu-frankfurt-1.example";
    let call = || {
        let call = setting.sandbox.shell(&setting.plugin);
        call.args(["ce", "cluster", "generate-token", "--cluster-id", cluster])
    };
    assert!(setting.misses(call()));
    assert!(!setting.misses(call()));
    assert!(setting.misses(call().env("OCI_CLI_REGION", "us-ashburn-1")));
}

/// With service accounts of a token endpoint on 127.0.0.1. The plugin's own cache is taken away
/// before each call, so that it would be heard of if gcloud ran.
#[test]
#[ignore = "the second call misses on some machines; the cause is not known yet"]
fn the_real_gke_gcloud_auth_plugin_runs_once_for_one_account_and_anew_for_another() {
    let (Some(gcloud), Some(setting)) = (tool("gcloud"), real("gke-gcloud-auth-plugin")) else { return };
    let (Some(key), url) = (rsa_key(&setting.sandbox), token_endpoint()) else { return };
    let home = setting.sandbox.home().to_owned();
    let kubeconfig = home.join("kubeconfig");
    let document = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": {}}],
    });
    fs::write(&kubeconfig, document.to_string()).unwrap();
    setting.sandbox.set_env("KUBECONFIG", &kubeconfig);
    setting.sandbox.set_env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1");
    let run_gcloud = |arguments: &[&str]| {
        let run = setting.sandbox.tool(&gcloud.program).args(arguments).run();
        assert_eq!(run.code(), 0, "{run:?}");
    };
    for name in ["alice", "bob"] {
        let account = json!({
            "type": "service_account", "project_id": "example", "private_key_id": name,
            "private_key": key, "client_id": "1", "token_uri": url,
            "client_email": format!("{name}@example.iam.gserviceaccount.com"),
        });
        let file = home.join(name);
        fs::write(&file, account.to_string()).unwrap();
        run_gcloud(&["auth", "activate-service-account", &format!("--key-file={}", file.display())]);
    }
    let call = || {
        let _ = fs::remove_file(home.join("gke_gcloud_auth_plugin_cache"));
        let info = EXEC_INFO.replace("client.authentication.k8s.io/v1", V1BETA1);
        setting.sandbox.cache(&setting.plugin).env("KUBERNETES_EXEC_INFO", info)
    };
    assert!(setting.misses(call()));
    assert!(!setting.misses(call()));
    let before = call().run().stdout;
    run_gcloud(&["config", "set", "account", "alice@example.iam.gserviceaccount.com"]);
    assert!(setting.misses(call()), "another account");
    assert!(!setting.misses(call()));
    assert_ne!(call().run().stdout, before);
}

fn rsa_key(sandbox: &Sandbox) -> Option<String> {
    let openssl = tool("openssl")?;
    let run = sandbox.tool(openssl.program).args(["genrsa", "2048"]).run();
    if run.code() != 0 {
        skip("openssl makes no key");
        return None;
    }
    Some(run.stdout_text())
}

/// Answers every request with another token, until the tests end.
fn token_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let mut reader = BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let _ = reader.read_exact(&mut vec![0; length]);
            let token = crate::support::jwt(now_unix_s() + HOUR + number as i64);
            let body = json!({
                "token_type": "Bearer", "expires_in": 3600, "access_token": token, "id_token": token,
            });
            let body = body.to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let length = body.len();
            let _ = write!(reader.into_inner(), "{head}Content-Length: {length}\r\n\r\n{body}");
        }
    });
    url
}
