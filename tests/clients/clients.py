"""The clients, and how to make each of them call the API server once.

Every client lists the namespaces. What is a process of its own for each call (kubectl, helm) is started
by each call; the others live until they are stopped, and are started again when they have died, as
Kubernetes does with a container.
"""

import asyncio
import dataclasses
import json
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOOLS = ROOT / ".tools" / "clients"
CALL_LIMIT_S = 120


class Process:
    """A client's process. `call` returns why it failed, or None."""

    def __init__(self, world, command):
        self.world = world
        self.command = [str(part) for part in command]
        self._process = None

    async def call(self):
        try:
            return await asyncio.wait_for(self._call(), CALL_LIMIT_S)
        except TimeoutError:
            await self.stop()
            return f"no answer within {CALL_LIMIT_S} s"

    async def _call(self):
        raise NotImplementedError

    async def stop(self):
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()

    def _is_running(self):
        return self._process is not None and self._process.returncode is None

    async def _start(self, **streams):
        self._process = await asyncio.create_subprocess_exec(
            *self.command, env=self.world.environment, cwd=self.world.folder, **streams
        )
        return self._process


class OneShot(Process):
    """A program that makes one call and ends."""

    async def _call(self):
        process = await self._start(
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        _, stderr = await process.communicate()
        if process.returncode == 0:
            return None
        return last_line(stderr) or f"status {process.returncode}"


class Conversation(Process):
    """A program that makes one call for each line on its standard input, and answers with a line."""

    async def _call(self):
        if not self._is_running():
            with open(self.world.folder / "client.log", "ab") as log:
                await self._start(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self._process.stdin.write(b"\n")
        while line := (await self._process.stdout.readline()).decode():
            word, _, rest = line.strip().partition(" ")
            if word in ("ok", "error"):
                return None if word == "ok" else rest
        await self._process.wait()
        return f"the client ended with status {self._process.returncode}"


class Proxy(Process):
    """`kubectl proxy`: a client-go program that keeps running."""

    async def _call(self):
        if not self._is_running():
            process = await self._start(
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            line = (await process.stdout.readline()).decode()
            if not line:
                return "kubectl proxy ended"
            self._port = int(line.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"GET /api/v1/namespaces HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        status = (await reader.readline()).decode().split(" ", 1)[-1].strip()
        await reader.read()
        writer.close()
        return None if status.startswith("200") else status


class Operator(Process):
    """A kopf operator. Its call is the next watch, which it begins because the server ends the last."""

    async def _call(self):
        cluster = self.world.cluster
        watches = cluster.watches_started
        if self._is_running():
            cluster.end_watches()
        else:
            with open(self.world.folder / "client.log", "ab") as log:
                await self._start(stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while cluster.watches_started == watches:
            if not self._is_running():
                return "the operator ended: " + last_line((self.world.folder / "client.log").read_bytes())
            await asyncio.sleep(0.01)
        return None


def last_line(text):
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


@dataclasses.dataclass(frozen=True, eq=False)
class Client:
    """A client to measure. It is left out if `program` does not exist."""

    name: str
    kind: type
    command: list
    program: pathlib.Path
    version: object
    # Reads a clock that the tests cannot move.
    needs_real_clock: bool = False
    # Runs its plugin for each request.
    asks_for_each_request: bool = False
    # One of each kind, the one that starts fastest.
    is_quick: bool = False

    def is_installed(self):
        return self.program.exists()

    def start(self, world):
        return self.kind(world, self.command)


def kubectl(version, program, **rest):
    command = [program, "get", "namespaces"]
    return Client(f"kubectl {version}", OneShot, command, program, lambda: kubectl_version(program), **rest)


def python(name, package, function, **rest):
    interpreter = TOOLS / "python" / "bin" / "python"
    command = [interpreter, HERE / "programs" / "python_client.py", function]
    return Client(name, Conversation, command, interpreter, lambda: python_version(package), **rest)


def node(name, package):
    program = TOOLS / "node" / "node_client.mjs"
    command = ["node", program, package]
    return Client(name, Conversation, command, program, lambda: node_version(package))


def kubectl_version(program):
    output = run(program, "version", "--client", "--output=json")
    return json.loads(output)["clientVersion"]["gitVersion"].removeprefix("v")


def helm_version():
    return run(HELM, "version", "--short").removeprefix("v").partition("+")[0]


def python_version(package):
    folder = next(TOOLS.glob(f"python/lib/*/site-packages/{package.replace('-', '[-_]')}-*.dist-info"))
    return folder.name.removesuffix(".dist-info").rpartition("-")[2]


def node_version(package):
    return json.loads((TOOLS / "node" / "node_modules" / package / "package.json").read_text())["version"]


def kube_rs_version():
    return re.search(r'^kube = .*"=?([\d.]+)"', (HERE / "kube-rs" / "Cargo.toml").read_text(), re.M)[1]


def fabric8_version():
    return next(TOOLS.glob("jars/kubernetes-client-api-*.jar")).stem.rpartition("-")[2]


def ruby_version():
    return run("ruby", "-e", 'require "kubeclient"; print Kubeclient::VERSION')


def run(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


NEWEST_KUBECTL = TOOLS / "python" / "bin" / "kubectl"
HELM = TOOLS / "bin" / "helm"
KUBE_RS = TOOLS / "kube-rs" / "debug" / "kube-rs-client"
FABRIC8 = TOOLS / "classes" / "Fabric8Client.class"
KOPF = TOOLS / "python" / "bin" / "kopf"
RUBY = TOOLS / "ruby"

CLIENTS = [
    kubectl("1.20", TOOLS / "bin" / "kubectl-1.20"),
    kubectl("1.28", TOOLS / "bin" / "kubectl-1.28"),
    kubectl("1.37", NEWEST_KUBECTL, is_quick=True),
    Client(
        "kubectl proxy",
        Proxy,
        [NEWEST_KUBECTL, "proxy", "--port=0"],
        NEWEST_KUBECTL,
        lambda: kubectl_version(NEWEST_KUBECTL),
        needs_real_clock=True,
    ),
    Client("helm", OneShot, [HELM, "list"], HELM, helm_version),
    Client("kube-rs", Conversation, [KUBE_RS], KUBE_RS, kube_rs_version, is_quick=True),
    python("Python kubernetes", "kubernetes", "kubernetes"),
    python("Python kubernetes_asyncio", "kubernetes_asyncio", "kubernetes_asyncio", is_quick=True),
    Client(
        "kopf",
        Operator,
        [KOPF, "run", "--standalone", "--all-namespaces", HERE / "programs" / "kopf_operator.py"],
        KOPF,
        lambda: python_version("kopf"),
        is_quick=True,
    ),
    python("lightkube", "lightkube", "lightkube", is_quick=True),
    python("kr8s", "kr8s", "kr8s"),
    python("pykube-ng", "pykube-ng", "pykube", asks_for_each_request=True, is_quick=True),
    node("JavaScript client-node 0.22", "client-node-0.22"),
    node("JavaScript client-node 1", "client-node-1"),
    node("JavaScript kubernetes-client", "kubernetes-client"),
    Client(
        "fabric8",
        Conversation,
        # A small heap and one compiler: it starts faster, and many run side by side.
        ["java", "-Xmx128m", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        # Its limits of 10 s are too short on a busy machine.
        + ["-Dkubernetes.connection.timeout=60000", "-Dkubernetes.request.timeout=60000"]
        + ["-cp", f"{TOOLS}/classes:{TOOLS}/jars/*", "Fabric8Client"],
        FABRIC8,
        fabric8_version,
    ),
    Client(
        "Ruby kubeclient", Conversation, ["ruby", HERE / "programs" / "ruby_client.rb"], RUBY, ruby_version
    ),
]
