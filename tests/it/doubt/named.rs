//! Files that words and variables name, for plugins of the table and for unknown ones.

use std::fs;
use std::path::Path;

use super::{Setting, same};
use crate::support::Call;

/// Programs of the table that the cases call.
const KNOWN: [&str; 7] =
    ["aws", "aws-iam-authenticator", "gcloud", "gke-gcloud-auth-plugin", "kubelogin", "oci", "yc"];

fn setting() -> Setting {
    let setting = Setting::new();
    for program in KNOWN {
        setting.add_plugin(&setting.programs.join(program), program);
    }
    setting
}

/// `line` split at spaces; `§` in a word becomes a space.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| word.replace('§', " ")).collect()
}

/// A plugin that looks at `file` gets another answer after it has changed.
#[track_caller]
fn assert_counts(setting: &Setting, line: &str, variables: &[(&str, &str)], file: &Path) {
    let words = words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let with = |call: Call| variables.iter().fold(call, |call, (name, value)| call.env(name, value));
    setting.looks_at(file);
    setting.write(file, "dev");
    setting.changes_with(&format!("{line} {variables:?}"), &words, &with, || setting.write(file, "prd"));
}

#[test]
fn a_file_that_the_command_line_of_a_known_plugin_names_counts() {
    let setting = setting();
    let file = setting.home("conf");
    let path = file.display().to_string();
    for line in [
        "aws-iam-authenticator token -i demo --config FILE",
        "aws-iam-authenticator token -i demo --config=FILE",
        "aws-iam-authenticator token -i demo -c conf",
        "yc k8s create-token --config FILE",
        "yc k8s create-token --config conf",
        "oci ce cluster generate-token --config-file FILE",
        "oci ce cluster generate-token --config-file ~/conf",
        "oci ce cluster generate-token --auth-token-file=./conf",
        "aws eks get-token --cli-input-json file://FILE",
        "aws eks get-token --cli-input-json file://conf",
        "aws eks get-token --cli-input-yaml fileb://FILE",
        "aws eks get-token --data @FILE",
        "aws eks get-token FILE",
        "gcloud config config-helper --flags-file FILE",
        "gcloud config config-helper --access-token-file=FILE",
        "gcloud config config-helper --credential-file-override FILE",
        "kubelogin get-token --server-id s --client-certificate conf",
        "kubelogin get-token --server-id s --federated-token-file FILE",
        "timeout 50 aws eks get-token --cli-input-json file://FILE",
        "env AWS_WEB_IDENTITY_TOKEN_FILE=FILE aws eks get-token",
        "sh -c aws§eks§get-token§--cli-input-json§file://FILE",
    ] {
        assert_counts(&setting, &line.replace("FILE", &path), &[], &file);
    }
    let spaced = setting.home("my conf");
    assert_counts(&setting, "yc k8s create-token --config my§conf", &[], &spaced);
    let equals = format!("yc k8s create-token --config={}", spaced.display().to_string().replace(' ', "§"));
    assert_counts(&setting, &equals, &[], &spaced);
}

#[test]
fn a_file_that_a_variable_of_a_known_plugin_names_counts() {
    let setting = setting();
    let file = setting.home("conf");
    let path = file.display().to_string();
    let aws = "aws eks get-token --cluster-name demo";
    let oci = "oci ce cluster generate-token --cluster-id c";
    let azure = "kubelogin get-token --login workloadidentity --server-id s";
    for (line, variable, value) in [
        (aws, "AWS_WEB_IDENTITY_TOKEN_FILE", &*path),
        (aws, "AWS_WEB_IDENTITY_TOKEN_FILE", "conf"),
        (aws, "AWS_CREDENTIAL_FILE", &path),
        (aws, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &path),
        (aws, "BOTO_CONFIG", &path),
        (aws, "AWS_CONFIG_FILE", "~/conf"),
        (aws, "AWS_CONFIG_FILE", "$HOME/conf"),
        (aws, "AWS_SHARED_CREDENTIALS_FILE", "${HOME}/conf"),
        (oci, "OCI_CONFIG_FILE", &path),
        (oci, "OCI_CLI_CONFIG_FILE", &path),
        (oci, "OCI_CLI_RC_FILE", &path),
        (oci, "OCI_CLI_KEY_FILE", &path),
        (oci, "OCI_RESOURCE_PRINCIPAL_RPST", &path),
        (azure, "AZURE_FEDERATED_TOKEN_FILE", &path),
        (azure, "AZURE_CLIENT_CERTIFICATE_PATH", &path),
        ("gcloud config config-helper", "CLOUDSDK_AUTH_LOGIN_CONFIG_FILE", &path),
        ("gcloud auth application-default print-access-token", "GOOGLE_APPLICATION_CREDENTIALS", &path),
    ] {
        assert_counts(&setting, line, &[(variable, value)], &file);
    }
    let config = setting.home(".config/gcloud/configurations/config_default");
    assert_counts(&setting, "gcloud config config-helper", &[("CLOUDSDK_ACTIVE_CONFIG_NAME", "")], &config);
}

#[test]
fn what_a_known_plugin_does_not_take_an_identity_from_costs_no_hit() {
    let setting = setting();
    let file = setting.home("conf");
    let path = file.display().to_string();
    for (line, variable) in [
        ("gke-gcloud-auth-plugin", "KUBECONFIG"),
        ("corp-login x y", "KUBECONFIG"),
        ("aws-iam-authenticator token -i demo --cache", "AWS_IAM_AUTHENTICATOR_CACHE_FILE"),
        ("aws eks get-token --cluster-name demo", "CORP_CONFIG"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let with = |call: Call| call.env(variable, &path);
        setting.write(&file, "dev");
        setting.check(&words, &with);
        setting.write(&file, "prd");
        assert!(!setting.check(&words, &with).1, "{line}: {variable}");
    }
    let elsewhere = setting.home("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let words = ["aws", "eks", "get-token", "--cluster-name", "demo.example"];
    setting.check(&words, &same);
    assert!(!setting.check(&words, &|call| call.current_dir(&elsewhere)).1, "a name with a dot");
}

#[test]
fn an_alias_and_an_old_file_of_the_aws_cli_count() {
    let setting = setting();
    let (alias, old) = (setting.home(".aws/cli/alias"), setting.home(".boto"));
    let words = ["aws", "eks", "get-token", "--cluster-name", "demo"];
    let with = |stage: &'static str| move |call: Call| call.env("CORP_STAGE", stage);
    setting.looks_at(&alias);
    setting.write(&alias, "[toplevel]\nwhoami = sts\n");
    setting.check(&words, &same);
    assert!(!setting.check(&words, &same).1, "an alias of another command");
    setting.sandbox.program().args(["--clear"]).run();
    setting.write(&alias, "[toplevel]\neks = !corp-login x\n");
    setting.changes("an alias of eks", &words, || setting.write(&alias, "[toplevel]\neks = !corp-login\n"));
    setting.differ("what an alias reads", &words, &with("dev"), &with("prd"));
    setting.add_plugin(&setting.programs.join("corp-login"), "2");
    assert!(setting.check(&words, &same).1, "the program of an alias counts");
    fs::remove_file(&alias).unwrap();
    setting.write(&setting.home(".aws/config"), "[default]\ncredential_process = corp-login\n");
    setting.check(&words, &same);
    setting.add_plugin(&setting.programs.join("corp-login"), "3");
    assert!(setting.check(&words, &same).1, "a process without arguments counts");
    fs::remove_file(setting.home(".aws/config")).unwrap();
    setting.looks_at(&old);
    setting.write(&old, "[Credentials]\naws_access_key_id = dev\n");
    setting.sandbox.program().args(["--clear"]).run();
    setting
        .changes("an old file", &words, || setting.write(&old, "[Credentials]\naws_access_key_id = prd\n"));
}

#[test]
fn a_file_that_a_variable_names_counts_for_an_unknown_plugin() {
    let setting = setting();
    let file = setting.home("conf");
    let path = file.display().to_string();
    let [list, options, address] =
        [format!("/none:{path}"), format!("--stage dev --config={path}"), format!("file://{path}")];
    for (variable, value) in [
        ("CORP_CONFIG", &*path),
        ("CORP", &path),
        ("CORP_FILES", &list),
        ("CORP_OPTIONS", &options),
        ("CORP_SOURCE", &address),
        ("CORP_CONFIG", "conf"),
        ("CORP_CONFIG", "./conf"),
        ("CORP_CONFIG", "~/conf"),
    ] {
        assert_counts(&setting, "corp-login x", &[(variable, value)], &file);
    }
    let in_directory = setting.home("corp/token");
    let directory = in_directory.parent().unwrap().display().to_string();
    assert_counts(&setting, "corp-login x", &[("CORP_CONFIG_DIR", &directory)], &in_directory);
    let exclusive: [(&str, &str); 2] = [("--key-env=CORP_CONFIG", &path), ("--key-env=+CORP_CONFIG", &path)];
    for (option, value) in exclusive {
        let words = [option, "corp-login", "x"];
        setting.looks_at(&file);
        setting.write(&file, "1");
        let misses = || {
            let before = setting.runs();
            assert_eq!(setting.cached(&words).env("CORP_CONFIG", value).by_another_caller().run().code(), 0);
            setting.runs() > before
        };
        assert!(misses() && !misses(), "{option}");
        setting.write(&file, "2");
        assert!(misses() && !misses(), "{option}: the file has changed");
    }
}

#[test]
fn the_files_in_a_directory_that_is_named_count() {
    let setting = Setting::new();
    let file = setting.home("corp/token");
    let directory = file.parent().unwrap().display().to_string();
    let spaced = setting.home("my corp/token");
    for line in
        ["corp-login DIR", "corp-login --config-dir=DIR", "corp-login corp", "corp-login --dir ./corp"]
    {
        assert_counts(&setting, &line.replace("DIR", &directory), &[], &file);
    }
    assert_counts(&setting, "corp-login --dir=my§corp", &[], &spaced);
    setting.sandbox.set_env("K8S_TOKEN_CACHE_KEY_FILES", &directory);
    assert_counts(&setting, "corp-login x", &[], &file);
    // What the plugin writes there itself costs no hit.
    let words = ["corp-login", "--cache-dir", &directory];
    setting.sandbox.set_env("K8S_TOKEN_CACHE_KEY_FILES", "");
    setting.looks_at(&setting.home("none"));
    setting.check(&words, &same);
    setting.write(&file, "a new token");
    assert!(!setting.check(&words, &same).1, "a cache");
}

#[test]
fn a_directory_with_too_many_files_keeps_the_call_out_of_the_cache() {
    let setting = Setting::new();
    let directory = setting.home("many");
    fs::create_dir(&directory).unwrap();
    for number in 0..300 {
        fs::write(directory.join(number.to_string()), "").unwrap();
    }
    let words = ["corp-login", "many"];
    for _ in 0..2 {
        let before = setting.runs();
        assert_eq!(setting.cached(&words).by_another_caller().run().code(), 0);
        assert_eq!(setting.runs(), before + 1);
    }
    let explained = setting.sandbox.program().args(["--explain", "corp-login", "many"]).run().stdout_text();
    assert!(explained.contains("too many files"), "{explained}");
    // Every container and distribution may set this one.
    let certificates = |call: Call| call.env("SSL_CERT_DIR", &directory);
    assert!(setting.check(&["corp-login"], &certificates).1);
    assert!(!setting.check(&["corp-login"], &certificates).1, "certificates of servers");
}

#[test]
fn the_program_behind_a_runner_counts() {
    let setting = Setting::new();
    let mut version = 1;
    for program in ["flock", "taskset", "xargs", "runuser", "corp-wrap"] {
        let runner = setting.programs.join(program);
        setting.write(&runner, "#!/bin/sh\nexec corp-login\n");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&runner, executable).unwrap();
    }
    for line in [
        "flock /tmp/none corp-login x",
        "taskset 3 corp-login x",
        "xargs -n 1 corp-login",
        "runuser -u bob corp-login x",
        "corp-wrap --stage dev -- corp-login x",
        "sh -c flock§/tmp/none§corp-login;§true",
        "sh -c true;§exec§corp-login§x",
        "env -S flock§/tmp/none§corp-login",
    ] {
        version += 1;
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let version = version.to_string();
        let change = || setting.add_plugin(&setting.programs.join("corp-login"), &version);
        setting.changes(line, &words, change);
    }
}

#[test]
fn a_path_that_the_command_line_sets_finds_its_program() {
    let setting = setting();
    let [one, other] = ["one", "other"].map(|name| setting.home(name));
    for directory in [&one, &other] {
        for program in ["aws", "corp-login"] {
            setting.add_plugin(&directory.join(program), directory.to_str().unwrap());
        }
    }
    let path = setting.path_with(&[&one]);
    let assignment = format!("PATH={path}");
    let script = format!("export PATH={path}; corp-login x");
    for words in [
        &["env", &assignment, "aws", "eks", "get-token"][..],
        &["env", &assignment, "corp-login"],
        &["sh", "-c", &script],
    ] {
        let program = one.join(words[2].split(' ').next().unwrap());
        let edited = [program, one.join("corp-login")];
        setting.changes("an edited program", words, || {
            edited.iter().for_each(|program| setting.add_plugin(program, &format!("{words:?}")));
        });
    }
}
