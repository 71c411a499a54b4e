"""What becomes of a delivery: accepted or refused, once, in one commit with its entry. Nothing in between is ever seen."""

from dataclasses import replace
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Recorded, Transaction
from nexus.kernel.operation import Operation
from nexus.warehouse.intake import receipt_format, store
from nexus.warehouse.intake.agreement import Acceptance
from nexus.warehouse.intake.model import Delivery, DeliveryState, Provider, require_follows
from nexus.warehouse.intake.report import Fault, Problem, Report

DECIDE: Final = {
    DeliveryState.CHECKED: "intake.delivery.check",
    DeliveryState.ACCEPTED: "intake.delivery.accept",
    DeliveryState.REFUSED: "intake.delivery.refuse",
}
"""What the log calls each."""


def outcome(tx: Transaction, provider: Provider, delivery: Delivery, report: Report) -> tuple[DeliveryState, Report]:
    """What follows from a check, with what only the history of the provider tells."""
    assert delivery.manifest is not None
    problems = list(report.problems)
    known = store.accepted_content(tx, provider.id, delivery.content)
    if known is not None:
        hint = f"the same files were accepted as delivery {known}"
        problems.append(Problem(fault=Fault.DUPLICATE, hint=hint))
    elif (last := store.last_accepted(tx, provider.id)) >= delivery.number:
        hint = f"delivery {last} was accepted: give this one a higher number"
        problems.append(Problem(fault=Fault.DUPLICATE, hint=hint))
    report = msgspec.structs.replace(report, problems=tuple(problems))
    if problems:
        return DeliveryState.REFUSED, report
    at_once = provider.agreement.acceptance is Acceptance.AT_ONCE
    return (DeliveryState.ACCEPTED if at_once else DeliveryState.CHECKED), report


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
