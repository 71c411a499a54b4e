"""A platform on each engine: metadata on SQLite or PostgreSQL; contents on one disk, in two copies, or in another Nexus."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from platform_under_load import Running, running

HERE = Path(__file__).resolve().parent
SCHEMA = "bench"


@contextmanager
def sqlite(**settings: object) -> Iterator[Running]:
    """A file, and one disk: what a platform is without any setting."""
    with running(**settings) as platform:
        yield platform


@contextmanager
def postgresql(**settings: object) -> Iterator[Running]:
    """A server of our own on this machine, reached by its socket; contents on one disk."""
    sys.path.append(str(HERE.parent / "tests"))
    from simulators.postgresql import running as server_running

    with server_running(memory=False) as server:
        where = {"database_host": server.folder, "database_port": server.port, "database_schema": SCHEMA}
        with running(**where, database_volume_encrypted=1, **settings) as platform:
            yield platform


@contextmanager
def copies(**settings: object) -> Iterator[Running]:
    """A file, and two folders that each hold every blob; on this machine they share a disk."""
    with ExitStack() as held:
        folders = [held.enter_context(tempfile.TemporaryDirectory(dir=HERE, prefix=".bench-")) for _ in range(2)]
        yield held.enter_context(running(blob_folders=",".join(folders), **settings))


@contextmanager
def remote(**settings: object) -> Iterator[Running]:
    """A file, and another Nexus that keeps the blobs, on the same cores. CPU seconds are those of the one in front."""
    with ExitStack() as held:
        behind = held.enter_context(running())
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(dir=HERE, prefix=".bench-")))
        secret = folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(behind.signer.secret_key)
        where = {
            "blob_engine_url": f"https://{behind.signer.host}",
            "blob_engine_bucket": behind.bucket,
            "blob_engine_region": behind.signer.region,
            "blob_engine_access_key": behind.signer.access_key,
            "blob_engine_secret_file": secret,
            "blob_engine_authorities": behind.authority,
        }
        yield held.enter_context(running(**where, **settings))


ENGINES = {"sqlite": sqlite, "postgresql": postgresql, "copies": copies, "remote": remote}
