"""Token introspections: how many a second the issuer answers, each durable in the audit log before the answer leaves.

    .venv/bin/python bench/introspection.py [--rounds N] [--json]

One introspection is what a tool's server asks: a form with the client's secret, a token looked up together with its session
and person, an entry committed with it (encrypted database, Merkle head, synced). 64 askers at the same time share commits; a lone
one pays a whole sync. Beside, from the same run: an entry alone, without any introspection, by as many askers.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from urllib.parse import urlencode

from harness import Figure, figure, main

from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS as AUDIT
from nexus.crypto.hpke import OpeningKey
from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.migrations import MIGRATIONS as IAM
from nexus.kernel.database import Database
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))

from simulators.clock import ManualClock  # noqa: E402
from simulators.issuer import IssuerAtWork, Tool  # noqa: E402
from simulators.people import Platform  # noqa: E402

ASKERS, ASKED = 64, 40
"""At the same time; how often each asks in a round."""
ALONE = 100
MICROSECONDS = 1e6
PRIVATE_KEY = OpeningKey(Secret(bytes(range(32))))

Ask = Callable[[], Awaitable[object]]


async def rate_of(ask: Ask, askers: int, asked: int) -> float:
    """Answers a second."""

    async def asker() -> None:
        for _ in range(asked):
            await ask()

    start = time.perf_counter()
    await asyncio.gather(*(asker() for _ in range(askers)))
    return askers * asked / (time.perf_counter() - start)


def request(issuer: IssuerAtWork, tool: Tool, token: str) -> Ask:
    """One introspection through the routes, as a server hands it to the application."""
    body = urlencode({"token": token}).encode()
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"host", b"nexus.test")]
    headers += [(name.lower().encode(), value.encode()) for name, value in tool.basic.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "https",
        "path": "/oidc/introspect", "raw_path": b"/oidc/introspect", "query_string": b"", "root_path": "",
        "headers": headers, "client": ("192.0.2.7", 1), "server": ("nexus.test", 443),
    }  # fmt: skip

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def ask() -> None:
        sent: list[dict[str, object]] = []

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        await issuer.app(dict(scope), receive, send)
        assert b'"active":true' in sent[1]["body"], sent

    return ask


async def measured(folder: Path, rounds: int) -> dict[str, list[float]]:
    log = AuditLog(PRIVATE_KEY.public)
    db = Database(folder / "nexus.db", key=Secret(b"k" * 32), recorder=log)
    db.migrate([*AUDIT, *IAM])
    platform = Platform(db, ManualClock(), log, NO_CONDITIONS)
    issuer = IssuerAtWork(platform)
    ada, _ = await platform.found("ada", "ben")
    tool = await issuer.tool(ada)
    ask = request(issuer, tool, (await issuer.sign_in(tool, ada))["access_token"])
    op = platform.op(ada)

    async def entry() -> None:
        await db.record(op.allowed("iam.oidc.introspect", PLATFORM, client=tool.id))

    found: dict[str, list[float]] = {"together": [], "alone": [], "entry": [], "cpu": []}
    await rate_of(ask, ASKERS, 2)
    for _ in range(rounds):
        found["entry"].append(await rate_of(entry, ASKERS, ASKED))
        before = time.process_time()
        found["together"].append(await rate_of(ask, ASKERS, ASKED))
        found["cpu"].append((time.process_time() - before) / (ASKERS * ASKED) * MICROSECONDS)
        found["alone"].append(await rate_of(ask, 1, ALONE))
    platform.service.close()
    db.close()
    return found


def measure(rounds: int) -> Iterable[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measured(Path(folder), rounds))
    note = f"{ASKERS} askers; an entry alone: {sorted(found['entry'])[rounds // 2]:,.0f} /s"
    yield figure("introspection, recorded", found["together"], "/s", target="1,000/s", note=note)
    yield figure("introspection, recorded, processor time", found["cpu"], "CPU-us", target="1,000 us on one core")
    yield figure("introspection, recorded, one asker", found["alone"], "/s", limit="sqlite-commit")


if __name__ == "__main__":
    main(measure)
