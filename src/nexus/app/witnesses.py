"""How this platform reaches its witnesses."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from nexus.app.settings import Settings
from nexus.audit.witnesses import WitnessClient


@asynccontextmanager
async def witness_client(settings: Settings) -> AsyncIterator[WitnessClient]:
    """A client for any witness. Its cosignatures are checked against its own keys, whoever answers at its address."""
    authorities = ssl.create_default_context(cafile=settings.witness_authority or None)
    async with httpx.AsyncClient(verify=authorities) as http:
        yield WitnessClient(http)
