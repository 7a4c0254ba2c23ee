//! Files that a script names in the ways that shells allow.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Setting, same};
use crate::support::Call;

#[test]
fn a_file_that_a_script_names_counts() {
    let setting = Setting::new();
    let (file, spaced) = (setting.home("corp/tok"), setting.home("corp/my tok"));
    let [path, spaced_path] = [&file, &spaced].map(|file| file.display().to_string());
    for (script, is_spaced) in [
        (r#"cat "$HOME"/corp/tok"#, false),
        (r"cat ${HOME}/corp/tok", false),
        (r"cat $HOME'/corp/tok'", false),
        (r"cat ~/corp/tok", false),
        (r"cd ~ && cat corp/tok", false),
        (r"cd ~/corp && cat tok", false),
        (r#"cd "$HOME/corp"; cat tok"#, false),
        (r#"cat --config="FILE""#, false),
        (r#"cat --config="SPACED""#, true),
        (r#"cat "$HOME/corp/my tok""#, true),
        (r"cat $HOME/corp/my\ tok", true),
        (r"cat <FILE", false),
        (r"cat < $HOME/corp/tok", false),
        (r". $HOME/corp/tok", false),
        (r"X=FILE; cat $X", false),
        (r"X=~/corp; cat $X/tok", false),
        (r"export X=$HOME/corp Y=tok; cat $X/$Y", false),
        (r#"X=${UNSET:-$HOME}; X=$HOME; cat "${X}/corp/tok""#, false),
        (r"cat ~/corp/*", false),
        (r"cat ~/corp/t?k", false),
        (r"cat ~/corp/{tok,none}", false),
        (r"for f in ~/corp/*; do echo $f; done", false),
        (r"echo $(cat ~/corp/tok)", false),
        (r"echo `cat $HOME/corp/tok`", false),
        (r"[ -s $HOME/corp/tok ] && true", false),
        (r#"X=$(cat "$HOME/corp/tok"); echo "$X""#, false),
    ] {
        let file = if is_spaced { &spaced } else { &file };
        setting.looks_at(file);
        setting.write(&spaced, "dev");
        setting.write(&setting.home("corp/tok"), "dev");
        let script = script.replace("FILE", &path).replace("SPACED", &spaced_path);
        let script = format!("{{ {script}; }} >/dev/null 2>&1; corp-login");
        setting.changes(&script, &["bash", "-c", &script], || setting.write(file, "prd"));
    }
    // Positional parameters.
    setting.looks_at(&file);
    let directory = file.parent().unwrap().to_str().unwrap();
    let words = ["sh", "-c", r#"cat "$1/tok" >/dev/null; corp-login"#, "sh", directory];
    setting.changes("$1", &words, || setting.write(&file, "again"));
}

/// Values that only the shell knows, or that depend on a directory it went to.
#[test]
fn a_file_that_only_the_shell_can_find_is_not_missed() {
    let setting = Setting::new();
    for (name, script) in [
        ("corp/sub/tok", "cd ~/corp; cd sub; cat tok"),
        ("corp/tok", r#"cd ~/corp; cat "$PWD/tok""#),
        ("corp/tok", r#"cd ~/corp; cd ~; cat "$OLDPWD/tok""#),
        ("u0", "cat ~/u$UID"),
    ] {
        let file = setting.home(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        setting.looks_at(&file);
        setting.write(&file, "dev");
        let script = format!("{{ {script}; }} >/dev/null 2>&1; corp-login");
        let words = ["bash", "-c", &script];
        let (first, _) = setting.check(&words, &same);
        setting.write(&file, "prd");
        let (second, _) = setting.check(&words, &same);
        assert_ne!(first, second, "{script}: the case is pointless");
    }
}

#[test]
fn a_script_that_asks_for_the_directory_has_an_entry_for_each() {
    let setting = Setting::new();
    let directories = ["one", "two"].map(|name| setting.home(name));
    directories.iter().for_each(|directory| fs::create_dir_all(directory).unwrap());
    for script in ["CORP_STAGE=$(basename $(pwd)) corp-login", "CORP_STAGE=$(ls -d \"$(pwd)\") corp-login"] {
        let [one, other] =
            directories.each_ref().map(|directory| move |call: Call| call.current_dir(directory));
        setting.differ(script, &["sh", "-c", script], &one, &other);
    }
}

/// The shell ends at `exit`; a reader of the text must end, too.
#[test]
fn a_script_that_doubles_a_variable_costs_little_memory() {
    let setting = Setting::new();
    let script = format!("corp-login; exit; A=xxxxxxxxxx; {}", "A=$A$A; ".repeat(40));
    let limit = "ulimit -v 65536 && exec \"$@\"";
    let within = |call: Call| call.behind(["/bin/sh", "-c", limit, "sh"]);
    setting.check(&["sh", "-c", &script], &within);
}

/// The identity files below a home directory, or named by a variable, that the script sets.
#[test]
fn identity_files_count_that_a_script_leads_to() {
    let setting = Setting::new();
    let [config, other] = ["other/.aws/config", "other/conf"].map(|name| setting.home(name));
    for (script, file) in [
        (r"export HOME=$HOME/other; corp-login", &config),
        (r#"HOME="$HOME/other"; true; corp-login"#, &config),
        (r"export AWS_CONFIG_FILE=$HOME/other/conf; corp-login", &other),
    ] {
        fs::create_dir_all(setting.home("other")).unwrap();
        setting.write(&setting.home("other/looks-at"), other.to_str().unwrap());
        setting.looks_at(&other);
        setting.write(file, "dev");
        let words = ["sh", "-c", script];
        let runs =
            || fs::read_to_string(setting.home("other/runs")).unwrap_or_default().len() + setting.runs();
        let misses = || {
            let right = setting.alone(&words).run().stdout_text();
            let before = runs();
            let run = setting.cached(&words).by_another_caller().run();
            assert_eq!(run.stdout_text(), right, "{script}");
            runs() > before
        };
        assert!(misses() && !misses(), "{script}");
        setting.write(file, "prd");
        assert!(misses() && !misses(), "{script}: the file has changed");
    }
}

/// What cannot be told keeps the call out of the cache, unless its files are named.
#[test]
fn a_script_that_reads_what_cannot_be_told_is_not_cached() {
    let setting = Setting::new();
    let file = setting.home("tok");
    setting.looks_at(&file);
    let runs = |words: &[&str], with: &dyn Fn(Call) -> Call| {
        let before = setting.runs();
        assert_eq!(with(setting.cached(words)).by_another_caller().run().code(), 0, "{words:?}");
        setting.runs() > before
    };
    for script in [
        r#"cat "$(echo ~)/tok""#,
        r#"X=$(echo ~); cat "$X/tok""#,
        r#"X=$(echo ~/tok); cat "$X""#,
        r#"X=$(echo ~/tok); cat <"$X""#,
        r#"X=$(echo ~/tok); cat --config="$X""#,
        r"cat ~/*/../tok",
        r"cd ~; cat t*",
        r"cat `echo ~`/tok",
        r#"cd "$(echo ~)" && cat tok"#,
        r#"for f in ~/tok; do cat "$f"; done"#,
        r#"echo ~/tok | while read f; do cat "$f"; done"#,
        r"export HOME=$(echo ~)",
        r#"eval "$(echo true)""#,
    ] {
        let script = format!("{{ {script}; }} >/dev/null 2>&1; corp-login");
        let words = ["bash", "-c", &script];
        setting.write(&file, "dev");
        assert!(runs(&words, &same), "{script}");
        assert!(runs(&words, &same), "{script}");
        let explained = setting.sandbox.program().arg("--explain").args(words).run().stdout_text();
        assert!(explained.contains("K8S_TOKEN_CACHE_KEY_FILES"), "{script}: {explained}");
        let named = |call: Call| call.env("K8S_TOKEN_CACHE_KEY_FILES", &file);
        assert!(runs(&words, &named) && !runs(&words, &named), "{script}: its file is named");
        setting.write(&file, "prd");
        assert!(runs(&words, &named), "{script}: its file is named");
    }
}

#[test]
fn usual_scripts_hit() {
    let setting = Setting::new();
    setting.write(&setting.home("corp/tok"), "1");
    for script in [
        "corp-login | cat",
        "set -euo pipefail; corp-login x",
        r#"TOKEN=$(corp-login); echo "$TOKEN""#,
        r#"TOKEN=$(corp-login); printf '%s' "$TOKEN""#,
        r#"T=`corp-login`; cat <<EOF
$T
EOF"#,
        r#"T=$(corp-login); X="{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"a\":\"$T\"}"; echo "$T""#,
        r#"if [ -z "${UNSET:-}" ]; then corp-login; fi"#,
        r#"case "$1" in *) corp-login;; esac"#,
        r#"exec corp-login "$@""#,
        r#"curl_header="Authorization: Bearer $(echo x)"; test "$curl_header" && corp-login"#,
        "corp-login 2>/dev/null",
        "cat ~/corp/tok >/dev/null; corp-login",
    ] {
        let words = ["bash", "-c", script];
        assert!(setting.check(&words, &same).1, "{script}");
        assert!(!setting.check(&words, &same).1, "{script}");
    }
}

/// bash exports functions as variables of its own form, and any script of bash has them. The shell between a
/// client of these tests and the program would drop them.
#[test]
fn an_exported_function_counts() {
    let setting = Setting::new();
    setting.add_plugin(&setting.programs.join("aws"), "aws");
    let script = setting.programs.join("my-login");
    setting.write(&script, "#!/bin/bash\naws eks get-token\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    for words in [
        &["bash", "-c", "aws eks get-token"][..],
        &["bash", "-c", "aws eks get-token | cat"],
        &["bash", "-c", "true; helper() { :; }; aws eks get-token"],
        &["my-login"],
    ] {
        for function in ["", "() {  command aws eks get-token 1\n}", "() {  command aws eks get-token 2\n}"] {
            let with =
                |call: Call| if function.is_empty() { call } else { call.env("BASH_FUNC_aws%%", function) };
            let right = with(setting.alone(words)).run().stdout_text();
            for _ in 0..2 {
                assert_eq!(with(setting.cached(words)).run().stdout_text(), right, "{words:?} {function}");
            }
        }
    }
}
