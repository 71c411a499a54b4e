"""A process of a platform that has none of a platform's work: it becomes ready, then does what its name says.

`python -m simulators.process NAME` with a handoff on standard input, like `nexus.app.processes`:
`steady` stays, `refuses` says why it does not start, `silent` dies without a word, `mortal` dies soon after it is ready,
`stubborn` ignores SIGTERM, `drawing` writes what it draws by chance into a file of its root.
"""

import asyncio
import gc
import os
import random
import secrets
import signal
import ssl
import sys
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
from cryptography.hazmat.primitives.asymmetric import ed25519

from nexus.app.handoff import Handoff
from nexus.app.processes import life
from nexus.app.processes.life import Life
from nexus.kernel.engines.sqlite import open_file
from nexus.kernel.errors import Conflict
from nexus.kernel.secret import Secret

MORTAL_LIFE_S = 0.1
PAGE_BYTES, RESERVED_BYTES, NONCE_BYTES = 4_096, 80, 16
"""A page of the encrypted database ends with what is reserved for its nonce and its authentication code."""


async def main(given: Handoff, life: Life) -> None:
    match given.process:
        case "silent":
            os._exit(7)
        case "refuses":
            raise Conflict("not today", code="simulated.refusal", hint="come tomorrow")
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            life.ready()
            await asyncio.sleep(3_600)
        case "mortal":
            life.ready()
            await asyncio.sleep(MORTAL_LIFE_S)
            os._exit(9)
        case "drawing":
            if not gc.isenabled():
                raise Conflict("nobody collects cycles here", code="simulated.cycles")
            Path(given.root, str(os.getpid())).write_text("\n".join(draws()))
            life.ready()
            await life.stop.wait()
        case _:
            life.ready()
            await life.stop.wait()


def draws() -> list[str]:
    """Of every source that the platform, or a library of its, draws from; the last two by the encryption of the database."""
    key = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    plain = [os.urandom(16), secrets.token_bytes(16), ssl.RAND_bytes(16), random.randbytes(16), uuid.uuid4().bytes, key]
    (by_sqlite,) = apsw.Connection(":memory:").execute("SELECT randomblob(16)").fetchone()  # a file would remind it
    with TemporaryDirectory() as folder:
        file = Path(folder) / "encrypted.db"
        database = open_file(file, Secret(bytes(32)))
        database.execute("CREATE TABLE t (c)")
        database.close()
        page = file.read_bytes()[:PAGE_BYTES]
    salt, nonce = page[:NONCE_BYTES], page[-RESERVED_BYTES:][:NONCE_BYTES]
    return [each.hex() for each in (*plain, by_sqlite, salt, nonce)]


if __name__ == "__main__":
    sys.exit(life.run(main))
