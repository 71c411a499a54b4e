"""Where sealed bytes lie: one engine behind one port (`port.py`), chosen by the settings.

    disk.py      one directory of files, on one disk
    copies.py    several such directories on disks or in zones of their own: each blob on all of them, mended where it is not
    place.py     one of them: its mark, and whether it can be used now
    remote.py    any S3 store that already runs, to which blobs are opaque objects
    looking.py   how a place is at the moment of asking

A blob is ciphertext to every engine: none of them has a key, and none is trusted. What an engine returns is authenticated
when it is opened (FLOE), so that a blob that was changed, cut or exchanged is damage, never data. What engines are trusted
with is to keep it: hence copies, checksums and the scrubber (`nexus.objects.scrubbing`).

Everything here waits for disks or networks: callers run it on `BlobStore.threads`.
"""
