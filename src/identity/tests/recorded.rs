//! The named files against recordings of the real plugins (`tests/data/identity/README.md`).

use std::fs;
use std::path::{Path, PathBuf};

use super::identify_in;

/// One step of a tool, and the files in its directory afterwards, each with its stamp.
struct Step<'a> {
    kind: &'a str,
    command: &'a str,
    files: Vec<(&'a str, &'a str)>,
    texts: Vec<(&'a str, &'a str)>,
}

fn read_layout(layout: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for line in layout.lines().filter(|line| !line.starts_with('#')) {
        let (kind, rest) = line.split_once(' ').expect("two words at least");
        let step = match kind {
            "file" | "text" => steps.last_mut(),
            _ => {
                let (files, texts) = (Vec::new(), Vec::new());
                steps.push(Step { kind, command: rest, files, texts });
                None
            }
        };
        match (kind, step) {
            ("file", Some(step)) => {
                let (state, name) = rest.rsplit_once(' ').expect("a state and a name");
                step.files.push((name, state));
            }
            ("text", Some(step)) => step.texts.push(rest.split_once(' ').expect("name, text")),
            _ => {}
        }
    }
    steps
}

#[test]
fn the_named_files_of_real_plugins_change_with_the_account_only() {
    let recordings = [
        ("aws", "AWS_CONFIG_DIR", include_str!("../../../tests/data/identity/aws.layout")),
        ("gcloud", "CLOUDSDK_CONFIG", include_str!("../../../tests/data/identity/gcloud.layout")),
        (
            "gke-gcloud-auth-plugin",
            "CLOUDSDK_CONFIG",
            include_str!("../../../tests/data/identity/gcloud.layout"),
        ),
        ("az", "AZURE_CONFIG_DIR", include_str!("../../../tests/data/identity/az.layout")),
        (
            "kubelogin --server-id s --login azurecli",
            "AZURE_CONFIG_DIR",
            include_str!("../../../tests/data/identity/az.layout"),
        ),
        ("oci", "OCI_CONFIG_DIR", include_str!("../../../tests/data/identity/oci.layout")),
    ];
    for (plugin, variable, layout) in recordings {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let directory = scratch.path();
        let root = directory.to_str().expect("a plain path");
        let environment = [
            (variable, root.to_owned()),
            ("AWS_CONFIG_FILE", format!("{root}/config")),
            ("AWS_SHARED_CREDENTIALS_FILE", format!("{root}/credentials")),
            ("OCI_CLI_CONFIG_FILE", format!("{root}/config")),
            ("OCI_CLI_RC_FILE", format!("{root}/oci_cli_rc")),
        ];
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut last = None;
        for step in read_layout(layout) {
            for (name, text) in &step.texts {
                fs::write(directory.join(name), text).expect("scratch is writable");
            }
            let identity = identify_in(plugin, &environment);
            let stamp_of = |file: &PathBuf| {
                let name = file.strip_prefix(directory).ok()?;
                let (_, stamp) = step.files.iter().find(|(known, _)| name == Path::new(known))?;
                let (content, change_time) = stamp.rsplit_once(' ').expect("four numbers");
                Some((content, identity.counts_change_time(file).then_some(change_time)))
            };
            let state: Vec<_> = identity.files.iter().map(|file| (file.clone(), stamp_of(file))).collect();
            assert!(state.iter().any(|(_, state)| state.is_some()), "{plugin}: {}", step.command);
            match step.kind {
                "switch" => assert_ne!(last.as_ref(), Some(&state), "{plugin}: {}", step.command),
                "run" => assert_eq!(last.as_ref(), Some(&state), "{plugin}: {}", step.command),
                _ => assert!(last.is_none(), "{plugin}: starts once"),
            }
            last = Some(state);
        }
    }
}

#[test]
fn gclouds_active_configuration_is_the_one_in_its_file() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let directory = scratch.path();
    let root = directory.to_str().expect("a plain path").to_owned();
    let file = || {
        let environment = [("CLOUDSDK_CONFIG", root.as_str())];
        let files = identify_in("gke-gcloud-auth-plugin", &environment).files;
        files[1].strip_prefix(directory).expect("below").display().to_string()
    };
    assert_eq!(file(), "configurations/config_default");
    for (text, name) in
        [("work\n", "work"), ("", "default"), ("  a-1 ", "a-1"), ("\u{0}\u{7f}", "\u{0}\u{7f}")]
    {
        fs::write(directory.join("active_config"), text).expect("writable");
        assert_eq!(file(), format!("configurations/config_{name}"));
    }
    fs::write(directory.join("active_config"), [0xff; 4000]).expect("writable");
    assert_eq!(file(), "configurations/config_default");
}
