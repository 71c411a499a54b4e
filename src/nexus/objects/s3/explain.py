"""What the door answers when something below it raises: a Refusal with one of S3's codes, and nothing internal."""

from collections.abc import Mapping

from nexus.kernel.errors import NexusError
from nexus.objects import errors as store
from nexus.objects.s3 import errors as s3
from nexus.objects.s3.errors import Code, Refusal

_BY_CODE: Mapping[str, Code] = {
    store.NO_SUCH_BUCKET: s3.NO_SUCH_BUCKET,
    store.NO_SUCH_KEY: s3.NO_SUCH_KEY,
    store.NO_SUCH_VERSION: s3.NO_SUCH_VERSION,
    store.NO_SUCH_UPLOAD: s3.NO_SUCH_UPLOAD,
    store.BUCKET_EXISTS: s3.BUCKET_ALREADY_EXISTS,
    store.BUCKET_IS_YOURS: s3.BUCKET_ALREADY_OWNED_BY_YOU,
    store.BUCKET_NOT_EMPTY: s3.BUCKET_NOT_EMPTY,
    store.BUCKET_STATE: s3.INVALID_BUCKET_STATE,
    store.INVALID_BUCKET_NAME: s3.INVALID_BUCKET_NAME,
    store.INVALID_KEY: s3.INVALID_ARGUMENT,
    store.KEY_TOO_LONG: s3.KEY_TOO_LONG,
    store.METADATA_TOO_LARGE: s3.METADATA_TOO_LARGE,
    store.INVALID_TAG: s3.INVALID_TAG,
    store.INVALID_RANGE: s3.INVALID_RANGE,
    store.INVALID_PART_NUMBER: s3.INVALID_PART,
    store.INVALID_PART: s3.INVALID_PART,
    store.INVALID_PART_ORDER: s3.INVALID_PART_ORDER,
    store.INVALID_TOKEN: s3.INVALID_ARGUMENT,
    store.PART_TOO_SMALL: s3.ENTITY_TOO_SMALL,
    store.TOO_LARGE: s3.ENTITY_TOO_LARGE,
    store.INCOMPLETE_BODY: s3.INCOMPLETE_BODY,
    store.LOCKED: s3.ACCESS_DENIED,
    store.NOT_LOCKABLE: s3.INVALID_REQUEST,
    store.BAD_RETENTION: s3.INVALID_RETENTION_PERIOD,
    store.CLIENT_KEY_NEEDED: s3.INVALID_REQUEST,
    store.CLIENT_KEY_WRONG: s3.INVALID_REQUEST,
    store.NO_SUCH_KMS_KEY: s3.KMS_NOT_FOUND,
    store.COPY_UNCHANGED: s3.INVALID_REQUEST,
    store.PRECONDITION_FAILED: s3.PRECONDITION_FAILED,
    store.NOT_MODIFIED: s3.NOT_MODIFIED,
    store.QUOTA_EXCEEDED: s3.QUOTA_EXCEEDED,
    store.DELETE_MARKER: s3.METHOD_NOT_ALLOWED,
}
_BY_KIND: Mapping[str, Code] = {
    "denied": s3.ACCESS_DENIED,
    "unauthenticated": s3.INVALID_ACCESS_KEY_ID,
    "invalid": s3.INVALID_ARGUMENT,
    "not-found": s3.NO_SUCH_KEY,
    "conflict": s3.OPERATION_ABORTED,
    "throttled": s3.SLOW_DOWN,
    "unavailable": s3.SERVICE_UNAVAILABLE,
    "sealed": s3.SERVICE_UNAVAILABLE,
}


def explain(error: BaseException) -> Refusal:
    """The refusal for any error. Damage and the unexpected become InternalError, whose message says nothing more."""
    if isinstance(error, Refusal):
        return error
    if not isinstance(error, NexusError):
        return Refusal(s3.INTERNAL_ERROR)
    code = _BY_CODE.get(error.code) or _BY_KIND.get(error.kind, s3.INTERNAL_ERROR)
    if code in (s3.INTERNAL_ERROR, s3.ACCESS_DENIED):
        return Refusal(code)
    return Refusal(code, error.message, hint=error.hint, **_details(error))


def _details(error: NexusError) -> dict[str, str | int]:
    if isinstance(error, store.PreconditionFailed):
        return {"Condition": error.condition}
    if isinstance(error, store.RangeNotSatisfiable):
        return {"ActualObjectSize": error.size}
    return {}
