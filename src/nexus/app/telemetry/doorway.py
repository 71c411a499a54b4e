"""What stands before a door: two paths for load balancers, and the counting of requests.

`/-/live` and `/-/ready` are answered to everybody, and tell nothing but that and the names of what is missing, of a closed
list. No bucket can be named `-`; a host that names a bucket (virtual-host style) has keys of its own there, and keeps them.

A request is counted under the name of its route: S3's verb or the path as the code writes it, never the path that was sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import BaseRoute, Mount, Route

from nexus.app.telemetry import catalogue, labels
from nexus.app.telemetry.answering import LIVE, PREFIX, READY, Asgi, Message, Receive, Scope, Send, readiness, say
from nexus.app.telemetry.watch import Watch
from nexus.kernel.ids import is_id
from nexus.kernel.observing import CANCELLED
from nexus.objects.s3.app import S3App
from nexus.objects.s3.endpoint import ROUTE

if TYPE_CHECKING:
    from nexus.app.telemetry.tracing import Tracing

_OPERATION: Final = frozenset({b"nexus-operation", b"x-amz-request-id"})


class Doorway:
    """A door with what stands before it."""

    def __init__(self, door: str, app: Asgi, watch: Watch, domains: Sequence[str] = ()) -> None:
        """`domains`: host names whose first label names a bucket."""
        self._app = app
        self._watch = watch
        self._domains = tuple(f".{domain.lower()}" for domain in domains)
        self._names = route_names(app)
        watch.tallies.know(labels.ROUTE, self._names.values())
        self._requests = watch.tallies.number(catalogue.REQUESTS)
        self._seconds = watch.tallies.spread(catalogue.REQUEST_SECONDS)
        self._door = door
        self._in_flight = self._received = self._sent = 0
        watch.tallies.look(self._look)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith(PREFIX) and not self._names_a_bucket(scope):
            await self._tell(scope, send)
        elif self._watch.tracing is not None and self._watch.tracing.chooses():
            await self._trace(self._watch.tracing, scope, receive, send)
        else:
            await self._count(scope, receive, send)

    async def _trace(self, tracing: "Tracing", scope: Scope, receive: Receive, send: Send) -> None:
        span, known = tracing.root(self._door), dict[str, Any]()

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                known.update(status=message["status"], operation=_operation(message["headers"]))
            await send(message)

        try:
            await tracing.around(span, lambda: self._count(scope, receive, send_noted))
        finally:
            route = self._names.get(scope.get(ROUTE), labels.OTHER)
            method = labels.METHOD.bounded(scope["method"])
            status = labels.STATUSES.get(known.get("status", 0) // 100, CANCELLED)
            span.update_name(f"{self._door} {method} {route}")
            more = {"operation": known["operation"]} if known.get("operation") else {}
            tracing.finish(span, status, door=self._door, route=route, method=method, **more)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = sent = status = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def send_counted(message: Message) -> None:
            nonlocal sent, status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        start, door = perf_counter(), self._door
        self._in_flight += 1
        try:
            await self._app(scope, receive_counted, send_counted)
        finally:
            route = self._names.get(scope.get(ROUTE), labels.OTHER)
            self._requests.add(door, route, scope["method"], labels.STATUSES.get(status // 100, CANCELLED))
            self._seconds.observe(perf_counter() - start, door, route)
            self._received += received
            self._sent += sent
            self._in_flight -= 1

    def _look(self) -> None:
        number = self._watch.tallies.number
        number(catalogue.IN_FLIGHT).set(self._in_flight, self._door)
        number(catalogue.RECEIVED).set(self._received, self._door)
        number(catalogue.SENT).set(self._sent, self._door)

    def _names_a_bucket(self, scope: Scope) -> bool:
        if not self._domains:
            return False
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        return any(host.rpartition(":")[0].endswith(self._domains) or host.endswith(self._domains) for host in hosts)

    async def _tell(self, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await say(send, scope, 405, {"status": "method"})
        elif scope["path"] == LIVE:
            await say(send, scope, 200, {"status": "alive"})
        elif scope["path"] == READY:
            await say(send, scope, *readiness(self._watch.health.missing()))
        else:
            await say(send, scope, 404, {"status": "nothing here"})


def _operation(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The operation's id, as the answer says it; it is random, and says something only to who may read the audit log."""
    found = (value.decode("latin-1") for name, value in headers if name.lower() in _OPERATION)
    return next((value for value in found if is_id(value, "op")), "")


def route_names(app: Asgi) -> Mapping[Any, str]:
    """What the scope says of a request that was answered -> the name of its route, as the code of the door has it."""
    if isinstance(app, S3App):
        return {verb: verb for verb in app.verbs}
    return dict(_walk(getattr(app, "routes", ())))


def _walk(routes: Iterable[BaseRoute], before: str = "") -> Iterable[tuple[Any, str]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _walk(route.routes, before + route.path)
        elif isinstance(route, Route):
            yield route.endpoint, before + route.path
