"""Encrypted buckets, objects and versions; the S3 door is in `objects/s3/`.

Promises:

- Nothing is stored in clear, and there is no switch to turn that off: bodies, metadata, headers and tags are sealed
  under a key of their own for each object, which is wrapped under the key of its bucket.
- What was acknowledged is durable: the bytes, the row and the audit entry, in that order.
- What does not verify is an error (`Damaged`), never bytes: bits flipped, segments cut, moved or swapped, rows swapped.
- Without the key service nothing is read and nothing is written, streams under way included.
- Memory is bounded whatever the size of an object.

Words: a *bucket* holds *objects* under *keys* (names); each write makes a *version*; the bytes of a version are *inline*
(in the database), in one *blob* (a file), or in the blobs of an upload's *parts*, listed by a *manifest*. A *bucket key*
wraps *object keys*; an object key *seals* and *opens* bytes.

Start reading at `model.py` and `service.py`, then `writing.py` and `reading.py`. Format: docs/formats/object.md.
"""
