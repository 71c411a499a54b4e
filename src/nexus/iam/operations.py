"""Every operation of identity and authorisation; the doors are generated from `OPERATIONS`."""

from nexus.iam.specs import approvals, machines, persons, rights, sessions
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    *sessions.OPERATIONS,
    *persons.OPERATIONS,
    *machines.OPERATIONS,
    *rights.OPERATIONS,
    *approvals.OPERATIONS,
)
