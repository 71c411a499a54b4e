"""What projects need from others."""

from typing import Protocol

from nexus.kernel.operation import Operation, Resource


class Gate(Protocol):
    """Who may see which project."""

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do this; raise Denied otherwise. Never waits."""
