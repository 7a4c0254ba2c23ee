"""An operator that watches namespaces. Run by `kopf run`."""

import kopf


@kopf.on.startup()
def configure(settings, **_):
    # The harness ends a watch to see the next one.
    settings.watching.reconnect_backoff = 0.01
    settings.posting.enabled = False


@kopf.on.login()
def login(**arguments):
    return kopf.login_via_client(**arguments)


@kopf.on.event("namespaces")
def notice(**_):
    pass
