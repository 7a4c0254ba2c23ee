#!/usr/bin/env python3
"""Record what the real plugins do to their files, for tests/data/identity.

Runs gcloud, gke-gcloud-auth-plugin, az, aws and oci in an empty home directory, logs in, switches
the account and fetches tokens, and notes after every step the stamp of every file below the tool's configuration. Nothing leaves this machine: the two that need an
authority get one on 127.0.0.1 that signs nothing and is asked for tokens of made-up accounts.

    scripts/capture-identity.py [TOOL]...    (default: every tool that is on PATH)
"""

import base64
import http.server
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "tests/data/identity"
ALICE = "00000000-0000-0000-0000-0000000a11ce"
BOB = "00000000-0000-0000-0000-000000000b0b"
TENANT = "00000000-0000-0000-0000-0000000000aa"
SUBSCRIPTIONS = ["00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"]
# Files that no row names. Leave them out to keep the recording short.
NOISE = re.compile(
    r"(^|/)(logs|commands|telemetry|legacy_credentials|gce|az\.(json|sess)|\.last_survey.*"
    r"|versionCheck\.json|.*[iI]ndex\.json|.*_configs\.db)(/|$)"
)


class Authority(http.server.BaseHTTPRequestHandler):
    """Token endpoints of Google and Azure, and the lists that az asks for after a login."""

    tokens = 0

    def do_GET(self):
        length = int(self.headers.get("content-length") or 0)
        request = self.rfile.read(length).decode()
        body = json.dumps(self.answer(self.path.split("?")[0], request)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def answer(self, path, request):
        url = self.server.url
        base = f"{url}/{TENANT}"
        if path.endswith("/token"):
            return self.token(request)
        if path.endswith("openid-configuration"):
            return {
                "issuer": base,
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            }
        if path == "/metadata/endpoints":
            suffixes = ["storage", "keyVaultDns", "sqlServerHostname", "acrLoginServer"]
            return {
                "name": "Local",
                "portal": url,
                "graph": url,
                "resourceManager": f"{url}/",
                "authentication": {"loginEndpoint": url, "audiences": [f"{url}/"]},
                "suffixes": {name: "example.com" for name in suffixes},
            }
        if path == "/subscriptions":
            return {"value": [subscription(identifier) for identifier in SUBSCRIPTIONS]}
        return {"value": []}

    def token(self, request):
        """az gets one that it must fetch again at every run; gcloud is told to on its own."""
        Authority.tokens += 1
        now = int(time.time())
        claims = {"iat": now, "exp": now + 3600, "tid": TENANT, "jti": str(Authority.tokens)}
        token = f"{segment({'alg': 'none'})}.{segment(claims)}.AAAA"
        if "client_id" in request:
            return {"token_type": "Bearer", "expires_in": 60, "access_token": token}
        return {
            "token_type": "Bearer",
            "expires_in": 3600,
            "access_token": token,
            "id_token": token,
        }

    def log_message(self, *_):
        pass


def segment(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def subscription(identifier):
    return {
        "id": f"/subscriptions/{identifier}",
        "subscriptionId": identifier,
        "tenantId": TENANT,
        "displayName": f"subscription-{identifier[-1]}",
        "state": "Enabled",
        "managedByTenants": [],
    }


class Recording:
    """The steps of one tool and what they left behind."""

    def __init__(self, tool, version, home, watched, texts=()):
        self.tool, self.home, self.watched, self.texts = tool, home, home / watched, texts
        self.lines = ["# " + " ".join(version.split())]
        self.environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def step(self, kind, *command, shown=None):
        """kind: 'start', 'switch' (another identity) or 'run' (a token for the same one)."""
        time.sleep(0.02)
        done = subprocess.run(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
        self.note(kind, shown or " ".join([pathlib.Path(command[0]).name, *command[1:]]))
        return done.stdout

    def note(self, kind, shown):
        self.lines.append(f"{kind} {shown}")
        for path in sorted(self.watched.rglob("*")):
            name = path.relative_to(self.watched).as_posix()
            if path.is_file() and not NOISE.search(name):
                status = path.stat()
                self.lines.append(
                    f"file {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {name}"
                )
                if name in self.texts:
                    self.lines.append(f"text {name} {path.read_text().strip()}")

    def write(self):
        OUTPUT.mkdir(parents=True, exist_ok=True)
        (OUTPUT / f"{self.tool}.layout").write_text("\n".join(self.lines) + "\n")
        print(f"{self.tool}: {len(self.lines)} lines")


def serve(home, with_tls):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Authority)
    server.url = f"http://127.0.0.1:{server.server_port}"
    if with_tls:
        key, certificate = home / "key.pem", home / "certificate.pem"
        quiet("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
              "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
              "-keyout", str(key), "-out", str(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = f"https://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def quiet(*command):
    subprocess.run(command, check=True, capture_output=True)


def first_line(*command):
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return next((line for line in lines if re.search(r"\d", line)), command[0]).strip(' ",')


def gcloud(home):
    server = serve(home, with_tls=False)
    key = home / "key.pem"
    quiet("openssl", "genrsa", "-out", str(key), "2048")
    for name in ["alice", "bob"]:
        (home / f"{name}.json").write_text(json.dumps({
            "type": "service_account",
            "project_id": "example",
            "private_key_id": name,
            "private_key": key.read_text(),
            "client_email": f"{name}@example.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{server.url}/token",
        }))
    kubeconfig = home / "kubeconfig"
    kubeconfig.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "a", "user": {}}],
    }))
    record = Recording("gcloud", first_line("gcloud", "--version"), home, ".config/gcloud",
                       texts=["active_config"])
    record.environment |= {
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "KUBECONFIG": str(kubeconfig),
        "KUBERNETES_EXEC_INFO": json.dumps({
            "kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1",
            "spec": {"interactive": False},
        }),
    }

    def activate(kind, name):
        record.step(kind, "gcloud", "auth", "activate-service-account",
                    f"--key-file={home}/{name}.json",
                    shown=f"gcloud auth activate-service-account --key-file={name}.json")

    def fetch():
        record.step("run", "gcloud", "config", "config-helper", "--format=json",
                    "--force-auth-refresh")
        (home / "gke_gcloud_auth_plugin_cache").unlink(missing_ok=True)
        for _ in range(2):
            record.step("run", "gke-gcloud-auth-plugin")

    activate("start", "alice")
    fetch()
    activate("switch", "bob")
    fetch()
    record.step("switch", "gcloud", "config", "set", "account",
                "alice@example.iam.gserviceaccount.com")
    fetch()
    record.step("switch", "gcloud", "config", "configurations", "create", "second")
    record.step("switch", "gcloud", "config", "set", "account",
                "bob@example.iam.gserviceaccount.com")
    fetch()
    record.step("switch", "gcloud", "config", "configurations", "activate", "default")
    fetch()
    record.step("switch", "gcloud", "auth", "revoke", "alice@example.iam.gserviceaccount.com")
    server.shutdown()
    return record


def az(home):
    server = serve(home, with_tls=True)
    url = server.url
    record = Recording("az", first_line("az", "--version"), home, ".azure")
    record.environment |= {
        "REQUESTS_CA_BUNDLE": str(home / "certificate.pem"),
        "AZURE_CORE_COLLECT_TELEMETRY": "0",
    }
    record.step("start", "az", "cloud", "register", "-n", "Local",
                "--endpoint-active-directory", url,
                "--endpoint-active-directory-resource-id", f"{url}/",
                "--endpoint-active-directory-graph-resource-id", f"{url}/",
                "--endpoint-management", f"{url}/", "--endpoint-resource-manager", f"{url}/",
                shown="az cloud register -n Local")
    record.step("switch", "az", "cloud", "set", "-n", "Local")
    record.step("switch", "az", "config", "set", "core.instance_discovery=false")

    def login(name, identifier):
        record.step("switch", "az", "login", "--service-principal", "-u", identifier, "-p", "made-up",
                    "--tenant", TENANT, shown=f"az login --service-principal ({name})")

    def fetch():
        for _ in range(2):
            record.step("run", "az", "account", "get-access-token")

    login("alice", ALICE)
    fetch()
    login("bob", BOB)
    fetch()
    record.step("switch", "az", "account", "set", "-s", SUBSCRIPTIONS[1])
    fetch()
    record.step("switch", "az", "cloud", "set", "-n", "AzureCloud")
    server.shutdown()
    return record


def aws(home):
    folder = home / ".aws"
    folder.mkdir()
    (folder / "config").write_text("[default]\nregion = eu-west-1\n")
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = made-up\n")
    record = Recording("aws", first_line("aws", "--version").split(" ")[0], home, ".aws")

    def fetch(kind="run"):
        record.step(kind, "aws", "eks", "get-token", "--cluster-name", "example")

    fetch("start")
    fetch()
    record.step("switch", "aws", "configure", "set", "region", "us-east-1")
    fetch()
    record.step("switch", "aws", "configure", "set", "aws_access_key_id", "AKIAOTHER")
    fetch()
    fetch()
    return record


def oci(home):
    folder = home / ".oci"
    folder.mkdir()
    quiet("openssl", "genrsa", "-out", str(folder / "key.pem"), "2048")
    (folder / "config").write_text(
        "[DEFAULT]\nuser=ocid1.user.oc1..example\nfingerprint=" + ":".join(["11"] * 16) + "\n"
        "tenancy=ocid1.tenancy.oc1..example\nregion=eu-frankfurt-1\nkey_file=~/.oci/key.pem\n")
    for file in folder.iterdir():
        file.chmod(0o600)
    record = Recording("oci", "oci-cli " + first_line("oci", "--version"), home, ".oci")
    cluster = "ocid1.cluster.oc1.eu-frankfurt-1.example"
    for kind in ["start", "run", "run"]:
        record.step(kind, "oci", "ce", "cluster", "generate-token", "--cluster-id", cluster)
    return record


def main():
    tools = {"gcloud": gcloud, "az": az, "aws": aws, "oci": oci}
    for name in sys.argv[1:] or [tool for tool in tools if shutil.which(tool)]:
        with tempfile.TemporaryDirectory() as home:
            tools[name](pathlib.Path(home)).write()


main()
