"""Roles that rest on what an outside issuer claims: given at sign-in for some days, taken back when the claim is gone.

They are grants like others, in the log and in every list, given by `system:federation:<issuer>`; the configuration, which
the platform's operators change under review, is what the issuer's word rests on.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nexus.iam.federation.issuer import MappedRole, OutsideIssuer
from nexus.iam.grants import GrantStories
from nexus.iam.model import Grant
from nexus.iam.requests.forms import ById
from nexus.iam.requests.rights import GrantRole
from nexus.iam.store import identities
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database
from nexus.kernel.operation import Operation, system_actor


class ClaimedRoles:
    """Keeps a person's claimed roles in step with the claims of her last sign-in."""

    def __init__(self, db: Database, clock: Clock, grants: GrantStories) -> None:
        self._db = db
        self._clock = clock
        self._grants = grants

    async def renew(self, op: Operation, person: str, issuer: OutsideIssuer, claims: Mapping[str, Any]) -> None:
        """Grant what is claimed and not held for half its days yet; revoke what was granted so and is claimed no more."""
        by = replace(op, actor=system_actor(f"federation:{issuer.name}"))
        now = self._clock.now()
        with self._db.read() as tx:
            held = [grant for grant in identities.grants_of(tx, person, now) if grant.granted_by == by.actor.id]
        claimed = [mapped for mapped in issuer.role if _bears(claims, mapped)]
        for grant in held:
            if not any((grant.role, grant.scope) == (mapped.role, mapped.scope) for mapped in claimed):
                await self._grants.revoke(by, ById(id=grant.id))
        for mapped in claimed:
            if not _lasts(held, mapped, Instant(now + mapped.days * DAY // 2)):
                ends_at = Instant(now + mapped.days * DAY)
                await self._grants.grant(
                    by, GrantRole(identity=person, role=mapped.role, scope=mapped.scope, ends_at=ends_at)
                )


def _bears(claims: Mapping[str, Any], mapped: MappedRole) -> bool:
    value = claims.get(mapped.claim)
    return mapped.value in value if isinstance(value, list) else value == mapped.value


def _lasts(held: list[Grant], mapped: MappedRole, until: Instant) -> bool:
    return any((grant.role, grant.scope) == (mapped.role, mapped.scope) and grant.ends_at > until for grant in held)
