"""A hospital gives a patient a code: the account, that it decides for the subject, and the code, in one commit.

Who has an account already gets a new code for it: what opened it before ends at that moment, and what was decided stays.
"""

import asyncio
from dataclasses import replace
from typing import Final

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.operation import Operation, Resource
from nexus.portal.letter import Letter
from nexus.portal.ports import Accounts, Files
from nexus.portal.requests import CreateEnrolment, Enrolment

CREATE: Final = "consent.enrolment.create"
WAY_IN: Final = "/ouvrir"


class Enrolments:
    """The stories about letters."""

    def __init__(
        self, db: Database, clock: Clock, *, accounts: Accounts, files: Files, address: str, letter: Letter
    ) -> None:
        """`address`: where patients reach the portal."""
        self._db = db
        self._clock = clock
        self._accounts = accounts
        self._files = files
        self._address = f"{address}{WAY_IN}"
        self._letter = letter

    async def create(self, op: Operation, request: CreateEnrolment) -> Enrolment:
        """A code for a letter. Raises NotFound, Invalid (birth date), Conflict (suspended), Denied (too young)."""

        def work(tx: Transaction) -> Recorded[Enrolment]:
            now = self._clock.now()
            account = self._files.own_account(tx, request.subject, now) if request.oneself else None
            again = account is not None
            if account is None:
                account = self._accounts.create(tx, op.actor.person or op.actor.id, now)
                if request.oneself:
                    self._files.hold(tx, op, request.subject, account, now)
            code, ends = self._accounts.invite(tx, account, request.birth_date, now)
            entry = op.allowed(
                CREATE, Resource("Subject", request.subject), account=account, again=again, oneself=request.oneself
            )
            made = Enrolment(account=account, code=code, expires_at=ends, address=self._address, letter=None)
            return Recorded(made, replace(entry, subject=request.subject))

        made = await self._db.write(work)
        if not request.letter:
            return made
        printed = await asyncio.to_thread(self._letter.pdf, made.code, made.expires_at, self._address)
        return Enrolment(
            account=made.account, code=made.code, expires_at=made.expires_at, address=made.address, letter=printed
        )
