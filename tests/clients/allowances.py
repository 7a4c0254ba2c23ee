"""How many more errors a client may meet with the cache than without, and why."""

from clients import OneShot

NONE = (0, "")
# client-go runs its plugin again after a 401 and does not repeat the request.
UNAUTHORIZED_ONCE = (
    1,
    "kubectl and helm may fail once when a token has been revoked: that process gets a new token after the 401, but "
    "does not repeat its request. The next process gets the new token from the cache.",
)
# Such a client asks for each request, so the cache cannot see which of its calls follows a 401. It replaces a
# credential that the client has had for ten seconds. The scenarios make at most one call per second.
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
