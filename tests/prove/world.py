"""A separate user: home directory, plugin, kubeconfig, and the checks that always hold.

Everything is in one temporary folder. The plugin counts its runs and prints a credential whose token
begins with MARK, so that a search for that word finds leaked secrets.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

MARK = "SECRET-MARK"
EXEC_INFO = (
    '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",'
    '"spec":{"interactive":false}}\n'
)
# Longer than the longest wait for a lock.
LIMIT_S = 40

KUBECONFIG = """\
apiVersion: v1
kind: Config
# A comment that has to stay.
users:
- name: first
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: {plugin}
      args: [first]
      interactiveMode: Never
- name: second
  user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: {plugin}, args: [second]}}}}
- name: third
  user:
    token: SECRET-MARK-in-the-kubeconfig
"""

PLUGIN = """\
#!/bin/sh
echo "$1" >>'{home}/runs'
case $1 in
fail) echo 'plugin: no such user' >&2; exit 3 ;;
esac
printf '%s' '{before}'"$1"'{after}'
"""


def rfc3339(unix_s):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


class World:
    """A home directory that contains only a plugin."""

    def __init__(self, program, encryption):
        self.program = str(program)
        self.encryption = encryption
        self.home = Path(tempfile.mkdtemp(prefix="k8s-token-cache-prove-"))
        self.expires = rfc3339(time.time() + 6 * 3600)
        self.cache_directory = self.home / ".cache/k8s-token-cache"
        self.cache_file = self.cache_directory / "token.json"
        self.kubeconfig = self.home / "config"
        self.plugin = self.home / "plugin"
        self._write_plugin()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.home, ignore_errors=True)

    def _write_plugin(self):
        before, after = self.credential("\0").decode().split("\0")
        self.plugin.write_text(PLUGIN.format(home=self.home, before=before, after=after))
        self.plugin.chmod(0o755)

    def save(self):
        """Everything in the home directory, for `reset`. Its path counts for every cache key."""
        return {
            path: (path.read_bytes(), path.stat())
            for path in sorted(self.home.rglob("*"))
            if path.is_file()
        }

    def reset(self, saved):
        for path in self.home.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path, (content, stat) in saved.items():
            for parent in reversed(path.relative_to(self.home).parents):
                (self.home / parent).mkdir(mode=0o700, exist_ok=True)
            path.write_bytes(content)
            path.chmod(stat.st_mode & 0o777)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def write_kubeconfig(self):
        self.kubeconfig.write_text(KUBECONFIG.format(plugin=self.plugin))
        # An old file, so that no edit waits for another writer to finish.
        os.utime(self.kubeconfig, (1_700_000_000, 1_700_000_000))

    def credential(self, name):
        """The output of the plugin for the argument `name`."""
        document = {
            "kind": "ExecCredential",
            "apiVersion": "client.authentication.k8s.io/v1",
            "status": {"expirationTimestamp": self.expires, "token": f"{MARK}-{name}"},
        }
        return json.dumps(document).replace("\\u0000", "\0").encode()

    def environment(self, **more):
        return {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "KUBERNETES_EXEC_INFO": EXEC_INFO,
            "K8S_TOKEN_CACHE_ENCRYPTION": self.encryption,
            "K8S_TOKEN_CACHE_LOG": str(self.home / "log"),
            **more,
        }

    def command(self, *arguments):
        return [self.program, *map(str, arguments)]

    def run(self, command, **more):
        """Status, standard output and standard error, or `None` after LIMIT_S."""
        try:
            done = subprocess.run(
                command,
                env=self.environment(**more),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        return done.returncode, done.stdout, done.stderr

    def get(self, name, **more):
        """Runs the program with the plugin."""
        return self.run(self.command(self.plugin, name), **more)

    def plugin_runs(self):
        try:
            return len((self.home / "runs").read_text().splitlines())
        except FileNotFoundError:
            return 0

    def entries(self):
        """Names of the entries in the cache file, if there is one. Raises Broken if it is damaged."""
        try:
            content = self.cache_file.read_bytes()
        except FileNotFoundError:
            return set()
        try:
            document = json.loads(content)
        except ValueError as error:
            raise Broken(f"the cache file is not JSON: {error}") from None
        for name, offset, length, _ in document["index"]:
            line = content[offset : offset + length]
            if not line.startswith(f'"{name}":{{'.encode()) or content[offset + length] not in b",\n":
                raise Broken("the index of the cache file does not fit its lines")
        if {row[0] for row in document["index"]} != set(document["entries"]):
            raise Broken("the index of the cache file lacks a line")
        # A removed entry leaves a line that only says when.
        return {name for name, line in document["entries"].items() if "removed" not in line}

    def stray_files(self):
        """Files that must not exist after every process has ended."""
        known = {
            ".cache/k8s-token-cache/token.json",
            ".cache/k8s-token-cache/token.json.lock",
            ".local/state/k8s-token-cache/key",
            ".local/state/k8s-token-cache/key.lock",
            "config",
            "log",
            "plugin",
            "runs",
        }
        found = {str(path.relative_to(self.home)) for path in self.home.rglob("*") if not path.is_dir()}
        return sorted(found - known)

    def secrets(self):
        """Text that must be in no message: tokens, and the encryption key in every form."""
        words = [MARK.encode()]
        key_file = self.home / ".local/state/k8s-token-cache/key"
        if key_file.exists():
            key = key_file.read_bytes().split(b"\n", 1)[-1]
            words += [key, key.hex().encode()] if key else []
        return words

    def leak(self, stderr):
        """A message about a leaked secret, or `None`."""
        log = self.home / "log"
        places = {"standard error": stderr, "the log": log.read_bytes() if log.exists() else b""}
        if self.encryption != "off" and self.cache_file.exists():
            places["the cache file"] = self.cache_file.read_bytes()
        for place, content in places.items():
            if any(word in content for word in self.secrets()):
                return f"a secret is in {place}"
        return None


class Broken(Exception):
    """A broken promise."""


def own_message(stderr):
    """Whether standard error consists of well-formed messages of the program."""
    lines = stderr.decode(errors="replace").splitlines()
    return bool(lines) and all(re.match(r"k8s-token-cache: |hint: ", line) for line in lines)
