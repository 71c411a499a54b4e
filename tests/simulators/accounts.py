"""Accounts whose root makes users over IAM's verbs, as other stores have them: for others' suites.

On the platform people and machines are enrolled in sessions with two factors; nothing here is of the product.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nexus.iam.model import AccessKey
from nexus.kernel.clock import Clock
from nexus.kernel.operation import Actor
from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.query import IAM, Handler, QueryCall, QueryVerb
from nexus.objects.s3.times import xml_time
from nexus.objects.s3.xml import Node

_LISTS: Final[Mapping[str, str]] = {
    "ListGroups": "Groups",
    "ListRoles": "Roles",
    "ListOpenIDConnectProviders": "OpenIDConnectProviderList",
    "ListUserPolicies": "PolicyNames",
    "ListAttachedUserPolicies": "AttachedPolicies",
}
"""Lists that are always empty, and what they call their content."""


class Accounts:
    """`roots` are the identities that have an account; `enrol` makes an actor and a key of him, without any right."""

    def __init__(self, clock: Clock, enrol: Callable[[str], AccessKey], revoke: Callable[[str], None]) -> None:
        self.roots: set[str] = set()
        self._clock = clock
        self._enrol = enrol
        self._revoke = revoke
        self._users: dict[str, list[str]] = {}

    def verbs(self) -> Sequence[QueryVerb]:
        """What the suite's fixtures use."""
        own = {
            "GetUser": self._get_user,
            "CreateUser": self._create_user,
            "DeleteUser": self._delete_user,
            "ListUsers": self._list_users,
            "CreateAccessKey": self._create_access_key,
            "DeleteAccessKey": self._delete_access_key,
            "ListAccessKeys": self._list_access_keys,
        }
        verbs = [QueryVerb(IAM, name, "iam.me.read", handler) for name, handler in own.items()]
        return verbs + [QueryVerb(IAM, name, "iam.me.read", _empty(content)) for name, content in _LISTS.items()]

    async def _get_user(self, call: QueryCall) -> Sequence[Node]:
        return [("User", self._user(self._require_root(call).id, "root"))]

    async def _create_user(self, call: QueryCall) -> Sequence[Node]:
        self._require_root(call)
        name = call.form.require("UserName")
        self._users[name] = []
        return [("User", self._user(name, f"user/{name}"))]

    async def _delete_user(self, call: QueryCall) -> Sequence[Node]:
        self._require_root(call)
        for key in self._users.pop(call.form.require("UserName"), []):
            self._revoke(key)
        return []

    async def _list_users(self, call: QueryCall) -> Sequence[Node]:
        self._require_root(call)
        members: list[Node] = [("member", self._user(name, f"user/{name}")) for name in self._users]
        return [("Users", members), ("IsTruncated", False)]

    async def _create_access_key(self, call: QueryCall) -> Sequence[Node]:
        self._require_root(call)
        name = call.form.require("UserName")
        if name not in self._users:
            raise Refusal(errors.NO_SUCH_KEY)
        key = self._enrol(name)
        self._users[name].append(key.id)
        shown: list[Node] = [
            ("UserName", name),
            ("AccessKeyId", key.id),
            ("Status", "Active"),
            ("SecretAccessKey", key.secret.reveal().decode()),
        ]
        return [("AccessKey", shown)]

    async def _delete_access_key(self, call: QueryCall) -> Sequence[Node]:
        self._require_root(call)
        key = call.form.require("AccessKeyId")
        self._revoke(key)
        return []

    async def _list_access_keys(self, call: QueryCall) -> Sequence[Node]:
        self._require_root(call)
        name = call.form.require("UserName")
        members: list[Node] = [
            ("member", [("UserName", name), ("AccessKeyId", key), ("Status", "Active")])
            for key in self._users.get(name, [])
        ]
        return [("AccessKeyMetadata", members), ("IsTruncated", False)]

    def _require_root(self, call: QueryCall) -> Actor:
        actor = call.caller.actor
        if actor.id not in self.roots:
            raise Refusal(errors.ACCESS_DENIED)
        return actor

    def _user(self, name: str, path: str) -> list[Node]:
        arn = f"arn:aws:iam::000000000001:{path}"
        created = xml_time(self._clock.now())
        return [("Path", "/"), ("UserName", name), ("UserId", name), ("Arn", arn), ("CreateDate", created)]


def _empty(content: str) -> Handler:
    async def answer(call: QueryCall) -> Sequence[Node]:
        return [(content, []), ("IsTruncated", False)]

    return answer
