"""Goes on after a restore although witnesses remember a longer log: a new generation of the log, which says so.

The lost entries cannot be brought back, and no witness will ever cosign the shorter log under the old name. So the log
gets a new name, `<origin>/2`, and its first entry says which log it goes on from, how long that was in the backup, and who
decided it. Receipts of the old log stay valid under the old name. Witnesses must be told of the new one.
"""

import asyncio
import re
from typing import Final

from msgspec import structs

from nexus.app import custody, parts, schema
from nexus.app.backup.restoring import drop_note, read_note
from nexus.app.custody import Index, Part
from nexus.audit import store as log
from nexus.crypto.notes import VerifierKey
from nexus.kernel.clock import Clock, rfc3339
from nexus.kernel.database import Recorded, Transaction
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import PLATFORM, Operation
from nexus.kms.client import KeyServiceClient

ACTION: Final = "platform.accept-restore"
_GENERATION: Final = re.compile(r"(?P<name>.*)/(?P<number>[1-9][0-9]{0,8})\Z")


async def accept(kms: KeyServiceClient, place: schema.Place, clock: Clock, user: str) -> Index:
    """Begin the new generation; the platform must be stopped and the key service unsealed.

    Raises Conflict where nothing was restored: a log that is shorter than it was without a restore was tampered with.
    """
    directory = place.directory
    note = read_note(directory)
    if note is None:
        raise Conflict(
            "this directory was not restored from a backup",
            code="backup.not-restored",
            hint="if its log is shorter than witnesses remember, somebody cut it: keep every copy and find out who",
        )
    index = custody.read_index(directory)
    renamed = _next_generation(index)
    op = parts.local_operation(user, clock)
    key = await custody.open_part(kms, directory, Part.DATABASE, op)
    database = place.open(key, index.audit_public, clock)
    try:
        await asyncio.to_thread(database.migrate, schema.MIGRATIONS)
        await database.write(
            lambda tx: _begin(tx, op, index, renamed, backup_at=rfc3339(note.backup_at), backup_size=note.log_size)
        )
    finally:
        database.close()
        key.wipe()
    published = directory.log / "checkpoint"
    if published.exists():
        published.rename(directory.log / f"checkpoint.{_number(index)}")
    custody.write_index(directory, renamed)
    drop_note(directory)
    return renamed


def _begin(tx: Transaction, op: Operation, old: Index, new: Index, **details: str | int) -> Recorded[None]:
    head = log.read_head(tx)
    newest = log.latest_checkpoint(tx)
    log.forget_checkpoints(tx)
    entry = op.allowed(
        ACTION,
        PLATFORM,
        old_origin=old.origin,
        new_origin=new.origin,
        entries_kept=head.size,
        old_checkpoint=newest.note if newest else "",
        **details,
    )
    return Recorded(None, entry)


def _number(index: Index) -> int:
    match = _GENERATION.match(index.origin)
    return int(match["number"]) if match else 1


def _next_generation(index: Index) -> Index:
    match = _GENERATION.match(index.origin)
    name = f"{match['name'] if match else index.origin}/{_number(index) + 1}"
    keys = [VerifierKey.parse(text) for text in index.log_keys]
    renamed = [VerifierKey(name, key.type, key.public_key) for key in keys]
    return structs.replace(index, origin=name, log_keys=tuple(str(key) for key in renamed))
