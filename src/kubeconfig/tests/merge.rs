//! Users of one and of several kubeconfigs, as kubectl sees them.

use super::TestDirectory;
use crate::kubeconfig::{ClientEnvironment, exec_users, merge};

#[test]
fn exec_users_are_listed_with_what_a_plugin_would_be_told() {
    let text = r#"apiVersion: v1
clusters:
- name: demo
  cluster:
    server: https://demo.example.com
    certificate-authority-data: ZmFrZQ==
    tls-server-name: demo
    insecure-skip-tls-verify: false
    proxy-url: null
    extensions:
    - name: client.authentication.k8s.io/exec
      extension: {audience: 06e3fbd1, depth: [1, 2.50, 007, true, ~, "x\ny"], "1": {}}
contexts:
- name: other
  context: {cluster: gone, user: other}
- name: demo
  context: {cluster: demo, user: a}
users:
- name: token
  user: {token: not-a-secret}
- name: a
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: k8s-token-cache
      args: [aws, eks]
      env: [{name: AWS_PROFILE, value: prod}]
      interactiveMode: Never
      provideClusterInfo: true
- name: b
  user: {exec: {command: aws-vault, args: [exec, prod, --, k8s-token-cache, aws]}}
- name: c
  user: {exec: {command: aws}}
"#;
    let directory = TestDirectory::new("list");
    let path = directory.file("config", text);
    let users = exec_users(&path, &ClientEnvironment::default()).unwrap();
    let listed: Vec<_> = users.iter().map(|user| (&user.name[..], user.line, user.injected)).collect();
    assert_eq!(listed, [("a", 21, true), ("b", 30, true), ("c", 32, false)]);
    let a = &users[0];
    assert_eq!((&a.command[..], a.args.join(" ")), ("k8s-token-cache", "aws eks".to_owned()));
    assert_eq!(a.env, [("AWS_PROFILE".to_owned(), "prod".to_owned())]);
    assert_eq!(a.api_version, "client.authentication.k8s.io/v1");
    assert_eq!((&a.interactive_mode[..], a.provide_cluster_info), ("Never", true));
    let [cluster] = &a.clusters[..] else { panic!("{} clusters", a.clusters.len()) };
    assert_eq!((&cluster.name[..], &cluster.server[..]), ("demo", "https://demo.example.com"));
    assert_eq!(cluster.certificate_authority_data, "ZmFrZQ==");
    assert_eq!((&cluster.tls_server_name[..], &cluster.proxy_url[..]), ("demo", ""));
    assert!(!cluster.insecure_skip_tls_verify && !cluster.disable_compression);
    assert_eq!(
        cluster.config.as_deref(),
        Some(r#"{"audience":"06e3fbd1","depth":[1,2.5,7,true,null,"x\ny"],"1":{}}"#)
    );
    assert!(users[1].clusters.is_empty() && !users[1].provide_cluster_info);
}

const USER: &str = "exec: {command: k8s-token-cache, args: [aws], provideClusterInfo: yes}";

#[test]
fn the_first_file_that_has_a_name_wins_and_parts_are_found_in_any_file() {
    let directory = TestDirectory::new("merge");
    let one = format!(
        "current-context: \"\"\nusers:\n- name: shadowed\n  user: {{token: x}}\n- name: a\n  user: {{{USER}}}\n"
    );
    let two = format!(
        "current-context: c\nusers:\n- name: shadowed\n  user: {{{USER}}}\n- name: b\n  user: {{exec: {{command: aws}}}}\n\
         - name: a\n  user: {{exec: {{command: other}}}}\n\
         contexts:\n- name: c\n  context: {{cluster: k, user: a}}\n- name: d\n  context: {{cluster: l, user: a}}\n\
         - name: e\n  context: {{cluster: k, user: a}}\n"
    );
    let three = "current-context: d\n\
         contexts:\n- name: c\n  context: {cluster: gone, user: b}\n\
         clusters:\n- name: k\n  cluster: {server: https://k, certificate-authority: ca.pem}\n\
         - name: l\n  cluster: {server: https://l}\n";
    let files = [
        directory.file("one", &one),
        directory.file("broken", "users: ["),
        directory.file("two", &two),
        directory.file("sub/three", three),
    ];
    let merged = merge(&files, &ClientEnvironment::default());
    let users: Vec<_> =
        merged.users.iter().map(|(file, user)| (file, &user.name[..], &user.command[..])).collect();
    assert_eq!(users, [(&files[0], "a", "k8s-token-cache"), (&files[2], "b", "aws")]);
    assert_eq!(merged.current_user.as_deref(), Some("a"));
    assert_eq!(merged.errors.len(), 1);
    let clusters: Vec<_> = merged.users[0].1.clusters.iter().map(|cluster| &cluster.server[..]).collect();
    assert_eq!(clusters, ["https://k", "https://l"]);
    let authority = &merged.users[0].1.clusters[0].certificate_authority;
    assert_eq!(authority, &directory.0.join("sub").join("ca.pem"));
    assert!(merged.users[1].1.clusters.is_empty());
}

#[test]
fn thousands_of_users_are_merged_without_comparing_each_with_each() {
    let directory = TestDirectory::new("merge-many");
    let mut text = String::from("users:\n");
    for number in 0..20_000 {
        text.push_str(&format!("- {{name: u{number}, user: {{{USER}}}}}\n"));
    }
    text.push_str("contexts:\n");
    for number in 0..20_000 {
        text.push_str(&format!("- {{name: c{number}, context: {{cluster: k{number}, user: u{number}}}}}\n"));
    }
    text.push_str("clusters:\n");
    for number in 0..20_000 {
        text.push_str(&format!("- {{name: k{number}, cluster: {{server: s{number}}}}}\n"));
    }
    let file = directory.file("config", &text);
    let merged = merge(&[file], &ClientEnvironment::default());
    assert_eq!(merged.users.len(), 20_000);
    let right = |(_, user): &(_, crate::kubeconfig::ExecUser)| matches!(&user.clusters[..], [cluster] if cluster.server[1..] == user.name[1..]);
    assert!(merged.users.iter().all(right));
}
