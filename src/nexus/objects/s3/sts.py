"""STS: GetCallerIdentity, GetSessionToken, AssumeRole, AssumeRoleWithWebIdentity.

What a role is here: one that the caller holds already. To assume it is to put the others down (docs/decisions/
0018-temporary-keys.md). A session policy takes away more. Everything ends with what it was derived from.
"""

import re
from collections.abc import Sequence
from typing import Final

from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.operation import PLATFORM, Actor, Resource
from nexus.objects.s3 import arns, errors, policy, query
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.ports import AuditWriter, Gate, IssuedKey, Placements, TemporaryKeys, WebIdentities
from nexus.objects.s3.query import STS, Form, QueryCall, QueryVerb
from nexus.objects.s3.times import xml_time
from nexus.objects.s3.xml import Node

DERIVE: Final = "iam.temporary-key.create"
WHO: Final = "iam.me.read"
HOUR_S: Final = 3_600
DEFAULT_SESSION_S: Final = 12 * HOUR_S
"""Of GetSessionToken, as in AWS; of AssumeRole it is an hour."""
_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


class Sts:
    """The verbs of STS."""

    def __init__(
        self,
        keys: TemporaryKeys,
        web: WebIdentities | None,
        *,
        gate: Gate,
        audit: AuditWriter,
        placements: Placements,
    ) -> None:
        """Without `web`, ID tokens are worth nothing here."""
        self._keys = keys
        self._web = web
        self._gate = gate
        self._audit = audit
        self._placements = placements

    def verbs(self) -> Sequence[QueryVerb]:
        """What it does."""
        verbs = [
            QueryVerb(STS, "GetCallerIdentity", WHO, self.get_caller_identity),
            QueryVerb(STS, "GetSessionToken", DERIVE, self.get_session_token),
            QueryVerb(STS, "AssumeRole", DERIVE, self.assume_role),
        ]
        if self._web is not None:
            verbs.append(
                QueryVerb(STS, "AssumeRoleWithWebIdentity", DERIVE, self.assume_role_with_web_identity, signed=False)
            )
        return verbs

    async def get_caller_identity(self, call: QueryCall) -> Sequence[Node]:
        """GetCallerIdentity: who holds the key, and as what."""
        call.form.finish()
        self._gate.check(call.op, WHO, PLATFORM)
        await self._audit.record(call.op.allowed(WHO, PLATFORM))
        actor, account = call.op.actor, self._account(call.op.actor)
        key = call.caller.key
        roles = call.caller.actor.narrowed.roles if call.caller.actor.narrowed else ()
        if key is None or key.token_hash is None or len(roles) != 1:
            return [("Arn", arns.of_identity(account, actor.id)), ("UserId", actor.id), ("Account", account)]
        arn = arns.of_assumed(account, roles[0], key.name)
        return [("Arn", arn), ("UserId", f"{actor.id}:{key.name}"), ("Account", account)]

    async def get_session_token(self, call: QueryCall) -> Sequence[Node]:
        """GetSessionToken: the same rights for a while. Not for temporary keys, as in AWS."""
        seconds = call.form.number("DurationSeconds", DEFAULT_SESSION_S)
        call.form.finish()
        key = call.caller.key
        if key is None or key.token_hash is not None:
            raise Refusal(errors.ACCESS_DENIED, "Cannot call GetSessionToken with session credentials")
        self._gate.check(call.op, DERIVE, _own(call.op.actor))
        return [_credentials(await self._keys.from_key(call.op, key, seconds=seconds))]

    async def assume_role(self, call: QueryCall) -> Sequence[Node]:
        """AssumeRole: one role of one's own, less a session policy."""
        role, name, seconds, session_policy = self._wanted(call.form, call.op.actor)
        call.form.finish()
        if call.caller.key is None:
            raise Refusal(errors.ACCESS_DENIED)
        self._gate.check(call.op, DERIVE, _own(call.op.actor))
        made = await self._keys.from_key(
            call.op,
            call.caller.key,
            seconds=seconds,
            name=name,
            role=role.role,
            policy=session_policy,
            purpose=role.purpose,
        )
        return self._assumed(call.op.actor, role, name, made)

    async def assume_role_with_web_identity(self, call: QueryCall) -> Sequence[Node]:
        """AssumeRoleWithWebIdentity: the same, from an ID token of our own issuer and the session behind it."""
        if self._web is None:
            raise Refusal(errors.NOT_IMPLEMENTED)
        known = await self._web.verify(call.form.require("WebIdentityToken"))
        op = query.as_actor(call.op, known.actor)
        call.became(op.actor)
        role, name, seconds, session_policy = self._wanted(call.form, op.actor)
        call.form.finish()
        if not role.purpose:
            raise Refusal(query.VALIDATION_ERROR, "RoleArn must name a purpose: role/purpose/research/<role>")
        self._gate.check(op, DERIVE, _own(op.actor))
        made = await self._keys.from_session(
            op,
            known.session,
            seconds=seconds,
            name=name,
            role=role.role,
            policy=session_policy,
            purpose=role.purpose,
            proof=known.proof,
        )
        about: list[Node] = [
            ("SubjectFromWebIdentityToken", op.actor.id),
            ("Audience", known.audience),
            ("Provider", known.issuer),
        ]
        return [*self._assumed(op.actor, role, name, made), *about]

    def _wanted(self, form: Form, actor: Actor) -> tuple[arns.RoleName, str, int, str]:
        """Role, name, seconds and policy of a request. Raises Refusal."""
        role, name = arns.read_role(form.require("RoleArn")), form.require("RoleSessionName")
        if role.account not in ("", self._account(actor)):
            raise Refusal(errors.ACCESS_DENIED)  # a role of somebody else's site
        if not _NAME.fullmatch(name):
            raise Refusal(query.VALIDATION_ERROR, "RoleSessionName has 2 to 64 of letters, digits and _+=,.@-")
        text = form.get("Policy") or ""
        if text:
            policy.read_session(text.encode())
        return role, name, form.number("DurationSeconds", HOUR_S), text

    def _assumed(self, actor: Actor, role: arns.RoleName, name: str, made: IssuedKey) -> list[Node]:
        arn = arns.of_assumed(self._account(actor), role.role, name)
        return [_credentials(made), ("AssumedRoleUser", [("AssumedRoleId", f"{actor.id}:{name}"), ("Arn", arn)])]

    def _account(self, actor: Actor) -> str:
        return self._placements.site_of(actor) or arns.NO_ACCOUNT


def _own(actor: Actor) -> Resource:
    return Resource("Identity", actor.id, {"person": actor.person or actor.id, "created_by": ""})


def _credentials(made: IssuedKey) -> Node:
    expiration = xml_time(Instant(made.expires_at // SECOND * SECOND))
    return (
        "Credentials",
        [
            ("AccessKeyId", made.id),
            ("SecretAccessKey", made.secret.reveal().decode()),
            ("SessionToken", made.token.reveal().decode()),
            ("Expiration", expiration),
        ],
    )
