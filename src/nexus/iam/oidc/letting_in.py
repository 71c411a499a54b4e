"""The person's side of the device flow: she types the code that her terminal shows, reads who asks and from where, decides.

A code is looked at as the answer to a form only, never by a link alone; each attempt counts against the person, so that
codes cannot be tried out. She must be signed in herself, and her factors become those of the command line.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from nexus.iam.oidc.grants import proof_of
from nexus.iam.oidc.ports import Visitor
from nexus.iam.oidc.standing import signed_in
from nexus.iam.store import credentials, devices
from nexus.iam.throttle import MAX_FAILURES, WINDOW, Bucket, Throttle, of_origin
from nexus.kernel.clock import Clock, rfc3339
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied
from nexus.kernel.operation import Operation, Resource

ACTION: Final = "iam.oidc.let-in"
MAX_TYPED: Final = 32
CODE_LETTERS: Final = 8


@dataclass(frozen=True, slots=True)
class DevicePage:
    """What is shown: `stage` is ask, confirm, let-in or kept-out."""

    stage: str
    facts: dict[str, Any]


class LettingIn:
    """Decides about a command line that waits."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._throttle = Throttle(db, clock)

    def ask(self, typed: str, *, unknown: bool = False) -> DevicePage:
        """The form for the code, with what a link brought."""
        code = normal(typed)
        return DevicePage("ask", {"user_code": code if len(code) == CODE_LETTERS + 1 else "", "unknown": unknown})

    async def show(self, op: Operation, visitor: Visitor, typed: str) -> DevicePage:
        """Who asks, and from where. Raises Throttled."""
        found = await self._find(op, visitor, typed)
        if found is None:
            return self.ask(typed, unknown=True)
        return DevicePage(
            "confirm",
            {
                "user_code": found.user_code,
                "origin": found.origin,
                "elsewhere": found.origin != op.origin,
                "client": found.agent,
                "since": rfc3339(found.created_at),
            },
        )

    async def decide(self, op: Operation, visitor: Visitor, typed: str, *, agrees: bool) -> DevicePage:
        """Let it in or keep it out. Raises Throttled, Denied (the session is over)."""
        found = await self._find(op, visitor, typed)
        if found is None:
            return self.ask(typed, unknown=True)
        op, person = replace(op, actor=visitor.actor), visitor.actor.id
        write = op.allowed if agrees else op.denied
        entry = write(ACTION, Resource("Identity", person), client=found.client, origin=found.origin)

        def work(tx: Transaction) -> Recorded[bool]:
            if not signed_in(tx, person, visitor.actor.session or "", self._clock.now()):
                raise Denied("the session is over", code="iam.no-session")
            state = "allowed" if agrees else "refused"
            done = devices.decide(tx, found.device_hash, state, person, proof_of(visitor))
            credentials.forgive(tx, [_attempts(person).key])
            return Recorded(done, replace(entry, subject=person))

        if not await self._db.write(work):
            return self.ask("", unknown=True)
        return DevicePage("let-in" if agrees else "kept-out", {})

    async def _find(self, op: Operation, visitor: Visitor, typed: str) -> devices.Waiting | None:
        attempts = _attempts(visitor.actor.id)
        self._throttle.require(attempts)
        await self._throttle.charge(attempts)
        with self._db.read() as tx:
            return devices.by_user_code(tx, normal(typed), self._clock.now())


def normal(typed: str) -> str:
    """A code as it is stored, however it was typed."""
    letters = "".join(letter for letter in typed[:MAX_TYPED].upper() if letter.isascii() and letter.isalpha())
    return f"{letters[:4]}-{letters[4:]}"


def _attempts(person: str) -> Bucket:
    key = of_origin("device-code", person, "")
    return Bucket(key.key, MAX_FAILURES * 2, WINDOW)
