"""Every operation of identity and authorisation; the doors are generated from `OPERATIONS`."""

from nexus.iam.specs import (
    analysis,
    approvals,
    asking,
    break_glass,
    clients,
    departures,
    directory,
    elevations,
    federation,
    machines,
    notices,
    passkeys,
    patients,
    persons,
    reviews,
    rights,
    sessions,
    step_up,
)
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    *sessions.OPERATIONS,
    *passkeys.OPERATIONS,
    *patients.OPERATIONS,
    *step_up.OPERATIONS,
    *federation.OPERATIONS,
    *persons.OPERATIONS,
    *notices.OPERATIONS,
    *machines.OPERATIONS,
    *rights.OPERATIONS,
    *elevations.OPERATIONS,
    *asking.OPERATIONS,
    *break_glass.OPERATIONS,
    *reviews.OPERATIONS,
    *departures.OPERATIONS,
    *directory.OPERATIONS,
    *approvals.OPERATIONS,
    *clients.OPERATIONS,
    *analysis.OPERATIONS,
)
