"""Devices that prove themselves by a certificate: enrolled for one identity by an officer, listed, revoked.

A certificate of the right authority is not enough: it counts for the identity that it was enrolled for (or, of a machine,
for whoever answers for it), and no longer than until it ends or somebody revokes it. docs/decisions/0017-device-certificates.md
"""

from typing import Final

from nexus.iam.device_proof import DeviceAuthorities, der_of
from nexus.iam.model import NoticeKind
from nexus.iam.notices import tell
from nexus.iam.requests.devices import Device, Devices, EnrolDevice
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.rules import check_name
from nexus.iam.store import device_certificates as store
from nexus.iam.store import identities
from nexus.iam.store.device_certificates import DeviceRow
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NotFound, Unauthenticated
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, Operation, Resource

MAX_DEVICES: Final = 20
"""Certificates of one identity that were not revoked."""


class KnownDevices:
    """What the doors ask: which enrolled device sent a request."""

    def __init__(self, db: Database, clock: Clock, authorities: DeviceAuthorities) -> None:
        self._db = db
        self._clock = clock
        self._authorities = authorities

    def named(self, header: str, actor: Actor) -> str:
        """The id of the device, or empty: no certificate, none that counts, or another identity's. Asked at each request."""
        if not header:
            return ""
        now = self._clock.now()
        try:
            proved = self._authorities.shown(header, now)
        except Unauthenticated:
            return ""
        row = self._db.peek(store.FIND_USABLE, (proved.fingerprint, now))
        return str(row[0]) if row is not None and row[1] in {actor.id, actor.person} else ""


class DeviceStories:
    """The life of a device's enrolment."""

    def __init__(self, db: Database, clock: Clock, authorities: DeviceAuthorities) -> None:
        self._db = db
        self._clock = clock
        self._authorities = authorities

    async def enrol(self, op: Operation, request: EnrolDevice) -> Device:
        """Let a certificate count for an identity. Raises Invalid (certificate), NotFound, Conflict (known already)."""
        name, now = check_name(request.name), self._clock.now()
        try:
            proved = self._authorities.verified(der_of(request.certificate), now)
        except Unauthenticated:
            raise Invalid(
                "this certificate does not verify: it needs the authority of device_authority, and use by clients",
                code="iam.device-certificate",
            ) from None

        def work(tx: Transaction) -> Recorded[Device]:
            found = identities.identity(tx, request.identity)
            if found is None:
                raise NotFound("no such identity", code="iam.no-identity")
            if store.known(tx, proved.fingerprint):
                raise Conflict("this certificate was enrolled already", code="iam.device-exists", hint="make a new one")
            if store.count(tx, found.id) >= MAX_DEVICES:
                raise Conflict(f"an identity has at most {MAX_DEVICES} devices", code="iam.devices")
            by = op.actor.person or op.actor.id
            new = DeviceRow(new_id("dev"), found.id, name, proved.fingerprint, by, now, proved.ends_at, None)
            store.add(tx, new)
            tell(tx, found.person, NoticeKind.NEW_DEVICE_CERTIFICATE, op.at, op.origin)
            entry = op.allowed("iam.device.enrol", Resource("Identity", found.id), device=new.id)
            return Recorded(_view(new), entry)

        return await self._db.write(work)

    async def list_devices(self, op: Operation, request: OfIdentity) -> Devices:
        """The devices of an identity, the newest first."""
        with self._db.read() as tx:
            found = store.of_identity(tx, request.identity)
        await self._db.record(op.allowed("iam.device.list", Resource("Identity", request.identity), count=len(found)))
        return Devices(devices=tuple(_view(row) for row in found))

    async def revoke(self, op: Operation, request: ById) -> None:
        """Let a certificate count no more, from the next request at every door. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = store.find(tx, request.id)
            if found is None:
                raise NotFound("no such device", code="iam.no-device")
            store.revoke(tx, found.id, self._clock.now())
            return Recorded(
                None, op.allowed("iam.device.revoke", Resource("Identity", found.identity), device=found.id)
            )

        await self._db.write(work)


def _view(row: DeviceRow) -> Device:
    return Device(
        id=row.id,
        identity=row.identity,
        name=row.name,
        fingerprint=row.fingerprint.hex(),
        enrolled_by=row.enrolled_by,
        enrolled_at=row.enrolled_at,
        ends_at=row.ends_at,
        revoked_at=row.revoked_at,
    )
