"""The operations on buckets, each defined once: REST and the command line are generated from this table."""

from typing import Final

from nexus.kernel.errors import NotFound
from nexus.kernel.operation import Operation, OperationSpec, Resource
from nexus.objects.administration import (
    BucketAdministration,
    BucketPage,
    BucketView,
    ChangedSubject,
    ChangeSubject,
    CreateBucket,
    DeclareSubjects,
    LiftedLock,
    LiftLock,
    ListBuckets,
    ManifestView,
    NamedBucket,
    PutManifest,
    ReadUsage,
    SetBucketQuota,
    SetTenantQuota,
    SetVersioning,
)
from nexus.objects.capacity import CapacityUsage, Quota
from nexus.objects.erasing import Certificate
from nexus.objects.holdings import HoldingPage
from nexus.objects.model import BucketKind, bucket_resource
from nexus.objects.subject_administration import EraseSubject, ListHoldings, NamedSubject, ReachedPage
from nexus.objects.usage import BucketUsage


def _new(service: BucketAdministration, request: CreateBucket) -> Resource:
    return bucket_resource(request.name, request.site, request.project, request.kind)


_About = NamedBucket | SetVersioning | SetBucketQuota | LiftLock | DeclareSubjects | PutManifest | ChangeSubject


def _named(service: BucketAdministration, request: _About) -> Resource:
    """A bucket that does not exist is one of nobody's: whoever could not have it is refused as if it were others'."""
    try:
        return service.buckets.find(request.name).resource
    except NotFound:
        return bucket_resource(request.name, "", "", BucketKind.STANDARD)


def _subject(service: BucketAdministration, request: ListHoldings | EraseSubject | NamedSubject) -> Resource:
    return service.subjects.resource(request.subject)


async def _holdings(service: BucketAdministration, op: Operation, request: ListHoldings) -> HoldingPage:
    return await service.subjects.holdings(op, request)


async def _reached(service: BucketAdministration, op: Operation, request: NamedSubject) -> ReachedPage:
    return await service.subjects.reached(op, request)


async def _erase(service: BucketAdministration, op: Operation, request: EraseSubject) -> Certificate:
    return await service.subjects.erase(op, request)


OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    OperationSpec(
        name="objects.bucket.create",
        service="objects",
        method="POST",
        path="/v1/buckets",
        summary="Create a bucket",
        request=CreateBucket,
        result=BucketView,
        action="objects.bucket.create",
        run=BucketAdministration.create,
        resource=_new,
    ),
    OperationSpec(
        name="objects.bucket.list",
        service="objects",
        method="GET",
        path="/v1/buckets",
        summary="List the buckets that one may list",
        request=ListBuckets,
        result=BucketPage,
        action="objects.bucket.list",
        run=BucketAdministration.list,
    ),
    OperationSpec(
        name="objects.bucket.read",
        service="objects",
        method="GET",
        path="/v1/buckets/{name}",
        summary="Show a bucket and where it belongs",
        request=NamedBucket,
        result=BucketView,
        action="objects.bucket.read",
        run=BucketAdministration.read,
        resource=_named,
    ),
    OperationSpec(
        name="objects.bucket.usage",
        service="objects",
        method="GET",
        path="/v1/buckets/{name}/usage",
        summary="Show how much a bucket holds",
        request=NamedBucket,
        result=BucketUsage,
        action="objects.bucket.read",
        run=BucketAdministration.usage,
        resource=_named,
    ),
    OperationSpec(
        name="objects.usage.show",
        service="objects",
        method="GET",
        path="/v1/usage",
        summary="Show what tenants and buckets hold, may hold, and how that grew",
        request=ReadUsage,
        result=CapacityUsage,
        action="objects.usage.read",
        run=BucketAdministration.capacity,
    ),
    OperationSpec(
        name="objects.bucket.set-quota",
        service="objects",
        method="PUT",
        path="/v1/buckets/{name}/quota",
        summary="Set or lift the quota of a bucket",
        request=SetBucketQuota,
        result=Quota,
        action="objects.quota.set",
        run=BucketAdministration.set_bucket_quota,
        resource=_named,
    ),
    OperationSpec(
        name="objects.tenant.set-quota",
        service="objects",
        method="PUT",
        path="/v1/tenants/{site}/quota",
        summary="Set or lift the quota of a site, or of a project at a site",
        request=SetTenantQuota,
        result=Quota,
        action="objects.quota.set",
        run=BucketAdministration.set_tenant_quota,
    ),
    OperationSpec(
        name="objects.bucket.delete",
        service="objects",
        method="DELETE",
        path="/v1/buckets/{name}",
        summary="Delete an empty bucket",
        request=NamedBucket,
        result=None,
        action="objects.bucket.delete",
        run=BucketAdministration.delete,
        resource=_named,
    ),
    OperationSpec(
        name="objects.bucket.set-versioning",
        service="objects",
        method="PUT",
        path="/v1/buckets/{name}/versioning",
        summary="Turn versioning of a bucket on, or suspend it",
        request=SetVersioning,
        result=BucketView,
        action="objects.bucket.configure",
        run=BucketAdministration.set_versioning,
        resource=_named,
    ),
    OperationSpec(
        name="objects.bucket.declare-subjects",
        service="objects",
        method="PUT",
        path="/v1/buckets/{name}/subjects",
        summary="Say what data of patients a bucket holds",
        request=DeclareSubjects,
        result=BucketView,
        action="objects.bucket.declare-subjects",
        run=BucketAdministration.declare_subjects,
        resource=_named,
    ),
    OperationSpec(
        name="objects.manifest.put",
        service="objects",
        method="POST",
        path="/v1/buckets/{name}/manifests",
        summary="Name the subjects of objects that hold data of many",
        request=PutManifest,
        result=ManifestView,
        action="objects.object.write",
        run=BucketAdministration.put_manifest,
        resource=_named,
    ),
    OperationSpec(
        name="objects.subject.change",
        service="objects",
        method="POST",
        path="/v1/buckets/{name}/change-subject",
        summary="Say whose data an object is",
        request=ChangeSubject,
        result=ChangedSubject,
        action="objects.subject.change",
        run=BucketAdministration.change_subject,
        resource=_named,
    ),
    OperationSpec(
        name="objects.subject.holdings",
        service="objects",
        method="GET",
        path="/v1/subjects/{subject}/holdings",
        summary="Show what is held of a patient, and where",
        request=ListHoldings,
        result=HoldingPage,
        action="objects.subject.holdings",
        run=_holdings,
        resource=_subject,
    ),
    OperationSpec(
        name="objects.withdrawal.reached",
        service="objects",
        method="GET",
        path="/v1/subjects/{subject}/reached",
        summary="Show what a patient's withdrawals have reached",
        request=NamedSubject,
        result=ReachedPage,
        action="objects.withdrawal.reached",
        run=_reached,
        resource=_subject,
    ),
    OperationSpec(
        name="objects.subject.erase",
        service="objects",
        method="POST",
        path="/v1/subjects/{subject}/erase",
        summary="Erase what is held of a patient",
        request=EraseSubject,
        result=Certificate,
        action="objects.subject.erase",
        run=_erase,
        resource=_subject,
        sensitive=True,
    ),
    OperationSpec(
        name="objects.lock.lift",
        service="objects",
        method="POST",
        path="/v1/buckets/{name}/lift-lock",
        summary="End the governance retention and the legal hold of a version",
        request=LiftLock,
        result=LiftedLock,
        action="objects.lock.lift",
        run=BucketAdministration.lift_lock,
        resource=_named,
        sensitive=True,
    ),
)
