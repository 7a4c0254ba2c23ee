//! Programs that look for a project in the working directory and above it, and then run a command in an
//! environment that the project's files describe.
//!
//! Such a call is not understood, its working directory counts, and so do the project's files. Shims of mise
//! and asdf are such programs under the name of another one.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::invocation::Invocation;
use super::words::words;
use crate::sys;

/// Programs, and the files that they look for in each directory from the working directory upwards.
pub(super) struct ProjectRow {
    pub commands: &'static str,
    pub applies: fn(&Invocation) -> bool,
    pub files: &'static str,
}

// jdx/mise src/config/mod.rs, src/cli/exec.rs, src/shims.rs.
const MISE_FILES: &str = "mise.toml .mise.toml mise.local.toml .mise.local.toml .tool-versions \
    .config/mise.toml .config/mise/config.toml mise/config.toml .mise/config.toml";

pub(super) static PROJECTS: &[ProjectRow] = &[
    ProjectRow { commands: "mise rtx", applies: always, files: MISE_FILES },
    // asdf-vm/asdf docs/manage/configuration.md.
    ProjectRow { commands: "asdf", applies: always, files: ".tool-versions" },
    // direnv/direnv internal/cmd/cmd_exec.go, rc.go.
    ProjectRow { commands: "direnv", applies: always, files: ".envrc .env" },
    // tellerops/teller teller-cli/src/cli.rs. Its templates read any variable.
    ProjectRow { commands: "teller", applies: always, files: ".teller.yml" },
    // jetify-com/devbox internal/boxcli/run.go, internal/devbox/devbox.go.
    ProjectRow { commands: "devbox", applies: always, files: "devbox.json devbox.lock .env" },
    // https://nix.dev/manual/nix/latest/command-ref/
    ProjectRow {
        commands: "nix nix-shell nix-build devenv",
        applies: always,
        files: "flake.nix flake.lock shell.nix default.nix devenv.nix",
    },
    // https://flox.dev/docs/, https://pixi.sh/latest/
    ProjectRow {
        commands: "flox pixi",
        applies: always,
        files: ".flox/env/manifest.toml pixi.toml pyproject.toml",
    },
    // https://python-poetry.org/docs/cli/, https://docs.astral.sh/uv/, https://pipenv.pypa.io/,
    // https://pdm-project.org/, https://hatch.pypa.io/, https://rye.astral.sh/
    ProjectRow {
        commands: "poetry uv uvx pipenv pdm hatch rye tox",
        applies: always,
        files: "pyproject.toml Pipfile .env uv.toml tox.ini",
    },
    // https://docs.npmjs.com/cli/commands/npm-exec, https://bun.sh/docs/runtime/env, https://docs.deno.com/
    ProjectRow {
        commands: "npx npm pnpm pnpx yarn bun bunx deno",
        applies: always,
        files: "package.json .npmrc .env .env.local .env.development deno.json",
    },
    // https://www.gnu.org/software/make/manual/
    ProjectRow { commands: "make gmake", applies: always, files: "GNUmakefile makefile Makefile" },
    // casey/just src/search.rs, src/load_dotenv.rs.
    ProjectRow { commands: "just", applies: always, files: "justfile Justfile .justfile .env" },
    // https://taskfile.dev/, https://magefile.org/, ruby/rake, rubygems bundler, pyinvoke.org
    ProjectRow {
        commands: "task mage rake bundle invoke inv",
        applies: always,
        files: "Taskfile.yml Taskfile.yaml .env magefile.go Rakefile Gemfile tasks.py",
    },
    // https://dotenvx.com/docs/, getsops/sops, helmfile/vals.
    ProjectRow { commands: "dotenv dotenvx sops vals", applies: always, files: ".env .sops.yaml" },
    // https://developer.hashicorp.com/terraform/cli, https://www.pulumi.com/docs/
    ProjectRow {
        commands: "terraform tofu terragrunt pulumi",
        applies: always,
        files: ".terraform/environment terragrunt.hcl Pulumi.yaml",
    },
    // https://docs.docker.com/compose/, https://developer.hashicorp.com/vagrant/docs
    ProjectRow {
        commands: "docker podman vagrant",
        applies: |call| call.has_words("compose") || !call.has_words("run"),
        files: "compose.yaml compose.yml docker-compose.yml docker-compose.yaml .env Vagrantfile",
    },
];

fn always(_: &Invocation) -> bool {
    true
}

pub(super) fn find_project(name: &str, invocation: &Invocation) -> Option<&'static ProjectRow> {
    PROJECTS
        .iter()
        .find(|row| words(row.commands).any(|command| command == name) && (row.applies)(invocation))
}

/// The project files of a shim if `program` is one. A name is looked up only in those elements of PATH that
/// are directories of shims, so this costs nothing to users who have none.
pub(super) fn shim_files(program: &OsStr, invocation: &Invocation) -> Option<&'static str> {
    let program = Path::new(program);
    let is_shim = match program.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => is_shim_directory(parent, invocation),
        None => {
            let path = invocation.variable("PATH")?;
            if !contains(path.as_encoded_bytes(), b"shims") {
                return None;
            }
            std::env::split_paths(&path).any(|directory| {
                is_shim_directory(&directory, invocation) && sys::file_stamp(&directory.join(program)).is_ok()
            })
        }
    };
    is_shim.then_some(MISE_FILES)
}

/// Where mise (jdx/mise src/dirs.rs) and asdf (docs/manage/configuration.md) keep their shims.
fn is_shim_directory(directory: &Path, invocation: &Invocation) -> bool {
    let mut components = directory.components().rev();
    let Some(Component::Normal(last)) = components.next() else { return false };
    let Some(Component::Normal(owner)) = components.next() else { return false };
    let is_owned = matches!(owner.as_encoded_bytes(), b"mise" | b".mise" | b"rtx" | b"asdf" | b".asdf");
    let is_set = |variable: &str, below: &str| {
        invocation.variable(variable).is_some_and(|value| PathBuf::from(value).join(below) == directory)
    };
    last == "shims" && is_owned
        || is_set("MISE_SHIMS_DIR", "")
        || is_set("MISE_DATA_DIR", "shims")
        || is_set("ASDF_DATA_DIR", "shims")
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
