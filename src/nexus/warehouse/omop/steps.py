"""What has been done of a conversion, kept beside it: a run that was interrupted goes on behind its last whole step."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from nexus.kernel.errors import Conflict

FORMAT: Final = 7
"""Grows whenever a later version would convert the same files to other records, or keeps something else for a refresh."""


class Steps:
    """One file for each step that was done, holding what it counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, settings: dict[str, Any], inputs: Sequence[Path]) -> None:
        """Raises Conflict if this folder holds a conversion of other files, or by other settings."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stats = [(path.as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(inputs)]
        described = json.dumps([FORMAT, settings, stats], sort_keys=True).encode()
        digest = hashlib.sha256(described).hexdigest()
        if self.counted("begun") not in (None, digest):
            raise Conflict(
                "this folder holds an unfinished conversion of other files, or by other settings",
                code="omop.other-conversion",
                hint="--again starts over; or give another folder (--into)",
            )
        self.done("begun", digest)

    def counted(self, step: str) -> Any:
        """What a step counted; None if it was not done."""
        try:
            return json.loads((self._folder / f"{step}.json").read_bytes())
        except FileNotFoundError:
            return None

    def done(self, step: str, counted: Any) -> None:
        """A step is done once this is on disk."""
        new = self._folder / f".{step}.new"
        new.write_text(json.dumps(counted))
        new.replace(self._folder / f"{step}.json")
