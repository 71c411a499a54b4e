"""P-256 as verifiers see it: raw points and raw signatures, over the library's own types."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature


class P256PublicKey:
    """The raw forms of P-256 (an uncompressed point; r, then s) over the library's own."""

    def __init__(self, point):
        self._key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)

    from_public_bytes = classmethod(lambda cls, point: cls(point))

    def verify(self, signature, message):
        halves = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        self._key.verify(encode_dss_signature(*halves), message, ec.ECDSA(hashes.SHA256()))
