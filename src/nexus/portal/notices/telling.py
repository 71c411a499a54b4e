"""The worker's side: follow the log, count what concerns whoever wishes to hear, and post what is due.

1. Entries from the place on are opened, some hundreds at a time; what a patient sees among the uses of his data is kept.
2. In one commit: each is counted for the accounts that decide for its subject now and wished for it before it happened, and
   the place moves on, if nobody moved it meanwhile. A use of data of many whose key is disabled is kept until it is enabled, and
   counted then.
3. In one commit: the message of an account whose time has come is posted, and its count emptied. What an account decides
   for no more is not told.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import Final

from nexus.audit.model import EntryContent
from nexus.crypto.hpke import OpeningKey
from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Transaction
from nexus.kernel.errors import Damaged, Invalid
from nexus.kernel.operation import Outcome
from nexus.mail import outbox as mail
from nexus.mail.model import Message
from nexus.mail.outbox import Outbox
from nexus.portal.history import kind_of
from nexus.portal.notices import letters, store
from nexus.portal.notices.due import due
from nexus.portal.notices.model import Choice, Seen, Wish
from nexus.portal.notices.sealing import opened
from nexus.portal.ports import Deciders, Following
from nexus.portal.requests import Kind

BATCH: Final = 512
"""Entries that are opened, and counted, in one round."""
LETTERS: Final = 20
"""Messages that are posted in one round."""
MAX_QUEUED: Final = 2_000
"""Messages of all kinds in the outbox; beyond, notices wait: alarms must find room."""

_log = logging.getLogger("nexus.worker")

RETRY_EVERY: Final = MINUTE
"""Between two attempts to learn whose data it was."""

Members = Callable[[str], Awaitable[Sequence[str] | None]]
"""The subjects that a name stands for: one, or all of a manifest; None while that cannot be known."""


async def themselves(subject: str) -> Sequence[str]:
    """Every name stands for one subject."""
    return (subject,)


@dataclass(frozen=True, slots=True)
class _Uses:
    """Uses by the subject whose data they were of; and those of which that is not known yet."""

    of: dict[str, list[Seen]]
    unknown: list[Seen]


@dataclass(frozen=True, slots=True)
class _Letter:
    """An account that is told, and where, as it was chosen; `to` is empty where the address does not open."""

    chosen: Choice
    to: str


class NoticeTelling:
    """There must be one for each platform: the worker. `key` raises Sealed while it is not held."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        log: Following,
        deciders: Deciders,
        outbox: Outbox,
        key: Callable[[], OpeningKey],
        zone: tzinfo,
        members: Members = themselves,
        batch: int = BATCH,
    ) -> None:
        self._db = db
        self._clock = clock
        self._log = log
        self._deciders = deciders
        self._outbox = outbox
        self._key = key
        self._zone = zone
        self._members = members
        self._batch = batch
        self._retry_at = Instant(0)
        self._retried = -1
        """The last place that was tried again."""

    async def follow(self) -> bool:
        """Steps 1 and 2, once; whether there may be more."""
        with self._db.read() as tx:
            place, end, wished = store.followed(tx), self._log.size(tx), store.anybody(tx)
        if place == end:
            return await self._learn()
        if place is None or not wished:
            return await self._db.bookkeep(Bookkeeping.PROGRESS, lambda tx: self._skip(tx, place, end))
        upto = min(end, place + self._batch)
        found = await asyncio.to_thread(self._log.between, place, upto)
        seen = [one for entry in found if (one := _seen(*entry)) is not None]
        uses = await self._of(seen)
        counted = await self._db.bookkeep(Bookkeeping.PROGRESS, lambda tx: self._move_on(tx, place, upto, uses))
        return counted and upto < end

    async def _of(self, seen: Sequence[Seen]) -> _Uses:
        uses = _Uses({}, [])
        for one in seen:
            subjects = await self._members(one.subject)
            if subjects is None:
                uses.unknown.append(one)
            for subject in subjects or ():
                uses.of.setdefault(subject, []).append(one)
        return uses

    async def _learn(self) -> bool:
        """Try again to learn whose data some uses were of; whether there are more to try now."""
        now = self._clock.now()
        if now < self._retry_at:
            return False
        with self._db.read() as tx:
            waiting = store.unknown(tx, self._retried, self._batch)
        for one in waiting:
            uses = await self._of([one])
            if not uses.unknown:
                await self._db.bookkeep(Bookkeeping.PROGRESS, partial(self._tell_late, one=one, uses=uses))
        more = len(waiting) == self._batch
        self._retried = waiting[-1].place if more else -1
        self._retry_at = now if more else Instant(now + RETRY_EVERY)
        return more

    async def post(self) -> bool:
        """Step 3, for some accounts; whether there may be more."""
        now = self._clock.now()
        with self._db.read() as tx:
            if mail.waiting(tx) >= MAX_QUEUED:
                return False
            accounts, partings = store.due(tx, now, LETTERS), store.partings(tx, LETTERS)
            chosen = [one for account in accounts if (one := store.choice(tx, account)) is not None]
        if not chosen and not partings:
            return False
        key = self._key()
        notices = [_Letter(one, _address(key, one.account, one.address)) for one in chosen]
        last = [(parting, _address(key, account, address)) for parting, account, address in partings]
        await self._db.bookkeep(Bookkeeping.PROGRESS, lambda tx: self._post(tx, notices, last, now))
        return len(accounts) == LETTERS or len(partings) == LETTERS

    async def sweep(self) -> bool:
        """Forget what accounts chose that are gone for good."""
        with self._db.read() as tx:
            gone = [account for account in store.accounts(tx) if self._deciders.gone(tx, account)]
        for account in gone:
            await self._db.bookkeep(Bookkeeping.EXPIRY, partial(store.forget, account=account))
        return False

    @staticmethod
    def _skip(tx: Transaction, place: int | None, end: int) -> bool:
        """Nobody wished anything until now: go on from here, or from where the first choice begins to count; whether there is more."""
        if store.followed(tx) != place:
            return False
        begins = store.first_that_counts(tx)
        here = end if begins is None else max(place or 0, min(begins, end))
        store.set_followed(tx, here)
        return here < end

    def _move_on(self, tx: Transaction, place: int, upto: int, uses: _Uses) -> bool:
        """Step 2; whether the place was still where it was."""
        if store.followed(tx) != place:
            return False
        self._count(tx, uses)
        store.put_off(tx, uses.unknown)
        store.set_followed(tx, upto)
        return True

    def _tell_late(self, tx: Transaction, one: Seen, uses: _Uses) -> None:
        if store.known_now(tx, one):
            self._count(tx, uses)

    def _count(self, tx: Transaction, uses: _Uses) -> None:
        now = self._clock.now()
        for subject in sorted(uses.of):
            for account in self._deciders.accounts(tx, subject, now):
                chosen = store.choice(tx, account)
                told = [one for one in uses.of[subject] if chosen is not None and _wished(chosen, one)]
                if chosen is not None and told:
                    store.count(tx, account, subject, len(told))
                    self._hasten(tx, chosen, now, urgent=any(one.urgent for one in told))

    def _hasten(self, tx: Transaction, chosen: Choice, now: Instant, *, urgent: bool) -> None:
        """A message is due when the first of what it tells of asks for it."""
        wanted = due(chosen.wish, now, chosen.sent_at, self._zone, urgent=urgent)
        if wanted is not None and (chosen.due_at is None or wanted < chosen.due_at):
            store.set_due(tx, chosen.account, wanted)

    def _post(self, tx: Transaction, notices: Sequence[_Letter], last: Sequence[tuple[str, str]], now: Instant) -> None:
        """Step 3."""
        for letter in notices:
            self._tell(tx, letter, now)
        for parting, to in last:
            if store.parted(tx, parting):
                self._send(tx, letters.parting(to) if to else None, now)

    def _tell(self, tx: Transaction, letter: _Letter, now: Instant) -> None:
        account, chosen = letter.chosen.account, store.choice(tx, letter.chosen.account)
        if chosen is None or chosen != letter.chosen:  # it was changed meanwhile: the next round sees how
            return
        mine = self._deciders.subjects(tx, account, now)
        uses = sum(count for subject, count in store.untold(tx, account) if subject in mine)
        store.drop_untold(tx, account)
        worth = uses > 0 and chosen.wish is not Wish.NEVER and bool(letter.to)
        sent = self._send(tx, letters.notice(letter.to, uses, refused=chosen.refused), now) if worth else None
        if sent is None:
            store.settled(tx, account)
        else:
            store.sent(tx, account, sent, now)

    def _send(self, tx: Transaction, message: Message | None, now: Instant) -> str | None:
        try:
            return None if message is None else self._outbox.post(tx, message, now)
        except Invalid:  # an address that no mail reaches any more: the portal shows what there is
            return None


def _seen(place: int, content: EntryContent) -> Seen | None:
    """What a patient finds among the uses of his data; nothing of what failed for reasons of ours."""
    if content.subject is None or kind_of(content) is not Kind.DATA or content.outcome is Outcome.FAILED:
        return None
    return Seen(place, content.subject, content.outcome is Outcome.DENIED, "break_glass" in content.details)


def _wished(chosen: Choice, one: Seen) -> bool:
    return chosen.wish is not Wish.NEVER and one.place >= chosen.since and (chosen.refused or not one.refused)


def _address(key: OpeningKey, account: str, sealed: bytes) -> str:
    try:
        return opened(key, account, sealed)
    except Damaged as error:
        _log.error("the address of an account does not open: %s", error.code)
        return ""
