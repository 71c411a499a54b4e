"""A copy of the log that can be checked elsewhere: the C2SP files, the public keys, and the opened entries on request.

checkpoint       the signed checkpoint that fixes everything else
tile/...         tiles and entry bundles (C2SP tlog-tiles)
policy           keys of the log and of its witnesses (C2SP tlog-policy)
entries.ndjson   one line for each opened entry: {"index": n, "salt": base64, "entry": canonical JSON}
"""

from base64 import b64encode
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from nexus.audit.files import CHECKPOINT
from nexus.audit.model import ExportPage
from nexus.audit.tiles import TileWriter, write_durably
from nexus.crypto.notes import Checkpoint, Note
from nexus.kernel.errors import Conflict, Damaged

POLICY = "policy"
OPENED = "entries.ndjson"


def write_export(directory: Path, pages: Iterable[ExportPage]) -> Checkpoint:
    """Write the pages of one export (all of one size, in order) to an empty or new directory; returns what it covers.

    The tiles are made from the entries, not copied. Raises Damaged if they do not make the root of the checkpoint,
    Conflict if the directory holds something.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise Conflict(f"{directory.name} is not empty", code="audit.export-directory")
    tiles = TileWriter(directory)
    page: ExportPage | None = None
    with (directory / OPENED).open("wb") as opened:
        for page in pages:
            tiles.append([entry.leaf for entry in page.entries])
            opened.write(_lines(page))
    if page is None:
        raise Damaged("an export has one page at least", code="audit.export")
    if (directory / OPENED).stat().st_size == 0:
        (directory / OPENED).unlink()
    tiles.flush()
    tiles.sync()
    checkpoint = Checkpoint.parse(Note.parse(page.checkpoint).text)
    if (tiles.size, tiles.frontier().root()) != (checkpoint.size, checkpoint.root):
        raise Damaged("the exported entries do not make the root of their checkpoint", code="audit.export")
    write_durably(directory / POLICY, page.policy.encode())
    write_durably(directory / CHECKPOINT, page.checkpoint.encode())
    return checkpoint


def _lines(page: ExportPage) -> bytes:
    """Payloads go in byte for byte: they are canonical JSON already."""
    out = BytesIO()
    for entry in page.entries:
        if entry.payload is not None and entry.salt is not None:
            out.write(b'{"index":%d,"salt":"%s","entry":%s}\n' % (entry.index, b64encode(entry.salt), entry.payload))
    return out.getvalue()
