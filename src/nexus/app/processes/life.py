"""The life of one process: take the handoff, run until told to stop or until the supervisor is gone.

`python -m nexus.app.processes s3` with a handoff on standard input; nobody types this, the supervisor does.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import uvloop

from nexus.app import daemon, handoff, prctl
from nexus.app.datadir import PRIVATE
from nexus.app.handoff import Handoff
from nexus.app.telemetry.reporting import Reporter
from nexus.app.telemetry.watch import Watch
from nexus.kernel.errors import NexusError
from nexus.kernel.mutual import Credentials, ServiceIdentity

ORPHAN_EXTRA_S = 5.0
"""After the supervisor is gone and the grace is over, the process ends itself this much later, come what may."""
NEW_OBJECTS = 10_000
"""Objects that are made until the collector of cycles looks through the youngest."""
EXIT_REFUSED = 3
"""It could not start, and said why."""

_log = logging.getLogger("nexus.process")

_STDIN, _STDOUT, _STDERR = 0, 1, 2


class Life:
    """What a process is given besides its handoff: when to stop, and how to say that it is ready."""

    def __init__(
        self, answer_descriptor: int, credentials: Credentials | None = None, watch: Watch | None = None
    ) -> None:
        self.stop = asyncio.Event()
        self._identity = ServiceIdentity(credentials) if credentials is not None else None
        self.watch = watch or Watch()
        self._answer = answer_descriptor
        self._reporter = Reporter(answer_descriptor, self.watch.report)

    @property
    def identity(self) -> ServiceIdentity:
        """Who this process is to other services; renewed by the supervisor. Raises ValueError if it is no service."""
        if self._identity is None:
            raise ValueError("this process was given no credentials")
        return self._identity

    def ready(self) -> None:
        """Tell the supervisor that this process does its work now, and from now on how it is."""
        _close_to_others()
        _keep_what_is_there()
        os.write(self._answer, handoff.ready_line())
        self._reporter.start()

    def refuse(self, error: NexusError) -> None:
        os.write(self._answer, handoff.failure_line(error))


Main = Callable[[Handoff, Life], Awaitable[None]]


def run(main: Main) -> int:
    """Run one process to its end; returns its exit status."""
    answer = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)  # whatever a library prints belongs into the journal
    os.umask(PRIVATE)
    given = handoff.receive(_STDIN)
    daemon.log_messages(given.settings.log_level, given.process)
    life = Life(answer, given.credentials, Watch(given.process, given.settings))
    try:
        uvloop.run(_live(main, given, life))
    except NexusError as error:
        _log.error("%s (%s)", error.message, error.code)
        life.refuse(error)
        return EXIT_REFUSED
    return 0


async def _live(main: Main, given: Handoff, life: Life) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_stray)
    loop.add_signal_handler(signal.SIGTERM, life.stop.set)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which stops us in order
    watcher = threading.Thread(
        target=_follow_supervisor, args=(loop, life, given.settings.stop_grace_s), daemon=True, name="supervisor"
    )
    watcher.start()
    await main(given, life)


def _close_to_others() -> None:
    """No core dump and no debugger of the same user: keys are in this memory.

    Only once it is ready: until then, the TLS library reads the certificate through /proc/self, which this closes.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl.set_readable(False)


def _keep_what_is_there() -> None:
    """What a process is made of by now stays as long as it does: the collector of cycles need not look through it again and again,
    nor so often. A request makes a few hundred objects, and none in cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])


def _follow_supervisor(loop: asyncio.AbstractEventLoop, life: Life, grace_s: float) -> None:
    """A thread of its own, so that even a stuck event loop cannot outlive the supervisor.

    What comes on the pipe are renewed credentials; its end is the end of the supervisor.
    """
    with suppress(EOFError, OSError, ValueError, RuntimeError):
        while True:
            renewed = handoff.receive_credentials(
                _STDIN
            )  # first: a process without an identity waits for the end alone
            loop.call_soon_threadsafe(life.identity.renew, renewed)
    try:
        loop.call_soon_threadsafe(life.stop.set)
    except RuntimeError:
        return  # the loop is closed: this process is ending anyway
    threading.Event().wait(grace_s + ORPHAN_EXTRA_S)
    os._exit(1)


def _log_stray(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Errors in callbacks that nobody awaits: their kind only, because their text may hold anything."""
    error = context.get("exception")
    _log.error("%s (%s)", context.get("message", "stray error"), type(error).__name__)
