"""A REST door with everything behind it: a notebook, a real database, and doorkeepers that obey the test."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from nexus.kernel.database import Database
from nexus.kernel.operation import OperationSpec
from nexus.kernel.secret import Secret
from nexus.web.dispatch import Dispatcher
from nexus.web.openapi import openapi
from nexus.web.rest import rest_app
from simulators import notebook
from simulators.clock import ManualClock
from simulators.databases import database
from simulators.doorkeepers import FourEyes, Intent, Leash, Rights, Steps, Tokens
from simulators.recorder import MemoryRecorder

PURPOSES = ("operation", "care", "research")


@dataclass
class Door:
    """`app` is the ASGI application; `audit.entries` is what was recorded."""

    db: Database
    audit: MemoryRecorder
    book: notebook.Notebook
    specs: Sequence[OperationSpec] = notebook.OPERATIONS
    tokens: Tokens = field(default_factory=Tokens)
    rights: Rights = field(default_factory=Rights)
    four_eyes: FourEyes = field(default_factory=FourEyes)
    steps: Steps = field(default_factory=Steps)
    lease: Leash = field(default_factory=Leash)
    clock: ManualClock = field(default_factory=ManualClock)
    services: Mapping[str, Any] = field(default_factory=dict)
    purposes: Sequence[str] = PURPOSES
    timeout_s: float = 10
    while_sealed: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(
            self.specs,
            {"note": self.book, **self.services},
            lease=self.lease,
            authenticator=self.tokens,
            gate=self.rights,
            approvals=self.four_eyes,
            step_up=self.steps,
            audit=self.db,
            clock=self.clock,
            purposes=self.purposes,
            timeout_s=self.timeout_s,
            while_sealed=self.while_sealed,
        )
        self.app = rest_app(self.dispatcher, lambda: json.dumps(self.document()).encode())

    def document(self) -> dict[str, Any]:
        return openapi(self.specs, version="0", purposes=PURPOSES, intent=Intent, services={"note": "Notes."})

    def client(self, token: str | None = "token-alice", **headers: str) -> httpx.AsyncClient:
        given = {"User-Agent": "test-client", **headers}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="https://nexus.test", headers=given)


def open_door(folder: Path) -> Door:
    """A door over a fresh database in `folder`; the caller closes `door.db`."""
    audit = MemoryRecorder()
    db = database(folder / "door.db", key=Secret(b"k" * 32), recorder=audit)
    db.migrate([notebook.SCHEMA])
    return Door(db, audit, notebook.Notebook(db))
