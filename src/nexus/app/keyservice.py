"""The key service as the platform starts it: its process, its tokens, its place in the environment."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

from nexus.app import parts, softhsm
from nexus.app.datadir import DataDirectory
from nexus.app.handoff import Handoff
from nexus.app.keeping import Place
from nexus.app.settings import Settings
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient

TOKEN_BYTES = 32


def caller_tokens() -> Mapping[str, bytes]:
    """A fresh token for each caller. They live as long as the supervisor, and nowhere but in memory."""
    return {caller: secrets.token_bytes(TOKEN_BYTES) for caller in parts.CALLERS}


def key_service_place(
    directory: DataDirectory,
    settings: Settings,
    tokens: Mapping[str, bytes],
    lock: int,
    started: Callable[[], Awaitable[None]] | None = None,
) -> Place:
    """The place of the key service's process. It learns the digests of the tokens, never the tokens."""

    async def prepare() -> Handoff:
        return Handoff(
            process=parts.KMS,
            root=str(directory.root),
            settings=settings,
            kms_callers={caller: hashlib.sha256(token).digest() for caller, token in tokens.items()},
            environment=softhsm.environment(directory) if settings.provider == "pkcs11" else {},
        )

    return Place(parts.KMS, prepare, inherit=[lock], started=started)


def supervisor_client(directory: DataDirectory, tokens: Mapping[str, bytes]) -> KeyServiceClient:
    """The supervisor's own connection."""
    return KeyServiceClient(directory.kms_socket, caller=parts.SUPERVISOR, token=Secret(tokens[parts.SUPERVISOR]))


class RunningKeyService:
    """A key service for the length of a context, without the rest of the platform: foundings and restorations."""

    def __init__(self, directory: DataDirectory, settings: Settings, lock: int) -> None:
        tokens = caller_tokens()
        self._place = key_service_place(directory, settings, tokens, lock)
        self._client = supervisor_client(directory, tokens)
        self._grace_s = settings.stop_grace_s
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> KeyServiceClient:
        await self._place.open()
        self._stack.push_async_callback(self._place.close, self._grace_s)
        await self._client.start()
        self._stack.push_async_callback(self._client.close)
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
