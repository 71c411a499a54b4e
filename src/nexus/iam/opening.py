"""Opening a session, whatever was proved: always under a token that nobody knew before, bound to the client that asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nexus.iam import tokens
from nexus.iam.model import SESSION_ABSOLUTE, Factor, NoticeKind, Session
from nexus.iam.notices import tell
from nexus.iam.requests.sessions import SignedIn
from nexus.iam.store import credentials, federation, notices, passkeys, patients
from nexus.iam.store.federation import CameFrom
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import NexusError, Unauthenticated
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, ActorKind, Entry, Operation, Resource

MAX_SESSIONS = 20
"""Open sessions of a person; signing in once more ends the oldest."""
MAX_DEVICES = 20
PATIENTS_DOOR = "portal"
"""The one door at which patients sign in, and at which nobody else does."""
DEVICE_VALID = 90 * DAY
"""How long a client is remembered as known without signing in."""


@dataclass(frozen=True, slots=True)
class Proved:
    """Who proved what. `device`: the fingerprint of the device token that she came with, if she has one."""

    person: str
    name: str
    factors: frozenset[Factor]
    device: bytes | None = None
    forgive: Sequence[bytes] = ()
    """Counters of failed attempts that this success clears."""
    vouched: CameFrom | None = None
    """Which outside issuer vouched for it, if one did."""


class Opener:
    """Opens sessions for those who proved their factors."""

    def __init__(self, db: Database, clock: Clock, *, passkeys_only: bool = False) -> None:
        """`passkeys_only`: whoever has a passkey comes with it. What could be passed on by a page that looks like ours
        opens a session for the first passkey alone; the condition of that name says what may be done in it.
        """
        self._db = db
        self._clock = clock
        self._passkeys_only = passkeys_only

    async def open(
        self, op: Operation, proved: Proved, guard: Callable[[Transaction], Entry | None], refused: NexusError
    ) -> SignedIn:
        """A session, recorded under `iam.session.create`.

        A patient at another door than the portal, and anybody else there, gets the same `refused` as for a wrong factor.
        Where passkeys are demanded, whoever has one and did not use it hears so: she has proved the rest.
        `guard` looks once more, inside the transaction: it raises, or returns an entry that is recorded instead of a
        session; then `refused` is raised.
        """
        now = self._clock.now()
        token, device = tokens.new_token(tokens.SESSION_PREFIX), tokens.new_token(tokens.DEVICE_PREFIX)
        session = _session(op, proved, now)
        entry = _entry(op, proved, session)

        def work(tx: Transaction) -> Recorded[int | None]:
            if patients.is_patient(tx, proved.person) != (op.door == PATIENTS_DOOR):
                raise refused
            self._require_passkey(tx, op, proved)
            if (instead := guard(tx)) is not None:
                return Recorded(None, instead)
            credentials.add_session(tx, session, tokens.fingerprint(token), MAX_SESSIONS)
            if proved.vouched is not None:
                federation.came_from(tx, session.id, proved.vouched)
            credentials.replace_device(
                tx,
                proved.device,
                tokens.fingerprint(device),
                proved.person,
                now=now,
                ends=Instant(now + DEVICE_VALID),
                keep=MAX_DEVICES,
            )
            credentials.forgive(tx, list(proved.forgive))
            if proved.device is None:
                tell(tx, proved.person, NoticeKind.NEW_DEVICE, now, op.origin)
            return Recorded(notices.unseen(tx, proved.person), entry)

        unseen = await self._db.write(work)
        if unseen is None:
            raise refused
        return SignedIn(
            token=token,
            device=device,
            session=session.id,
            person=proved.person,
            expires_at=session.expires_at,
            notices=unseen,
        )

    def _require_passkey(self, tx: Transaction, op: Operation, proved: Proved) -> None:
        if not self._passkeys_only or op.door == PATIENTS_DOOR or Factor.PASSKEY in proved.factors:
            return
        if passkeys.usable(tx, proved.person):
            raise Unauthenticated(
                "here, you sign in with your passkey",
                code="iam.passkey-demanded",
                hint="if it is lost, have your account recovered by two persons: docs/how-to/lose-a-key.md",
            )


def _session(op: Operation, proved: Proved, now: Instant) -> Session:
    ends = Instant(now + SESSION_ABSOLUTE)
    return Session(new_id("ses"), proved.person, op.origin, op.client, now, now, ends, proved.factors, proved_at=now)


def _entry(op: Operation, proved: Proved, session: Session) -> Entry:
    actor = Actor(
        proved.person,
        ActorKind.PERSON,
        proved.name,
        person=proved.person,
        session=session.id,
        factors=proved.factors,
        proved_at=session.proved_at,
    )
    return replace(op, actor=actor).allowed(
        "iam.session.create",
        Resource("Identity", proved.person),
        session=session.id,
        device="known" if proved.device else "new",
        factors=" ".join(sorted(proved.factors)),
    )
