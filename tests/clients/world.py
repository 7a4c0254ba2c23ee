"""One client's world: a home, a kubeconfig, an exec plugin with or without the cache in front of it, an
API server and a clock. Nothing in it is shared with another world or with the machine's user.
"""

import contextlib
import json
import os
import pathlib
import shutil

from cluster import Cluster

PLUGIN = pathlib.Path(__file__).with_name("plugin.sh")
DEFAULT_LIFE_S = 15 * 60


class World:
    def __init__(self, folder, clock, cluster, program):
        """Without a `program` the kubeconfig names the plugin itself."""
        self.folder = folder
        self.clock = clock
        self.cluster = cluster
        self._state = folder / "plugin" / "state"
        self._life_s = DEFAULT_LIFE_S
        self.environment = environment(folder) | clock.environment
        self._state.mkdir(parents=True)
        for name in ["home", "tmp"]:
            (folder / name).mkdir()
        plugin = folder / "plugin" / "demo-login"
        shutil.copy(PLUGIN, plugin)
        plugin.chmod(0o755)
        command = [str(plugin), "--cluster", "demo"]
        self._write_kubeconfig([str(program), *command] if program else command)
        self._write_session()

    def runs(self):
        """How often the plugin has run."""
        runs = self._state / "runs"
        return len(runs.read_text().splitlines()) if runs.exists() else 0

    def issue_tokens_for(self, seconds):
        self._life_s = seconds
        self._write_session()

    def revoke(self):
        """Ends the session: every token is refused, and the plugin issues others."""
        self.cluster.session += 1
        self._write_session()

    def break_plugin(self):
        (self._state / "failing").touch()

    def _write_session(self):
        new = self._state / "session.new"
        new.write_text(f"{self.cluster.session} {self._life_s}\n")
        new.rename(self._state / "session")

    def _write_kubeconfig(self, command):
        # lightkube, pykube-ng and kubectl 1.20 know no later version than v1beta1. JSON is YAML.
        login = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": command[0],
            "args": command[1:],
        }
        cluster = {"server": self.cluster.url, "certificate-authority-data": self.cluster.authority_data}
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "demo", "cluster": cluster}],
            "users": [{"name": "demo", "user": {"exec": login}}],
            "contexts": [
                {"name": "demo", "context": {"cluster": "demo", "user": "demo", "namespace": "default"}}
            ],
            "current-context": "demo",
        }
        pathlib.Path(self.environment["KUBECONFIG"]).write_text(json.dumps(kubeconfig, indent=2))


def environment(folder):
    """Everything that a client inherits, but for the clock."""
    home = folder / "home"
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "TMPDIR": str(folder / "tmp"),
        "KUBECONFIG": str(folder / "kubeconfig"),
        # The kernel's keyring is the machine's.
        "K8S_TOKEN_CACHE_ENCRYPTION": "file",
        "K8S_TOKEN_CACHE_LOG": str(folder / "cache.log"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@contextlib.asynccontextmanager
async def open_world(folder, clock, authority, program):
    async with Cluster(authority, clock) as cluster:
        os.makedirs(folder, exist_ok=True)
        yield World(folder, clock, cluster, program)
