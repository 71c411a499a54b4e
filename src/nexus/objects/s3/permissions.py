"""The permissions of S3's policy language (`s3:GetObject`, …), and which of them a request needs."""

from collections.abc import Mapping
from typing import Final

from nexus.objects.s3.endpoint import Verb

_OTHERS: Final[Mapping[Verb, str]] = {
    Verb.LIST_BUCKETS: "s3:ListAllMyBuckets",
    Verb.HEAD_BUCKET: "s3:ListBucket",
    Verb.LIST_OBJECTS: "s3:ListBucket",
    Verb.LIST_OBJECTS_V2: "s3:ListBucket",
    Verb.LIST_OBJECT_VERSIONS: "s3:ListBucketVersions",
    Verb.LIST_MULTIPART_UPLOADS: "s3:ListBucketMultipartUploads",
    Verb.LIST_PARTS: "s3:ListMultipartUploadParts",
    Verb.GET_BUCKET_ENCRYPTION: "s3:GetEncryptionConfiguration",
    Verb.PUT_BUCKET_ENCRYPTION: "s3:PutEncryptionConfiguration",
    Verb.DELETE_BUCKET_ENCRYPTION: "s3:PutEncryptionConfiguration",
    Verb.GET_OBJECT_LOCK_CONFIGURATION: "s3:GetBucketObjectLockConfiguration",
    Verb.PUT_OBJECT_LOCK_CONFIGURATION: "s3:PutBucketObjectLockConfiguration",
    Verb.GET_PUBLIC_ACCESS_BLOCK: "s3:GetBucketPublicAccessBlock",
    Verb.PUT_PUBLIC_ACCESS_BLOCK: "s3:PutBucketPublicAccessBlock",
    Verb.DELETE_PUBLIC_ACCESS_BLOCK: "s3:PutBucketPublicAccessBlock",
    Verb.DELETE_BUCKET_OWNERSHIP_CONTROLS: "s3:PutBucketOwnershipControls",
    Verb.DELETE_BUCKET_CORS: "s3:PutBucketCORS",
    Verb.DELETE_BUCKET_TAGGING: "s3:PutBucketTagging",
    Verb.GET_BUCKET_LIFECYCLE: "s3:GetLifecycleConfiguration",
    Verb.PUT_BUCKET_LIFECYCLE: "s3:PutLifecycleConfiguration",
    Verb.DELETE_BUCKET_LIFECYCLE: "s3:PutLifecycleConfiguration",
    Verb.GET_BUCKET_NOTIFICATION: "s3:GetBucketNotification",
    Verb.PUT_BUCKET_NOTIFICATION: "s3:PutBucketNotification",
    Verb.HEAD_OBJECT: "s3:GetObject",
    Verb.GET_OBJECT_ATTRIBUTES: "s3:GetObject",
    Verb.DELETE_OBJECTS: "s3:DeleteObject",
    Verb.POST_OBJECT: "s3:PutObject",
    Verb.COPY_OBJECT: "s3:PutObject",
    Verb.CREATE_MULTIPART_UPLOAD: "s3:PutObject",
    Verb.UPLOAD_PART: "s3:PutObject",
    Verb.UPLOAD_PART_COPY: "s3:PutObject",
    Verb.COMPLETE_MULTIPART_UPLOAD: "s3:PutObject",
}
_VERSIONED: Final = frozenset(
    {
        "s3:GetObject",
        "s3:GetObjectAcl",
        "s3:GetObjectTagging",
        "s3:PutObjectAcl",
        "s3:PutObjectTagging",
        "s3:DeleteObject",
        "s3:DeleteObjectTagging",
    }
)
_BY_HEADER: Final = (
    ("x-amz-tagging", "s3:PutObjectTagging"),
    ("x-amz-object-lock-mode", "s3:PutObjectRetention"),
    ("x-amz-object-lock-legal-hold", "s3:PutObjectLegalHold"),
    ("x-amz-bypass-governance-retention", "s3:BypassGovernanceRetention"),
    ("x-amz-acl", "s3:PutObjectAcl"),
)
"""What a header asks for besides its verb: a policy that denies it denies the request."""

GET_OBJECT: Final = "s3:GetObject"
LIST_BUCKET: Final = "s3:ListBucket"
ALSO_KNOWN: Final = frozenset(
    f"s3:{name}"
    for name in """AbortMultipartUpload BypassGovernanceRetention DeleteObjectVersion DeleteObjectVersionTagging
    GetObjectVersion GetObjectVersionAcl GetObjectVersionTagging GetObjectVersionAttributes GetObjectVersionTorrent
    GetObjectTorrent PutObjectVersionAcl PutObjectVersionTagging GetObjectAttributes GetBucketNotification
    PutBucketNotification GetReplicationConfiguration PutReplicationConfiguration ReplicateObject ReplicateDelete
    ReplicateTags ObjectOwnerOverrideToBucketOwner GetAccelerateConfiguration PutAccelerateConfiguration
    GetBucketRequestPayment PutBucketRequestPayment GetBucketWebsite PutBucketWebsite DeleteBucketWebsite
    GetAnalyticsConfiguration PutAnalyticsConfiguration GetInventoryConfiguration PutInventoryConfiguration
    GetMetricsConfiguration PutMetricsConfiguration RestoreObject GetLifecycleConfiguration
    PutLifecycleConfiguration PutBucketCORS GetBucketCORS PutBucketTagging GetBucketTagging PutBucketLogging
    GetBucketLogging GetBucketPolicy PutBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus
    GetBucketPublicAccessBlock PutBucketPublicAccessBlock GetBucketOwnershipControls
    PutBucketOwnershipControls PostBucketLogging""".split()  # noqa: SIM905 - names, one under the other, would read worse
)
"""Permissions of S3's that policies may name besides those that verbs need here."""


def needed(verb: Verb, query: Mapping[str, str]) -> str:
    """The permission that a verb needs."""
    permission = _OTHERS.get(verb) or f"s3:{verb.title}"
    if "versionId" in query and permission in _VERSIONED:
        return permission.replace("Object", "ObjectVersion")
    return permission


def also_asked(headers: Mapping[str, str]) -> list[str]:
    """The permissions that headers ask for besides."""
    return [permission for header, permission in _BY_HEADER if header in headers]


KNOWN: Final = ALSO_KNOWN | {needed(verb, {}) for verb in Verb}
