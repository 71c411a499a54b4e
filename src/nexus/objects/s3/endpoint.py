"""What a request asks for: one of S3's verbs, from its method, its address and its sub-resource.

S3 hides many verbs behind query parameters. A sub-resource that we do not have is refused, never ignored: `PUT
/bucket/key?legal-hold` must not overwrite the object with a document about it.
"""

from collections.abc import Mapping
from enum import Enum

from nexus.objects.s3 import errors
from nexus.objects.s3.address import Address
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Request

COPY_SOURCE = "x-amz-copy-source"


class Verb(Enum):
    """A verb of S3 by its name in AWS's reference, and the action of ours that it needs."""

    LIST_BUCKETS = ("ListBuckets", "objects.bucket.list")
    CREATE_BUCKET = ("CreateBucket", "objects.bucket.create")
    DELETE_BUCKET = ("DeleteBucket", "objects.bucket.delete")
    HEAD_BUCKET = ("HeadBucket", "objects.bucket.read")
    GET_BUCKET_LOCATION = ("GetBucketLocation", "objects.bucket.read")
    GET_BUCKET_VERSIONING = ("GetBucketVersioning", "objects.bucket.read")
    PUT_BUCKET_VERSIONING = ("PutBucketVersioning", "objects.bucket.configure")
    GET_BUCKET_ENCRYPTION = ("GetBucketEncryption", "objects.bucket.read")
    PUT_BUCKET_ENCRYPTION = ("PutBucketEncryption", "objects.bucket.configure")
    PUT_BUCKET_ACL = ("PutBucketAcl", "objects.bucket.configure")
    GET_BUCKET_ACL = ("GetBucketAcl", "objects.bucket.read")
    DELETE_BUCKET_ENCRYPTION = ("DeleteBucketEncryption", "objects.bucket.configure")
    GET_BUCKET_POLICY = ("GetBucketPolicy", "objects.bucket.read")
    PUT_BUCKET_POLICY = ("PutBucketPolicy", "objects.bucket.configure")
    DELETE_BUCKET_POLICY = ("DeleteBucketPolicy", "objects.bucket.configure")
    GET_BUCKET_POLICY_STATUS = ("GetBucketPolicyStatus", "objects.bucket.read")
    GET_PUBLIC_ACCESS_BLOCK = ("GetPublicAccessBlock", "objects.bucket.read")
    PUT_PUBLIC_ACCESS_BLOCK = ("PutPublicAccessBlock", "objects.bucket.configure")
    DELETE_PUBLIC_ACCESS_BLOCK = ("DeletePublicAccessBlock", "objects.bucket.configure")
    GET_BUCKET_OWNERSHIP_CONTROLS = ("GetBucketOwnershipControls", "objects.bucket.read")
    PUT_BUCKET_OWNERSHIP_CONTROLS = ("PutBucketOwnershipControls", "objects.bucket.configure")
    DELETE_BUCKET_OWNERSHIP_CONTROLS = ("DeleteBucketOwnershipControls", "objects.bucket.configure")
    GET_BUCKET_CORS = ("GetBucketCORS", "objects.bucket.read")
    PUT_BUCKET_CORS = ("PutBucketCORS", "objects.bucket.configure")
    DELETE_BUCKET_CORS = ("DeleteBucketCORS", "objects.bucket.configure")
    GET_BUCKET_TAGGING = ("GetBucketTagging", "objects.bucket.read")
    PUT_BUCKET_TAGGING = ("PutBucketTagging", "objects.bucket.configure")
    DELETE_BUCKET_TAGGING = ("DeleteBucketTagging", "objects.bucket.configure")
    GET_BUCKET_LIFECYCLE = ("GetBucketLifecycleConfiguration", "objects.bucket.read")
    PUT_BUCKET_LIFECYCLE = ("PutBucketLifecycleConfiguration", "objects.bucket.configure")
    DELETE_BUCKET_LIFECYCLE = ("DeleteBucketLifecycle", "objects.bucket.configure")
    GET_BUCKET_LOGGING = ("GetBucketLogging", "objects.bucket.read")
    PUT_BUCKET_LOGGING = ("PutBucketLogging", "objects.bucket.configure")
    GET_BUCKET_REQUEST_PAYMENT = ("GetBucketRequestPayment", "objects.bucket.read")
    PUT_BUCKET_REQUEST_PAYMENT = ("PutBucketRequestPayment", "objects.bucket.configure")
    GET_BUCKET_NOTIFICATION = ("GetBucketNotificationConfiguration", "objects.bucket.read")
    PUT_BUCKET_NOTIFICATION = ("PutBucketNotificationConfiguration", "objects.bucket.configure")
    GET_OBJECT_LOCK_CONFIGURATION = ("GetObjectLockConfiguration", "objects.bucket.read")
    PUT_OBJECT_LOCK_CONFIGURATION = ("PutObjectLockConfiguration", "objects.bucket.configure")
    GET_OBJECT_RETENTION = ("GetObjectRetention", "objects.object.list")
    PUT_OBJECT_RETENTION = ("PutObjectRetention", "objects.object.lock")
    GET_OBJECT_LEGAL_HOLD = ("GetObjectLegalHold", "objects.object.list")
    PUT_OBJECT_LEGAL_HOLD = ("PutObjectLegalHold", "objects.object.lock")
    LIST_OBJECTS = ("ListObjects", "objects.object.list")
    LIST_OBJECTS_V2 = ("ListObjectsV2", "objects.object.list")
    LIST_OBJECT_VERSIONS = ("ListObjectVersions", "objects.version.list")
    LIST_MULTIPART_UPLOADS = ("ListMultipartUploads", "objects.upload.list")
    DELETE_OBJECTS = ("DeleteObjects", "objects.object.delete")
    PUT_OBJECT = ("PutObject", "objects.object.write")
    POST_OBJECT = ("PostObject", "objects.object.write")
    COPY_OBJECT = ("CopyObject", "objects.object.write")
    GET_OBJECT = ("GetObject", "objects.object.read")
    HEAD_OBJECT = ("HeadObject", "objects.object.read")
    DELETE_OBJECT = ("DeleteObject", "objects.object.delete")
    GET_OBJECT_ATTRIBUTES = ("GetObjectAttributes", "objects.object.read")
    GET_OBJECT_ACL = ("GetObjectAcl", "objects.object.read")
    PUT_OBJECT_ACL = ("PutObjectAcl", "objects.object.write")
    GET_OBJECT_TAGGING = ("GetObjectTagging", "objects.object.read")
    PUT_OBJECT_TAGGING = ("PutObjectTagging", "objects.object.write")
    DELETE_OBJECT_TAGGING = ("DeleteObjectTagging", "objects.object.write")
    CREATE_MULTIPART_UPLOAD = ("CreateMultipartUpload", "objects.upload.write")
    UPLOAD_PART = ("UploadPart", "objects.upload.write")
    UPLOAD_PART_COPY = ("UploadPartCopy", "objects.upload.write")
    COMPLETE_MULTIPART_UPLOAD = ("CompleteMultipartUpload", "objects.upload.write")
    ABORT_MULTIPART_UPLOAD = ("AbortMultipartUpload", "objects.upload.abort")
    LIST_PARTS = ("ListParts", "objects.upload.list")

    def __init__(self, title: str, action: str) -> None:
        self.title = title
        self.action = action


PREFLIGHT_TITLE = "Preflight"
TITLES = frozenset({*(verb.title for verb in Verb), PREFLIGHT_TITLE})
"""The names of everything that a request can become, but for the Query protocol."""
ROUTE = "endpoint"
"""Where the scope says, in Starlette's word, what a request became: whoever counts requests reads it there."""

_OF_VERSIONS = {
    "objects.object.read": "objects.version.read",
    "objects.object.delete": "objects.version.delete",
}
"""Naming a version asks for more than naming an object."""

_SUBRESOURCES = frozenset(
    """accelerate acl analytics annotation attributes cors delete encryption intelligent-tiering inventory legal-hold
    lifecycle location logging metadataConfiguration metadataInventoryTable metadataJournalTable metadataTable metrics
    notification object-lock ownershipControls policy policyStatus publicAccessBlock renameObject replication
    requestPayment restore retention select session tagging torrent uploads versioning versions website abac""".split()  # noqa: SIM905 - forty names, one under the other, would read worse
)
_PLAIN = frozenset(
    """list-type prefix delimiter marker max-keys encoding-type continuation-token start-after fetch-owner key-marker
    version-id-marker upload-id-marker max-uploads max-parts part-number-marker uploadId partNumber versionId x-id
    max-buckets bucket-region response-content-type response-content-language response-expires
    response-cache-control response-content-disposition response-content-encoding""".split()  # noqa: SIM905
)
"""Parameters that refine a verb; whatever is neither here nor a sub-resource is refused unless it has a value."""

_BUCKET: Mapping[tuple[str, str], Verb] = {
    ("GET", ""): Verb.LIST_OBJECTS,
    ("GET", "location"): Verb.GET_BUCKET_LOCATION,
    ("GET", "versioning"): Verb.GET_BUCKET_VERSIONING,
    ("GET", "encryption"): Verb.GET_BUCKET_ENCRYPTION,
    ("GET", "acl"): Verb.GET_BUCKET_ACL,
    ("GET", "versions"): Verb.LIST_OBJECT_VERSIONS,
    ("GET", "uploads"): Verb.LIST_MULTIPART_UPLOADS,
    ("PUT", ""): Verb.CREATE_BUCKET,
    ("PUT", "versioning"): Verb.PUT_BUCKET_VERSIONING,
    ("PUT", "encryption"): Verb.PUT_BUCKET_ENCRYPTION,
    ("PUT", "acl"): Verb.PUT_BUCKET_ACL,
    ("DELETE", "encryption"): Verb.DELETE_BUCKET_ENCRYPTION,
    ("GET", "policy"): Verb.GET_BUCKET_POLICY,
    ("PUT", "policy"): Verb.PUT_BUCKET_POLICY,
    ("DELETE", "policy"): Verb.DELETE_BUCKET_POLICY,
    ("GET", "policyStatus"): Verb.GET_BUCKET_POLICY_STATUS,
    ("GET", "publicAccessBlock"): Verb.GET_PUBLIC_ACCESS_BLOCK,
    ("PUT", "publicAccessBlock"): Verb.PUT_PUBLIC_ACCESS_BLOCK,
    ("DELETE", "publicAccessBlock"): Verb.DELETE_PUBLIC_ACCESS_BLOCK,
    ("GET", "ownershipControls"): Verb.GET_BUCKET_OWNERSHIP_CONTROLS,
    ("PUT", "ownershipControls"): Verb.PUT_BUCKET_OWNERSHIP_CONTROLS,
    ("DELETE", "ownershipControls"): Verb.DELETE_BUCKET_OWNERSHIP_CONTROLS,
    ("GET", "cors"): Verb.GET_BUCKET_CORS,
    ("PUT", "cors"): Verb.PUT_BUCKET_CORS,
    ("DELETE", "cors"): Verb.DELETE_BUCKET_CORS,
    ("GET", "tagging"): Verb.GET_BUCKET_TAGGING,
    ("PUT", "tagging"): Verb.PUT_BUCKET_TAGGING,
    ("DELETE", "tagging"): Verb.DELETE_BUCKET_TAGGING,
    ("GET", "lifecycle"): Verb.GET_BUCKET_LIFECYCLE,
    ("PUT", "lifecycle"): Verb.PUT_BUCKET_LIFECYCLE,
    ("DELETE", "lifecycle"): Verb.DELETE_BUCKET_LIFECYCLE,
    ("GET", "logging"): Verb.GET_BUCKET_LOGGING,
    ("PUT", "logging"): Verb.PUT_BUCKET_LOGGING,
    ("GET", "requestPayment"): Verb.GET_BUCKET_REQUEST_PAYMENT,
    ("PUT", "requestPayment"): Verb.PUT_BUCKET_REQUEST_PAYMENT,
    ("GET", "notification"): Verb.GET_BUCKET_NOTIFICATION,
    ("PUT", "notification"): Verb.PUT_BUCKET_NOTIFICATION,
    ("GET", "object-lock"): Verb.GET_OBJECT_LOCK_CONFIGURATION,
    ("PUT", "object-lock"): Verb.PUT_OBJECT_LOCK_CONFIGURATION,
    ("DELETE", ""): Verb.DELETE_BUCKET,
    ("HEAD", ""): Verb.HEAD_BUCKET,
    ("POST", "delete"): Verb.DELETE_OBJECTS,
    ("POST", ""): Verb.POST_OBJECT,
}
_OBJECT: Mapping[tuple[str, str], Verb] = {
    ("GET", ""): Verb.GET_OBJECT,
    ("GET", "acl"): Verb.GET_OBJECT_ACL,
    ("GET", "attributes"): Verb.GET_OBJECT_ATTRIBUTES,
    ("GET", "tagging"): Verb.GET_OBJECT_TAGGING,
    ("GET", "uploadId"): Verb.LIST_PARTS,
    ("HEAD", ""): Verb.HEAD_OBJECT,
    ("PUT", ""): Verb.PUT_OBJECT,
    ("PUT", "tagging"): Verb.PUT_OBJECT_TAGGING,
    ("PUT", "acl"): Verb.PUT_OBJECT_ACL,
    ("GET", "retention"): Verb.GET_OBJECT_RETENTION,
    ("PUT", "retention"): Verb.PUT_OBJECT_RETENTION,
    ("GET", "legal-hold"): Verb.GET_OBJECT_LEGAL_HOLD,
    ("PUT", "legal-hold"): Verb.PUT_OBJECT_LEGAL_HOLD,
    ("PUT", "uploadId"): Verb.UPLOAD_PART,
    ("DELETE", ""): Verb.DELETE_OBJECT,
    ("DELETE", "tagging"): Verb.DELETE_OBJECT_TAGGING,
    ("DELETE", "uploadId"): Verb.ABORT_MULTIPART_UPLOAD,
    ("POST", "uploads"): Verb.CREATE_MULTIPART_UPLOAD,
    ("POST", "uploadId"): Verb.COMPLETE_MULTIPART_UPLOAD,
}
_COPIES = {Verb.PUT_OBJECT: Verb.COPY_OBJECT, Verb.UPLOAD_PART: Verb.UPLOAD_PART_COPY}
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})


def route(request: Request, address: Address) -> Verb:
    """The verb of a request. Raises Refusal: MethodNotAllowed or NotImplemented if there is none."""
    if request.method not in _METHODS:
        raise Refusal(errors.METHOD_NOT_ALLOWED)
    subresource = _subresource(request.query) if request.query else ""
    if address.bucket is None:
        if request.method == "GET" and not subresource:
            return Verb.LIST_BUCKETS
        raise Refusal(errors.METHOD_NOT_ALLOWED)
    if address.key is None:
        return _bucket_verb(request, subresource)
    if not subresource and "uploadId" in request.query:
        subresource = "uploadId"
    verb = _OBJECT.get((request.method, subresource))
    if verb is None:
        raise Refusal(errors.NOT_IMPLEMENTED if subresource else errors.METHOD_NOT_ALLOWED)
    return _COPIES.get(verb, verb) if COPY_SOURCE in request.headers else verb


def action_of(verb: Verb, query: Mapping[str, str]) -> str:
    """The action that a verb needs: naming a version needs the right to versions."""
    if "versionId" in query:
        return _OF_VERSIONS.get(verb.action, verb.action)
    return verb.action


def _bucket_verb(request: Request, subresource: str) -> Verb:
    verb = _BUCKET.get((request.method, subresource))
    if verb is Verb.LIST_OBJECTS and "list-type" in request.query:
        if request.query["list-type"] != "2":
            raise Refusal(errors.INVALID_ARGUMENT, "list-type must be 2", ArgumentName="list-type")
        return Verb.LIST_OBJECTS_V2
    if verb is None:
        raise Refusal(errors.NOT_IMPLEMENTED if subresource else errors.METHOD_NOT_ALLOWED)
    return verb


def _subresource(query: Mapping[str, str]) -> str:
    found = ""
    for name, value in query.items():
        if name in _SUBRESOURCES:
            if found:
                raise Refusal(errors.INVALID_ARGUMENT, "two sub-resources in one request")
            found = name
        elif name not in _PLAIN and not value and not name.startswith("X-Amz-"):
            raise Refusal(errors.NOT_IMPLEMENTED, "the query names a sub-resource that is not implemented")
    return found
