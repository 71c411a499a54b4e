"""What an entry is in bytes. Known answers: a change of these bytes is a change of the format."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.audit.epochs import EpochKeys, open_epoch, person_tag
from nexus.audit.payload import Opened, encode_payload, leaf_data, seal, unseal
from nexus.crypto.hpke import OpeningKey, generate_seed
from nexus.kernel.errors import Damaged
from nexus.kernel.operation import Actor, ActorKind, Resource
from simulators.clock import ManualClock
from simulators.operations import operation

ENTRY = replace(
    operation("per_ana", purpose="care"),
    id="op_1",
    approval="int_1",
    actor=Actor("key_1", ActorKind.MACHINE, "PACS", "per_ana"),
).denied("objects.object.read", Resource("Object", "b/clé", {"site": "chu"}), bytes=17, whole=False)

PAYLOAD = (
    '{"action":"objects.object.read","actor":{"id":"key_1","kind":"machine","name":"PACS","person":"per_ana",'
    '"session":null},"approval":"int_1","at":"2027-01-15T08:00:00.000000Z","client":"","details":{"bytes":17,'
    '"whole":false},"door":"test","operation":"op_1","origin":"127.0.0.1","outcome":"denied","purpose":"care",'
    '"recorded":"2027-01-15T08:00:01.000000Z","resource":{"attributes":{"site":"chu"},"id":"b/clé","type":"Object"},'
    '"subject":null}'
).encode()


def test_the_payload_is_canonical_json():
    payload = encode_payload(ENTRY, "2027-01-15T08:00:01.000000Z")
    assert payload == PAYLOAD
    assert (
        payload == json.dumps(json.loads(payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


def test_the_leaf_is_a_labelled_commitment_to_salt_and_payload():
    leaf = leaf_data(b"s" * 32, PAYLOAD)
    assert leaf == b"\x01" + sha256(b"nexus/audit/leaf/v1\n" + b"s" * 32 + PAYLOAD).digest()
    assert leaf.hex() == "01755997366feddb3eeaffb84a84456532a6e7ccc8cb7cade8003fc2e2939d8bf4"


def test_an_entry_opens_as_it_was_sealed():
    cipher, leaf = AESGCM(bytes(32)), leaf_data(b"s" * 32, PAYLOAD)
    sealed = seal(cipher, bytes(12), b"s" * 32, PAYLOAD, leaf)
    assert sealed[:13] == b"\x01" + bytes(12)
    assert unseal(cipher, sealed, leaf) == Opened(b"s" * 32, PAYLOAD)
    assert unseal(cipher, sealed, leaf).content().resource.id == "b/clé"


def test_a_sealed_entry_opens_for_its_leaf_and_key_only():
    cipher, leaf = AESGCM(bytes(32)), leaf_data(b"s" * 32, PAYLOAD)
    sealed = seal(cipher, bytes(12), b"s" * 32, PAYLOAD, leaf)
    for other, stored, of in [
        (AESGCM(b"1" * 32), sealed, leaf),
        (cipher, sealed, leaf_data(b"t" * 32, PAYLOAD)),
        (cipher, b"\x02" + sealed[1:], leaf),
        (cipher, sealed[:-1], leaf),
        (cipher, b"", leaf),
    ]:
        with pytest.raises(Damaged):
            unseal(other, stored, of)


def test_whoever_has_the_key_still_cannot_seal_another_entry_under_a_leaf():
    cipher, leaf = AESGCM(bytes(32)), leaf_data(b"s" * 32, PAYLOAD)
    forged = seal(cipher, bytes(12), b"s" * 32, PAYLOAD.replace(b"denied", b"allowed"), leaf)
    with pytest.raises(Damaged) as caught:
        unseal(cipher, forged, leaf)
    assert caught.value.code == "audit.commitment"


def test_a_payload_of_another_version_is_an_error():
    with pytest.raises(Damaged):
        Opened(bytes(32), b'{"v":2}').content()


def test_an_epoch_key_opens_with_its_id_and_names_its_person():
    private = OpeningKey(generate_seed())
    keys = EpochKeys(private.public, ManualClock())
    epoch = keys.for_person("per_ana")
    secret, person = open_epoch(private, epoch.id, epoch.sealed)
    assert person == "per_ana"
    nonce = epoch.next_nonce()
    assert AESGCM(secret.reveal()).decrypt(nonce, epoch.cipher.encrypt(nonce, b"x", None), None) == b"x"
    with pytest.raises(Damaged):
        open_epoch(private, epoch.id + 1, epoch.sealed)
    assert epoch.tag == person_tag("per_ana") != person_tag("per_bea")


def test_no_nonce_comes_twice_and_the_oldest_key_goes_first():
    keys = EpochKeys(OpeningKey(generate_seed()).public, ManualClock())
    keys.forget_if_erased(0)
    epoch = keys.for_person("per_ana")
    assert len({epoch.next_nonce() for _ in range(1000)}) == 1000
    assert keys.for_person("per_ana") is epoch
    keys.forget_if_erased(0)
    assert keys.for_person("per_ana") is epoch
    keys.forget_if_erased(1)
    assert keys.for_person("per_ana") is not epoch
