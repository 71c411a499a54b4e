"""Leavers: what their operation takes."""

from nexus.iam.requests.forms import Request


class Deactivate(Request, frozen=True, kw_only=True):
    """Somebody leaves. `successor` answers for her machines from now on; without one they are suspended."""

    id: str
    successor: str = ""
