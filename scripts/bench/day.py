#!/usr/bin/env python3
"""usage: day.py --program FILE --results FILE [--peer FILE] [--speed N]

Plays a working day of kubectl calls at 60 times the speed, and adds to the JSON of measure.py how many calls
waited, for how long in all, and how often the plugin ran: without a cache, with the peer, and with this program
without and with its keep-warm process.

The day is the same in every run (a fixed seed): from 9:00 to 18:00 with a break at noon, a burst of calls about
every ten minutes, about six calls a burst, some ten seconds apart. A person makes one call after the other, so
a call that waits delays the next ones. A token lives 14 minutes, as that of EKS does. All these times and the
program's margins are divided by the speed; the plugin is not faster: it takes as long as the real `aws`, by
its median in the results.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import tempfile
import threading
import time

SEED = 1
MINUTE = 60
HOUR = 60 * MINUTE
DAY = [(9 * HOUR, 12.5 * HOUR), (13.25 * HOUR, 18 * HOUR)]
MEAN_BETWEEN_BURSTS = 10 * MINUTE
MEAN_CALLS_OF_A_BURST = 6
MEAN_BETWEEN_CALLS = 10
TOKEN_LIFE = 14 * MINUTE
# The defaults of the program and of the peer.
MARGIN, AHEAD, WINDOW = 30, 5 * MINUTE, 30 * MINUTE
PEER_MARGIN = 30

# A call that took longer waited for the plugin.
WAITED_S = 0.1
# How long `aws eks get-token` takes if the results have no measurement of it.
PLUGIN_S = 0.57
EXEC_INFO = (
    '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":true}}\n'
)
GET_TOKEN = ["aws", "eks", "get-token", "--cluster-name", "bench"]
PLUGIN = """#!/usr/bin/env python3
import datetime, json, os, time
folder = os.environ["BENCH_FOLDER"]
with open(f"{folder}/runs", "a") as runs:
    runs.write("run\\n")
time.sleep(max(0, float(os.environ["BENCH_PLUGIN_S"]) - 0.03))
expiry = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=float(os.environ["BENCH_LIFE_S"]))
print(json.dumps({
    "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
    "status": {"token": "t", "expirationTimestamp": expiry.strftime("%Y-%m-%dT%H:%M:%SZ")},
}))
"""


def main():
    options = parse_arguments()
    results = json.loads(options.results.read_text())
    aws = results["samples_ns"].get("aws")
    plugin_s = statistics.median(aws) / 1e9 if aws else PLUGIN_S
    with tempfile.TemporaryDirectory() as folder:
        people = [
            Person(pathlib.Path(folder), name, command, settings, plugin_s, options.speed)
            for name, command, settings in variants(options)
        ]
        calls = day()
        threads = [threading.Thread(target=person.work, args=(calls,)) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        results["day"] = {"speed": options.speed, "plugin_s": round(plugin_s, 3), "calls": len(calls)} | {
            "variants": {person.name: person.summary() for person in people}
        }
        subprocess.run([options.program, "--clear"], env=people[-1].environment, stdout=subprocess.DEVNULL, check=True)
    options.results.write_text(json.dumps(results, separators=(",", ":")) + "\n")
    print(json.dumps(results["day"], indent=2))


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True, type=os.path.abspath)
    parser.add_argument("--results", required=True, type=pathlib.Path)
    parser.add_argument("--peer", type=os.path.abspath)
    parser.add_argument("--speed", type=float, default=60)
    return parser.parse_args()


def variants(options):
    """Yields name, command and settings, which are seconds of the day."""
    ours = {"K8S_TOKEN_CACHE_REFRESH_MARGIN": MARGIN, "K8S_TOKEN_CACHE_REFRESH_AHEAD": AHEAD}
    yield "none", GET_TOKEN, {}
    if options.peer:
        yield "peer", [options.peer, *GET_TOKEN], {"KUBE_CREDENTIAL_CACHE_REFRESH_MARGIN": PEER_MARGIN}
    yield "refreshed", [options.program, *GET_TOKEN], ours | {"K8S_TOKEN_CACHE_KEEP_WARM": 0}
    yield "kept warm", [options.program, *GET_TOKEN], ours | {"K8S_TOKEN_CACHE_KEEP_WARM": WINDOW}


def day():
    """Returns when a person would like to make each call, in seconds of the day."""
    chance = random.Random(SEED)
    calls = []
    for begin, end in DAY:
        burst = begin + chance.expovariate(1 / MEAN_BETWEEN_BURSTS)
        while burst < end:
            call = burst
            for _ in range(1 + int(chance.expovariate(1 / (MEAN_CALLS_OF_A_BURST - 1)))):
                calls.append(call)
                call += chance.expovariate(1 / MEAN_BETWEEN_CALLS)
            burst = call + chance.expovariate(1 / MEAN_BETWEEN_BURSTS)
    return calls


class Person:
    """Makes the calls of the day with one kind of cache."""

    def __init__(self, folder, name, command, settings, plugin_s, speed):
        self.name, self.command, self.speed = name, command, speed
        self.folder = folder / name.replace(" ", "-")
        (self.folder / "bin").mkdir(parents=True)
        plugin = self.folder / "bin" / "aws"
        plugin.write_text(PLUGIN)
        plugin.chmod(0o755)
        self.environment = {
            "HOME": str(self.folder),
            "PATH": f"{plugin.parent}:/usr/local/bin:/usr/bin:/bin",
            "KUBERNETES_EXEC_INFO": EXEC_INFO,
            "K8S_TOKEN_CACHE_FILE": str(self.folder / "cache" / "token.json"),
            "K8S_TOKEN_CACHE_ENCRYPTION": "file",
            "KUBE_CREDENTIAL_CACHE_FILE": str(self.folder / "peer.json"),
            "BENCH_FOLDER": str(self.folder),
            "BENCH_PLUGIN_S": str(plugin_s),
            "BENCH_LIFE_S": str(TOKEN_LIFE / speed),
        } | {name: f"{round(seconds / speed * 1000)}ms" for name, seconds in settings.items()}
        self.took_s = []

    def work(self, calls):
        began, delay = time.monotonic(), 0
        for at, after in zip(calls, [*calls[1:], None]):
            wanted = began + (at - calls[0]) / self.speed + delay
            time.sleep(max(0, wanted - time.monotonic()))
            self.took_s.append(self.call())
            if after and after - at < MINUTE:
                # The rest of a burst begins when this call has ended.
                delay += self.took_s[-1]
            else:
                delay = 0

    def call(self):
        """Makes a call as a kubectl of its own, and returns how long it took in seconds."""
        # A program that ends by itself after the call is another client each time.
        client = ["python3", "-c", CLIENT, *self.command]
        done = subprocess.run(client, env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, check=True)
        return float(done.stdout)

    def summary(self):
        waited = [took for took in self.took_s if took > WAITED_S]
        runs = (self.folder / "runs").read_text().splitlines()
        return {"waited": len(waited), "waited_s": round(sum(waited), 1), "plugin_runs": len(runs)}


CLIENT = """
import subprocess, sys, time
began = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
print(time.monotonic() - began)
sys.exit(done.returncode)
"""

main()
