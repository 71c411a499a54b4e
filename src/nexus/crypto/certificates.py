"""X.509 certificates whose signer is elsewhere: take the part to be signed, have it signed, put both together.

`cryptography` builds certificates with a private key at hand. Ours stays in the key service, so `unsigned` builds with a
throw-away key of the same kind and keeps only what is to be signed (RFC 5280, 4.1.2: TBSCertificate).
"""

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from nexus.kernel.errors import Invalid

MAX_UNSIGNED_BYTES = 16_384
HALF_BYTES = 32
"""Of a raw ECDSA signature on P-256: r, then s."""
_SEQUENCE, _BIT_STRING = 0x30, 0x03
_ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
"""The AlgorithmIdentifier of 1.2.840.10045.4.3.2."""
_EMPTY_SIGNATURE = bytes(HALF_BYTES - 1) + b"\x01"


def unsigned(builder: x509.CertificateBuilder) -> bytes:
    """What an authority on P-256 has to sign (with SHA-256)."""
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).tbs_certificate_bytes


def signed(to_sign: bytes, signature: bytes) -> bytes:
    """The certificate, PEM. `signature`: raw, r then s, over `to_sign`."""
    der = _assembled(to_sign, signature)
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def read_unsigned(to_sign: bytes) -> x509.Certificate:
    """What is about to be signed, as a certificate whose signature says nothing. Raises Invalid on anything else."""
    if len(to_sign) > MAX_UNSIGNED_BYTES:
        raise Invalid("this is too long for a certificate", code="certificate.length")
    try:
        read = x509.load_der_x509_certificate(_assembled(to_sign, _EMPTY_SIGNATURE * 2))
        whole = read.tbs_certificate_bytes == to_sign and _inner_algorithm(to_sign) == _ECDSA_WITH_SHA256
        list(read.extensions)
    except ValueError as error:
        raise Invalid("this is no certificate", code="certificate.unreadable") from error
    if not whole:
        raise Invalid("this is no certificate for an authority on P-256", code="certificate.unreadable")
    return read


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """The raw form of a public key: an uncompressed point."""
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def key_at(point: bytes) -> ec.EllipticCurvePublicKey:
    """The public key on P-256 of an uncompressed point."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _assembled(to_sign: bytes, signature: bytes) -> bytes:
    halves = (int.from_bytes(half, "big") for half in (signature[:HALF_BYTES], signature[HALF_BYTES:]))
    bits = b"\x00" + encode_dss_signature(*halves)
    return _tagged(_SEQUENCE, to_sign + _ECDSA_WITH_SHA256 + _tagged(_BIT_STRING, bits))


def _inner_algorithm(to_sign: bytes) -> bytes:
    """The algorithm inside what is signed: third after version and serial number. The library does not compare it."""
    at, _ = _body(to_sign, 0)
    for _ in range(2):
        _, at = _body(to_sign, at)
    return to_sign[at : _body(to_sign, at)[1]]


def _body(der: bytes, at: int) -> tuple[int, int]:
    """Where the body of the element at `at` begins and ends. The DER has been read by a strict reader before."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start : start + count], "big"), start + count
    return start, start + length


def _tagged(tag: int, body: bytes) -> bytes:
    """DER: a short length in one byte, a longer one with the number of its bytes before it."""
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body
