"""Keys on a PKCS#11 token: how they are made, used, brought in and let out. One session, one thread."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from os import urandom
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from pkcs11 import MGF, Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as p11

from nexus.crypto.wrapping import KEY_BYTES, NONCE_BYTES, OVERHEAD_BYTES, TAG_BYTES
from nexus.kernel.errors import Damaged, Unavailable
from nexus.kms.model import Algorithm
from nexus.kms.ports import TOKEN_LOST, KeySpec, ProviderKey
from nexus.kms.providers import openssl_errors
from nexus.kms.providers.software import COORDINATE_BYTES, RSA_BITS

KEY_BITS: Final = 8 * KEY_BYTES
KWP_BYTES: Final = KEY_BYTES + 8
"""AES-KWP of an AES-256 key."""
_ED25519_PARAMETERS: Final = bytes.fromhex("130c656477617264733235353139")
"""CKA_EC_PARAMS of the curve, as PKCS#11 3.0 names it: PrintableString "edwards25519"."""
_ED25519_BYTES: Final = 32
_P256_PARAMETERS: Final = bytes.fromhex("06082a8648ce3d030107")
"""CKA_EC_PARAMS of P-256: its object identifier, 1.2.840.10045.3.1.7."""
_POINT_BYTES: Final = 1 + 2 * COORDINATE_BYTES
"""An uncompressed point: 04, x, y."""
_OAEP_PARAMETERS: Final = (Mechanism.SHA_1, MGF.SHA1, None)
_NEVER_READABLE: Final = {Attribute.SENSITIVE: True, Attribute.PRIVATE: True}
_PROBE: Final = b"probe"

NEEDED: Final[Mapping[Algorithm, frozenset[Mechanism]]] = {
    Algorithm.AES_256_GCM: frozenset({Mechanism.AES_KEY_GEN, Mechanism.AES_GCM}),
    Algorithm.HMAC_SHA_256: frozenset({Mechanism.GENERIC_SECRET_KEY_GEN, Mechanism.SHA256_HMAC}),
    Algorithm.ED25519: frozenset({Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.EDDSA}),
    Algorithm.ECDSA_P256: frozenset({Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA}),
    Algorithm.RSA_3072: frozenset({Mechanism.RSA_PKCS_KEY_PAIR_GEN, Mechanism.RSA_PKCS_OAEP}),
}
"""Mechanisms without which a token cannot hold a key of that kind."""

_GONE: Final = (
    p11.DeviceRemoved,
    p11.DeviceError,
    p11.TokenNotPresent,
    p11.SessionClosed,
    p11.SessionHandleInvalid,
    p11.UserNotLoggedIn,
)
"""The session is over. A single object that has gone missing is not that: it must not seal everything else."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the library's errors into ours: what is not explained on the spot is Unavailable, and may be for good."""
    try:
        yield
    except _GONE as error:
        raise Unavailable(
            f"{what}: it is gone ({type(error).__name__})",
            code=TOKEN_LOST,
            hint="see that the token is there, then unseal again",
        ) from error
    except p11.PKCS11Error as error:
        raise Unavailable(
            f"{what} ({type(error).__name__})", code="kms.token", hint="`nexus doctor` looks at the token"
        ) from error
    finally:
        openssl_errors.forget()


# Keys in use


class SealingKey(ProviderKey):
    """AES-256-GCM. The nonce is ours (random), because tokens differ in how they would choose one."""

    def __init__(self, session: Any, key: Any) -> None:
        self._session, self._key = session, key

    def seal(self, plaintext: bytes, associated: bytes) -> bytes:
        nonce = urandom(NONCE_BYTES)
        with translated("the token did not seal"):
            sealed = self._key.encrypt(
                plaintext, mechanism=Mechanism.AES_GCM, mechanism_param=GCMParams(nonce, associated, TAG_BYTES * 8)
            )
        return nonce + bytes(sealed)

    def unseal(self, sealed: bytes, associated: bytes) -> bytes:
        if len(sealed) < OVERHEAD_BYTES:
            raise _does_not_verify()
        parameters = GCMParams(sealed[:NONCE_BYTES], associated, TAG_BYTES * 8)
        with translated("the token did not unseal"):
            try:
                return bytes(
                    self._key.decrypt(sealed[NONCE_BYTES:], mechanism=Mechanism.AES_GCM, mechanism_param=parameters)
                )
            except (p11.EncryptedDataInvalid, p11.EncryptedDataLenRange) as error:
                raise _does_not_verify() from error
            except (p11.GeneralError, p11.FunctionFailed) as error:
                # SoftHSM says no more than this for a wrong tag, and the same for a token that has gone.
                self._prove_alive()
                raise _does_not_verify() from error

    def _prove_alive(self) -> None:
        self.seal(_PROBE, b"")


class MacKey(ProviderKey):
    """HMAC-SHA-256 with a generic secret of the token."""

    def __init__(self, session: Any, key: Any) -> None:
        self._key = key

    def mac(self, message: bytes) -> bytes:
        with translated("the token computed no MAC"):
            return bytes(self._key.sign(message, mechanism=Mechanism.SHA256_HMAC))


class Ed25519Key(ProviderKey):
    """A key pair of the token; the public half is read once."""

    def __init__(self, session: Any, public: Any, private: Any) -> None:
        self._private = private
        self._point = bytes(public[Attribute.EC_POINT])[-_ED25519_BYTES:]  # a DER OCTET STRING, or raw: both end so

    def sign(self, message: bytes) -> bytes:
        with translated("the token did not sign"):
            return bytes(self._private.sign(message, mechanism=Mechanism.EDDSA))

    def public_bytes(self) -> bytes:
        return self._point


class EcdsaKey(ProviderKey):
    """A key pair of the token. The hash is ours: CKM_ECDSA takes a digest, and every token has that mechanism."""

    def __init__(self, session: Any, public: Any, private: Any) -> None:
        self._private = private
        self._point = bytes(public[Attribute.EC_POINT])[-_POINT_BYTES:]  # a DER OCTET STRING, or raw: both end so

    def sign(self, message: bytes) -> bytes:
        with translated("the token did not sign"):
            return bytes(self._private.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA))

    def public_bytes(self) -> bytes:
        return self._point


class TransportKey(ProviderKey):
    """The RSA key pair of an import."""

    def __init__(self, session: Any, public: Any, private: Any) -> None:
        self.private = private
        modulus, exponent = (
            int.from_bytes(public[attribute], "big") for attribute in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
        )
        self._public = RSAPublicNumbers(exponent, modulus).public_key()

    def public_bytes(self) -> bytes:
        return self._public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def load(session: Any, spec: KeySpec, objects: list[Any]) -> ProviderKey:
    """The usable key over the object, or the pair of objects, of one key version."""
    match spec.algorithm:
        case Algorithm.AES_256_GCM:
            return SealingKey(session, objects[0])
        case Algorithm.HMAC_SHA_256:
            return MacKey(session, objects[0])
        case Algorithm.ED25519:
            return Ed25519Key(session, *_pair(objects))
        case Algorithm.ECDSA_P256:
            return EcdsaKey(session, *_pair(objects))
        case _:
            return TransportKey(session, *_pair(objects))


def _pair(objects: list[Any]) -> tuple[Any, Any]:
    by_class = {item.object_class: item for item in objects}
    try:
        return by_class[ObjectClass.PUBLIC_KEY], by_class[ObjectClass.PRIVATE_KEY]
    except KeyError as error:
        raise Damaged("the token holds half of a key pair", code="kms.key-missing") from error


# Finding them

_PAIRS: Final = (ObjectClass.PUBLIC_KEY, ObjectClass.PRIVATE_KEY)
_KINDS: Final = (
    (ObjectClass.SECRET_KEY, KeyType.AES),
    (ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET),
    *((half, kind) for kind in (KeyType.EC_EDWARDS, KeyType.EC, KeyType.RSA) for half in _PAIRS),
)


def find(session: Any) -> Iterator[tuple[bytes, Any]]:
    """Each key object of the token with its CKA_ID.

    Asked for kind by kind, because a process that is killed may leave an object half written: SoftHSM lists it, and
    then refuses to say what it is. Such a key was never acknowledged; it must not keep the others from being found.
    """
    for object_class, key_type in _KINDS:
        for item in session.get_objects({Attribute.CLASS: object_class, Attribute.KEY_TYPE: key_type}):
            with suppress(p11.AttributeTypeInvalid, p11.AttributeValueInvalid):
                yield bytes(item[Attribute.ID]), item


# Making them


def generate(session: Any, spec: KeySpec, slot: bytes) -> list[Any]:
    """New objects of the token, under this CKA_ID and with the spec's name as label."""
    template = _template(spec)
    named = {"id": slot, "label": spec.name, "store": True}
    match spec.algorithm:
        case Algorithm.AES_256_GCM:
            use = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
            return [session.generate_key(KeyType.AES, KEY_BITS, capabilities=use, template=template, **named)]
        case Algorithm.HMAC_SHA_256:
            return [
                session.generate_key(
                    KeyType.GENERIC_SECRET, KEY_BITS, capabilities=MechanismFlag.SIGN, template=template, **named
                )
            ]
        case Algorithm.ED25519:
            curve = session.create_domain_parameters(
                KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _ED25519_PARAMETERS}, local=True
            )
            return _pair_on(curve, Mechanism.EC_EDWARDS_KEY_PAIR_GEN, template, named)
        case Algorithm.ECDSA_P256:
            curve = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: _P256_PARAMETERS}, local=True)
            return _pair_on(curve, Mechanism.EC_KEY_PAIR_GEN, template, named)
        case _:
            return list(
                session.generate_keypair(
                    KeyType.RSA,
                    RSA_BITS,
                    capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
                    private_template=template,
                    **named,
                )
            )


def _pair_on(curve: Any, mechanism: Mechanism, template: dict[Attribute, bool], named: dict[str, Any]) -> list[Any]:
    use = MechanismFlag.SIGN | MechanismFlag.VERIFY
    return list(curve.generate_keypair(mechanism=mechanism, capabilities=use, private_template=template, **named))


def _template(spec: KeySpec) -> dict[Attribute, bool]:
    return {**_NEVER_READABLE, Attribute.EXTRACTABLE: spec.exportable}


# Bringing keys in and letting them out


def admit(session: Any, spec: KeySpec, slot: bytes, transport: TransportKey, wrapped: bytes) -> Any:
    """Import, both steps inside the token: OAEP to a temporary key, KWP with it to the object that stays."""
    split = RSA_BITS // 8
    if len(wrapped) != split + KWP_BYTES:
        raise _not_for_this_transport()
    try:
        temporary = transport.private.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.AES,
            wrapped[:split],
            mechanism=Mechanism.RSA_PKCS_OAEP,
            mechanism_param=_OAEP_PARAMETERS,
            capabilities=MechanismFlag.UNWRAP,
            template={**_NEVER_READABLE, Attribute.EXTRACTABLE: False},
        )
        try:
            admitted = temporary.unwrap_key(
                ObjectClass.SECRET_KEY,
                KeyType.AES,
                wrapped[split:],
                mechanism=Mechanism.AES_KEY_WRAP_PAD,
                id=slot,
                label=spec.name,
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template=_template(spec),
            )
        finally:
            temporary.destroy()
    except (p11.GeneralError, p11.FunctionFailed, p11.WrappedKeyInvalid, p11.WrappedKeyLenRange) as error:
        session.generate_random(64)  # raises if the token is gone, which would look the same
        raise _not_for_this_transport() from error
    _prove_usable(session, admitted)
    return admitted


def _prove_usable(session: Any, key: Any) -> None:
    """A token may admit a key of a length that AES does not have, and say so only when it is used."""
    try:
        SealingKey(session, key).seal(_PROBE, b"")
    except Unavailable as error:
        key.destroy()
        raise _not_for_this_transport() from error


def release(session: Any, key: Any, recipient: RSAPublicKey) -> bytes:
    """Export, both steps inside the token: a temporary key under OAEP, then the key under KWP with the temporary one."""
    numbers = recipient.public_numbers()
    public = session.create_object(
        {
            Attribute.CLASS: ObjectClass.PUBLIC_KEY,
            Attribute.KEY_TYPE: KeyType.RSA,
            Attribute.MODULUS: numbers.n.to_bytes(recipient.key_size // 8, "big"),
            Attribute.PUBLIC_EXPONENT: numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big"),
            Attribute.WRAP: True,
            Attribute.TOKEN: False,
        }
    )
    temporary = session.generate_key(
        KeyType.AES,
        KEY_BITS,
        store=False,
        capabilities=MechanismFlag.WRAP,
        template={**_NEVER_READABLE, Attribute.EXTRACTABLE: True},
    )
    try:
        to_recipient = public.wrap_key(temporary, mechanism=Mechanism.RSA_PKCS_OAEP, mechanism_param=_OAEP_PARAMETERS)
        return bytes(to_recipient) + bytes(temporary.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP_PAD))
    finally:
        temporary.destroy()
        public.destroy()


def _does_not_verify() -> Damaged:
    return Damaged("a wrapped key does not verify: it was altered, or belongs to another context", code="wrapping.tag")


def _not_for_this_transport() -> Damaged:
    return Damaged(
        "the wrapped key does not open under this transport key",
        code="kms.import-damaged",
        hint="wrap an AES-256 key with RSA-OAEP, using the hash that the import parameters name",
    )
