"""Notices: a person hears of what happens to her account, because she is the first who can tell that it was not her.

They are written in the commit of what they speak of, and wait until she says that she has seen them: the command line
counts them at each sign-in, the console shows them first. ASVS 6.3.5 and 6.3.7 ask for no less.
"""

from collections.abc import Mapping

from nexus.iam.model import Notice, NoticeKind
from nexus.iam.requests.forms import OfIdentity
from nexus.iam.requests.notices import Notices, NoticeView
from nexus.iam.store import notices
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation, Resource

TEXTS: Mapping[NoticeKind, tuple[str, str]] = {
    NoticeKind.NEW_DEVICE: ("sign-in from a new device", "connexion depuis un nouvel appareil"),
    NoticeKind.NEW_DEVICE_CERTIFICATE: ("a device was enrolled for it", "un appareil y a été rattaché"),
    NoticeKind.REFUSED_CODE: (
        "right password, wrong code: change the password if it was not you",
        "mot de passe correct, code refusé : changez le mot de passe si ce n'était pas vous",
    ),
    NoticeKind.PASSWORD_CHANGED: ("the password was changed", "le mot de passe a été changé"),
    NoticeKind.NEW_FACTORS: (
        "password and second factor were chosen anew",
        "mot de passe et second facteur choisis de nouveau",
    ),
    NoticeKind.NEW_PASSKEY: ("a passkey was registered", "une passkey a été enregistrée"),
    NoticeKind.PASSKEY_REMOVED: ("a passkey was removed", "une passkey a été retirée"),
    NoticeKind.LINKED: ("an outside account was linked", "un compte extérieur a été lié"),
    NoticeKind.UNLINKED: ("an outside account was unlinked", "un compte extérieur a été délié"),
    NoticeKind.PASSKEY_CLONED: (
        "a copy of a passkey was used: the passkey is suspended",
        "une copie d'une passkey a été utilisée : la passkey est suspendue",
    ),
    NoticeKind.PASSWORD_REMOVED: (
        "the password was given up: only passkeys sign in",
        "le mot de passe a été abandonné : seules les passkeys permettent la connexion",
    ),
    NoticeKind.RECOVERY: (
        "an account was recovered by two officers: the log says whose",
        "un compte a été rétabli par deux responsables : le journal dit lequel",
    ),
    NoticeKind.RE_ENROLMENT: (
        "two others gave out a new enrolment code",
        "deux autres personnes ont délivré un nouveau code d'inscription",
    ),
}
"""Each kind in English and in French."""


class NoticeStories:
    """What a person reads of her own account, and that she has read it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def list_notices(self, op: Operation, request: OfIdentity) -> Notices:
        """The notices of a person, the latest first."""
        with self._db.read() as tx:
            found = notices.of_person(tx, request.identity)
        await self._db.record(op.allowed("iam.notice.list", Resource("Identity", request.identity), count=len(found)))
        return Notices(notices=tuple(_view(notice) for notice in found))

    async def acknowledge(self, op: Operation, request: OfIdentity) -> None:
        """Mark every notice of a person as seen."""

        def work(tx: Transaction) -> Recorded[None]:
            count = notices.mark_seen(tx, request.identity, self._clock.now())
            whose = Resource("Identity", request.identity)
            return Recorded(None, op.allowed("iam.notice.acknowledge", whose, count=count))

        await self._db.write(work)


def tell(tx: Transaction, person: str, kind: NoticeKind, now: Instant, origin: str) -> None:
    """Leave a notice for a person, in the transaction of what it speaks of. `origin`: the network address it came from."""
    notices.add(tx, Notice(new_id("ntc"), person, kind, origin, now, now, 1, None))


def _view(notice: Notice) -> NoticeView:
    return NoticeView(
        id=notice.id,
        kind=notice.kind.value,
        sentence=TEXTS[notice.kind][0],
        phrase=TEXTS[notice.kind][1],
        origin=notice.origin,
        first_at=notice.first_at,
        last_at=notice.last_at,
        times=notice.times,
        seen=notice.seen_at is not None,
    )
