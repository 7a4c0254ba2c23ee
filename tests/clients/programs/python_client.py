"""usage: python_client.py LIBRARY

A client that lives: for each line on standard input it lists the namespaces once and says "ok", or
"error" and why. The client is made by the first call, and again after that failed.
"""

import asyncio
import os
import sys

TIMEOUT_S = 60
KUBECONFIG = os.environ["KUBECONFIG"]


def kubernetes():
    from kubernetes import client, config

    config.load_kube_config()
    api = client.CoreV1Api()
    return lambda: api.list_namespace(_request_timeout=TIMEOUT_S)


def kubernetes_asyncio():
    from kubernetes_asyncio import client, config

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    async def connect():
        await config.load_kube_config()
        return client.CoreV1Api(client.ApiClient())

    api = loop.run_until_complete(connect())
    return lambda: loop.run_until_complete(api.list_namespace(_request_timeout=TIMEOUT_S))


def kr8s():
    import kr8s

    api = kr8s.api()
    return lambda: list(api.get("namespaces"))


def lightkube():
    from lightkube import Client
    from lightkube.resources.core_v1 import Namespace

    client = Client()
    return lambda: list(client.list(Namespace))


def pykube():
    import pykube

    api = pykube.HTTPClient(pykube.KubeConfig.from_file(KUBECONFIG), timeout=TIMEOUT_S)
    return lambda: list(pykube.Namespace.objects(api))


def main():
    connect = globals()[sys.argv[1]]
    call = None
    for _ in sys.stdin:
        try:
            call = call or connect()
            call()
        except Exception as error:
            print("error", type(error).__name__, " ".join(str(error).split())[:200], flush=True)
        else:
            print("ok", flush=True)


main()
