//! What `--inject` and `--restore` print and where, and which files and users they edit.

use std::fs;
use std::path::Path;

#[cfg(unix)]
use crate::support::PROGRAM;
use crate::support::{Home, kubeconfig, read, settle, user};

#[test]
fn every_user_gets_a_line_and_a_summary_follows() {
    let home = Home::new();
    let text = kubeconfig(&[
        user("new", "aws"),
        user("old", "k8s-token-cache"),
        "- name: plain\n  user:\n    token: not-a-secret\n".to_owned(),
    ]);
    home.file("config", text);
    let injected = home.run(["--inject", "config"]).succeeded();
    assert_eq!(
        injected.stdout,
        "config: new: injected\n\
         config: old: already injected\n\
         config: plain: left alone: no exec plugin\n\
         1 injected, 1 already injected, 1 left alone\n"
    );
    assert_eq!(injected.stderr, "");
    let again = home.run(["--inject", "config"]).succeeded();
    assert!(again.stdout.ends_with("nothing to do: 2 already injected, 1 left alone\n"));
    let restored = home.run(["--restore", "config"]).succeeded();
    assert!(restored.stdout.ends_with("2 restored, 1 left alone\n"), "{restored:?}");
    let again = home.run(["--restore", "config"]).succeeded();
    assert!(again.stdout.ends_with("nothing to do: 2 not injected, 1 left alone\n"), "{again:?}");
}

#[test]
fn a_dry_run_shows_a_diff_on_stdout_and_writes_nothing() {
    let home = Home::new();
    let text = kubeconfig(&[user("a", "aws")]);
    let path = home.file("config", &text);
    let answer = home.run(["--inject", "--dry-run", "config"]).succeeded();
    assert_eq!(
        answer.stdout,
        "--- config
+++ config
@@ -6,5 +6,6 @@
     exec:
       apiVersion: client.authentication.k8s.io/v1
       args:
+      - aws
       - get-token
-      command: aws
+      command: k8s-token-cache
"
    );
    assert_eq!(answer.stderr, "config: a: would be injected\n1 would be injected\n");
    assert_eq!(read(&path), text);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

/// Every value with the mark is a secret, wherever it is.
const SECRETS: &str = "\
# token: hush
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: hush
    server: https://me:hush@example.com
  name: c
contexts:
- {context: {cluster: c, user: dev}, name: dev}
users:
- name: plain
  user: {token: hush, password: 'hush', username: \"hush\"}
- name: cert
  user:
    client-key-data: |  # hush
      hush
      hush
    client-certificate-data: hush
      hush
- name: dev
  user:
    token: &token hush
    exec:
      env:
      - {name: AWS_PROFILE, value: dev}
      - {name: DB_PWD, value: hush}
      - name: AWS_SECRET_ACCESS_KEY
        value: hush
      - name: GITHUB_PAT
        value: *token
      args:
      - --pass
      - hush
      - --client-secret=hush # hush
      - eks
      - --region
      - eu-west-1
      apiVersion: client.authentication.k8s.io/v1
      installHint: \"hush

        hush\"
      command: aws
      unknown: hush
      nested: {hush/hush hush: [hush]}
    auth-provider: hush # hush
preferences: {}
";

#[test]
fn a_dry_run_shows_no_secret_of_the_file() {
    let yaml = serde_yaml_ng::from_str::<serde_json::Value>(SECRETS).unwrap();
    for text in [
        SECRETS.to_owned(),
        SECRETS.replace('\n', "\r\n"),
        serde_json::to_string(&yaml).unwrap(),
        serde_json::to_string_pretty(&yaml).unwrap(),
    ] {
        let home = Home::new();
        let path = home.file("config", &text);
        for verb in ["--inject", "--restore"] {
            let answer = home.run([verb, "--dry-run", "config"]).succeeded();
            assert!(!answer.stdout.contains("hush") && !answer.stderr.contains("hush"), "{answer:?}");
            assert!(answer.stdout.contains("aws") && answer.stdout.contains("***"), "{answer:?}");
            assert!(answer.stdout.contains("\n-") && answer.stdout.contains("\n+"), "{answer:?}");
            home.run(["--inject", "config"]).succeeded();
            settle(&path);
        }
    }
}

#[test]
fn a_dry_run_shows_of_json_on_one_line_only_what_changes() {
    let home = Home::new();
    let users: Vec<String> = (0..1000).map(|number| user(&format!("u{number}"), "other")).collect();
    let text = kubeconfig(&[&users[..], &[user("dev", "aws")]].concat());
    let json = serde_yaml_ng::from_str::<serde_json::Value>(&text).unwrap().to_string();
    home.file("config", &json);
    let answer = home.run(["--inject", "--dry-run", "--user", "dev", "config"]).succeeded();
    assert!(answer.stdout.len() < 1000, "{}", answer.stdout);
    assert!(answer.stdout.contains("\"args\":[\"get-token\"],\"command\":\"aws\""), "{}", answer.stdout);
    let after = "\"args\":[\"aws\",\"get-token\"],\"command\":\"k8s-token-cache\"";
    assert!(answer.stdout.contains(after), "{}", answer.stdout);
}

#[test]
fn reports_and_errors_show_no_secret_of_the_file() {
    let home = Home::new();
    // A hint is for people, and shown.
    let text = SECRETS.replace("installHint", "hint");
    let path = home.file("config", &text);
    let broken = home.file("broken", text.replace("preferences: {}", "preferences: {hush"));
    for file in [path, broken] {
        for arguments in [
            &["--doctor"][..],
            &["--list"],
            &["--explain", "--user", "dev"],
            &["--inject", "--dry-run"],
            &["--restore"],
            &["--inject", "--absolute"],
            &["--inject"],
            &["--doctor"],
            &["--warm"],
            &["--explain", "--user", "dev"],
        ] {
            let mut command = home.command();
            // --warm runs the cache, which would put its key into the real keyring.
            command.args(arguments).env("KUBECONFIG", &file).env("K8S_TOKEN_CACHE_ENCRYPTION", "file");
            let answer = crate::support::Answer::of(command.output().unwrap());
            assert!(!answer.stdout.contains("hush"), "{arguments:?}: {answer:?}");
            assert!(!answer.stderr.contains("hush"), "{arguments:?}: {answer:?}");
            settle(&file);
        }
    }
}

#[test]
fn a_dry_run_shows_what_is_no_secret() {
    let home = Home::new();
    home.file("config", SECRETS);
    let answer = home.run(["--inject", "--dry-run", "config"]).succeeded();
    assert_eq!(
        answer.stdout,
        r#"--- config
+++ config
@@ -29,6 +29,8 @@
       - name: GITHUB_PAT
         value: *token
       args:
+      - --key-env=DB_PWD,GITHUB_PAT
+      - aws
       - --pass
       - ***
       - --client-secret=*** # ***
@@ -39,7 +41,7 @@
       installHint: "***"
 
         ***
-      command: aws
+      command: k8s-token-cache
       unknown: ***
       nested: {***: [***]}
     auth-provider: *** # ***
"#
    );
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_diff_has_colors_unless_no_color_is_set() {
    let Some(script) = crate::support::find("SCRIPT", "script", "a diff on a terminal") else {
        return;
    };
    let home = Home::new();
    home.file("config", kubeconfig(&[user("a", "aws")]));
    let on_terminal = |no_color: &str| {
        let call = format!("'{PROGRAM}' --inject --dry-run config");
        let mut command = std::process::Command::new(&script);
        command.args(["-qec", &call, "/dev/null"]).current_dir(home.path());
        command.env("NO_COLOR", no_color).env("TERM", "xterm").env("HOME", home.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(on_terminal("").contains("\u{1b}[32m+      - aws\u{1b}[m"), "{}", on_terminal(""));
    assert!(!on_terminal("1").contains('\u{1b}'));
}

#[test]
fn quiet_prints_nothing_and_sets_the_status() {
    let home = Home::new();
    home.file("config", kubeconfig(&[user("a", "aws")]));
    home.file("broken", "users: [{command: aws");
    for (file, status) in [("config", 0), ("config", 0), ("broken", 1)] {
        let answer = home.run(["--inject", "--quiet", file]);
        assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("", ""));
        assert_eq!(answer.status, Some(status), "{file}");
    }
    assert!(read(&home.path().join("config")).contains("command: k8s-token-cache"));
}

#[test]
fn only_the_named_users_change_and_an_unknown_name_is_an_error() {
    let home = Home::new();
    let path = home.file("config", kubeconfig(&[user("a", "aws"), user("b", "aws"), user("c", "aws")]));
    let answer = home.run(["--inject", "--user", "a", "--user", "c", "config"]).succeeded();
    assert_eq!(answer.stdout, "config: a: injected\nconfig: c: injected\n2 injected\n");
    assert_eq!(read(&path).matches("command: k8s-token-cache").count(), 2);
    settle(&path);
    home.run(["--restore", "--user", "c", "config"]).succeeded();
    assert_eq!(read(&path).matches("command: k8s-token-cache").count(), 1);
    settle(&path);
    let answer = home.run(["--inject", "--user", "nobody", "config"]).refused();
    assert_eq!(answer.stderr, "k8s-token-cache: no kubeconfig has a user 'nobody'\n");
}

#[test]
fn a_refused_file_does_not_keep_the_others_from_being_injected() {
    let home = Home::new();
    home.file("bad", "users: {}\n");
    let good = home.file("good", kubeconfig(&[user("a", "aws")]));
    let answer = home.run(["--inject", "bad", "good", "missing"]).refused();
    let expected = "k8s-token-cache: 'bad', line 1: 'users' is not a list: nothing was written\n\
         k8s-token-cache: cannot read 'missing': ";
    let reason = answer.stderr.strip_prefix(expected).unwrap_or_else(|| panic!("{answer:?}"));
    assert!(cfg!(windows) || reason == "no such file or directory\n", "{reason}");
    assert_eq!(answer.stdout, "good: a: injected\n1 injected\n");
    assert!(read(&good).contains("command: k8s-token-cache"));
}

#[test]
fn without_files_those_of_kubeconfig_are_edited_if_they_exist() {
    let home = Home::new();
    let first = home.file("one", kubeconfig(&[user("a", "aws")]));
    let second = home.file("sub/two", kubeconfig(&[user("b", "aws")]));
    let default = home.file(".kube/config", kubeconfig(&[user("c", "aws")]));
    let list = [Path::new("one"), Path::new(""), Path::new("gone"), &second, Path::new("one")];
    let list = std::env::join_paths(list).unwrap();
    let output = home.command().arg("--inject").env("KUBECONFIG", list).output().unwrap();
    let answer = crate::support::Answer::of(output).succeeded();
    assert_eq!(
        answer.stdout,
        format!("one: a: injected\ngone: no such file\n{}: b: injected\n2 injected\n", second.display())
    );
    assert!(read(&first).contains("command: k8s-token-cache"));
    assert!(!read(&default).contains("k8s-token-cache"));
    home.run(["--inject"]).succeeded();
    assert!(read(&default).contains("command: k8s-token-cache"));
}

#[test]
fn without_any_kubeconfig_there_is_nothing_to_do() {
    let home = Home::new();
    let answer = home.run(["--inject"]).succeeded();
    let path = home.path().join(".kube").join("config");
    assert_eq!(answer.stdout, format!("{}: no such file\nnothing to do: no users\n", path.display()));
}

#[cfg(unix)]
#[test]
fn off_path_the_absolute_path_is_written_with_links_not_resolved() {
    let home = Home::new();
    let path = home.file("config", kubeconfig(&[user("a", "aws")]));
    fs::create_dir(home.path().join("opt")).unwrap();
    let link = home.path().join("opt/k8s-token-cache");
    std::os::unix::fs::symlink(PROGRAM, &link).unwrap();
    let run = |file: &str| {
        let mut command = std::process::Command::new("./opt/k8s-token-cache");
        command.env_clear().env("HOME", home.path()).env("PATH", "/nowhere");
        let output = command.current_dir(home.path()).args(["--inject", file]).output().unwrap();
        crate::support::Answer::of(output).succeeded()
    };
    run("config");
    assert!(read(&path).contains(&format!("command: {}\n", link.display())), "{}", read(&path));
    settle(&path);
    assert!(run("config").stdout.contains("nothing to do"));
}

#[cfg(unix)]
#[test]
fn absolute_writes_the_paths_of_cache_and_plugin_and_restores_the_name() {
    let home = Home::new();
    let tools = home.path().join("tools");
    for (program, name) in [(PROGRAM, "k8s-token-cache"), ("/bin/sh", "aws")] {
        fs::create_dir_all(&tools).unwrap();
        std::os::unix::fs::symlink(program, tools.join(name)).unwrap();
    }
    let block = kubeconfig(&[user("a", "aws"), user("b", "./aws"), user("c", "/opt/./bin/aws")]);
    let flow = "users: [{name: a, user: {exec: {command: aws}}}]\n".to_owned();
    let run = |options: &[&str]| {
        let mut command = home.command();
        command.env("PATH", &tools).args(options).arg("config");
        crate::support::Answer::of(command.output().unwrap())
    };
    let path = home.path().join("config");
    for original in [&block, &flow] {
        for first in [&["--inject"][..], &["--inject", "--absolute"]] {
            home.file("config", original);
            run(first).succeeded();
            settle(&path);
            run(&["--inject", "--absolute"]).succeeded();
            let text = read(&path);
            assert!(text.contains(&format!("command: {}/k8s-token-cache", tools.display())), "{text}");
            assert!(text.contains(&format!(" {}/./aws", tools.display())), "{text}");
            settle(&path);
            assert!(run(&["--inject", "--absolute"]).succeeded().stdout.contains("nothing to do"));
            assert!(run(&["--inject"]).succeeded().stdout.contains("nothing to do"));
            run(&["--restore"]).succeeded();
            assert_eq!(&read(&path), original);
        }
    }
    home.file("config", kubeconfig(&[user("a", "not-installed")]));
    let answer = run(&["--inject", "--absolute"]).refused();
    assert_eq!(
        answer.stdout,
        "config: a: refused, line 10: the command is not on PATH\nnothing done: 1 refused\n"
    );
}

#[cfg(unix)]
#[test]
fn absolute_and_a_new_variable_are_added_at_once() {
    let home = Home::new();
    let text = "users: [{name: a, user: {exec: {command: k8s-token-cache, args: [sh, x], env: [{name: T, value: x}]}}}]\n";
    let path = home.file("config", text);
    let run = || {
        let path = std::env::join_paths([Path::new(PROGRAM).parent().unwrap(), Path::new("/bin")]).unwrap();
        let mut command = home.command();
        command.env("PATH", path).args(["--inject", "--absolute", "config"]);
        crate::support::Answer::of(command.output().unwrap()).succeeded()
    };
    run();
    assert!(read(&path).contains("args: [--key-env=+T, /bin/./sh, x]"), "{}", read(&path));
    settle(&path);
    assert!(run().stdout.contains("nothing to do"));
}

#[test]
fn the_command_to_write_can_be_chosen_and_changed() {
    let home = Home::new();
    let path = home.file("config", kubeconfig(&[user("a", "aws")]));
    let absolute = if cfg!(windows) { r"C:\opt\k8s-token-cache.exe" } else { "/opt/bin/k8s-token-cache" };
    for (wanted, written) in [
        (absolute, absolute.to_owned()),
        ("kubectl-token_cache", "kubectl-token_cache".to_owned()),
        ("bin/k8s-token-cache", home.path().join("bin").join("k8s-token-cache").display().to_string()),
    ] {
        home.run(["--inject", "--command", wanted, "config"]).succeeded();
        assert!(read(&path).contains(&format!("command: {written}\n")), "{}", read(&path));
        settle(&path);
        let again = home.run(["--inject", "--command", wanted, "config"]).succeeded();
        assert!(again.stdout.contains("nothing to do"), "{again:?}");
        home.run(["--inject", "--command", "k8s-token-cache", "config"]).succeeded();
        home.file("config", kubeconfig(&[user("a", "aws")]));
    }
}

#[test]
fn a_command_to_write_that_is_not_this_program_is_refused() {
    let home = Home::new();
    let path = home.file("config", kubeconfig(&[user("a", "aws")]));
    let before = read(&path);
    for wanted in ["ktc", "bin/ktc", "aws", "a b", "k8s-token-cache x", "k8s-token-cache/"] {
        let answer = home.run(["--inject", "--command", wanted, "config"]);
        assert_eq!(answer.status, Some(2), "{wanted}: {answer:?}");
        assert!(answer.stderr.contains("is not this program"), "{wanted}: {answer:?}");
        assert!(answer.stderr.contains("must be named k8s-token-cache or kubectl-token_cache"), "{answer:?}");
        assert_eq!(read(&path), before, "{wanted}");
    }
}

#[cfg(unix)]
#[test]
fn a_path_of_another_name_of_this_program_can_be_written() {
    let home = Home::new();
    let path = home.file("config", kubeconfig(&[user("a", "aws")]));
    let before = read(&path);
    let link = home.path().join("ktc");
    std::os::unix::fs::symlink(PROGRAM, &link).unwrap();
    home.run(["--inject", "--command", link.to_str().unwrap(), "config"]).succeeded();
    assert!(read(&path).contains(&format!("command: {}\n", link.display())), "{}", read(&path));
    home.run(["--restore", "config"]).succeeded();
    assert_eq!(read(&path), before);
}

#[test]
fn an_allowlist_of_kubectl_without_the_cache_gets_a_hint() {
    let home = Home::new();
    home.file("config", kubeconfig(&[user("a", "aws")]));
    home.file(
        ".kube/kuberc",
        "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n\
         credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- name: aws\n",
    );
    let hint = format!(
        "kubectl will not run 'k8s-token-cache': credentialPluginAllowlist in '{path}' does not have it\n\
         hint: add to credentialPluginAllowlist in '{path}':\n- name: k8s-token-cache\n",
        path = home.path().join(".kube").join("kuberc").display()
    );
    assert!(home.run(["--inject", "config"]).succeeded().stdout.ends_with(&hint));
    assert!(!home.run(["--restore", "config"]).succeeded().stdout.contains("hint"));
    let off = home.command().args(["--inject", "config"]).env("KUBERC", "off").output().unwrap();
    assert!(!String::from_utf8(off.stdout).unwrap().contains("hint"));
}

#[test]
fn an_unknown_plugin_is_noted_once_with_what_counts_for_it() {
    let home = Home::new();
    let with_env = user("b", "bin/corp-login") + "      env: [{name: TENANT, value: x}]\n";
    let path = home.file("config", kubeconfig(&[user("a", "corp-login"), with_env, user("c", "aws eks")]));
    let notes = ["a", "b"].map(|user| {
        format!("note: config: {user}: 'corp-login' is not a known plugin: its whole environment counts")
    });
    let dry_run = home.run(["--inject", "--dry-run", "config"]).succeeded().stderr;
    let injected = home.run(["--inject", "config"]).succeeded().stdout;
    for note in notes {
        assert_eq!(dry_run.matches(&note).count(), 1, "{dry_run}");
        assert_eq!(injected.matches(&note).count(), 1, "{injected}");
    }
    settle(&path);
    assert!(!home.run(["--inject", "config"]).succeeded().stdout.contains("note:"));
    assert!(!home.run(["--restore", "config"]).succeeded().stdout.contains("note:"));
}

#[test]
fn a_name_from_the_file_cannot_control_the_terminal() {
    let home = Home::new();
    home.file("config", kubeconfig(&[user("\"\\e[31mred\"", "aws")]));
    let answer = home.run(["--inject", "config"]).succeeded();
    assert!(!answer.stdout.contains('\u{1b}'), "{answer:?}");
    assert!(answer.stdout.contains("[31mred: injected"));
}

#[test]
fn no_secret_of_the_file_is_printed() {
    let home = Home::new();
    let secret = "hunter2";
    let text = format!(
        "users:\n- name: a\n  user:\n    token: {secret}\n    exec:\n      command: aws\n      args: [{secret}]\n      env: [{{name: T, value: {secret}}}]\n- name: b\n  user: {{password: {secret}, exec: {{command: [{secret}]}}}}\n"
    );
    home.file("config", text);
    let answer = home.run(["--inject", "config"]).refused();
    assert!(!format!("{answer:?}").contains(secret), "{answer:?}");
}
