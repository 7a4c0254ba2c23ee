"""Many workers with many keys in parallel.

Every worker calls as a client does. The plugin fails now and then, its credentials live for a few
seconds, one worker clears the cache, another one injects and restores a kubeconfig. Each answer must be
a credential that the plugin printed for that key and that had not expired when the call began. The
plugin must not run more often than single flight and refresh allow.
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import faults
from world import EXEC_INFO, KUBECONFIG, MARK

LIFE_S = 4
KEYS = 50
# Starts the program, so that every call has another client. Under its own name, a shell that has just started
# would count as a part of the process that started it.
CLIENT = ["-c", '"$@"; exit $?', "kubectl"]
# Run number, key and expiry make the token; they are recorded before it is printed. One run in ten fails.
PLUGIN = """\
#!/bin/sh
run=$$-$(date +%s%N)
now=${{run#*-}}; now=${{now%?????????}}
case $run in *7???) echo "$run $1 failed $now" >>'{home}/runs'; echo 'plugin: sorry' >&2; exit 7 ;; esac
ends=$((now + {life}))
echo "$run $1 $ends $now" >>'{home}/runs'
stamp=$(date -u -d "@$ends" +%Y-%m-%dT%H:%M:%SZ)
printf '{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{{"expirationTimestamp":"%s","token":"{mark}-%s-%s-%s"}}}}' "$stamp" "$1" "$ends" "$run"
"""


class Load:
    def __init__(self, program, calls, workers):
        self.program, self.workers = str(program), workers
        self.home = Path(tempfile.mkdtemp(prefix="k8s-token-cache-load-"))
        self.plugin = self.home / "plugin"
        self.plugin.write_text(PLUGIN.format(home=self.home, life=LIFE_S, mark=MARK))
        self.plugin.chmod(0o755)
        self.shell = self.home / "kubectl"
        self.shell.symlink_to("/bin/sh")
        self.kubeconfig = self.home / "config"
        self.kubeconfig.write_text(KUBECONFIG.format(plugin=self.plugin))
        self.original = self.kubeconfig.read_bytes()
        self.left = calls
        self.lock = threading.Lock()
        self.answers, self.failures, self.problems = 0, 0, []
        self.clears = self.cleared_keys = self.edits = 0
        self.given = {}  # token -> key, expiry

    def environment(self):
        return {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "KUBERNETES_EXEC_INFO": EXEC_INFO,
            "K8S_TOKEN_CACHE_REFRESH_MARGIN": "1s",
            "K8S_TOKEN_CACHE_REFRESH_AHEAD": "3s",
            "K8S_TOKEN_CACHE_LOG": str(self.home / "log"),
        }

    def call(self, *arguments, front=()):
        return subprocess.run(
            [*front, self.program, *map(str, arguments)],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def take(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def problem(self, text):
        with self.lock:
            self.problems.append(text)

    def client(self, number):
        choice = random.Random(number)
        while self.take():
            key = f"key-{choice.randrange(KEYS)}"
            began = time.time()
            try:
                done = self.call(self.plugin, key, front=[str(self.shell), *CLIENT])
            except subprocess.TimeoutExpired:
                self.problem(f"{key}: the call did not end")
                continue
            self.judge(key, began, done)

    def judge(self, key, began, done):
        if MARK.encode() in done.stderr:
            self.problem(f"{key}: a token on stderr")
        if done.returncode == 7 and not done.stdout:
            with self.lock:
                self.failures += 1
            return
        # The plugin's messages are passed through even if its failure does not cost the credential.
        if done.returncode != 0 or done.stderr not in (b"", b"plugin: sorry\n"):
            self.problem(f"{key}: status {done.returncode}, stderr {done.stderr!r}")
            return
        token = json.loads(done.stdout)["status"]["token"]
        _, _, mark_key, number, ends, run = token.split("-", 5)
        if f"{mark_key}-{number}" != key:
            self.problem(f"{key}: got the credential of {mark_key}-{number}")
        if int(ends) <= began:
            self.problem(f"{key}: got a credential that had expired {began - int(ends):.1f} s before the call")
        with self.lock:
            self.answers += 1
            self.given[run] = (key, int(ends))

    def clearer(self):
        choice = random.Random(0)
        while self.left > 0:
            arguments = [] if choice.random() < 0.3 else [self.plugin, f"key-{choice.randrange(KEYS)}"]
            if self.call("--clear", *arguments).returncode != 0:
                self.problem("--clear failed")
            self.clears += 1
            self.cleared_keys += 1 if arguments else KEYS
            time.sleep(0.5)

    def injector(self):
        while self.left > 0:
            for verb in ("--inject", "--restore"):
                done = self.call(verb, self.kubeconfig)
                if done.returncode != 0:
                    self.problem(f"{verb}: {done.stderr!r}")
                self.edits += 1
        if self.kubeconfig.read_bytes() != self.original:
            self.problem("after the last --restore the kubeconfig is not the original one")

    def check_memory(self):
        """Checks that a call still works with 16 MiB of address space, plugin included."""
        done = self.call(self.plugin, "key-0", front=["prlimit", f"--as={16 << 20}"])
        if done.returncode not in (0, 7):
            self.problem(f"16 MiB are not enough: status {done.returncode}, {done.stderr!r}")

    def run(self):
        began = time.time()
        threads = [threading.Thread(target=self.client, args=(n,)) for n in range(1, self.workers + 1)]
        threads += [threading.Thread(target=t) for t in (self.clearer, self.injector)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.took_s = time.time() - began
        if faults.reap(90):
            self.problem("processes were left behind")
        self.check_memory()
        self.check_runs()
        self.check_files()

    def check_runs(self):
        """Checks that the plugin printed every answer, and did not run more often than allowed."""
        runs = [line.split() for line in (self.home / "runs").read_text().splitlines()]
        printed = {run: (key, ends) for run, key, ends, _ in runs}
        for run, (key, ends) in self.given.items():
            if printed.get(run) != (key, str(ends)):
                self.problem(f"{key}: the plugin did not print this answer")
        self.runs = len(runs)
        # A credential is refreshed when a third of its lifetime is left; expiries are whole seconds, so one
        # second may be missing. Each --clear costs one run per cleared key. A failure is remembered for the
        # clients that saw it; the next client runs the plugin again.
        per_key = self.took_s / (LIFE_S - LIFE_S / 3 - 1) + 1
        failed = sum(ends == "failed" for _, _, ends, _ in runs)
        self.bound = int(KEYS * per_key + self.cleared_keys + 2 * failed)
        if self.runs > self.bound:
            self.problem(f"{self.runs} runs of the plugin, at most {self.bound} are needed")

    def check_files(self):
        directory = self.home / ".cache/k8s-token-cache"
        names = sorted(path.name for path in directory.iterdir())
        if names != ["token.json", "token.json.lock"]:
            self.problem(f"files left over: {names}")
        json.loads((directory / "token.json").read_bytes())
        # 50 entries and those that expired since the last store, independent of the number of calls.
        if (directory / "token.json").stat().st_size > 100_000:
            self.problem("the cache file has grown")
        if MARK.encode() in (self.home / "log").read_bytes():
            self.problem("a token in the log")
        beside = sorted(path.name for path in self.home.iterdir() if path.name.startswith((".config", "config")))
        if beside != ["config"]:
            self.problem(f"files left over: {beside}")


def main(arguments):
    """Runs in a separate process, which collects processes that are left."""
    program, calls, workers = arguments
    load = Load(program, calls, workers)
    try:
        load.run()
    finally:
        shutil.rmtree(load.home, ignore_errors=True)
    print(
        f"load: {load.answers} credentials and {load.failures} failures from {load.runs} runs of the plugin"
        f" (bound {load.bound}), {load.clears} clears, {load.edits} edits,"
        f" {load.took_s:.0f} s"
    )
    return calls + load.clears + load.edits, load.problems
