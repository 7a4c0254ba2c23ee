//! The cache in front of real plugins: one run for each identity, also behind a script, a shell and `env -S`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{
    Call, EXEC_INFO, HOUR, Plugin, Sandbox, V1, V1BETA1, aws, jwt_of, now_unix_s, skip, tool,
};

/// A real program whose runs are counted.
struct Setting {
    sandbox: Sandbox,
    plugin: Plugin,
}

impl Setting {
    /// `None` if this machine does not have the program, which is reported.
    fn of(name: &str) -> Option<Setting> {
        let tool = if name == "aws" { aws() } else { tool(name) }?;
        let sandbox = Sandbox::new();
        let plugin = sandbox.plugin(name);
        plugin.becomes(&tool.program);
        sandbox.set_env("PATH", &tool.path);
        Some(Setting { sandbox, plugin })
    }

    /// Whether this call runs the plugin.
    #[track_caller]
    fn misses(&self, call: Call) -> bool {
        let before = self.plugin.runs();
        let run = call.run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{run:?}");
        self.plugin.runs() > before
    }

    /// What `call` prints. Checks that the plugin runs for it.
    #[track_caller]
    fn new_answer(&self, call: Call) -> String {
        let before = self.plugin.runs();
        let run = call.run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{run:?}");
        assert_eq!(self.plugin.runs(), before + 1);
        run.stdout_text()
    }

    /// A script that runs `line` in a shell.
    fn script(&self, line: &str) -> String {
        let script = self.sandbox.new_path("my-login");
        fs::write(&script, format!("#!/bin/sh\n{line}\n")).unwrap();
        fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        script.display().to_string()
    }

    /// The call of a command that may be a script or a shell, as a client of `api_version` makes it.
    fn call_of(&self, words: &[&str], api_version: &str) -> Call {
        let call = self.sandbox.program().args(words).by_new("kubectl");
        call.env("KUBERNETES_EXEC_INFO", EXEC_INFO.replace(V1, api_version))
    }
}

#[test]
fn the_real_aws_runs_once_for_each_identity() {
    let Some(setting) = Setting::of("aws") else { return };
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
    let Some(setting) = Setting::of("aws") else { return };
    let home = setting.sandbox.home().to_owned();
    fs::create_dir(home.join(".aws")).unwrap();
    fs::write(home.join(".aws/config"), "[default]\nregion = eu-west-1\n").unwrap();
    let account = |id: &str| {
        let text = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = made-up\n");
        fs::write(home.join(".aws/credentials"), text).unwrap();
    };
    let line = format!("{} eks get-token --cluster-name demo", setting.plugin.command().display());
    let script = setting.script(&format!("exec {line}"));
    let [pipe, list] = [format!("{line} | cat"), format!("set -e; {line}")];
    for words in [&[script.as_str()][..], &["sh", "-c", &pipe], &["bash", "-c", &list], &["env", "-S", &line]]
    {
        let call = || setting.call_of(words, V1);
        account("AKIAEXAMPLE");
        assert!(setting.misses(call()), "{words:?}");
        assert!(!setting.misses(call()), "{words:?}");
        account("AKIAOTHER");
        assert!(signed_for(&setting.new_answer(call())).contains("AKIAOTHER"), "{words:?}");
        assert!(!setting.misses(call()), "{words:?}");
    }
}

/// The address that the token of `aws eks get-token` consists of.
fn signed_for(credential: &str) -> String {
    let token = token_of(credential);
    let address = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix("k8s-aws-v1.").unwrap()).unwrap();
    String::from_utf8(address).unwrap()
}

fn token_of(credential: &str) -> String {
    let credential: Value = serde_json::from_str(credential).unwrap();
    credential["status"]["token"].as_str().unwrap().to_owned()
}

/// `oci ce cluster generate-token` signs a request and contacts no server.
#[test]
fn the_real_oci_runs_once_for_one_identity() {
    let Some(setting) = Setting::of("oci") else { return };
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

/// A home directory in which gcloud has logged in alice and bob, service accounts of a token endpoint on
/// 127.0.0.1. bob is the active account.
struct Gcloud {
    setting: Setting,
    config: PathBuf,
}

impl Gcloud {
    /// In front of `plugin`. `None` if it or another tool is missing, which is reported.
    fn before(plugin: &str) -> Option<Gcloud> {
        let (gcloud, setting) = (tool("gcloud")?, Setting::of(plugin)?);
        let (key, url) = (rsa_key(&setting.sandbox)?, token_endpoint());
        let home = setting.sandbox.home().to_owned();
        write_kubeconfig(&home.join("kubeconfig"));
        setting.sandbox.set_env("KUBECONFIG", home.join("kubeconfig"));
        setting.sandbox.set_env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1");
        for name in ["alice", "bob"] {
            let account = json!({
                "type": "service_account", "project_id": "example", "private_key_id": name,
                "private_key": key, "client_id": "1", "token_uri": url, "client_email": email(name),
            });
            let file = home.join(name);
            fs::write(&file, account.to_string()).unwrap();
            let login = ["auth", "activate-service-account", "--key-file"];
            let run = setting.sandbox.tool(&gcloud.program).args(login).arg(&file).run();
            assert_eq!(run.code(), 0, "{run:?}");
        }
        let config = home.join(".config/gcloud/configurations/config_default");
        Some(Gcloud { setting, config })
    }

    /// As `gcloud config set account` does.
    fn activate(&self, name: &str) {
        let text = fs::read_to_string(&self.config).unwrap();
        let other = if name == "alice" { "bob" } else { "alice" };
        fs::write(&self.config, text.replace(&email(other), &email(name))).unwrap();
    }

    /// A command behind a script, a shell and `env -S` runs once for each account, and gets its token.
    fn assert_told_apart(&self, commands: &[&[&str]], api_version: &str) {
        let setting = &self.setting;
        for words in commands {
            let call = || {
                // With it, gke-gcloud-auth-plugin would not run gcloud.
                let _ = fs::remove_file(setting.sandbox.home().join("gke_gcloud_auth_plugin_cache"));
                setting.call_of(words, api_version)
            };
            for name in ["alice", "bob"] {
                self.activate(name);
                let token = token_of(&setting.new_answer(call()));
                assert_eq!(subject_of(&token), email(name), "{words:?}");
                assert!(!setting.misses(call()), "{words:?}: {name}");
            }
        }
    }
}

fn email(name: &str) -> String {
    format!("{name}@example.iam.gserviceaccount.com")
}

fn write_kubeconfig(path: &Path) {
    let document = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": {}}],
    });
    fs::write(path, document.to_string()).unwrap();
}

#[test]
fn the_real_gke_gcloud_auth_plugin_runs_once_for_each_account() {
    let Some(gcloud) = Gcloud::before("gke-gcloud-auth-plugin") else { return };
    let plugin = gcloud.setting.plugin.command().display().to_string();
    let script = gcloud.setting.script(&format!("exec {plugin}"));
    let pipe = format!("{plugin} | cat");
    let commands: [&[&str]; 4] = [&[&plugin], &[&script], &["sh", "-c", &pipe], &["env", "-S", &plugin]];
    gcloud.assert_told_apart(&commands, V1BETA1);
}

/// `gcloud` prints a token and no ExecCredential, so only scripts use it as a plugin.
#[test]
fn the_real_gcloud_behind_a_script_runs_once_for_each_account() {
    let Some(gcloud) = Gcloud::before("gcloud") else { return };
    let line = format!(
        "token=$({} auth print-access-token --quiet) && printf \
         '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{V1}\",\"status\":{{\"token\":\"%s\"}}}}' \"$token\"",
        gcloud.setting.plugin.command().display()
    );
    let script = gcloud.setting.script(&line);
    gcloud.assert_told_apart(&[&[&script], &["sh", "-c", &line], &["env", "-S", &script]], V1);
}

/// Whose access token it is.
fn subject_of(token: &str) -> String {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    payload["sub"].as_str().unwrap().to_owned()
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

/// Answers each request with a token of the account that has signed it, until the tests end.
fn token_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut form = vec![0; length];
            let _ = reader.read_exact(&mut form);
            let body = token_answer(&String::from_utf8_lossy(&form));
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let length = body.len();
            let _ = write!(reader.into_inner(), "{head}Content-Length: {length}\r\n\r\n{body}");
        }
    });
    url
}

/// The request of RFC 7523: a form whose field `assertion` is a JWT of the account.
fn token_answer(form: &str) -> String {
    let assertion = form.split('&').find_map(|field| field.strip_prefix("assertion=")).unwrap_or_default();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap_or_default());
    let payload: Value = serde_json::from_slice(&payload.unwrap_or_default()).unwrap_or_default();
    let claims = json!({"sub": payload["iss"], "exp": now_unix_s() + HOUR});
    let token = jwt_of(&claims.to_string());
    json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token, "id_token": token}).to_string()
}
