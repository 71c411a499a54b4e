"""The operations of the key service that doors offer: one definition each. `service` is a `KeyServiceClient`."""

from typing import Any, Final

from nexus.kernel.operation import PLATFORM, OperationSpec, Resource
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import Key, KeyServiceStatus, RewrapJob
from nexus.kms.requests import (
    CreateKey,
    ExportedKey,
    ExportKey,
    ImportKey,
    ImportParameters,
    ImportVersion,
    KeyPage,
    KeyRef,
    ListKeys,
    Nothing,
    RewrapJobs,
    ScheduleDestruction,
    Sealing,
    Unseal,
)


def key_resource(key_id: str) -> Resource:
    """A key as the policies and the log know it."""
    return Resource("Key", key_id)


NEW_KEY: Final = key_resource("new")
"""What creation and import act on, before there is an id."""


def _key(service: Any, request: Any) -> Resource:
    return key_resource(request.key_id)


def _new_key(service: Any, request: Any) -> Resource:
    return NEW_KEY


def _platform(service: Any, request: Any) -> Resource:
    return PLATFORM


OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    OperationSpec(
        name="kms.key.create",
        service="kms",
        method="POST",
        path="/v1/keys",
        summary="Create a key",
        request=CreateKey,
        result=Key,
        action="kms.key.create",
        run=KeyServiceClient.create,
        resource=_new_key,
    ),
    OperationSpec(
        name="kms.key.list",
        service="kms",
        method="GET",
        path="/v1/keys",
        summary="List keys with owner, purpose, age and next rotation",
        request=ListKeys,
        result=KeyPage,
        action="kms.key.list",
        run=KeyServiceClient.list_keys,
        resource=_platform,
    ),
    OperationSpec(
        name="kms.key.read",
        service="kms",
        method="GET",
        path="/v1/keys/{key_id}",
        summary="Show a key, its versions and, once destroyed, its certificate",
        request=KeyRef,
        result=Key,
        action="kms.key.read",
        run=KeyServiceClient.read,
        resource=_key,
    ),
    OperationSpec(
        name="kms.key.rotate",
        service="kms",
        method="POST",
        path="/v1/keys/{key_id}/rotate",
        summary="Add a version: it seals from now on, older ones still open",
        request=KeyRef,
        result=Key,
        action="kms.key.rotate",
        run=KeyServiceClient.rotate,
        resource=_key,
    ),
    OperationSpec(
        name="kms.key.disable",
        service="kms",
        method="POST",
        path="/v1/keys/{key_id}/disable",
        summary="Disable a key: nothing under it opens until it is enabled",
        request=KeyRef,
        result=Key,
        action="kms.key.disable",
        run=KeyServiceClient.disable,
        resource=_key,
    ),
    OperationSpec(
        name="kms.key.enable",
        service="kms",
        method="POST",
        path="/v1/keys/{key_id}/enable",
        summary="Enable a disabled key",
        request=KeyRef,
        result=Key,
        action="kms.key.enable",
        run=KeyServiceClient.enable,
        resource=_key,
    ),
    OperationSpec(
        name="kms.key.destroy",
        service="kms",
        method="POST",
        path="/v1/keys/{key_id}/destroy",
        summary="Schedule the destruction of a key, and of everything under it, after a waiting period",
        request=ScheduleDestruction,
        result=Key,
        action="kms.key.destroy",
        run=KeyServiceClient.schedule_destruction,
        resource=_key,
        sensitive=True,
    ),
    OperationSpec(
        name="kms.key.cancel-destruction",
        service="kms",
        method="POST",
        path="/v1/keys/{key_id}/cancel-destruction",
        summary="Cancel a scheduled destruction; the key stays disabled",
        request=KeyRef,
        result=Key,
        action="kms.key.cancel-destruction",
        run=KeyServiceClient.cancel_destruction,
        resource=_key,
    ),
    OperationSpec(
        name="kms.key.import-parameters",
        service="kms",
        method="POST",
        path="/v1/keys/import-parameters",
        summary="Get a transport key, under which a key made elsewhere is to be wrapped",
        request=Nothing,
        result=ImportParameters,
        action="kms.key.import",
        run=KeyServiceClient.import_parameters,
        resource=_new_key,
    ),
    OperationSpec(
        name="kms.key.import",
        service="kms",
        method="POST",
        path="/v1/keys/import",
        summary="Import a key made elsewhere",
        request=ImportKey,
        result=Key,
        action="kms.key.import",
        run=KeyServiceClient.import_key,
        resource=_new_key,
    ),
    OperationSpec(
        name="kms.key.import-version",
        service="kms",
        method="POST",
        path="/v1/keys/{key_id}/import-version",
        summary="Rotate an imported key by another import",
        request=ImportVersion,
        result=Key,
        action="kms.key.import",
        run=KeyServiceClient.import_version,
        resource=_key,
    ),
    OperationSpec(
        name="kms.key.export",
        service="kms",
        method="POST",
        path="/v1/keys/{key_id}/export",
        summary="Export an exportable key, wrapped for a recipient",
        request=ExportKey,
        result=ExportedKey,
        action="kms.key.export",
        run=KeyServiceClient.export_key,
        resource=_key,
        sensitive=True,
        secret_result=True,
    ),
    OperationSpec(
        name="kms.key.rewrap",
        service="kms",
        method="POST",
        path="/v1/keys/{key_id}/rewrap",
        summary="Start (or find again) the job that wraps data keys under the newest version",
        request=KeyRef,
        result=RewrapJob,
        action="kms.key.rewrap",
        run=KeyServiceClient.begin_rewrap,
        resource=_key,
    ),
    OperationSpec(
        name="kms.rewrap.list",
        service="kms",
        method="GET",
        path="/v1/rewraps",
        summary="List rewrap jobs and how far they are",
        request=Nothing,
        result=RewrapJobs,
        action="kms.key.list",
        run=KeyServiceClient.rewrap_jobs,
        resource=_platform,
    ),
    OperationSpec(
        name="kms.service.status",
        service="kms",
        method="GET",
        path="/v1/key-service",
        summary="Show whether the key service is sealed, and what it runs on",
        request=Nothing,
        result=KeyServiceStatus,
        action="kms.service.status",
        run=KeyServiceClient.read_status,
        resource=_platform,
    ),
    OperationSpec(
        name="kms.service.seal",
        service="kms",
        method="POST",
        path="/v1/key-service/seal",
        summary="Seal the key service: every read and write stops",
        request=Nothing,
        result=Sealing,
        action="kms.service.seal",
        run=KeyServiceClient.seal,
        resource=_platform,
    ),
    OperationSpec(
        name="kms.service.unseal",
        service="kms",
        method="POST",
        path="/v1/key-service/unseal",
        summary="Unseal with the passphrase or with one custodian's share",
        request=Unseal,
        result=KeyServiceStatus,
        action="kms.service.seal",
        run=KeyServiceClient.unseal_by_request,
        resource=_platform,
    ),
)
