"""The databases of pseudonyms in a backup. Each service writes its own copy, under its own key: nobody else can open it."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from nexus.app import levels, parts
from nexus.app.datadir import DataDirectory
from nexus.kernel.mutual import ServiceIdentity
from nexus.kernel.operation import Operation
from nexus.pseudonyms.messages import CopyTo
from nexus.pseudonyms.wire import Remote

ORDER = parts.LEVELS
"""Whoever enters the ledger is in the linkage table before: copied in this order, nobody is in the first and not in the other."""


class LevelCopies:
    """Asks the levels for copies; where they do not run, their files lie still and are copied as they are."""

    def __init__(self, directory: DataDirectory, identity: ServiceIdentity, *, running: bool) -> None:
        self._directory = directory
        self._running = running
        self._levels = {name: Remote(directory.run / f"{name}.sock", identity, name) for name in ORDER}

    def copier(self, op: Operation) -> Callable[[Path], None]:
        """Writes both into a folder, for a thread beside the running loop. Raises Unavailable if one does not answer."""
        loop = asyncio.get_running_loop()

        def copy(target: Path) -> None:
            for name in ORDER:
                place = levels.folder(self._directory, name)
                if not place.exists():
                    continue
                into = target / place.name
                if not self._running:
                    shutil.copytree(place, into)
                    continue
                into.mkdir(mode=0o700, parents=True)
                file = CopyTo(str(into / levels.database_file(self._directory, name).name))
                asyncio.run_coroutine_threadsafe(self._levels[name].call("copy", op, file), loop).result()
                shutil.copyfile(place / levels.KEY, into / levels.KEY)

        return copy
