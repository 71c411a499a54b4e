"""A patient chooses: an address, confirmed by a code before anything else is sent to it, how often, and no more.

One address for each account, about everybody for whom the account decides. Whoever takes an address away, or gives another, is
told so at the former one: somebody who got into an account silences nothing unseen.
"""

import hmac
from dataclasses import replace
from datetime import tzinfo
from typing import Final

from nexus.kernel.clock import DAY, MINUTE, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, Invalid, Throttled
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Entry, Operation, Resource
from nexus.mail.outbox import Outbox
from nexus.portal.notices import letters, store
from nexus.portal.notices.due import due
from nexus.portal.notices.model import Choice, Code, Wish
from nexus.portal.notices.sealing import NoticeSealing, new_code
from nexus.portal.ports import Deciders, Growing
from nexus.portal.requests import ChooseNotices, ConfirmAddress, GiveAddress, NoticesView, OwnNotices, StopNotices

READ: Final = "consent.own.notices"
ADDRESS: Final = "consent.own.notice-address"
CONFIRM: Final = "consent.own.notice-confirm"
CHOOSE: Final = "consent.own.notice-choose"
STOP: Final = "consent.own.notice-stop"
CODE_VALID: Final = 30 * MINUTE
MAX_TRIES: Final = 5
"""Wrong codes; then the code is worth nothing."""
MAX_CODES: Final = 5
"""Codes that one account has sent within a day: nobody writes to strangers through us."""
FIRST: Final = Wish.DAILY
"""What a confirmed address is told until something else is chosen."""


class NoticeChoices:
    """The stories. `sends`: whether this installation sends mail at all."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        sealing: NoticeSealing,
        deciders: Deciders,
        log: Growing,
        outbox: Outbox,
        zone: tzinfo,
        sends: bool,
    ) -> None:
        self._db = db
        self._clock = clock
        self._sealing = sealing
        self._deciders = deciders
        self._log = log
        self._outbox = outbox
        self._zone = zone
        self._sends = sends

    async def read(self, op: Operation, request: OwnNotices) -> NoticesView:
        """What the account chose."""
        with self._db.read() as tx:
            self._require(tx, op)
            found, code = store.choice(tx, op.actor.id), store.code(tx, op.actor.id)
        await self._db.record(_entry(op, READ))
        return self._view(op.actor.id, found, code)

    async def address(self, op: Operation, request: GiveAddress) -> NoticesView:
        """Send a code to an address. Raises Invalid (no address), Throttled (too many codes), Conflict (no mail here)."""
        if not self._sends:
            raise Conflict("this installation sends no mail", code="portal.no-mail", hint="mail_delivery is off")
        account, digits, now = op.actor.id, new_code(), self._clock.now()
        message = letters.code(request.mailbox.strip(), digits, CODE_VALID // MINUTE)
        self._outbox.check(message)
        sealed, hint = self._sealing.address(account, message.to), self._sealing.hint(account, message.to)
        code = self._sealing.code(account, digits)

        def work(tx: Transaction) -> Recorded[tuple[Choice | None, Code]]:
            self._require(tx, op)
            sent, since = _sent_lately(store.code(tx, account), now)
            if sent >= MAX_CODES:
                raise Throttled("too many codes were sent", code="portal.too-many-codes", retry_after_s=3_600)
            made = Code(account, code, sealed, hint, Instant(now + CODE_VALID), 0, sent + 1, since)
            store.put_code(tx, made)
            self._outbox.post(tx, message, now)
            return Recorded((store.choice(tx, account), made), _entry(op, ADDRESS))

        return self._view(account, *await self._db.write(work))

    async def confirm(self, op: Operation, request: ConfirmAddress) -> NoticesView:
        """The code is right: from now on the address is told. Raises Invalid (wrong or old code), counted before it is judged."""
        account, now = op.actor.id, self._clock.now()
        typed = self._sealing.code(account, request.code.reveal().decode("utf-8", "replace"))

        def work(tx: Transaction) -> Recorded[Choice | None]:
            self._require(tx, op)
            waiting = store.code(tx, account)
            if waiting is None or not waiting.code or waiting.tries >= MAX_TRIES or now >= waiting.ends_at:
                return Recorded(None, _refused(op, "no code"))
            store.count_try(tx, account)
            if not hmac.compare_digest(waiting.code, typed):
                return Recorded(None, _refused(op, "wrong code"))
            store.end_code(tx, account)
            former = store.choice(tx, account)
            self._part(tx, former)
            made = self._confirmed(tx, former, waiting)
            store.put_choice(tx, made)
            return Recorded(made, _entry(op, CONFIRM))

        made = await self._db.write(work)
        if made is None:
            raise Invalid("the code is wrong, or its time is over", code="portal.notice-code", hint="ask for a new one")
        return self._view(account, made, None)

    async def choose(self, op: Operation, request: ChooseNotices) -> NoticesView:
        """How often. What was counted already is told at the new moment. Raises Conflict without an address."""
        account, now = op.actor.id, self._clock.now()

        def work(tx: Transaction) -> Recorded[tuple[Choice, Code | None]]:
            self._require(tx, op)
            found = store.choice(tx, account)
            if found is None:
                raise Conflict("no address is confirmed", code="portal.no-address", hint="give an address first")
            made = replace(found, wish=request.wish, refused=request.refused, due_at=None)
            if request.wish is Wish.NEVER:
                store.drop_untold(tx, account)
            elif found.wish is Wish.NEVER:
                made = replace(made, since=self._log.size(tx))
            elif store.untold(tx, account):
                made = replace(made, due_at=due(request.wish, now, found.sent_at, self._zone, urgent=False))
            store.put_choice(tx, made)
            entry = _entry(op, CHOOSE, wish=request.wish.value, refused=request.refused)
            return Recorded((made, store.code(tx, account)), entry)

        return self._view(account, *await self._db.write(work))

    async def stop(self, op: Operation, request: StopNotices) -> NoticesView:
        """Nothing more is sent, and the address is forgotten; a last message says so."""
        account = op.actor.id

        def work(tx: Transaction) -> Recorded[None]:
            self._require(tx, op)
            self._part(tx, store.choice(tx, account))
            store.forget(tx, account)
            return Recorded(None, _entry(op, STOP))

        await self._db.write(work)
        return self._view(account, None, None)

    def _confirmed(self, tx: Transaction, former: Choice | None, waiting: Code) -> Choice:
        if former is not None:
            return replace(former, address=waiting.address, hint=waiting.hint, failed_at=None)
        return Choice(
            account=waiting.account,
            wish=FIRST,
            refused=False,
            address=waiting.address,
            hint=waiting.hint,
            since=self._log.size(tx),
            sent_at=Instant(0),
        )

    def _part(self, tx: Transaction, former: Choice | None) -> None:
        if former is not None:
            store.part_from(tx, new_id("prt"), former.account, former.address)

    def _require(self, tx: Transaction, op: Operation) -> None:
        """Whoever decides for nobody has nothing to be told. Raises Denied."""
        if not self._deciders.subjects(tx, op.actor.id, self._clock.now()):
            raise Denied("this account decides for nobody", code="portal.no-record")

    def _view(self, account: str, found: Choice | None, code: Code | None) -> NoticesView:
        waits = code is not None and bool(code.code) and self._clock.now() < code.ends_at and code.tries < MAX_TRIES
        return NoticesView(
            wish=found.wish if found else Wish.NEVER,
            refused=found is not None and found.refused,
            mailbox=self._sealing.open_hint(account, found.hint) if found else "",
            unconfirmed=self._sealing.open_hint(account, code.hint) if code and waits else "",
            code_ends_at=code.ends_at if code and waits else None,
            failed_at=found.failed_at if found else None,
            sends=self._sends,
        )


def _sent_lately(former: Code | None, now: Instant) -> tuple[int, Instant]:
    """How many codes were sent within a day, and since when that is counted."""
    if former is None or now - former.sent_since >= DAY:
        return 0, now
    return former.sent, former.sent_since


def _resource(op: Operation) -> Resource:
    return Resource("Identity", op.actor.id)


def _entry(op: Operation, action: str, **details: str | bool) -> Entry:
    return op.allowed(action, _resource(op), **details)


def _refused(op: Operation, why: str) -> Entry:
    return op.denied(CONFIRM, _resource(op), reason=why)
