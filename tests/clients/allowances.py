"""How many more errors a client may meet with the cache than without, and why."""

from clients import OneShot

NONE = (0, "")
# client-go runs its plugin again after a 401 and does not repeat the request.
UNAUTHORIZED_ONCE = (
    1,
    "kubectl and helm may fail once when a token has been revoked: that process says that it is not "
    "authorized and gets a new token, which the next process finds.",
)
# The cache cannot tell a request from a rejection, so it takes a credential for rejected that the client
# has had for ten seconds. The scenarios make at most one call per second.
UNAUTHORIZED_FOR_TEN_SECONDS = (
    10,
    "A client that runs its plugin for each request (pykube-ng) may fail for ten seconds when a token has "
    "been revoked. With the cache its plugin runs every ten seconds.",
)


def allowed_errors(client, scenario):
    """The number and the reason."""
    if not scenario.name.startswith("revoked-"):
        return NONE
    if client.kind is OneShot:
        return UNAUTHORIZED_ONCE
    if client.asks_for_each_request:
        return UNAUTHORIZED_FOR_TEN_SECONDS
    return NONE
