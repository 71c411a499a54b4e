"""What the portal needs from others besides operations."""

from typing import Protocol


class CodeForm(Protocol):
    """The form of the codes on patients' letters."""

    def well_formed(self, typed: str) -> bool:
        """Whether what was typed can be a code: a mistyped one is said so at once, and costs no try."""
