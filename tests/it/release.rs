//! The scripts of the release workflow, run in a copy of the project. Nothing is released unless tag,
//! Cargo.toml, Cargo.lock and changelog agree; a release is a draft until all files are uploaded; the
//! tap gets one pull request. A fake `gh` records its calls.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, Sandbox};

const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-11-24\n\n### Added\n\n- This.\n\n\
    ## [0.0.1] - 2026-01-01\n\n- That.\n\n[0.1.0]: https://example.com\n";

#[test]
fn a_tag_that_matches_all_versions_passes() {
    let project = Project::new();
    let run = project.run("release-check", &["v0.1.0"]);
    assert_eq!(run.code(), 0, "{run:?}");
}

#[test]
fn a_tag_of_another_version_is_refused() {
    let project = Project::new();
    project.assert_refused("v0.1.1", "the tag is v0.1.1");
    project.assert_refused("0.1.0", "the tag is 0.1.0");
}

#[test]
fn a_version_that_cargo_lock_does_not_have_is_refused() {
    let project = Project::new();
    for (own, of_cipher) in [("0.0.9", "0.1.0"), ("0.1.0", "0.0.9")] {
        project.write("Cargo.lock", &cargo_lock(own, of_cipher));
        project.assert_refused("v0.1.0", "Cargo.lock");
    }
}

#[test]
fn a_version_without_a_dated_changelog_entry_is_refused() {
    let project = Project::new();
    project.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n- This.\n");
    project.assert_refused("v0.1.0", "CHANGELOG.md has no line");
    project.write("CHANGELOG.md", "# Changelog\n\n## [0.1.0]\n\n- This.\n");
    project.assert_refused("v0.1.0", "CHANGELOG.md has no line");
    project.write(
        "CHANGELOG.md",
        "# Changelog\n\n## [0.1.0] - 2026-11-24\n\n## [0.0.1] - 2026-01-01\n\n- That.\n",
    );
    project.assert_refused("v0.1.0", "has no notes for 0.1.0");
}

#[test]
fn a_version_that_some_package_cannot_have_cannot_be_released() {
    let project = Project::new();
    let manifest = fs::read_to_string(project.path("Cargo.toml")).unwrap();
    project.write("Cargo.toml", &manifest.replace("0.1.0", "0.1.0-rc.1"));
    project.assert_refused("v0.1.0-rc.1", "do not accept version 0.1.0-rc.1");
}

#[test]
fn a_manifest_with_a_version_of_its_own_cannot_be_released() {
    for manifest in ["krew.yaml", "flake.nix", "aur/PKGBUILD", "deb/control", "k8s-token-cache.spec"] {
        let project = Project::new();
        let path = format!("packaging/{manifest}");
        let text = fs::read_to_string(project.path(&path)).unwrap();
        project.write(&path, &text.replace("@VERSION@", "0.1.0"));
        project.assert_refused("v0.1.0", &path);
        fs::remove_file(project.path(&path)).unwrap();
        project.assert_refused("v0.1.0", &path);
    }
}

#[test]
fn the_release_notes_hold_only_this_version() {
    let project = Project::new();
    let notes = project.run("release-notes", &[]).stdout;
    assert_eq!(String::from_utf8(notes).unwrap(), "### Added\n\n- This.\n");
}

#[test]
fn a_release_is_published_once_every_file_is_uploaded() {
    let project = Project::new();
    let run = project.run("release-publish", &["v0.1.0"]);
    assert_eq!(run.code(), 0, "{run:?}");
    let calls = project.calls_of_gh();
    assert_eq!(
        calls,
        [
            "release create v0.1.0 --draft --verify-tag --title v0.1.0 --notes-file -",
            "release upload v0.1.0 --clobber dist/a.tar.gz dist/b.zip",
            "release edit v0.1.0 --draft=false --latest",
        ]
    );
}

#[test]
fn a_release_that_lacks_a_file_stays_a_draft() {
    let project = Project::new();
    project.write("uploaded", "a.tar.gz\n");
    let run = project.run("release-publish", &["v0.1.0"]);
    assert_eq!(run.code(), 1, "{run:?}");
    assert!(project.calls_of_gh().iter().all(|call| !call.contains("draft=false")));
}

#[test]
fn an_existing_draft_is_completed() {
    let project = Project::new();
    project.write("state", "true\n");
    let run = project.run("release-publish", &["v0.1.0"]);
    assert_eq!(run.code(), 0, "{run:?}");
    assert!(project.calls_of_gh().iter().all(|call| !call.contains("create")));
}

#[test]
fn a_published_release_is_never_changed() {
    let project = Project::new();
    project.write("state", "false\n");
    let run = project.run("release-publish", &["v0.1.0"]);
    assert_eq!(run.code(), 1, "{run:?}");
    assert_eq!(project.calls_of_gh(), Vec::<String>::new());
}

#[test]
fn the_tap_gets_the_formula_in_one_pull_request() {
    let project = Project::new();
    let tap = project.tap();
    let run = project.run("release-tap", &[]);
    assert_eq!(run.code(), 0, "{run:?}");
    let formula = project.git(&["-C", &tap, "show", "k8s-token-cache-0.1.0:Formula/k8s-token-cache.rb"]);
    assert_eq!(formula, "class K8sTokenCache\n");
    let calls = project.calls_of_gh();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(
        calls[0].starts_with(&format!("pr create --repo {tap} --head k8s-token-cache-0.1.0 ")),
        "{calls:?}"
    );
}

#[test]
fn a_tap_with_the_same_formula_gets_no_pull_request() {
    let project = Project::new();
    let tap = project.tap();
    project.run("release-tap", &[]);
    project.git(&["-C", &tap, "branch", "--force", "main", "k8s-token-cache-0.1.0"]);
    let run = project.run("release-tap", &[]);
    assert_eq!(run.code(), 0, "{run:?}");
    assert_eq!(project.calls_of_gh().len(), 1);
}

/// The scripts, the files that they read, and a fake `gh` that is first on PATH.
struct Project {
    sandbox: Sandbox,
}

fn cargo_lock(own: &str, of_cipher: &str) -> String {
    let package =
        |name: &str, version: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    [package("k8s-token-cache", own), package("k8s-token-cache-cipher", of_cipher)].join("\n")
}

impl Project {
    fn new() -> Project {
        let project = Project { sandbox: Sandbox::new() };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::create_dir(project.path("scripts")).unwrap();
        for script in ["metadata", "release-check", "release-notes", "release-publish", "release-tap"] {
            fs::copy(root.join("scripts").join(script), project.path("scripts").join(script)).unwrap();
        }
        let packaging = root.join("packaging");
        let copied = project.sandbox.tool("cp").arg("-R").args([packaging, project.path("packaging")]).run();
        assert_eq!(copied.code(), 0, "{copied:?}");
        project.write("Cargo.toml", "[package]\nname = \"k8s-token-cache\"\nversion = \"0.1.0\"\nrepository = \"https://example.com/a/b\"\n");
        project.write("Cargo.lock", &cargo_lock("0.1.0", "0.1.0"));
        project.write("CHANGELOG.md", CHANGELOG);
        fs::create_dir(project.path("dist")).unwrap();
        project.write("dist/a.tar.gz", "");
        project.write("dist/b.zip", "");
        project.write("uploaded", "a.tar.gz\nb.zip\n");
        project.write_fake_gh();
        project
    }

    /// Prints the files `state` and `uploaded` when asked for them, and records every other call.
    fn write_fake_gh(&self) {
        let bin = self.path("bin");
        fs::create_dir(&bin).unwrap();
        let home = self.sandbox.home().display();
        let gh = format!(
            "#!/bin/sh\ncase \"$*\" in\n*isDraft*) exec cat {home}/state ;;\n*assets*) exec cat {home}/uploaded ;;\n\
             *create*--notes-file*) cat >/dev/null ;;\nesac\necho \"$*\" >>{home}/calls\n"
        );
        fs::write(bin.join("gh"), gh).unwrap();
        make_executable(&bin.join("gh"));
        self.sandbox.set_env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    }

    /// Creates an empty tap and the formula for it, and returns the tap's address.
    fn tap(&self) -> String {
        let tap = self.path("tap.git").display().to_string();
        self.git(&["init", "--quiet", "--bare", "--initial-branch=main", &tap]);
        let seed = self.path("seed").display().to_string();
        self.git(&["init", "--quiet", "--initial-branch=main", &seed]);
        self.git(&[
            "-C",
            &seed,
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "commit",
            "--quiet",
            "--allow-empty",
            "--message=a",
        ]);
        self.git(&["-C", &seed, "push", "--quiet", &tap, "main"]);
        self.sandbox.set_env("TAP", &tap);
        self.write("dist/k8s-token-cache.rb", "class K8sTokenCache\n");
        tap
    }

    fn git(&self, arguments: &[&str]) -> String {
        let run = self.sandbox.tool("git").args(arguments).run();
        assert_eq!(run.code(), 0, "git {arguments:?}: {run:?}");
        String::from_utf8(run.stdout).unwrap()
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Run {
        self.sandbox.tool(self.path("scripts").join(script)).args(arguments).run()
    }

    #[track_caller]
    fn assert_refused(&self, tag: &str, why: &str) {
        let run = self.run("release-check", &[tag]);
        assert_eq!(run.code(), 1, "{run:?}");
        assert!(run.stderr_text().contains(why), "{run:?}");
    }

    fn calls_of_gh(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.home().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
