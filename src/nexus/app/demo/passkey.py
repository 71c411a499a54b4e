"""A passkey in software: what a security key and the browser around it do, for people who are not there.

It signs what it is asked for at the console's address and says that its owner was present and verified. It protects
nothing: its key lies in this process. It is for the demonstration and for tests, as their authenticators are.
"""

import secrets
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import encode_cbor

PRESENT, VERIFIED, HOLDS_CREDENTIAL = 0x01, 0x04, 0x40
"""Flags of the authenticator data."""
ES256: Final = -7


class SoftwarePasskey:
    """One resident credential. Every attribute may be changed, so that tests can lie with it."""

    def __init__(self, origin: str = "") -> None:
        """`origin`: the address of the page that the browser shows; by default the one that the platform names."""
        self.origin = origin
        self.rp_id = ""
        self.user_handle = b""
        self.credential_id = secrets.token_bytes(32)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.count = 0
        self.flags = PRESENT | VERIFIED
        self.client: dict[str, Any] = {"crossOrigin": False}

    def create(self, asked: Mapping[str, Any]) -> dict[str, str]:
        """Answer `iam.passkey.begin`: the fields of `iam.passkey.register` beside the identity and the name."""
        self.rp_id, self.user_handle = asked["rp_id"], b64decode(asked["user_handle"])
        numbers = self.key.public_key().public_numbers()
        public_key = encode_cbor(
            {1: 2, 3: ES256, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )
        held = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + public_key
        data = self._authenticator_data(HOLDS_CREDENTIAL) + held
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", asked)
        return {"client_data": _text(client_data), "attestation": _text(attestation)}

    def get(self, asked: Mapping[str, Any]) -> dict[str, str]:
        """Answer a challenge: the fields of `iam.passkey.sign-in`, and of the assertion of a step-up."""
        self.count += 1
        client_data, data = self._client_data("webauthn.get", asked), self._authenticator_data()
        signature = self.key.sign(data + sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return {
            "credential": _text(self.credential_id),
            "client_data": _text(client_data),
            "authenticator_data": _text(data),
            "signature": _text(signature),
            "user_handle": _text(self.user_handle),
        }

    def _authenticator_data(self, more: int = 0) -> bytes:
        return sha256(self.rp_id.encode()).digest() + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _client_data(self, ceremony: str, asked: Mapping[str, Any]) -> bytes:
        challenge = urlsafe_b64encode(b64decode(asked["challenge"])).decode().rstrip("=")
        origin = self.origin or asked["origin"]
        return msgspec.json.encode({"type": ceremony, "challenge": challenge, "origin": origin, **self.client})


def _text(value: bytes) -> str:
    return b64encode(value).decode()
