"""Who sent this request: session tokens, service tokens, S3 access keys."""

from nexus.iam.model import AccessKey
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.operation import Actor
from nexus.kernel.secret import Secret


class Authenticator:
    def __init__(self, db: Database, clock: Clock, sealing_key: Secret) -> None: ...

    async def session(self, token: str, origin: str, client: str) -> Actor:
        raise NotImplementedError

    def access_key(self, access_key_id: str) -> AccessKey:
        raise NotImplementedError
