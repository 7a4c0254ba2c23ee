//! The files for package managers, made from fake archives: every manifest has the version and the
//! checksums, the same commit gives the same bytes, and the image gets its tags.
//! `scripts/rehearse` tries the real ones.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Run, Sandbox};

const VERSION: &str = "1.2.3";
const TARGETS: [&str; 5] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-gnu",
];

#[test]
fn every_manifest_has_the_version_and_the_checksums() {
    let project = Project::new();
    project.make();
    for (manifest, targets) in [
        ("dist/token-cache.yaml", &TARGETS[..]),
        ("unpacked/manifests/krew/token-cache.yaml", &TARGETS),
        ("unpacked/k8s-token-cache/flake.nix", &TARGETS[..4]),
        ("dist/PKGBUILD", &TARGETS[..2]),
        ("unpacked/manifests/aur/PKGBUILD", &TARGETS[..2]),
        ("unpacked/manifests/aur/.SRCINFO", &TARGETS[..2]),
        ("unpacked/manifests/winget/k8s-token-cache.k8s-token-cache.installer.yaml", &TARGETS[4..]),
        ("unpacked/manifests/winget/k8s-token-cache.k8s-token-cache.locale.en-US.yaml", &[]),
        ("unpacked/manifests/winget/k8s-token-cache.k8s-token-cache.yaml", &[]),
    ] {
        let text = fs::read_to_string(project.path(manifest)).expect(manifest);
        assert!(text.contains(VERSION), "{manifest}: {text}");
        for target in TARGETS {
            let sum = project.sum_of(target);
            assert_eq!(text.contains(&sum), targets.contains(&target), "{manifest}: {target}");
        }
    }
}

#[test]
fn a_manifest_is_not_made_while_a_checksum_is_missing() {
    let project = Project::new();
    let sums = fs::read_to_string(project.path("dist/SHA256SUMS")).unwrap();
    project.write("dist/SHA256SUMS", &sums.replace("aarch64-unknown-linux-musl", "another-target"));
    for script in ["krew", "nix", "manifests"] {
        assert_eq!(project.run(script).code(), 1, "{script}");
    }
}

#[test]
fn the_same_commit_gives_the_same_packages() {
    let project = Project::new();
    let made = project.make();
    assert!(made.iter().any(|(name, _)| name == "k8s-token-cache-oci.tar"), "{made:?}");
    project.sandbox.set_env("TZ", "Asia/Tokyo");
    let scripts = "umask 077; for script in krew nix manifests image; do scripts/$script; done";
    let run = project.sandbox.tool("/bin/sh").args(["-c", scripts]).run();
    assert_eq!(run.code(), 0, "{run:?}");
    assert_eq!(project.files_of_dist(), made);
}

#[test]
fn the_image_is_published_by_its_version_and_as_the_latest() {
    let project = Project::new();
    let run = project.run("release-image");
    assert_eq!(run.stdout_text(), "sha256:abc\n", "{run:?}");
    let calls = fs::read_to_string(project.path("calls")).unwrap();
    let targets: Vec<_> = calls.lines().map(|call| call.rsplit(' ').next().unwrap()).collect();
    let image = "docker://ghcr.io/owner/name";
    assert_eq!(targets, [format!("{image}:{VERSION}"), format!("{image}:latest")]);
    let sources = calls.matches(&format!("oci-archive:dist/k8s-token-cache-oci.tar:{VERSION} ")).count();
    assert_eq!(sources, 2, "{calls}");
}

/// The scripts, what they read, and the archives of a release.
struct Project {
    sandbox: Sandbox,
}

impl Project {
    fn new() -> Project {
        let project = Project { sandbox: Sandbox::new() };
        for script in ["metadata", "fill", "pack", "krew", "nix", "manifests", "image", "release-image"] {
            project.copy(&format!("scripts/{script}"));
        }
        project.copy("packaging");
        project.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"k8s-token-cache\"\nversion = \"{VERSION}\"\nlicense = \"MIT\"\n\
                 description = \"A cache\"\nrepository = \"https://github.com/owner/name\"\n"
            ),
        );
        project.tool("git", &["init", "--quiet"]);
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
        project
            .tool("git", &[&identity[..], &["commit", "--quiet", "--allow-empty", "--message=a"]].concat());
        for target in TARGETS {
            project.make_archive(target);
        }
        let sums = project.tool("sh", &["-c", "cd dist && sha256sum *"]);
        project.write("dist/SHA256SUMS", &sums);
        project.pretend_skopeo();
        project
    }

    /// For Windows too, since nothing looks into that archive.
    fn make_archive(&self, target: &str) {
        let name = format!("k8s-token-cache-{VERSION}-{target}");
        for file in ["k8s-token-cache", "LICENSE", "THIRD-PARTY"] {
            self.write(&format!("{name}/{file}"), &format!("{file} for {target}"));
        }
        let ending = if target.contains("windows") { "zip" } else { "tar.gz" };
        fs::create_dir_all(self.path("dist")).unwrap();
        self.tool("tar", &["-czf", &format!("dist/{name}.{ending}"), &name]);
    }

    /// Writes its calls down, and a digest.
    fn pretend_skopeo(&self) {
        let home = self.sandbox.home().display();
        let script = format!("#!/bin/sh\necho \"$*\" >>{home}/calls\necho sha256:abc >\"$6\"\n");
        self.write("bin/skopeo", &script);
        self.tool("chmod", &["755", "bin/skopeo"]);
        self.sandbox.set_env("PATH", format!("{home}/bin:/usr/bin:/bin"));
    }

    /// Makes everything of the archives, unpacks what is packed, and returns the files of dist.
    fn make(&self) -> Vec<(String, Vec<u8>)> {
        for script in ["krew", "nix", "manifests", "image"] {
            let run = self.run(script);
            assert_eq!(run.code(), 0, "{script}: {run:?}");
        }
        fs::create_dir(self.path("unpacked")).unwrap();
        for archive in ["nix", "manifests"] {
            let archive = format!("dist/k8s-token-cache-{archive}.tar.gz");
            self.tool("tar", &["-xzf", &archive, "-C", "unpacked"]);
        }
        self.files_of_dist()
    }

    fn files_of_dist(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.path("dist")).unwrap().map(Result::unwrap);
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut files: Vec<_> =
            entries.map(|entry| (name(&entry.path()), fs::read(entry.path()).unwrap())).collect();
        files.sort();
        files
    }

    fn sum_of(&self, target: &str) -> String {
        let sums = fs::read_to_string(self.path("dist/SHA256SUMS")).unwrap();
        let line = sums.lines().find(|line| line.contains(target)).unwrap();
        line.split(' ').next().unwrap().to_owned()
    }

    fn run(&self, script: &str) -> Run {
        self.sandbox.tool(self.path("scripts").join(script)).run()
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> String {
        let run = self.sandbox.tool(program).args(arguments).run();
        assert_eq!(run.code(), 0, "{program} {arguments:?}: {run:?}");
        run.stdout_text()
    }

    fn copy(&self, name: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        self.tool("cp", &["-R", from.to_str().unwrap(), self.path(name).to_str().unwrap()]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.home().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
