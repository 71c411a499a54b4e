"""Devices with a certificate: what their operations take and return."""

from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant


class EnrolDevice(Request, frozen=True, kw_only=True):
    """`certificate`: one certificate in PEM, without its chain. `name` is what people call the device."""

    identity: str
    name: str
    certificate: str


class Device(Result, frozen=True, kw_only=True):
    """A device. `fingerprint`: SHA-256 of its certificate, in hex. `ends_at`: when the certificate ends."""

    id: str
    identity: str
    name: str
    fingerprint: str
    enrolled_by: str
    enrolled_at: Instant
    ends_at: Instant
    revoked_at: Instant | None


class Devices(Result, frozen=True, kw_only=True):
    """The devices of an identity."""

    devices: tuple[Device, ...]
