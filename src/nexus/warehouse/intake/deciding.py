"""What becomes of a delivery: accepted or refused, once, in one commit with its entry. Nothing in between is ever seen."""

from dataclasses import replace
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Recorded, Transaction
from nexus.kernel.operation import Operation
from nexus.warehouse.intake import chaining, receipt_format, store
from nexus.warehouse.intake.agreement import Acceptance
from nexus.warehouse.intake.model import Delivery, DeliveryState, Provider, require_follows
from nexus.warehouse.intake.report import Fault, Problem, Report

DECIDE: Final = {
    DeliveryState.CHECKED: "intake.delivery.check",
    DeliveryState.ACCEPTED: "intake.delivery.accept",
    DeliveryState.REFUSED: "intake.delivery.refuse",
}
"""What the log calls each."""


def outcome(
    tx: Transaction, provider: Provider, delivery: Delivery, report: Report, holds: chaining.Holds
) -> tuple[DeliveryState, Report]:
    """What follows from a check, with what only the history of the provider tells."""
    problems = [*report.problems]
    for each in history(tx, delivery, holds):
        if not report.problems or (each.fault is Fault.DUPLICATE and each not in problems):
            problems.append(each)
    report = msgspec.structs.replace(report, problems=tuple(problems))
    if problems:
        return DeliveryState.REFUSED, report
    at_once = provider.agreement.acceptance is Acceptance.AT_ONCE
    return (DeliveryState.ACCEPTED if at_once else DeliveryState.CHECKED), report


def history(tx: Transaction, delivery: Delivery, holds: chaining.Holds) -> list[Problem]:
    """Why a delivery cannot be accepted after those that were."""
    known = store.accepted_content(tx, delivery.provider, delivery.content)
    if known is not None:
        return [Problem(fault=Fault.DUPLICATE, hint=f"the same files were accepted as delivery {known}")]
    if (last := store.last_accepted(tx, delivery.provider)) >= delivery.number:
        return [Problem(fault=Fault.DUPLICATE, hint=f"delivery {last} was accepted: give this one a higher number")]
    return list(chaining.faults(tx, delivery, holds))


def decide(
    tx: Transaction, op: Operation, provider: Provider, delivery: Delivery, *, state: DeliveryState, now: Instant
) -> Recorded[Delivery]:
    """Store it. `delivery` has the report and the versions that the decision is about. Raises Conflict."""
    require_follows(delivery.state, state)
    decided = replace(delivery, state=state, revision=provider.revision)
    if state is not DeliveryState.CHECKED:
        decided = replace(decided, decided_by=op.actor.id, decided_at=now, operation=op.id)
    store.decide(tx, decided)
    report = decided.report
    entry = op.allowed(
        DECIDE[state],
        provider.resource,
        provider=provider.name,
        delivery=decided.id,
        number=decided.number,
        attempt=decided.attempt,
        state=state.value,
        files=len(report.files),
        rows=report.rows,
        faults=", ".join(sorted({problem.fault.value for problem in report.problems})),
        digest=receipt_format.content_of(provider, decided).digest(),
        reason=decided.reason or None,
    )
    return Recorded(decided, entry)
