"""The supervisor's view: what every process has told, and whether the platform as a whole is ready."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from msgspec.structs import replace

from nexus.app import parts, serving
from nexus.app.keeping import Place
from nexus.app.settings import Settings
from nexus.app.telemetry import catalogue, listener
from nexus.app.telemetry.health import Component
from nexus.app.telemetry.report import Batch, Report
from nexus.app.telemetry.watch import Watch

GRACE_S: Final = 1.0


class Gathering:
    """Reads reports of places. `serving`: whether the platform serves, or still starts."""

    def __init__(self, places: Callable[[], Sequence[Place]], serving: Callable[[], bool], watch: Watch) -> None:
        self._places = places
        self._serving = serving
        self._watch = watch
        self.tallies = watch.tallies

    def missing(self) -> Mapping[str, Sequence[str]]:
        """Process -> what it lacks. Empty: the platform is ready."""
        found = {name: place.missing() for name, place in self._named().items()}
        if not self._serving():
            found[parts.SUPERVISOR] = (Component.STARTING.value,)
        return {name: lacking for name, lacking in found.items() if lacking}

    def reports(self) -> Mapping[str, Report]:
        """Process -> what it told last, with what is known of it from outside. Of one that is silent, only that."""
        told = {name: _seen(place) for name, place in self._named().items()}
        return {**told, parts.SUPERVISOR: self._watch.report()}

    def batches(self) -> list[Batch]:
        """Spans that processes have told since the last time."""
        return [batch for place in self._places() for batch in place.take_batches()]

    def _named(self) -> dict[str, Place]:
        """Each place by a name of its own: `s3`, or `s3-0` and `s3-1` where there are several."""
        places = self._places()
        often, met, named = Counter(place.name for place in places), Counter[str](), dict[str, Place]()
        for place in places:
            number = met[place.name]
            met[place.name] += 1
            named[f"{place.name}-{number}" if often[place.name] > 1 else place.name] = place
        return named


@asynccontextmanager
async def shown(gathering: Gathering, settings: Settings, port: int) -> AsyncIterator[None]:
    """Shows what the settings ask for while the block runs: the operations listener at `port` (0: none), traces to a collector."""
    async with AsyncExitStack() as stack:
        if port:
            await stack.enter_async_context(operations_listener(gathering, settings, port))
        if settings.trace_collector:
            await stack.enter_async_context(_exporting(gathering, settings))
        yield


@asynccontextmanager
async def _exporting(gathering: Gathering, settings: Settings) -> AsyncIterator[None]:
    from nexus.app.telemetry.exporting import Exporter, collector

    async with collector(settings) as client:
        exporter = Exporter(client, settings.trace_collector, gathering.batches, gathering.tallies)
        sending = asyncio.create_task(exporter.run(), name="traces")
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


def _seen(place: Place) -> Report:
    missing = place.missing()
    silent = place.report is None or Component.SILENT.value in missing
    report = Report() if silent or place.report is None else place.report
    known = {
        catalogue.READY.name: {(): float(not missing)},
        catalogue.MISSING.name: {(component,): 1.0 for component in missing},
        catalogue.RESTARTS.name: {(): float(place.restarts)},
    }
    return replace(report, numbers={**report.numbers, **known})


@asynccontextmanager
async def operations_listener(gathering: Gathering, settings: Settings, port: int) -> AsyncIterator[None]:
    """Answers while the block runs; `port` is reserved already. Raises Invalid on files that cannot be read."""
    app = listener.OperationsApp(gathering.missing, gathering.reports, listener.token(settings))
    leaf = listener.certificate(settings)
    stop, ready = asyncio.Event(), asyncio.Event()
    serve = asyncio.create_task(
        serving.serve(app, host=settings.watch_host, port=port, leaf=leaf, stop=stop, grace_s=GRACE_S, ready=ready.set),
        name="operations listener",
    )
    waiting = asyncio.ensure_future(ready.wait())
    try:
        await asyncio.wait({serve, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serve.done():
            await serve
        yield
    finally:
        waiting.cancel()
        stop.set()
        await asyncio.gather(serve, return_exceptions=True)
