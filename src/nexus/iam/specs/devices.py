"""Devices that prove themselves by a certificate."""

from nexus.iam.requests.devices import Device, Devices, EnrolDevice
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.specs.spec import of_identity, spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.device.enrol",
        "POST /v1/devices",
        "Let a device's certificate count for an identity",
        EnrolDevice,
        Device,
        lambda service, op, request: service.devices.enrol(op, request),
        of_identity,
        step_up=True,
    ),
    spec(
        "iam.device.list",
        "GET /v1/identities/{identity}/devices",
        "List the devices of an identity",
        OfIdentity,
        Devices,
        lambda service, op, request: service.devices.list_devices(op, request),
        of_identity,
    ),
    spec(
        "iam.device.revoke",
        "DELETE /v1/devices/{id}",
        "Let a device's certificate count no more",
        ById,
        None,
        lambda service, op, request: service.devices.revoke(op, request),
        lambda service, request: service.resources.device(request.id),
    ),
)
