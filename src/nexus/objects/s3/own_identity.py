"""What clients use of IAM: GetUser, ListUsers, ListRoles and one's own access keys. Each is an operation that exists already.

They speak of oneself, and of the machines that one answers for; the gate decides, as at the other doors. Whatever narrows
the key counts in full here: a key that is left some buckets knows nothing of identities.

Two of AWS's verbs mean less here. CreateAccessKey is denied to every key: new ones take a session with two factors, so that a
stolen key cannot breed. UpdateAccessKey makes a key inactive for good.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nexus.kernel.operation import PLATFORM, Operation
from nexus.objects.s3 import arns, errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.ports import AuditWriter, Gate, Identities, Identity, Placements
from nexus.objects.s3.query import IAM, VALIDATION_ERROR, Form, QueryCall, QueryVerb
from nexus.objects.s3.times import xml_time
from nexus.objects.s3.xml import Node

ME: Final = "iam.me.read"
_STATUSES: Final = {True: "Active", False: "Inactive"}


class OwnIdentity:
    """The verbs of IAM."""

    def __init__(self, identities: Identities, *, gate: Gate, audit: AuditWriter, placements: Placements) -> None:
        self._identities = identities
        self._gate = gate
        self._audit = audit
        self._placements = placements

    def verbs(self) -> Sequence[QueryVerb]:
        """What it does."""
        return [
            QueryVerb(IAM, "GetUser", ME, self.get_user),
            QueryVerb(IAM, "ListUsers", ME, self.list_users),
            QueryVerb(IAM, "ListRoles", "iam.role.list", self.list_roles),
            QueryVerb(IAM, "ListAccessKeys", "iam.access-key.list", self.list_access_keys),
            QueryVerb(IAM, "CreateAccessKey", "iam.access-key.create", self.create_access_key),
            QueryVerb(IAM, "DeleteAccessKey", "iam.access-key.revoke", self.delete_access_key),
            QueryVerb(IAM, "UpdateAccessKey", "iam.access-key.revoke", self.update_access_key),
        ]

    async def get_user(self, call: QueryCall) -> Sequence[Node]:
        """GetUser: oneself."""
        op, name = _asked(call), call.form.get("UserName")
        call.form.finish()
        self._gate.check(op, ME, PLATFORM)
        if name not in (None, op.actor.id):
            raise Refusal(errors.ACCESS_DENIED)
        (own, *_) = self._identities.own(op.actor)
        await self._audit.record(op.allowed(ME, PLATFORM))
        return [("User", self._user(op, own))]

    async def list_users(self, call: QueryCall) -> Sequence[Node]:
        """ListUsers: oneself, and the machines that one answers for."""
        op = _asked(call)
        _page(call.form)
        call.form.finish()
        self._gate.check(op, ME, PLATFORM)
        own = self._identities.own(op.actor)
        await self._audit.record(op.allowed(ME, PLATFORM))
        return [("Users", [("member", self._user(op, identity)) for identity in own]), ("IsTruncated", False)]

    async def list_roles(self, call: QueryCall) -> Sequence[Node]:
        """ListRoles: those that one holds, each as AssumeRole takes it."""
        op = _asked(call)
        _page(call.form)
        call.form.finish()
        resource = self._identities.resource(op.actor.id)
        self._gate.check(op, "iam.role.list", resource)
        held = self._identities.roles(op.actor)
        await self._audit.record(op.allowed("iam.role.list", resource))
        account = self._account(op)
        roles: list[Node] = []
        for grant in held:
            arn = arns.of_role(account, grant.role, grant.scope)
            path = "/" + "".join(f"{part}/" for part in arn.partition(":role/")[2].split("/")[:-1])
            created = xml_time(grant.starts_at)
            about: list[Node] = [("Path", path), ("RoleName", grant.role), ("RoleId", grant.id), ("Arn", arn)]
            roles.append(("member", [*about, ("CreateDate", created)]))
        return [("Roles", roles), ("IsTruncated", False)]

    async def list_access_keys(self, call: QueryCall) -> Sequence[Node]:
        """ListAccessKeys: one's own, or those of a machine that one answers for."""
        op, name = _asked(call), call.form.get("UserName") or call.op.actor.id
        _page(call.form)
        call.form.finish()
        self._gate.check(op, "iam.access-key.list", self._identities.resource(name))
        members: list[Node] = [
            (
                "member",
                [
                    ("UserName", name),
                    ("AccessKeyId", key.id),
                    ("Status", _STATUSES[key.in_force]),
                    ("CreateDate", xml_time(key.created_at)),
                ],
            )
            for key in await self._identities.access_keys(op, name)
        ]
        return [("AccessKeyMetadata", members), ("IsTruncated", False)]

    async def create_access_key(self, call: QueryCall) -> Sequence[Node]:
        """CreateAccessKey: asked of the gate, which denies it to every key."""
        op, name = _asked(call), call.form.get("UserName") or call.op.actor.id
        call.form.finish()
        self._gate.check(op, "iam.access-key.create", self._identities.resource(name))
        raise Refusal(errors.NOT_IMPLEMENTED, "access keys are made in a session: nexus iam access-key create")

    async def delete_access_key(self, call: QueryCall) -> Sequence[Node]:
        """DeleteAccessKey: refused from now on; its line stays in the list."""
        key_id = call.form.require("AccessKeyId")
        await self._revoke(call, key_id)
        return []

    async def update_access_key(self, call: QueryCall) -> Sequence[Node]:
        """UpdateAccessKey: inactive, for good."""
        key_id, status = call.form.require("AccessKeyId"), call.form.require("Status")
        if status != _STATUSES[False]:
            raise Refusal(VALIDATION_ERROR, "Status can only become Inactive, for good")
        await self._revoke(call, key_id)
        return []

    async def _revoke(self, call: QueryCall, key_id: str) -> None:
        op = _asked(call)
        call.form.get("UserName")
        call.form.finish()
        self._gate.check(op, "iam.access-key.revoke", self._identities.resource_of_key(key_id))
        await self._identities.revoke(op, key_id)

    def _user(self, op: Operation, identity: Identity) -> list[Node]:
        return [
            ("Path", "/"),
            ("UserName", identity.id),
            ("UserId", identity.id),
            ("Arn", arns.of_identity(self._account(op), identity.id)),
            ("CreateDate", xml_time(identity.created_at)),
        ]

    def _account(self, op: Operation) -> str:
        return self._placements.site_of(op.actor) or arns.NO_ACCOUNT


def _asked(call: QueryCall) -> Operation:
    """The operation with everything that narrows its key."""
    return replace(call.op, actor=call.caller.actor)


def _page(form: Form) -> None:
    """What a client says about pages: there is one."""
    if form.get("Marker") is not None:
        raise Refusal(VALIDATION_ERROR, "there is no such page")
    form.number("MaxItems", 0)
    if (form.get("PathPrefix") or "/") != "/":
        raise Refusal(VALIDATION_ERROR, "PathPrefix is not supported here")
