//! The real kubectl with the program as its exec plugin, against a TLS server that checks credentials.

use std::fs;

use crate::support::{
    ApiServer, Credential, HOUR, Identity, Kubeconfig, PROGRAM, Sandbox, V1BETA1, aws, kubectl, now_unix_s,
    skip,
};

const NAMESPACE: &str = "the-only-namespace";

#[test]
fn two_kubectl_runs_with_a_bearer_token_need_one_plugin_run() {
    let Some(kubectl) = kubectl() else { return };
    let (sandbox, server) = (Sandbox::new(), ApiServer::start());
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("the-token").expires_in(HOUR).bytes());
    server.allow_token("the-token");
    let kubeconfig = Kubeconfig::cached([plugin.command()]);
    for _ in 0..2 {
        let run = kubeconfig.kubectl(&kubectl, &sandbox, &server).args(["get", "namespaces"]).run();
        assert_eq!(run.code(), 0, "{run:?}");
        assert!(run.stdout_text().contains(NAMESPACE), "{run:?}");
        assert!(run.stderr.is_empty(), "{run:?}");
    }
    let run = kubeconfig.kubectl(&kubectl, &sandbox, &server).arg("version").run();
    assert!(run.stdout_text().contains("Server Version: v1.37.0"), "{run:?}");
    assert_eq!(plugin.runs(), 1);
    assert_eq!(server.identities(), [Identity::Bearer("the-token".to_owned())]);
}

#[test]
fn two_kubectl_runs_with_a_client_certificate_need_one_plugin_run() {
    let Some(kubectl) = kubectl() else { return };
    let (sandbox, server) = (Sandbox::new(), ApiServer::start());
    let plugin = sandbox.plugin("plugin");
    let certificate = server.authority.client("someone", now_unix_s() + HOUR);
    server.allow(Identity::from(&certificate));
    plugin.prints(Credential::certificate(certificate.clone()).bytes());
    let kubeconfig = Kubeconfig::cached([plugin.command()]);
    for _ in 0..2 {
        let run = kubeconfig.kubectl(&kubectl, &sandbox, &server).args(["get", "namespaces"]).run();
        assert_eq!(run.code(), 0, "{run:?}");
        assert!(run.stdout_text().contains(NAMESPACE), "{run:?}");
    }
    assert_eq!(plugin.runs(), 1);
    assert_eq!(server.identities(), [Identity::from(&certificate)]);
}

/// `aws eks get-token` only signs a URL: it needs no network and no real account.
#[test]
fn two_kubectl_runs_with_the_real_aws_need_one_plugin_run() {
    let (Some(kubectl), Some(aws)) = (kubectl(), aws()) else { return };
    let (sandbox, server) = (Sandbox::new(), ApiServer::start());
    let plugin = sandbox.plugin("aws");
    plugin.becomes(&aws.program);
    sandbox.set_env("PATH", &aws.path);
    server.allow_all();
    let command = plugin.command().to_str().unwrap();
    let kubeconfig = Kubeconfig::cached([
        command,
        "--region",
        "eu-central-1",
        "eks",
        "get-token",
        "--cluster-name",
        "a-cluster",
        "--output",
        "json",
    ])
    .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI-EXAMPLEKEY");
    for _ in 0..2 {
        let run = kubeconfig.kubectl(&kubectl, &sandbox, &server).args(["get", "namespaces"]).run();
        assert_eq!(run.code(), 0, "{run:?}");
        assert!(run.stdout_text().contains(NAMESPACE), "{run:?}");
    }
    assert_eq!(plugin.runs(), 1);
    let identities = server.identities();
    let [Identity::Bearer(token)] = identities.as_slice() else { panic!("{identities:?}") };
    assert!(token.starts_with("k8s-aws-v1."));
}

/// With `provideClusterInfo` the plugin gets the cluster and may print a token for that one only.
#[test]
fn a_credential_for_one_cluster_is_not_sent_to_another() {
    let Some(kubectl) = kubectl() else { return };
    let sandbox = Sandbox::new();
    let servers = [ApiServer::start(), ApiServer::start()];
    let plugin = sandbox.plugin("plugin");
    let kubeconfig = Kubeconfig::cached([plugin.command()]).provide_cluster_info();
    for (server, token) in servers.iter().zip(["token-of-one", "token-of-two"]) {
        plugin.prints(Credential::token(token).expires_in(HOUR).bytes());
        server.allow_token(token);
        let run = kubeconfig.kubectl(&kubectl, &sandbox, server).args(["get", "namespaces"]).run();
        assert_eq!(run.code(), 0, "{run:?}");
    }
    assert_eq!(plugin.runs(), 2);
    assert_eq!(servers[0].identities(), [Identity::Bearer("token-of-one".to_owned())]);
    assert_eq!(servers[1].identities(), [Identity::Bearer("token-of-two".to_owned())]);
}

/// Output that kubectl rejects without the cache is passed through, so kubectl rejects it the same way.
#[test]
fn kubectl_rejects_another_api_version_as_without_the_cache() {
    let Some(kubectl) = kubectl() else { return };
    let (sandbox, server) = (Sandbox::new(), ApiServer::start());
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("t").api_version(V1BETA1).expires_in(HOUR).bytes());
    let [direct, cached] = [Kubeconfig::direct, Kubeconfig::cached].map(|kubeconfig| {
        let kubeconfig = kubeconfig([plugin.command()]);
        kubeconfig.kubectl(&kubectl, &sandbox, &server).args(["get", "namespaces"]).run()
    });
    assert_eq!(direct.code(), 1, "{direct:?}");
    assert_eq!(cached.code(), 1, "{cached:?}");
    assert!(cached.stderr_text().contains("client.authentication.k8s.io/v1"), "{cached:?}");
    assert_eq!(sandbox.entries(), 0);
}

const POLICY: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: ";

/// kubectl accepts the item that `--doctor` and `--inject` suggest for its allowlist.
#[test]
fn the_suggested_allowlist_item_lets_kubectl_run_the_cache() {
    let Some(kubectl) = kubectl() else { return };
    let (sandbox, server) = (Sandbox::new(), ApiServer::start());
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("the-token").expires_in(HOUR).bytes());
    server.allow_token("the-token");
    let kubeconfig = Kubeconfig::cached([plugin.command()]);
    let kuberc = sandbox.home().join(".kube/kuberc");
    let list =
        format!("{POLICY}Allowlist\ncredentialPluginAllowlist:\n- name: {}\n", plugin.command().display());
    fs::create_dir(kuberc.parent().unwrap()).unwrap();
    fs::write(&kuberc, &list).unwrap();
    let get = || kubeconfig.kubectl(&kubectl, &sandbox, &server).args(["get", "namespaces"]).run();
    let refused = get();
    if refused.code() == 0 {
        return skip("this kubectl has no plugin allowlist: it is older than 1.35");
    }
    assert!(
        refused.stderr_text().contains("not permitted by the credential plugin allowlist"),
        "{refused:?}"
    );
    let inject = sandbox.program().arg("--inject").arg(sandbox.home().join("kubeconfig")).run();
    let said = inject.stdout_text();
    let (_, item) = said.split_once("/kuberc':\n").expect("a hint");
    fs::write(&kuberc, format!("{list}{item}")).unwrap();
    let allowed = get();
    assert_eq!((allowed.code(), plugin.runs()), (0, 1), "{allowed:?}");
}

/// What kubectl runs directly, `--inject` expects kubectl to run, and nothing else.
#[test]
fn the_policy_for_plugins_is_read_as_kubectl_reads_it() {
    let Some(kubectl) = kubectl() else { return };
    let (sandbox, server) = (Sandbox::new(), ApiServer::start());
    // `--inject` writes only names of the cache.
    let plugin = sandbox.plugin("k8s-token-cache");
    plugin.prints(Credential::token("the-token").expires_in(HOUR).bytes());
    server.allow_token("the-token");
    let path = plugin.command().to_str().unwrap();
    let directory = plugin.command().parent().unwrap();
    sandbox.set_env("PATH", format!("{}:/usr/bin:/bin", directory.display()));
    let links = sandbox.home().join("links");
    fs::create_dir(&links).unwrap();
    let link = links.join("kubectl-token_cache");
    std::os::unix::fs::symlink(path, &link).unwrap();
    // What the plugin knows is beside the name that it was called by.
    std::os::unix::fs::symlink(directory.join("k8s-token-cache.d"), links.join("kubectl-token_cache.d"))
        .unwrap();
    let link = link.to_str().unwrap();
    let dotted = format!("{}/./k8s-token-cache", directory.display());
    let kuberc = sandbox.home().join(".kube/kuberc");
    fs::create_dir(kuberc.parent().unwrap()).unwrap();
    let list = |entry: &str| format!("Allowlist\ncredentialPluginAllowlist:\n- name: other\n- name: {entry}");
    let mut decisions = Vec::new();
    for policy in ["AllowAll", "DenyAll", &list("k8s-token-cache"), &list(path), &list(link), &list("sh")] {
        fs::write(&kuberc, format!("{POLICY}{policy}\n")).unwrap();
        for command in ["k8s-token-cache", path, link, &dotted] {
            let direct = Kubeconfig::direct([command]);
            let got = direct.kubectl(&kubectl, &sandbox, &server).args(["get", "namespaces"]).run();
            let file = sandbox.home().join("kubeconfig");
            let inject = ["--inject", "--dry-run", "--command", command];
            let said = sandbox.program().args(inject).arg(file).run().stderr_text();
            let is_denied = said.contains("kubectl will not run");
            decisions.push(got.code() == 0);
            if policy == "DenyAll" && got.code() == 0 {
                return skip("this kubectl has no plugin allowlist: it is older than 1.35");
            }
            assert_eq!(got.code() != 0, is_denied, "{policy}: {command}\n{said}\n{got:?}");
        }
    }
    assert!(decisions.contains(&true) && decisions.contains(&false));
}

/// What kubectl refuses to run directly, it cannot run through the cache either.
#[test]
fn through_the_cache_the_allowlist_holds_for_the_wrapped_program() {
    let Some(kubectl) = kubectl() else { return };
    let (sandbox, server) = (Sandbox::new(), ApiServer::start());
    let plugin = sandbox.plugin("plugin");
    plugin.prints(Credential::token("the-token").expires_in(HOUR).bytes());
    server.allow_token("the-token");
    let path = plugin.command().to_str().unwrap();
    let directory = plugin.command().parent().unwrap();
    sandbox.set_env("PATH", format!("{}:/usr/bin:/bin", directory.display()));
    let dotted = format!("{}/./plugin", directory.display());
    let kuberc = sandbox.home().join(".kube/kuberc");
    fs::create_dir(kuberc.parent().unwrap()).unwrap();
    let allow = |entry: &str| {
        let list = format!("credentialPluginAllowlist:\n- name: {PROGRAM}\n- name: {entry}\n");
        fs::write(&kuberc, format!("{POLICY}Allowlist\n{list}")).unwrap();
    };
    let runs = |kubeconfig: Kubeconfig| {
        let run = kubeconfig.kubectl(&kubectl, &sandbox, &server).args(["get", "namespaces"]).run();
        (run.code() == 0, run)
    };
    allow("other");
    if runs(Kubeconfig::direct([path])).0 {
        return skip("this kubectl has no plugin allowlist: it is older than 1.35");
    }
    for entry in ["other", "plugin", path, "sh"] {
        allow(entry);
        for command in ["plugin", path, &dotted] {
            let (direct, _) = runs(Kubeconfig::direct([command, entry]));
            let (cached, run) = runs(Kubeconfig::cached([command, entry]));
            assert_eq!(cached, direct, "{entry}: {command}: {run:?}");
            assert_eq!(cached, ["plugin", path].contains(&entry), "{entry}: {command}");
        }
    }
    // The kubeconfig cannot choose another policy, or another program of that name.
    allow("other");
    for (name, value) in [("KUBERC", "off"), ("KUBECTL_KUBERC", "false"), ("HOME", "/nowhere")] {
        assert!(!runs(Kubeconfig::cached(["plugin", name]).env(name, value)).0, "{name}={value}");
    }
    allow("plugin");
    let evil = sandbox.home().join("evil");
    fs::create_dir(&evil).unwrap();
    std::os::unix::fs::symlink(path, evil.join("plugin")).unwrap();
    let evil_path = format!("{}:/usr/bin:/bin", evil.display());
    assert!(!runs(Kubeconfig::cached(["plugin", "evil"]).env("PATH", &evil_path)).0);
}
