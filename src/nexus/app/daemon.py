"""A platform without a terminal: the journal file, and a supervisor that outlives the command that started it."""

import logging
import os
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from nexus.app.handoff import as_error, decode_answer, failure_line
from nexus.kernel.errors import NexusError

JOURNAL_MAX_BYTES: Final = 16 << 20
"""At the next start, a journal beyond this size becomes `<name>.1`, and the one before that is dropped."""
PID_BYTES: Final = 8
_STDIN, _STDOUT, _STDERR = 0, 1, 2


def open_journal(path: Path) -> int:
    """Where messages go when nobody watches; a descriptor to append to."""
    if path.exists() and path.stat().st_size > JOURNAL_MAX_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def send_messages_to(journal: int) -> None:
    """Standard output and error of this process, and of all that it starts, go to the journal from now on."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(journal, _STDOUT)
    os.dup2(journal, _STDERR)


def log_messages(level: str, name: str = "up") -> None:
    """Write log records to standard error, one line each, with the time and who speaks."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format=f"%(asctime)s {name:<7} %(levelname)-7s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log each address that it calls


@dataclass(frozen=True, slots=True)
class Detached:
    """A supervisor in the background, and the pipe on which it says why it failed, if it fails."""

    pid: int
    report: int

    def failure(self) -> NexusError | None:
        """Why it ended, if it has ended. Never waits."""
        ready, _, _ = select.select([self.report], [], [], 0)
        if not ready:
            return None
        line = os.read(self.report, 64 * 1024)
        if line:
            return as_error(decode_answer(line))
        return NexusError("the platform ended while it started", code="platform.ended")


def detach(run: Callable[[], None], journal: Path) -> Detached:
    """Run `run` in a process of its own session, with its messages in the journal.

    Must be called before any thread or event loop exists in this process.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child:
        os.close(write_end)
        os.waitpid(child, 0)
        return Detached(int.from_bytes(os.read(read_end, PID_BYTES), "big"), read_end)
    os.setsid()
    supervisor = os.fork()
    if supervisor:
        os.write(write_end, supervisor.to_bytes(PID_BYTES, "big"))
        os._exit(0)
    os.close(read_end)
    return _live_alone(run, journal, write_end)


def _live_alone(run: Callable[[], None], journal: Path, report: int) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_RDONLY), _STDIN)
    send_messages_to(open_journal(journal))
    status = 1
    try:
        run()
        status = 0
    except NexusError as error:
        sys.stderr.write(f"{error.message} ({error.code})\n")
        os.write(report, failure_line(error))
    finally:
        sys.stderr.flush()
        os._exit(status)
