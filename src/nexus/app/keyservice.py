"""The key service as the platform starts it: its process, its certificate, its place in the environment."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from nexus.app import parts, softhsm
from nexus.app.datadir import DataDirectory
from nexus.app.handoff import Handoff
from nexus.app.identities import ServiceIdentities
from nexus.app.keeping import Place
from nexus.app.settings import Settings
from nexus.kernel.clock import SystemClock
from nexus.kms.client import KeyServiceClient


def key_service_place(
    directory: DataDirectory,
    settings: Settings,
    identities: ServiceIdentities,
    lock: int,
    started: Callable[[], Awaitable[None]] | None = None,
) -> Place:
    """The place of the key service's process. It starts sealed, so its first certificate is of the boot authority."""

    async def prepare() -> Handoff:
        return Handoff(
            process=parts.KMS,
            root=str(directory.root),
            settings=settings,
            credentials=identities.first(parts.KMS),
            environment=softhsm.environment(directory) if settings.provider == "pkcs11" else {},
        )

    return Place(parts.KMS, prepare, inherit=[lock], started=started)


class RunningKeyService:
    """A key service for the length of a context, without the rest of the platform: foundings and restorations."""

    def __init__(self, directory: DataDirectory, settings: Settings, lock: int) -> None:
        self._clock = SystemClock()
        self._identities = ServiceIdentities(directory.instance, self._clock)
        self._place = key_service_place(directory, settings, self._identities, lock)
        self._client = KeyServiceClient(directory.kms_socket, self._identities.own)
        self._grace_s = settings.stop_grace_s
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> KeyServiceClient:
        await self._place.open()
        self._stack.push_async_callback(self._place.close, self._grace_s)
        await self._client.start()
        self._stack.push_async_callback(self._client.close)
        renewing = asyncio.create_task(
            self._identities.keep(
                lambda: [self._place], lambda: parts.platform_operation(parts.SUPERVISOR, self._clock)
            ),
            name="renew certificates",
        )
        self._stack.callback(renewing.cancel)
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
