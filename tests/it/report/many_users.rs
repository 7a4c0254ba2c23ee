//! Kubeconfigs with thousands of users: the memory of a call is linear in the size of the file.

use super::Setting;

const USERS: usize = 4_000;
const CACHED: &str = "command: k8s-token-cache\n      args: [aws, eks, get-token, --cluster-name, demo]";
const DIRECT: &str = "command: aws\n      args: [eks, get-token, --cluster-name, demo]";

/// Writes a kubeconfig with `count` contexts, clusters and users of one command.
fn write_users(setting: &Setting, count: usize, exec: &str) {
    let mut config = "apiVersion: v1\nkind: Config\ncurrent-context: c0\nclusters:\n".to_owned();
    for number in 0..count {
        config += &format!("- name: c{number}\n  cluster:\n    server: https://127.0.0.1:{number}\n");
    }
    config += "contexts:\n";
    for number in 0..count {
        config += &format!("- name: c{number}\n  context:\n    cluster: c{number}\n    user: u{number}\n");
    }
    config += "users:\n";
    for number in 0..count {
        config += &format!("- name: u{number}\n  user:\n    exec:\n      {exec}\n");
        config += "      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: IfAvailable\n";
    }
    setting.write(".kube/config", config);
}

#[test]
fn a_report_on_four_thousand_users_fits_into_48_megabytes() {
    let setting = Setting::new();
    write_users(&setting, 1, CACHED);
    setting.shown(["--warm"]);
    write_users(&setting, USERS, CACHED);
    for verb in ["--list", "--explain", "--doctor", "--warm"] {
        let run = setting.call([verb]).within(48).run();
        assert_eq!((run.code(), run.stderr_text()), (0, String::new()), "{verb}");
    }
    assert_eq!(setting.aws.runs(), 1);
}

#[test]
fn an_edit_of_four_thousand_users_fits_into_80_megabytes() {
    let setting = Setting::new();
    write_users(&setting, USERS, DIRECT);
    let run = setting.call(["--inject", "--dry-run"]).within(80).run();
    assert_eq!(run.code(), 0, "{}", run.stderr_text());
    assert!(run.stderr_text().ends_with("4000 would be injected\n"), "{}", run.stderr_text());
}
