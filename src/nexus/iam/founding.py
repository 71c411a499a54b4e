"""The founding ceremony: the first persons, while there are none. Everybody after them is created by two people.

Founders receive privileged roles only, for a year at most, and each enrols with a code of his own. There must be enough
of them for four eyes from the first day on: for each sensitive operation that a founder may propose, another founder
who may approve it.
"""

from collections import Counter
from collections.abc import Sequence

from nexus.iam import tokens
from nexus.iam.model import ENROLMENT_VALID, MAX_GRANT, PLATFORM_SCOPE, PRIVILEGED_ROLES, Founder, Grant, Person, Role
from nexus.iam.persons import add_person, new_person
from nexus.iam.requests.persons import Invitation
from nexus.iam.store import identities
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation
from nexus.kernel.secret import Secret

NEEDED = {Role.SECURITY_OFFICER: 2, Role.KEY_CUSTODIAN: 2}
"""Founders that hold each of these roles at least: one proposes, another approves."""
MAX_FOUNDERS = 20
FOUNDED_BY = "founding"


class Founding:
    """Creates the first persons, once."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def founded(self) -> bool:
        """Whether there is a person already."""
        with self._db.read() as tx:
            return identities.any_person(tx)

    async def found(self, op: Operation, founders: Sequence[Founder]) -> list[Invitation]:
        """Create the founders; their enrolment codes, in the same order, are shown once.

        Raises Conflict if there is a person already or two founders share a login or an address; Invalid if a role is
        not privileged or four eyes would not work.
        """
        _require_four_eyes(founders)
        now = self._clock.now()
        ends = Instant(now + ENROLMENT_VALID)
        persons = [new_person(founder.login, founder.name, founder.email, now, by=FOUNDED_BY) for founder in founders]
        codes = [tokens.new_code() for _ in founders]

        def work(tx: Transaction) -> Recorded[None]:
            if identities.any_person(tx):
                raise Conflict(
                    "this platform has been founded", code="iam.founded", hint="sign in as one of its persons"
                )
            for person, founder, code in zip(persons, founders, codes, strict=True):
                _add_founder(tx, person, founder, code, ends)
            entry = op.allowed("iam.founding", PLATFORM, persons=" ".join(person.id for person in persons))
            return Recorded(None, entry)

        await self._db.write(work)
        return [
            Invitation(person=person.id, code=code, expires_at=ends)
            for person, code in zip(persons, codes, strict=True)
        ]


def _add_founder(tx: Transaction, person: Person, founder: Founder, code: Secret, code_ends: Instant) -> None:
    add_person(tx, person, tokens.code_fingerprint(code), code_ends)
    now = person.created_at
    for role in sorted(founder.roles):
        grant = Grant(new_id("grt"), person.id, role, PLATFORM_SCOPE, now, Instant(now + MAX_GRANT), FOUNDED_BY)
        identities.add_grant(tx, grant, now)


def _require_four_eyes(founders: Sequence[Founder]) -> None:
    if len(founders) > MAX_FOUNDERS:
        raise Invalid(f"{MAX_FOUNDERS} founders at most", code="iam.founders")
    if any(not founder.roles <= PRIVILEGED_ROLES for founder in founders):
        raise Invalid(
            "founders hold privileged roles only",
            code="iam.founders",
            hint="rights on data are granted by two people later",
        )
    holders = Counter(role for founder in founders for role in founder.roles)
    for role, needed in NEEDED.items():
        if holders[role] < needed:
            raise Invalid(
                f"{needed} founders must be {role.value}, or four eyes cannot work",
                code="iam.founders",
                hint="two persons are enough, if each of them is security officer and key custodian",
            )
