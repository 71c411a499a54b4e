"""Signing in with two factors, listing sessions, signing out."""

from collections.abc import Callable

from nexus.iam import throttle, tokens, totp
from nexus.iam.model import PASSWORD_AND_CODE, IdentityState, NoticeKind, Session
from nexus.iam.notices import tell
from nexus.iam.opening import Opener, Proved
from nexus.iam.passwords import Passwords
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.requests.sessions import Sessions, SessionView, SignedIn, SignIn
from nexus.iam.sealing import Sealing
from nexus.iam.store import credentials, identities
from nexus.iam.store.identities import Factors
from nexus.iam.throttle import Throttle
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import NotFound, Unauthenticated
from nexus.kernel.operation import Operation, Resource
from nexus.kernel.secret import Secret

MAX_LOGIN = 128
"""Characters of what is taken as a login."""
_NOBODY = "nobody"


class SessionStories:
    """Sessions: opened with two factors, bound to one client, ended at will."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        passwords: Passwords,
        throttle: Throttle,
        sealing: Sealing,
        passkeys_only: bool = False,
    ) -> None:
        """`passkeys_only`: as in `Opener`."""
        self._db = db
        self._clock = clock
        self._passwords = passwords
        self._throttle = throttle
        self._sealing = sealing
        self._opener = Opener(db, clock, passkeys_only=passkeys_only)
        self._no_factor = sealing.seal(totp.new_secret(), "totp", _NOBODY)
        """Opened and compared with where there is no person, so that it takes the same time."""

    async def sign_in(self, op: Operation, request: SignIn) -> SignedIn:
        """Open a session. Raises Unauthenticated, the same for every reason and after the same work, or Throttled."""
        login = request.login.strip().lower()[:MAX_LOGIN]
        device = tokens.fingerprint(request.device) if request.device else None
        person, known = self._look_up(login, device)
        bucket, factor = await self._charge(op, login, device if known else None)
        right_password = await self._passwords.verify(person.password_hash if person else None, request.password)
        step = self._matching_step(person, request.totp)
        if person is None or person.state is not IdentityState.ACTIVE or not right_password or step is None:
            suspicious = right_password and not known
            await self._throttle.charge(factor, int(suspicious), self._warning(op, person, suspicious=suspicious))
            raise _refused()
        return await self._open(op, person, step, device if known else None, [bucket.key, factor.key])

    async def list_sessions(self, op: Operation, request: OfIdentity) -> Sessions:
        """The open sessions of a person."""
        now = self._clock.now()
        with self._db.read() as tx:
            found = credentials.sessions(tx, request.identity)
        await self._db.record(op.allowed("iam.session.list", Resource("Identity", request.identity)))
        return Sessions(sessions=tuple(_view(session) for session in found if now < session.expires_at))

    async def end(self, op: Operation, request: ById) -> None:
        """End a session at once. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = credentials.session(tx, request.id)
            if found is None:
                raise NotFound("no such session", code="iam.no-session")
            credentials.end_session(tx, request.id)
            whose = Resource("Identity", found.person)
            return Recorded(None, op.allowed("iam.session.end", whose, session=request.id))

        await self._db.write(work)

    def _look_up(self, login: str, device: bytes | None) -> tuple[Factors | None, bool]:
        """The person, if any, and whether she signed in from this device before."""
        now = self._clock.now()
        with self._db.read() as tx:
            person = identities.factors(tx, login)
            whose = person.person if person else ""
            known = device is not None and credentials.known_device(tx, device, whose, now)
        return person, known

    async def _charge(self, op: Operation, login: str, device: bytes | None) -> tuple[throttle.Bucket, throttle.Bucket]:
        """Count the attempt where it belongs, before it is judged."""
        bucket = throttle.of_device(device) if device else throttle.of_origin("sign-in", login, op.origin)
        factor = throttle.of_second_factor(login)
        self._throttle.require(*((bucket,) if device else (bucket, factor)))
        await self._throttle.charge(bucket)
        return bucket, factor

    def _matching_step(self, person: Factors | None, code: Secret) -> int | None:
        sealed, whose, last = self._no_factor, _NOBODY, 0
        if person is not None and person.totp_sealed is not None:
            sealed, whose, last = person.totp_sealed, person.person, person.totp_step
        step = totp.matching_step(self._sealing.open(sealed, "totp", whose), code, self._clock.now(), last)
        return None if whose == _NOBODY else step

    def _warning(self, op: Operation, person: Factors | None, *, suspicious: bool) -> Callable[[Transaction], None]:
        """Tell the person that somebody knows her password. Written where each failure is counted: no answer is slower."""
        now = self._clock.now()

        def warn(tx: Transaction) -> None:
            if suspicious and person is not None and person.state is IdentityState.ACTIVE:
                tell(tx, person.person, NoticeKind.REFUSED_CODE, now, op.origin)

        return warn

    async def _open(
        self, op: Operation, person: Factors, step: int, device: bytes | None, buckets: list[bytes]
    ) -> SignedIn:
        def guard(tx: Transaction) -> None:
            still = identities.factors_of(tx, person.person)
            burnt = identities.use_totp_step(tx, person.person, step)
            if still is None or still.state is not IdentityState.ACTIVE or not burnt:
                raise _refused()  # suspended, or the same code used, since we looked

        proved = Proved(person.person, person.name, PASSWORD_AND_CODE, device, buckets)
        return await self._opener.open(op, proved, guard, _refused())


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "sign-in refused",
        code="iam.sign-in-refused",
        hint="check login, password and the current code of your authenticator; each code works once",
    )


def _view(session: Session) -> SessionView:
    return SessionView(
        id=session.id,
        person=session.person,
        origin=session.origin,
        client=session.client,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
        factors=tuple(sorted(session.factors)),
        proved_at=session.proved_at,
    )
