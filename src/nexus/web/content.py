"""What a fresh factor is proved for: the exact content of a request, as a digest."""

from hashlib import sha256

import msgspec


def content_digest(*parts: str) -> str:
    """SHA-256 (hex) over the canonical JSON array of what will be done: operation, resource, request text.

    For the execution of an intent the operation and the request that were approved follow.
    """
    return sha256(b"nexus step-up v1\n" + msgspec.json.encode(parts)).hexdigest()
