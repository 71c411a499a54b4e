"""The stored formats of the key service, opened by code that was written from the format pages alone.

docs/formats/keystore.md: the seal, the anchor register, handles of the keystore. If one of these fails, a stored
platform would no longer open: raise the version, keep the old reader, add a vector.
"""

import base64
import hashlib
import hmac
import json
import unicodedata
from pathlib import Path

import pytest
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nexus.kernel import entries
from nexus.kernel.errors import Conflict, Damaged, Unavailable
from nexus.kernel.operation import Resource
from nexus.kernel.secret import Secret
from nexus.kms import seal
from nexus.kms.anchors import AnchorRegister, new_slot_id
from nexus.kms.model import Algorithm
from nexus.kms.ports import KeySpec
from nexus.kms.providers.keystore import Keystore
from simulators.operations import operation

MASTER = bytes(range(32))
PASSPHRASE = "clé de voûte du test"
SEAL = (
    '{"format":"nexus-seal","version":1,"instance":"nx_vector","provider":"keystore","created_at":1800000000000000,'
    '"method":{"by":"passphrase","passes":1,"memory_kib":64,"lanes":1,"salt":"ALOe6HJjxrio0xwGLOTh9A=="},'
    '"sealed":"RK1Jm+DnsvAcgHIEdaL4ULnqpjlV0LL2XTVOQGzZBnbhEhrFs41VwoU5DptM13kr2NNsv8L7E9C3N2lF"}'
)
REGISTER = bytes.fromhex(
    "6e657875732d616e63686f72732f3100333eec2ea67f8ac429c549c4d34049385d32f56708d55a9dba429350133d41dd"
    "00000000000000000000000000000000"
    "65852279eabef37747c22322ca3f18d901000000000000003e6148b85de2ddfdd9e81455c006cc194bce8613317412d2"
    "ee31ff1d3b00adc1c8bc1a1ab6482527"
)
HANDLE = bytes.fromhex(
    "0165852279eabef37747c22322ca3f18d95e1eff471bedd7d8853e1186e2ad00434c2a24d16923d56653a26d28f2030f29"
    "7384c662f24ea991a2384c7be29db6468a4a9aa3aa0da7d342f36091"
)
NAME = "key_01jd3000000000000000000000/1"
MAC = "efc0ac6c3813199c409af8729c5dca0e6fa39695e478ce3815be0f52752c5f85"


def test_the_seal_opens_as_the_page_says():
    told = json.loads(SEAL)
    method, sealed = told["method"], base64.b64decode(told["sealed"])
    key = hash_secret_raw(
        unicodedata.normalize("NFC", PASSPHRASE).encode(),
        base64.b64decode(method["salt"]),
        time_cost=method["passes"],
        memory_cost=method["memory_kib"],
        parallelism=method["lanes"],
        hash_len=32,
        type=Type.ID,
    )
    associated = json.dumps({**told, "sealed": ""}, sort_keys=True, separators=(",", ":")).encode()
    assert AESGCM(key).decrypt(sealed[:12], sealed[12:], associated) == MASTER


def test_the_seal_of_the_vector_opens_with_the_service(tmp_path):
    (tmp_path / "seal.json").write_text(SEAL)
    read = seal.read(tmp_path / "seal.json", "nx_vector", "keystore")
    assert seal.open_with_passphrase(read, Secret(PASSPHRASE.encode())) == Secret(MASTER)
    for instance, provider in (("nx_other", "keystore"), ("nx_vector", "pkcs11")):
        with pytest.raises(Conflict):
            seal.read(tmp_path / "seal.json", instance, provider)
    (tmp_path / "seal.json").write_text(SEAL.replace('"version":1', '"version":2'))
    with pytest.raises(Conflict):
        seal.read(tmp_path / "seal.json", "nx_vector", "keystore")


def test_a_handle_of_the_keystore_opens_as_the_page_says():
    slot, anchor = REGISTER[64:80], REGISTER[88:120]
    assert REGISTER[:16] == b"nexus-anchors/1\0" and REGISTER[16:48] == hashlib.sha256(b"nx_vector").digest()
    assert hashlib.sha256(REGISTER[64:120]).digest()[:8] == REGISTER[120:128]
    assert HANDLE[0] == 1 and HANDLE[1:17] == slot
    key = HKDF(hashes.SHA256(), 32, salt=slot, info=b"nexus-keystore/1\0").derive(MASTER + anchor)
    associated = b"nexus-keystore/1\0" + slot + json.dumps([NAME, "hmac-sha-256", False]).encode()
    material = AESGCM(key).decrypt(HANDLE[17:29], HANDLE[29:], associated)
    assert hmac.digest(material, b"vector", "sha256").hex() == MAC


def test_a_handle_of_the_vector_opens_with_the_keystore(tmp_path):
    (tmp_path / "anchors").write_bytes(REGISTER)
    register = AnchorRegister([tmp_path / "anchors"], "nx_vector")
    register.open(create=False)
    keystore = Keystore(register)
    keystore.open(Secret(MASTER))
    assert keystore.use(KeySpec(NAME, Algorithm.HMAC_SHA_256), HANDLE).mac(b"vector").hex() == MAC
    for altered in (
        KeySpec(NAME + "0", Algorithm.HMAC_SHA_256),
        KeySpec(NAME, Algorithm.AES_256_GCM),
        KeySpec(NAME, Algorithm.HMAC_SHA_256, exportable=True),
    ):
        keystore.close()
        keystore.open(Secret(MASTER))
        with pytest.raises(Damaged):
            keystore.use(altered, HANDLE)
    register.close()


# The register in several places


class Places:
    def __init__(self, root: Path, count: int):
        self.paths = [root / f"place{number}" / "anchors" for number in range(count)]

    def open(self, create=False):
        register = AnchorRegister(self.paths, "nx_test")
        register.open(create=create)
        return register


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path, 2)


def test_every_place_holds_the_same(places):
    register = places.open(create=True)
    kept, lost = new_slot_id(), new_slot_id()
    anchor = register.add(kept)
    register.add(lost)
    register.destroy(lost)
    register.close()
    assert len({path.read_bytes() for path in places.paths}) == 1
    again = places.open()
    assert again.anchor(kept) == anchor and again.anchor(lost) is None and again.destroyed == {lost}
    again.close()


def test_a_destroyed_anchor_is_overwritten_in_every_place(places):
    register = places.open(create=True)
    slot = new_slot_id()
    anchor = register.add(slot)
    assert all(anchor in path.read_bytes() for path in places.paths)
    register.destroy(slot)
    assert all(anchor not in path.read_bytes() for path in places.paths)
    register.close()


def test_destroyed_in_one_place_is_destroyed_in_all(places):
    register = places.open(create=True)
    slot = new_slot_id()
    anchor = register.add(slot)
    before = places.paths[1].read_bytes()
    register.destroy(slot)
    register.close()
    places.paths[1].write_bytes(before)
    again = places.open()
    assert again.anchor(slot) is None
    again.close()
    assert anchor not in places.paths[1].read_bytes()


def test_a_place_that_was_lost_is_filled_from_another(places):
    register = places.open(create=True)
    slot = new_slot_id()
    anchor = register.add(slot)
    register.close()
    places.paths[0].unlink()
    again = places.open()
    assert again.anchor(slot) == anchor
    again.close()
    places.paths[1].unlink()
    last = places.open()
    assert last.anchor(slot) == anchor
    last.close()


def test_without_any_place_it_does_not_open(places):
    places.open(create=True).close()
    for path in places.paths:
        path.unlink()
    with pytest.raises(Damaged):
        places.open()
    assert not any(path.exists() for path in places.paths)


@pytest.mark.parametrize("cut", range(1, 64, 7))
def test_a_slot_torn_by_a_crash_is_as_if_it_had_never_been(places, cut):
    register = places.open(create=True)
    kept, torn = new_slot_id(), new_slot_id()
    anchor = register.add(kept)
    register.add(torn)
    register.close()
    for path in places.paths:
        path.write_bytes(path.read_bytes()[:-cut])
    again = places.open()
    assert again.anchor(kept) == anchor and again.anchor(torn) is None and torn not in again.destroyed
    fresh = new_slot_id()
    replaced = again.add(fresh)
    again.close()
    last = places.open()
    assert (last.anchor(kept), last.anchor(fresh)) == (anchor, replaced)
    last.close()


def test_a_damaged_slot_is_told_and_nothing_is_guessed(places):
    register = places.open(create=True)
    for _ in range(3):
        register.add(new_slot_id())
    register.close()
    for path in places.paths:
        content = bytearray(path.read_bytes())
        content[64 + 30] ^= 1
        path.write_bytes(content)
    with pytest.raises(Damaged):
        places.open()


def test_a_place_that_cannot_be_written_stops_the_change(places):
    register = places.open(create=True)
    import os

    os.close(register._places[1].descriptor)
    register._places[1].descriptor = os.open("/dev/null", os.O_RDONLY)
    with pytest.raises(Unavailable):
        register.add(new_slot_id())
    register.close()


# Entries on their way to the log


def test_an_entry_survives_the_journey_through_an_outbox():
    resource = Resource("Key", "key_1", {"site": "chu", "size": 3, "open": True})
    entry = operation("per_é").failed("kms.key.rotate", resource, why='ä\u0000"', count=2, flag=False, nothing=None)
    assert entries.decode(entries.encode(entry)) == entry
    assert entries.encode(entry) == entries.encode(entry)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"v":1}', b'{"v":2,"entry":null}', b"\xff", b"[" * 100_000, b'{"v":1,"entry":{}}']
)
def test_what_is_no_entry_is_damage(body):
    with pytest.raises(Damaged):
        entries.decode(body)


def test_an_entry_of_a_later_version_is_not_guessed_at():
    body = entries.encode(operation().allowed("a", Resource("Key", "k"))).replace(b'"v":1', b'"v":2')
    with pytest.raises(Damaged, match="version 2"):
        entries.decode(body)
