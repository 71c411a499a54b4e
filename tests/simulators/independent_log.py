"""A second opinion: the formats of the audit log, written from RFC 6962 and the C2SP pages alone.

Nothing here comes from Nexus and nothing of Nexus may be imported: where both agree, the formats are what they claim.
Slow and plain on purpose.
"""

import base64
import hashlib
import json
import struct

from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

# RFC 6962, section 2.1


def merkle_tree_hash(entries: list[bytes]) -> bytes:
    """MTH(D[n]), by its recursive definition."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = _largest_power_of_two_below(len(entries))
    return hashlib.sha256(b"\x01" + merkle_tree_hash(entries[:k]) + merkle_tree_hash(entries[k:])).digest()


def audit_path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(entries) == 1:
        return []
    k = _largest_power_of_two_below(len(entries))
    if m < k:
        return [*audit_path(m, entries[:k]), merkle_tree_hash(entries[k:])]
    return [*audit_path(m - k, entries[k:]), merkle_tree_hash(entries[:k])]


def consistency_path(m: int, entries: list[bytes]) -> list[bytes]:
    """PROOF(m, D[n])."""

    def subproof(m: int, part: list[bytes], whole: bool) -> list[bytes]:
        if m == len(part):
            return [] if whole else [merkle_tree_hash(part)]
        k = _largest_power_of_two_below(len(part))
        if m <= k:
            return [*subproof(m, part[:k], whole), merkle_tree_hash(part[k:])]
        return [*subproof(m - k, part[k:], False), merkle_tree_hash(part[:k])]

    return subproof(m, entries, True)


def root_from_path(leaf_hash: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an audit path leads to, by descending from the top."""
    if size == 1:
        assert not path
        return leaf_hash
    k = _largest_power_of_two_below(size)
    if index < k:
        return hashlib.sha256(b"\x01" + root_from_path(leaf_hash, index, k, path[:-1]) + path[-1]).digest()
    return hashlib.sha256(b"\x01" + path[-1] + root_from_path(leaf_hash, index - k, size - k, path[:-1])).digest()


def _largest_power_of_two_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


# C2SP signed-note, tlog-checkpoint, tlog-cosignature


def signature_time(vkey: str, note: str) -> int | None:
    """The time of this key's signature on a checkpoint (0 where its type has none); None if it has not signed.

    Raises cryptography's InvalidSignature if it is forged.
    """
    name, key_id, material = vkey.split("+", 2)
    kind, public = base64.b64decode(material)[0], base64.b64decode(material)[1:]
    assert hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).hexdigest()[:8] == key_id
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    for line in lines.splitlines():
        dash, signer, encoded = line.split(" ")
        blob = base64.b64decode(encoded)
        if dash != "—" or signer != name or blob[:4].hex() != key_id:
            continue
        return _verify(kind, name, public, text, blob[4:])
    return None


def _verify(kind: int, name: str, public: bytes, text: str, signature: bytes) -> int:
    if kind == 0x01:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
        return 0
    (time,) = struct.unpack(">Q", signature[:8])
    if kind == 0x04:
        message = f"cosignature/v1\ntime {time}\n{text}".encode()
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature[8:], message)
        return time
    assert kind == 0x06
    origin, size, root = text.split("\n")[:3]
    message = b"subtree/v1\n\0" + bytes([len(name)]) + name.encode() + struct.pack(">Q", time)
    message += bytes([len(origin)]) + origin.encode() + struct.pack(">QQ", 0, int(size)) + base64.b64decode(root)
    mldsa.MLDSA44PublicKey.from_public_bytes(public).verify(signature[8:], message)
    return time


# C2SP tlog-proof, with the extra data of docs/formats/receipt.md


def check_receipt(receipt: str, log_keys: list[str], witness_keys: list[str]) -> dict:
    """What the receipt's entry says. Asserts every step: leaf, path, each log signature, each cosignature."""
    head, _, note = receipt.partition("\n\n")
    magic, extra_line, index_line, *path_lines = head.split("\n")
    assert magic == "c2sp.org/tlog-proof@v1"
    extra = base64.b64decode(extra_line.removeprefix("extra "))
    assert extra[0] == 1
    salt, payload = extra[1:33], extra[33:]
    leaf = b"\x01" + hashlib.sha256(b"nexus/audit/leaf/v1\n" + salt + payload).digest()
    leaf_hash = hashlib.sha256(b"\x00" + leaf).digest()
    origin, size, root = note.split("\n")[:3]
    path = [base64.b64decode(line) for line in path_lines]
    index = int(index_line.removeprefix("index "))
    assert root_from_path(leaf_hash, index, int(size), path) == base64.b64decode(root)
    for key in log_keys:
        assert key.startswith(origin + "+")
        assert signature_time(key, note) is not None
    for key in witness_keys:
        assert signature_time(key, note)
    return json.loads(payload)
