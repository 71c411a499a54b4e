"""The register: what was withdrawn since a date, and every decision, page by page, for a site or for all."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from nexus.consent import store
from nexus.consent.model import Decision, DecisionKind, register_resource
from nexus.consent.requests import (
    ExportFormat,
    ExportRegister,
    ListWithdrawals,
    RegisterPage,
    Withdrawals,
    WithdrawalView,
)
from nexus.consent.store import Listing
from nexus.kernel.clock import rfc3339
from nexus.kernel.database import Database
from nexus.kernel.operation import Operation

WITHDRAWALS = "consent.withdrawal.list"
EXPORT = "consent.register.export"
TAKEN_BACK: Final = (DecisionKind.WITHDRAWAL, DecisionKind.OBJECTION)
COLUMNS: Final = (
    "change",
    "subject",
    "number",
    "decision",
    "kind",
    "capacity",
    "account",
    "recorded_by",
    "decided_at",
    "recorded_at",
    "approval",
    "about",
    "provisions",
    "scan",
    "reason",
    "digest",
)
"""Of an export. No reference of a patient is among them: who a subject is stays with his site."""
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class Register:
    """The stories about many subjects at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def withdrawals(self, op: Operation, request: ListWithdrawals) -> Withdrawals:
        """What was taken back, in the order of the commits."""
        listing = Listing(request.site, request.after, request.limit, request.since, TAKEN_BACK)
        found = await self._listed(op, WITHDRAWALS, listing)
        return Withdrawals(
            withdrawals=tuple(
                WithdrawalView(
                    change=each.change,
                    decision=each.id,
                    subject=each.subject,
                    kind=each.kind,
                    about=each.about,
                    recorded_at=each.recorded_at,
                )
                for each in found
            ),
            next=_next(found, request.limit),
        )

    async def export(self, op: Operation, request: ExportRegister) -> RegisterPage:
        """A page of the register."""
        found = await self._listed(op, EXPORT, Listing(request.site, request.after, request.limit))
        rows = [_row(each) for each in found]
        text = _csv(rows, head=not request.after) if request.format is ExportFormat.CSV else _lines(rows)
        return RegisterPage(text=text, rows=len(rows), next=_next(found, request.limit))

    async def _listed(self, op: Operation, action: str, listing: Listing) -> list[Decision]:
        with self._database.read() as tx:
            found = store.changes(tx, listing)
        await self._database.record(
            op.allowed(action, register_resource(listing.site), rows=len(found), after=listing.after)
        )
        return found


def _next(found: Sequence[Decision], limit: int) -> int:
    return found[-1].change if len(found) == limit else 0


def _row(decision: Decision) -> dict[str, Any]:
    content = decision.content()
    told = {name: content.get(name) for name in COLUMNS}
    moments = {name: rfc3339(content[name]) for name in ("decided_at", "recorded_at")}
    return {**told, **moments, "change": decision.change, "decision": decision.id, "digest": decision.digest()}


def _lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(_ENCODER.encode(row).decode() + "\n" for row in rows)


def _csv(rows: Sequence[dict[str, Any]], *, head: bool) -> str:
    """Lists and records as JSON within a field. No field begins with a sign that a spreadsheet would take for a formula."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    if head:
        writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_field(row[name]) for name in COLUMNS])
    return written.getvalue()


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = _ENCODER.encode(value).decode() if isinstance(value, list | dict) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
