#!/usr/bin/env python3
"""usage: measure.py --program FILE --harness FILE --cost FILE --floor FILE --out FILE [--compiler TEXT]
                     [--rounds N] [--slow-rounds N] [--peer FILE] [--base FILE --base-name NAME]
                     [--symbols FILE]

Measures the rows of the benchmark and writes every sample as JSON. Values that are compared were measured
by the same harness in the same run, also those of --base, another version of the program. Everything happens in
a temporary folder with its own HOME; a key that the program makes in the kernel's keyring is removed. report.py
writes the tables and the chart.
"""

import argparse
import base64
import contextlib
import ctypes
import datetime
import json
import os
import pathlib
import platform
import random
import resource
import selectors
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from cluster import serve_cluster
from growth import Growth
from modules import bytes_by_module

EXEC_INFO = (
    '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",'
    '"spec":{"interactive":false}}\n'
)
CREDENTIAL_BYTES = 2048
GET_TOKEN = ["aws", "eks", "get-token", "--cluster-name"]
# A name that is in no row of the table of plugins.
UNKNOWN_PLUGIN = "fetch-credential"
ENTRIES = [100, 1000]
BURST_CALLS = 64
BURSTS = 5
COUNTED_HITS = 15
# How many variables a large environment has.
VARIABLES = 80
CLUSTER_BYTES = 1500
# Kubeconfigs on one line.
KUBECONFIG_BYTES = [2_500_000, 5_000_000]
EDITS = 5
PEER_FILE = "KUBE_CREDENTIAL_CACHE_FILE"


def main():
    options = parse_arguments()
    in_memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory(dir=in_memory) as memory,
        keyring_as_it_was(),
    ):
        bench = Bench(pathlib.Path(folder), pathlib.Path(memory), options)
        result = {
            "date": datetime.date.today().isoformat(),
            "machine": machine(),
            "versions": versions(options),
            "bytes": sizes(options),
            "crates": count_crates(),
            "system_calls": bench.count_system_calls(),
            "page_faults": bench.count_page_faults(),
            "samples_ns": bench.run(bench.fast_rows(), options.rounds, 50, "pinned"),
            "bursts": [bench.burst(f"burst-{number}", BURST_CALLS) for number in range(BURSTS)],
            "pairs": [bench.burst(f"pair-{number}", 2) for number in range(BURSTS)],
            "inject_work_ns": {size: bench.inject_work(size) for size in KUBECONFIG_BYTES},
            "growth": bench.growth(),
        }
        with bench.slow_rows() as rows:
            if rows:
                result["samples_ns"] |= bench.run(rows, options.slow_rounds, 2)
    if options.symbols and os.path.exists(options.symbols):
        result["modules"] = bytes_by_module(options.symbols, options.program)
    if options.base:
        result["base"] = options.base_name
    with open(options.out, "w") as file:
        json.dump(result, file, separators=(",", ":"))
        file.write("\n")


def parse_arguments():
    parser = argparse.ArgumentParser()
    for name in ["--program", "--harness", "--cost", "--floor", "--out"]:
        parser.add_argument(name, required=True, type=os.path.abspath)
    for name in ["--peer", "--base", "--symbols"]:
        parser.add_argument(name, type=os.path.abspath)
    parser.add_argument("--base-name", default="")
    parser.add_argument("--compiler", default="")
    parser.add_argument("--rounds", type=int, default=1500)
    parser.add_argument("--slow-rounds", type=int, default=15)
    return parser.parse_args()


class Bench:
    """A HOME with a fast exec plugin named aws, and the cache files of the rows."""

    def __init__(self, folder, memory, options):
        self.folder = folder
        self.memory = memory
        self.options = options
        self.credential = folder / "credential"
        self.credential.write_text(make_credential())
        plugins = folder / "bin"
        plugins.mkdir()
        for name in ["aws", UNKNOWN_PLUGIN]:
            shutil.copy(options.floor, plugins / name)
        aws = folder / "home" / ".aws"
        aws.mkdir(parents=True)
        (aws / "config").write_text("[profile bench]\nregion = eu-central-1\n")
        (aws / "credentials").write_text("[bench]\naws_access_key_id = bench\n")
        self.environment = {
            "HOME": str(folder / "home"),
            "PATH": f"{plugins}:/usr/local/bin:/usr/bin:/bin",
            "USER": "bench",
            "LOGNAME": "bench",
            "SHELL": "/bin/sh",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PWD": str(folder),
            "AWS_PROFILE": "bench",
            "AWS_REGION": "eu-central-1",
            "BENCH_FILE": str(self.credential),
        }

    def client(self, cache, **more):
        """Returns the environment of a call by a Kubernetes client with its own cache file."""
        path = {"K8S_TOKEN_CACHE_FILE": str(self.folder / cache / "token.json")}
        return self.environment | {"KUBERNETES_EXEC_INFO": EXEC_INFO} | path | more

    def without_exec_info(self, cache):
        environment = self.client(cache)
        del environment["KUBERNETES_EXEC_INFO"]
        return environment

    def get_token(self, environment, cluster="bench", program=None):
        return self.cached([*GET_TOKEN, cluster], environment, program)

    def cached(self, command, environment, program=None):
        return row([program or self.options.program, *command], environment, expect=self.credential)

    def hits(self, folder, program):
        """Returns the rows of hits of one program, which have cache files of their own in `folder`."""
        client = lambda **more: self.client(folder, **more)  # noqa: E731
        token = lambda environment: self.get_token(environment, program=program)  # noqa: E731
        many = {f"VARIABLE_{number}": f"value {number}" for number in range(VARIABLES - len(client()))}
        rows = {
            "hit": token(client()),
            "hit from a shell": token(self.without_exec_info(folder)) | {"client": "bash"},
            "hit, another client": token(self.without_exec_info(folder)) | {"client": "node"},
            "hit, kube-rs": token(client(KUBERNETES_EXEC_INFO=EXEC_INFO.rstrip("\n"))),
            "hit, provideClusterInfo": token(client(KUBERNETES_EXEC_INFO=exec_info_with_cluster())),
            f"hit, {VARIABLES} variables": token(client(**many)),
            "hit, unknown plugin": self.cached([UNKNOWN_PLUGIN, "token"], client(), program),
            f"hit, unknown plugin, {VARIABLES} variables": self.cached(
                [UNKNOWN_PLUGIN, "token"], client(**many), program
            ),
            "hit, key in a file": token(
                self.client(f"{folder}-file", K8S_TOKEN_CACHE_ENCRYPTION="file"),
            ),
            "hit, not encrypted": token(self.client(f"{folder}-off", K8S_TOKEN_CACHE_ENCRYPTION="off")),
        }
        for count in ENTRIES:
            environment = self.client(f"{folder}-{count}")
            for number in range(count - 1):
                call(self.get_token(environment, cluster=f"other-{number}", program=program))
            rows[f"hit, {count} entries"] = token(environment)
        for hit in rows.values():
            call(hit)
        return rows

    def miss(self, folder, program):
        # ext4 searches for an inode that was not freed in the last seconds, and each round frees two: 140 us
        # that no other miss takes. In memory there is no such search.
        cache = {"K8S_TOKEN_CACHE_FILE": str(self.memory / folder / "token.json")}
        missing = self.client(folder, **cache)
        return self.get_token(missing, program=program) | {"fresh": missing["K8S_TOKEN_CACHE_FILE"]}

    def fast_rows(self):
        rows = {
            "floor": row([self.options.floor], self.environment, expect=self.credential),
            "plugin": row(
                [self.folder / "bin" / "aws", *GET_TOKEN[1:], "bench"], self.client("none"), expect=self.credential
            ),
        }
        rows |= self.hits("one", self.options.program)
        rows["miss"] = self.miss("missing", self.options.program)
        if self.options.base:
            rows |= {f"base: {name}": hit for name, hit in self.hits("base", self.options.base).items()}
            rows["base: miss"] = self.miss("missing-base", self.options.base)
        if self.options.peer:
            peer = self.client("none", **{PEER_FILE: str(self.folder / "peer.json")})
            rows["peer"] = row([self.options.peer, *GET_TOKEN, "bench"], peer)
            call(rows["peer"])
        return rows

    @contextlib.contextmanager
    def slow_rows(self):
        """Yields the rows of the real aws, and of kubectl with a substitute cluster, if installed."""
        aws, kubectl = real_path("aws"), real_path("kubectl")
        if not aws:
            print("measure: aws is not installed: skipping its rows", file=sys.stderr)
            yield {}
            return
        environment = self.client("real")
        environment["PATH"] = f"{os.path.dirname(aws)}:{self.environment['PATH']}"
        environment["AWS_ACCESS_KEY_ID"] = environment["AWS_SECRET_ACCESS_KEY"] = "bench"
        del environment["AWS_PROFILE"]
        rows = {
            "aws": row([aws, *GET_TOKEN[1:], "bench"], environment),
            "aws, cached": row([self.options.program, *GET_TOKEN, "bench"], environment),
        }
        if not kubectl:
            print("measure: kubectl is not installed: skipping its rows", file=sys.stderr)
            yield rows
            return
        del environment["KUBERNETES_EXEC_INFO"]  # kubectl sets it.
        with serve_cluster(self.folder) as cluster:
            commands = {"kubectl": GET_TOKEN, "kubectl, cached": [self.options.program, *GET_TOKEN]}
            for name, command in commands.items():
                config = self.folder / f"{name}.json"
                config.write_text(kubeconfig(cluster, [*command, "bench"]))
                rows[name] = row([kubectl, "--kubeconfig", config, "get", "namespaces"], environment)
            yield rows

    def run(self, rows, *how):
        """Returns the samples of each row, in nanoseconds."""
        done = subprocess.run(
            [self.options.harness, *map(str, how)],
            input="".join(as_lines(name.replace(" ", "_"), row) for name, row in rows.items()),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=self.folder,
        )
        samples = [line.split() for line in done.stdout.splitlines()]
        return {name.replace("_", " "): [int(ns) for ns in times] for name, *times in samples}

    def burst(self, name, count):
        """Starts `count` calls at once with an empty cache and a plugin that takes half a second."""
        folder = self.folder / name
        folder.mkdir()
        plugin = folder / "plugin"
        plugin.write_text(f"#!/bin/sh\necho run >>{folder}/runs\nsleep 0.5\ncat {self.credential}\n")
        plugin.chmod(0o755)
        ended = self.end_times([self.options.program, plugin], self.client(name), count)
        return {
            "plugin_runs": len((folder / "runs").read_text().splitlines()),
            "last_after_first_ns": max(ended) - min(ended),
        }

    def end_times(self, command, environment, count):
        """Returns when each call had printed everything, in nanoseconds of the monotonic clock."""
        children, ended = [], []
        with selectors.DefaultSelector() as selector:
            for _ in range(count):
                child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
                selector.register(child.stdout, selectors.EVENT_READ, bytearray())
                children.append(child)
            while selector.get_map():
                for key, _ in selector.select():
                    piece = os.read(key.fd, 65536)
                    key.data.extend(piece)
                    if not piece:
                        ended.append(time.monotonic_ns())
                        selector.unregister(key.fileobj)
                        assert bytes(key.data) == self.credential.read_bytes()
        for child in children:
            assert child.wait() == 0
            child.stdout.close()
        return ended

    def inject_work(self, size):
        """Returns the least processor time that `--inject --dry-run` takes for a kubeconfig of `size` bytes."""
        path = self.folder / f"kubeconfig-{size}"
        path.write_text(large_kubeconfig(size))
        command = [self.options.program, "--inject", "--dry-run", "--command", "k8s-token-cache", path]
        works = []
        for _ in range(EDITS):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            quietly = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run(command, env=self.environment, check=True, **quietly)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            works.append(round(seconds * 1e9))
        return min(works)

    def growth(self):
        program = self.folder / "bin" / "k8s-token-cache"
        program.symlink_to(self.options.program)  # --warm runs what PATH leads to.
        return Growth(self.options.program, self.options.cost, self.folder, self.client("growth")).measure()

    def count_system_calls(self):
        """Returns the number of system calls of a hit, including its execve; None without strace."""
        if not shutil.which("strace"):
            return None
        hit = self.get_token(self.client("traced"))
        trace = self.folder / "trace"
        call(hit)
        call(hit | {"argv": ["strace", "-f", "-o", str(trace), *hit["argv"]]})
        lines = trace.read_text().splitlines()
        return sum(1 for line in lines if "(" in line.split(None, 1)[1].split("=")[0])

    def count_page_faults(self):
        """Returns how many pages the C program and a hit touch for the first time."""
        hit = self.get_token(self.client("touched"))
        call(hit)
        commands = {"floor": row([self.options.floor], self.environment), "hit": hit}
        return {name: statistics.median(map(self.page_faults, [one] * COUNTED_HITS)) for name, one in commands.items()}

    def page_faults(self, command):
        argv = [self.options.cost, *command["argv"]]
        return int(subprocess.check_output(argv, env=command["env"], text=True).split()[2])


def row(argv, environment, expect=None):
    return {"argv": [str(word) for word in argv], "env": environment, "expect": expect}


def as_lines(name, row):
    lines = [f"row {name}"]
    lines += [f"arg {word}" for word in row["argv"]]
    lines += [f"env {variable}={value}".replace("\n", "\\n") for variable, value in row["env"].items()]
    lines += [f"{key} {row[key]}" for key in ("client", "fresh", "expect") if row.get(key)]
    return "".join(f"{line}\n" for line in lines)


def call(row):
    subprocess.run(row["argv"], env=row["env"], stdout=subprocess.DEVNULL, check=True)


def exec_info_with_cluster():
    """Returns what a client sets for a user with `provideClusterInfo: true`."""
    info = json.loads(EXEC_INFO)
    authority = base64.b64encode(random.randbytes(CLUSTER_BYTES)).decode()
    info["spec"]["cluster"] = {"server": "https://127.0.0.1:6443", "certificate-authority-data": authority}
    return json.dumps(info, separators=(",", ":")) + "\n"


def make_credential():
    """Returns an ExecCredential as large as those of EKS with a session token, valid for an hour."""
    expiry = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    credential = {
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1",
        "spec": {},
        "status": {"expirationTimestamp": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"), "token": ""},
    }
    missing = CREDENTIAL_BYTES - len(json.dumps(credential)) - 1
    noise = base64.urlsafe_b64encode(random.randbytes(missing)).decode()
    credential["status"]["token"] = ("k8s-aws-v1." + noise)[:missing]
    return json.dumps(credential) + "\n"


def large_kubeconfig(size):
    """Returns a kubeconfig of at least `size` bytes on one line, with thousands of users."""
    users, length = [], 0
    while length < size:
        users.append({"name": f"user-{len(users)}", "user": {"exec": exec_plugin([*GET_TOKEN, f"c{len(users)}"])}})
        length += len(json.dumps(users[-1])) + 2
    return json.dumps({"apiVersion": "v1", "kind": "Config", "users": users})


def exec_plugin(command):
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "interactiveMode": "IfAvailable",
        "command": command[0],
        "args": command[1:],
    }


def kubeconfig(cluster, command):
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": cluster}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
            "users": [{"name": "bench", "user": {"exec": exec_plugin(command)}}],
        }
    )


def real_path(command):
    """Returns the path of a command, without pyenv's shim, which takes longer than the cache."""
    path = shutil.which(command)
    if path and "/shims/" in path:
        found = subprocess.run(["pyenv", "which", command], stdout=subprocess.PIPE, text=True)
        path = found.stdout.strip() or path
    return path


@contextlib.contextmanager
def keyring_as_it_was():
    was_there = keyctl_search() > 0
    try:
        yield
    finally:
        serial = keyctl_search()
        if serial > 0 and not was_there:
            keyctl(KEYCTL_UNLINK, serial, USER_KEYRING)


# include/uapi/linux/keyctl.h; the number of the system call differs by processor.
KEYCTL_UNLINK = 9
KEYCTL_SEARCH = 10
USER_KEYRING = -4
KEYCTL_NUMBER = {"x86_64": 250, "aarch64": 219}.get(platform.machine())


def keyctl_search():
    return keyctl(KEYCTL_SEARCH, USER_KEYRING, b"user", b"k8s-token-cache", 0)


def keyctl(*arguments):
    if KEYCTL_NUMBER is None:
        return -1
    return ctypes.CDLL(None).syscall(KEYCTL_NUMBER, *arguments)


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "load": os.getloadavg()[0],
    }


def versions(options):
    found = {"k8s-token-cache": first_line([options.program, "--version"]), "compiler": options.compiler}
    for name, arguments in {"kubectl": ["version", "--client"], "aws": ["--version"]}.items():
        if path := real_path(name):
            # aws prints details of the system after its version.
            found[name] = " ".join(first_line([path, *arguments]).split()[:3 if name == "kubectl" else 1])
    return found


def first_line(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[0] if done.stdout else ""


def sizes(options):
    programs = {"k8s-token-cache": options.program, "floor": options.floor, "peer": options.peer, "base": options.base}
    return {name: os.path.getsize(path) for name, path in programs.items() if path}


def count_crates():
    """Returns the number of third-party crates that are linked into the program: no proc macros."""
    tree = ["cargo", "tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none"]
    target = ["--target", f"{platform.machine()}-unknown-linux-musl"]
    lines = subprocess.run(tree + target, stdout=subprocess.PIPE, text=True, check=True).stdout
    # A line of the project's own crates ends with their folder.
    return len({tuple(line.split()[:2]) for line in lines.splitlines() if "(/" not in line})


main()
