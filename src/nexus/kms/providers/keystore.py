"""The sealed software keystore: the provider where no token is at hand.

A key version is its material under AES-256-GCM, with a key derived from the master (which the seal protects) and from
the version's own anchor (which the register holds outside every backup). Both are needed. The sealed material is the
handle itself, stored with the key in kms.db; it is opened into this process's memory on first use and dropped when
the service is sealed. docs/formats/keystore.md gives the layout.
"""

import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nexus.crypto import wrapping
from nexus.kernel.errors import Damaged, Denied, Invalid, NotFound, Sealed
from nexus.kernel.secret import Secret
from nexus.kms.anchors import SLOT_ID_BYTES, AnchorRegister, new_slot_id, slot_of
from nexus.kms.model import Algorithm, Custody
from nexus.kms.ports import Held, KeySpec, ProviderFacts, ProviderKey
from nexus.kms.providers import software

MASTER_BYTES = 32
_FORMAT = 1
_DOMAIN = b"nexus-keystore/1\0"
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class Keystore:
    """A `Provider` in software."""

    facts = ProviderFacts(
        name="keystore",
        device="",
        emulated=True,
        oaep_hash="SHA-256",
        destruction="the anchor of each version was overwritten in every place of the register",
    )

    def __init__(self, register: AnchorRegister) -> None:
        self._register = register
        self._master: Secret | None = None
        self._opened: dict[bytes, ProviderKey] = {}

    def open(self, secret: Secret) -> None:
        if len(secret) != MASTER_BYTES:
            raise Denied("this is not the master of a keystore", code="kms.wrong-master")
        self._master = Secret(secret.reveal())

    def close(self) -> None:
        self._opened.clear()
        if self._master is not None:
            self._master.wipe()
            self._master = None

    def generate(self, spec: KeySpec) -> Held:
        return self._hold(spec, software.generate(spec.algorithm))

    def use(self, spec: KeySpec, handle: bytes) -> ProviderKey:
        key = self._opened.get(handle)
        if key is None:
            key = self._opened[handle] = software.load(spec.algorithm, self._open_material(spec, handle))
        return key

    def admit(self, spec: KeySpec, transport: ProviderKey, wrapped: bytes) -> Held:
        if not isinstance(transport, software.TransportKey):
            raise Invalid("this is not a transport key", code="kms.key-class")
        split = transport.private.key_size // 8
        try:
            wrapping_key = transport.private.decrypt(wrapped[:split], _OAEP)
        except ValueError as error:
            raise _not_for_this_transport() from error
        if len(wrapping_key) != wrapping.KEY_BYTES:
            raise _not_for_this_transport()
        material = wrapping.kwp_unwrap(wrapping_key, wrapped[split:])
        if len(material) != wrapping.KEY_BYTES:
            raise Invalid("an imported key has 32 bytes (AES-256)", code="kms.import-length")
        return self._hold(spec, material)

    def release(self, spec: KeySpec, handle: bytes, recipient: bytes) -> bytes:
        if not spec.exportable:
            raise Denied("this key was created as one that never leaves", code="kms.not-exportable")
        public = software.recipient_key(recipient)
        wrapping_key = software.generate(Algorithm.AES_256_GCM)
        return public.encrypt(wrapping_key, _OAEP) + wrapping.kwp_wrap(wrapping_key, self._open_material(spec, handle))

    def destroy(self, handle: bytes) -> None:
        self._opened.pop(handle, None)
        self._register.destroy(_slot_of(handle))

    # Material at rest

    def _hold(self, spec: KeySpec, material: bytes) -> Held:
        slot = new_slot_id()
        sealed = wrapping.seal(self._cipher(slot, self._register.add(slot)), material, _associated(slot, spec))
        return Held(bytes([_FORMAT]) + slot + sealed, Custody.IN_KEYSTORE)

    def _open_material(self, spec: KeySpec, handle: bytes) -> bytes:
        slot = _slot_of(handle)
        anchor = self._register.anchor(slot)
        if anchor is None:
            raise NotFound("the keystore holds no anchor for this key version", code="kms.key-missing")
        return wrapping.unseal(self._cipher(slot, anchor), handle[1 + SLOT_ID_BYTES :], _associated(slot, spec))

    def _cipher(self, slot: bytes, anchor: bytes) -> AESGCM:
        if self._master is None:
            raise Sealed("the keystore is sealed", code="kms.sealed")
        derived = HKDF(hashes.SHA256(), wrapping.KEY_BYTES, salt=slot, info=_DOMAIN)
        return AESGCM(derived.derive(self._master.reveal() + anchor))


def _slot_of(handle: bytes) -> bytes:
    if len(handle) <= 1 + SLOT_ID_BYTES or handle[0] != _FORMAT:
        raise Damaged("a handle of the keystore has an unknown format", code="kms.handle")
    return slot_of(handle)


def _associated(slot: bytes, spec: KeySpec) -> bytes:
    return _DOMAIN + slot + json.dumps([spec.name, spec.algorithm.value, spec.exportable]).encode()


def _not_for_this_transport() -> Damaged:
    return Damaged(
        "the wrapped key does not open under this transport key",
        code="kms.import-damaged",
        hint="wrap an AES-256 key with RSA-OAEP, using the hash that the import parameters name",
    )
