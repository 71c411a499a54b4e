"""A PKCS#11 token: SoftHSM in tests, any other by configuration.

Every key version is an object of the token that the token does not let out (or only wrapped, if it was created as
exportable). What the token cannot hold (ML-DSA, on most) is wrapped by a key of the token, one for each such version,
and used in this process's memory: `Custody` says which is which. Handles name objects by CKA_ID, so that they outlive
sessions; the objects themselves are looked up once a session, because a search costs far more than a use.

A token is used from one thread only: two threads in SoftHSM through this library gave errors, and then crashes.
"""

import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import exceptions as p11

from nexus.kernel.errors import Damaged, Denied, Invalid, NexusError, NotFound, Sealed, Unavailable
from nexus.kernel.secret import Secret
from nexus.kms.anchors import SLOT_ID_BYTES, AnchorRegister, new_slot_id, slot_of
from nexus.kms.model import Algorithm, Custody
from nexus.kms.ports import Held, KeySpec, ProviderFacts, ProviderKey
from nexus.kms.providers import openssl_errors, software, token_keys
from nexus.kms.providers.token_keys import translated

EMULATED_MAKERS: Final = frozenset({"SoftHSM project"})
"""Makers of tokens that are software."""
_IN_TOKEN, _WRAPPED = 1, 2
_LABEL_CHARS: Final = 64


class Pkcs11Token:
    """A `Provider` on one token of one PKCS#11 library."""

    def __init__(self, module: Path, token_label: str, register: AnchorRegister) -> None:
        """`module`: the token's library. Raises Unavailable if it does not load or has no such token."""
        self._thread = threading.get_ident()
        self._module, self._token_label = module, token_label
        self._register = register
        self._session: Any = None
        self._objects: dict[bytes, list[Any]] = {}
        self._loaded: dict[bytes, ProviderKey] = {}
        token = self._find_token()
        self.facts = _facts(token)
        self._mechanisms = frozenset(token.slot.get_mechanisms())

    # The session

    def open(self, secret: Secret) -> None:
        self._own_thread()
        token = self._find_token()
        try:
            with translated("the token refused a session"):
                self._session = _log_in(token, secret)
                self._find_objects()
                self._bury_again()
        except NexusError:
            self.close()
            raise

    def close(self) -> None:
        """Also ends the library: a session that a failed attempt left behind would else inherit the next log-in."""
        self._own_thread()
        self._objects.clear()
        self._loaded.clear()
        session, self._session = self._session, None
        with suppress(p11.PKCS11Error):  # if the device is gone, so is the session
            if session is not None:
                session.close()
        with suppress(p11.PKCS11Error):
            pkcs11.lib(str(self._module)).finalize()
        openssl_errors.forget()

    def _find_token(self) -> Any:
        with translated("the token cannot be reached"):
            try:
                return pkcs11.lib(str(self._module)).get_token(token_label=self._token_label)
            except (p11.NoSuchToken, p11.TokenNotPresent) as error:
                raise Unavailable(
                    f"there is no token with the label {self._token_label!r}",
                    code="kms.no-token",
                    hint="docs/how-to/use-a-pkcs11-token.md",
                ) from error

    def _find_objects(self) -> None:
        self._objects.clear()
        for slot, item in token_keys.find(self._session):
            if len(slot) == SLOT_ID_BYTES:
                self._objects.setdefault(slot, []).append(item)

    def _bury_again(self) -> None:
        """Destroy what came back with a restored token although the register says that it was destroyed."""
        for slot in self._register.destroyed & self._objects.keys():
            self._destroy_objects(slot)

    # Keys

    def generate(self, spec: KeySpec) -> Held:
        if spec.algorithm is Algorithm.ML_DSA_44 or not self._has(spec.algorithm):
            return self._generate_wrapped(spec)
        slot = new_slot_id()
        with translated("the token made no key"):
            made = token_keys.generate(self._open_session(), spec, slot)
        self._objects[slot] = made
        return Held(bytes([_IN_TOKEN]) + slot, Custody.IN_TOKEN)

    def use(self, spec: KeySpec, handle: bytes) -> ProviderKey:
        key = self._loaded.get(handle)
        if key is None:
            key = self._loaded[handle] = self._load(spec, handle)
        return key

    def admit(self, spec: KeySpec, transport: ProviderKey, wrapped: bytes) -> Held:
        if not isinstance(transport, token_keys.TransportKey):
            raise Invalid("this is not a transport key", code="kms.key-class")
        slot = new_slot_id()
        with translated("the token admitted no key"):
            self._objects[slot] = [token_keys.admit(self._open_session(), spec, slot, transport, wrapped)]
        return Held(bytes([_IN_TOKEN]) + slot, Custody.IN_TOKEN)

    def release(self, spec: KeySpec, handle: bytes, recipient: bytes) -> bytes:
        if not spec.exportable:
            raise Denied("this key was created as one that never leaves", code="kms.not-exportable")
        slot, _ = _parse(handle)
        key = self._secret_object(spec, slot)
        with translated("the token released no key"):
            try:
                return token_keys.release(self._open_session(), key, software.recipient_key(recipient))
            except (p11.KeyUnextractable, p11.KeyNotWrappable) as error:
                raise Denied("the token does not let this key out", code="kms.not-exportable") from error

    def destroy(self, handle: bytes) -> None:
        self._open_session()
        slot, _ = _parse(handle)
        self._register.destroy(slot)
        self._loaded.pop(handle, None)
        with translated("the token did not destroy the key"):
            self._destroy_objects(slot)

    # What the token cannot hold itself

    def _generate_wrapped(self, spec: KeySpec) -> Held:
        slot = new_slot_id()
        with translated("the token made no key"):
            self._objects[slot] = token_keys.generate(self._open_session(), _wrapper_of(spec), slot)
        material = software.generate(spec.algorithm)
        sealed = self._wrapper(spec, slot).seal(material, _associated(spec))
        return Held(bytes([_WRAPPED]) + slot + sealed, Custody.WRAPPED_BY_TOKEN)

    def _wrapper(self, spec: KeySpec, slot: bytes) -> ProviderKey:
        return token_keys.SealingKey(self._open_session(), self._secret_object(_wrapper_of(spec), slot))

    def _load(self, spec: KeySpec, handle: bytes) -> ProviderKey:
        slot, sealed = _parse(handle)
        if sealed:
            return software.load(spec.algorithm, self._wrapper(spec, slot).unseal(sealed, _associated(spec)))
        with translated("the token gave no key"):
            return token_keys.load(self._open_session(), spec, self._live_objects(spec, slot))

    # Objects

    def _secret_object(self, spec: KeySpec, slot: bytes) -> Any:
        return self._live_objects(spec, slot)[0]

    def _live_objects(self, spec: KeySpec, slot: bytes) -> list[Any]:
        self._open_session()
        found = self._objects.get(slot, [])
        if not found or slot in self._register.destroyed:
            raise NotFound("the token does not hold this key version", code="kms.key-missing")
        if any(item.label != spec.name[:_LABEL_CHARS] for item in found):
            raise Damaged("an object of the token bears another key's name", code="kms.handle")
        return found

    def _destroy_objects(self, slot: bytes) -> None:
        for item in self._objects.pop(slot, []):
            with suppress(p11.ObjectHandleInvalid, p11.KeyHandleInvalid):  # destroyed before: twice is once
                item.destroy()

    def _has(self, algorithm: Algorithm) -> bool:
        return token_keys.NEEDED[algorithm] <= self._mechanisms

    def _open_session(self) -> Any:
        self._own_thread()
        if self._session is None:
            raise Sealed("the token's session is closed", code="kms.sealed")
        return self._session

    def _own_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError("a token is used from the thread that opened it, and from no other")


def _facts(token: Any) -> ProviderFacts:
    maker, model = (str(text).strip() for text in (token.manufacturer_id, token.model))
    return ProviderFacts(
        name="pkcs11",
        device=f"{token.label.strip()} ({maker}, {model})",
        emulated=maker in EMULATED_MAKERS,
        oaep_hash="SHA-1",
        destruction="the object of each version was destroyed in the token",
    )


def _log_in(token: Any, pin: Secret) -> Any:
    try:
        return token.open(rw=True, user_pin=pin.reveal().decode("utf-8"))
    except (p11.PinIncorrect, p11.PinInvalid, p11.PinLenRange, UnicodeDecodeError) as error:
        raise Denied(
            "the token refused the PIN",
            code="kms.wrong-pin",
            hint="the PIN was changed on the token, or this is another token; each attempt counts there",
        ) from error
    except p11.PinLocked as error:
        raise Denied("the token is locked: too many wrong PINs", code="kms.pin-locked") from error


def _wrapper_of(spec: KeySpec) -> KeySpec:
    """The key of the token that wraps one software key, and no other."""
    return KeySpec(f"{spec.name}/wrap", Algorithm.AES_256_GCM)


def _associated(spec: KeySpec) -> bytes:
    return f"nexus-token-wrapped/1\0{spec.name}\0{spec.algorithm.value}".encode()


def _parse(handle: bytes) -> tuple[bytes, bytes]:
    """The slot, and the wrapped material if the token holds only what wraps it."""
    slot, sealed = slot_of(handle), handle[1 + SLOT_ID_BYTES :]
    expected = {_IN_TOKEN: not sealed, _WRAPPED: bool(sealed)}
    if len(slot) != SLOT_ID_BYTES or not expected.get(handle[0], False):
        raise Damaged("a handle of the token has an unknown format", code="kms.handle")
    return slot, sealed
