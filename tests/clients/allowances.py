"""How many more errors a client may meet with the cache than without, and why."""

from clients import OneShot

NONE = (0, "")
# client-go runs its plugin again after a 401 and does not repeat the request.
UNAUTHORIZED_ONCE = (
    1,
    "kubectl and helm may fail once when a token has been revoked: that process says that it is not "
    "authorized and gets a new token, which the next process finds.",
)


def allowed_errors(client, scenario):
    """The number and the reason."""
    if client.kind is OneShot and scenario.name.startswith("revoked-"):
        return UNAUTHORIZED_ONCE
    return NONE
