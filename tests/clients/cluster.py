"""A fake API server of a cluster: TLS on 127.0.0.1, the answers that the clients ask for,
and 401 for a token that has expired or whose session has ended.

Nothing is watched in earnest: a watch says nothing, and ends when it is told to.
"""

import asyncio
import base64
import contextlib
import json
import ssl
import subprocess

# A token that expires between a client's look at its clock and our look at ours is not an error.
GRACE_S = 5
RESOURCES = [("namespaces", "Namespace", False), ("pods", "Pod", True), ("secrets", "Secret", True)]


class Authority:
    """Issues the certificate of every cluster of a run."""

    def __init__(self, folder):
        # Two certificates, since kube-rs refuses a server certificate that is itself an authority's.
        own, own_key = folder / "authority.crt", folder / "authority.key"
        issued, issued_key = folder / "server.crt", folder / "server.key"
        make_certificate(own, own_key, "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign")
        make_certificate(
            issued,
            issued_key,
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature",
            "extendedKeyUsage=serverAuth",
            "subjectAltName=IP:127.0.0.1",
            signed_by=(own, own_key),
        )
        self.data = base64.b64encode(own.read_bytes()).decode()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(issued, issued_key)


def make_certificate(certificate, key, *extensions, signed_by=None):
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-days", "2", "-subj", f"/CN={certificate.stem}", "-keyout", key, "-out", certificate]
    for extension in extensions:
        command += ["-addext", extension]
    if signed_by:
        command += ["-CA", signed_by[0], "-CAkey", signed_by[1]]
    subprocess.run(command, stderr=subprocess.DEVNULL, check=True)


class Cluster:
    """One API server. A token reads SESSION-EXPIRES-UNIQUE, as plugin.sh makes it."""

    def __init__(self, authority, clock):
        self._authority = authority
        self._clock = clock
        self._watches = set()
        self._connections = set()
        self.session = 1
        self.watches_started = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._authority.context, backlog=128
        )
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self):
        _, port = self._server.sockets[0].getsockname()
        return f"https://127.0.0.1:{port}"

    @property
    def authority_data(self):
        return self._authority.data

    def end_watches(self):
        for watch in self._watches:
            watch.set()

    async def _serve(self, reader, writer):
        connection = asyncio.current_task()
        self._connections.add(connection)
        # A client may go away at any time.
        with contextlib.suppress(OSError, EOFError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while request := await read_request(reader):
                await self._answer(writer, *request)
        self._connections.discard(connection)
        writer.close()

    async def _answer(self, writer, path, query, token):
        if not self._admits(token):
            write(writer, 401, status(401, "Unauthorized"))
        elif "watch=" in query:
            await self._watch(writer)
        elif body := answer(path):
            write(writer, 200, body)
        else:
            write(writer, 404, status(404, "NotFound"))
        await writer.drain()

    def _admits(self, token):
        try:
            session, expires, _ = (int(part) for part in token.split("-"))
        except ValueError:
            return False
        return session == self.session and expires + GRACE_S > self._clock.now()

    async def _watch(self, writer):
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await writer.drain()
        watch = asyncio.Event()
        self._watches.add(watch)
        self.watches_started += 1
        try:
            await watch.wait()
        finally:
            self._watches.discard(watch)
        writer.write(b"0\r\n\r\n")


async def read_request(reader):
    """Path, query and bearer token; None at the end of the connection."""
    line = await reader.readline()
    if not line:
        return None
    path, _, query = line.decode().split(" ")[1].partition("?")
    token, length = "", 0
    while (line := (await reader.readline()).decode().strip()) != "":
        name, _, value = line.partition(":")
        match name.lower():
            case "authorization":
                token = value.strip().removeprefix("Bearer ")
            case "content-length":
                length = int(value)
    await reader.readexactly(length)
    return path, query, token


def write(writer, code, body):
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {code} -\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    writer.write(head.encode() + content)


def status(code, reason):
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": reason,
        "reason": reason,
        "code": code,
    }


def answer(path):
    """The body for this path, or None."""
    name = path.rsplit("/", 1)[-1]
    kinds = {resource: kind for resource, kind, _ in RESOURCES}
    match path:
        case "/version" | "/version/":
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.0", "platform": "linux/amd64"}
        case "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        case "/apis":
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}
        case "/api/v1":
            resources = [resource(*row) for row in RESOURCES]
            return {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}
    if name not in kinds or not path.startswith("/api/v1/"):
        return None
    items = [{"metadata": {"name": "default", "uid": "1"}, "status": {"phase": "Active"}}]
    return {
        "kind": f"{kinds[name]}List",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "1"},
        "items": items if name == "namespaces" else [],
    }


def resource(name, kind, namespaced):
    return {
        "name": name,
        "singularName": kind.lower(),
        "kind": kind,
        "namespaced": namespaced,
        "verbs": ["get", "list", "watch"],
    }
