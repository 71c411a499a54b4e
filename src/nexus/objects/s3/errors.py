"""S3's error codes, and what each error of the platform becomes in them.

Only this door knows S3 codes. A `Refusal` is an error of the protocol itself (a bad signature, a malformed range);
errors of the services below are translated in explain.py, by their stable code first and their kind second.
"""

from dataclasses import dataclass
from typing import ClassVar

from nexus.kernel.errors import NexusError


@dataclass(frozen=True, slots=True)
class Code:
    """One of S3's error codes, its HTTP status and its usual sentence."""

    name: str
    status: int
    message: str


ACCESS_DENIED = Code("AccessDenied", 403, "Access Denied")
AUTHORIZATION_HEADER_MALFORMED = Code(
    "AuthorizationHeaderMalformed", 400, "The authorization header that you provided is not valid"
)
AUTHORIZATION_QUERY_PARAMETERS_ERROR = Code(
    "AuthorizationQueryParametersError", 400, "The authorization query parameters that you provided are not valid"
)
BAD_DIGEST = Code("BadDigest", 400, "The checksum that you specified does not match what was received")
BAD_REQUEST = Code("BadRequest", 400, "Bad Request")
CORS_FORBIDDEN = Code("AccessForbidden", 403, "CORSResponse: This CORS request is not allowed")
BUCKET_ALREADY_EXISTS = Code("BucketAlreadyExists", 409, "The requested bucket name is not available")
BUCKET_ALREADY_OWNED_BY_YOU = Code("BucketAlreadyOwnedByYou", 409, "The bucket exists already")
BUCKET_NOT_EMPTY = Code("BucketNotEmpty", 409, "The bucket that you tried to delete is not empty")
CONDITIONAL_REQUEST_CONFLICT = Code(
    "ConditionalRequestConflict", 409, "A conflicting operation ran while this conditional request was handled"
)
ENTITY_TOO_LARGE = Code("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size")
ENTITY_TOO_SMALL = Code("EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size")
ILLEGAL_LOCATION_CONSTRAINT = Code(
    "IllegalLocationConstraintException", 400, "The location constraint is not the region of this endpoint"
)
INCOMPLETE_BODY = Code("IncompleteBody", 400, "The request body ended before the declared number of bytes")
INTERNAL_ERROR = Code("InternalError", 500, "An internal error happened; the operators find it by the request id")
INVALID_ACCESS_KEY_ID = Code("InvalidAccessKeyId", 403, "The access key id that you provided is not known here")
INVALID_ARGUMENT = Code("InvalidArgument", 400, "Invalid argument")
INVALID_BUCKET_NAME = Code("InvalidBucketName", 400, "The specified bucket name is not valid")
INVALID_BUCKET_STATE = Code("InvalidBucketState", 409, "The state of the bucket does not allow this request")
INVALID_DIGEST = Code("InvalidDigest", 400, "The Content-MD5 that you specified is not valid")
INVALID_PART = Code("InvalidPart", 400, "A part was not found, or its ETag or checksum is not the uploaded one")
INVALID_PART_ORDER = Code("InvalidPartOrder", 400, "The list of parts was not in ascending order")
INVALID_POLICY_DOCUMENT = Code("InvalidPolicyDocument", 400, "The content of the form does not meet its policy")
MALFORMED_POST = Code(
    "MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data"
)
MAX_POST_PRE_DATA = Code(
    "MaxPostPreDataLengthExceededError", 400, "Your POST request fields preceding the upload file were too large"
)
INVALID_RANGE = Code("InvalidRange", 416, "The requested range is not satisfiable")
INVALID_REQUEST = Code("InvalidRequest", 400, "Invalid request")
INVALID_STORAGE_CLASS = Code("InvalidStorageClass", 400, "The storage class you specified is not valid")
INVALID_TAG = Code("InvalidTag", 400, "The tag provided is not valid")
EXPIRED_TOKEN = Code("ExpiredToken", 400, "The temporary access key has ended, or what it was derived from has")
INVALID_TARGET_BUCKET = Code(
    "InvalidTargetBucketForLogging", 400, "The target bucket for logging does not exist, or you may not write into it"
)
INVALID_TOKEN = Code("InvalidToken", 400, "The session token is missing, or is not the one of this access key")
INVALID_URI = Code("InvalidURI", 400, "The URI could not be parsed")
INVALID_ENCRYPTION_ALGORITHM = Code(
    "InvalidEncryptionAlgorithmError", 400, "The encryption request that you specified is not valid: only AES256 is"
)
INVALID_RETENTION_PERIOD = Code("InvalidRetentionPeriod", 400, "The retention period is not valid")
KMS_NOT_FOUND = Code("KMS.NotFoundException", 400, "The key does not exist, or wraps no data keys")
NO_ENCRYPTION_CONFIGURATION = Code(
    "ServerSideEncryptionConfigurationNotFoundError",
    404,
    "Nothing was configured: objects are encrypted under the key of the bucket",
)
NO_LOCK_CONFIGURATION = Code(
    "ObjectLockConfigurationNotFoundError", 404, "Object Lock configuration does not exist for this bucket"
)
NO_OBJECT_LOCK = Code(
    "NoSuchObjectLockConfiguration", 404, "The specified object does not have an object lock configuration"
)
KEY_TOO_LONG = Code("KeyTooLongError", 400, "Your key is too long")
INVALID_BUCKET_ACL_WITH_OWNERSHIP = Code(
    "InvalidBucketAclWithObjectOwnership", 400, "Bucket cannot have ACLs set with ObjectOwnership's setting"
)
MALFORMED_ACL = Code("MalformedACLError", 400, "The ACL that you provided is not well formed")
MALFORMED_POLICY = Code("MalformedPolicy", 400, "The policy is not one that is understood in full")
MALFORMED_XML = Code("MalformedXML", 400, "The XML that you provided is not well-formed or not of the published schema")
METADATA_TOO_LARGE = Code("MetadataTooLarge", 400, "Your metadata headers exceed the maximum allowed size")
METHOD_NOT_ALLOWED = Code("MethodNotAllowed", 405, "The specified method is not allowed against this resource")
MISSING_CONTENT_LENGTH = Code("MissingContentLength", 411, "You must provide the Content-Length HTTP header")
NO_ACLS = Code("AccessControlListNotSupported", 400, "The bucket does not allow ACLs: rights are granted by roles")
NO_BUCKET_POLICY = Code("NoSuchBucketPolicy", 404, "The bucket policy does not exist")
NO_CORS = Code("NoSuchCORSConfiguration", 404, "The CORS configuration does not exist")
NO_LIFECYCLE = Code("NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist")
NO_OWNERSHIP_CONTROLS = Code("OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found")
NO_PUBLIC_ACCESS_BLOCK = Code(
    "NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found"
)
NO_TAG_SET = Code("NoSuchTagSet", 404, "The TagSet does not exist")
NO_SUCH_BUCKET = Code("NoSuchBucket", 404, "The specified bucket does not exist")
NO_SUCH_KEY = Code("NoSuchKey", 404, "The specified key does not exist")
NO_SUCH_UPLOAD = Code("NoSuchUpload", 404, "The specified multipart upload does not exist")
NO_SUCH_VERSION = Code("NoSuchVersion", 404, "The specified version does not exist")
NOT_IMPLEMENTED = Code("NotImplemented", 501, "This part of S3 is not implemented")
OPERATION_ABORTED = Code("OperationAborted", 409, "A conflicting operation is in progress; try again")
NOT_MODIFIED = Code("NotModified", 304, "Not Modified")
PRECONDITION_FAILED = Code("PreconditionFailed", 412, "At least one of the preconditions did not hold")
QUOTA_EXCEEDED = Code("QuotaExceeded", 403, "What you sent does not fit into a quota")
REQUEST_HEADER_SECTION_TOO_LARGE = Code(
    "RequestHeaderSectionTooLarge", 400, "Your request headers exceed the maximum allowed size"
)
REQUEST_TIMEOUT = Code("RequestTimeout", 400, "The body of your request did not arrive in time")
REQUEST_TIME_TOO_SKEWED = Code(
    "RequestTimeTooSkewed", 403, "The difference between the request time and the server's time is too large"
)
SERVICE_UNAVAILABLE = Code("ServiceUnavailable", 503, "Please try again later")
SIGNATURE_DOES_NOT_MATCH = Code(
    "SignatureDoesNotMatch", 403, "The signature that we calculated is not the one that you provided"
)
SLOW_DOWN = Code("SlowDown", 503, "Please reduce your request rate")
UNRESOLVABLE_EMAIL = Code(
    "UnresolvableGrantByEmailAddress", 400, "Accounts are named by their ids, not by electronic mail"
)
URI_TOO_LONG = Code("URITooLong", 414, "The request URI is too long")
X_AMZ_CONTENT_SHA256_MISMATCH = Code(
    "XAmzContentSHA256Mismatch", 400, "The x-amz-content-sha256 header does not match what was received"
)


class Refusal(NexusError):
    """The door refuses a request with an S3 code. `details` become elements of the error document."""

    kind: ClassVar[str] = "s3"

    def __init__(self, code: Code, message: str = "", *, hint: str = "", **details: str | int) -> None:
        super().__init__(message or code.message, code=f"s3.{code.name}", hint=hint)
        self.s3 = code
        self.details = details
