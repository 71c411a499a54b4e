"""What the object store refuses, with codes that no protocol owns; each door translates them.

Messages never hold the name of an object: names are personal data as much as contents are.
"""

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound

NO_SUCH_BUCKET = "objects.no-such-bucket"
NO_SUCH_KEY = "objects.no-such-key"
NO_SUCH_TENANT = "objects.no-such-tenant"
NO_SUCH_VERSION = "objects.no-such-version"
NO_SUCH_UPLOAD = "objects.no-such-upload"
NO_SUCH_DOCUMENT = "objects.no-such-document"
BUCKET_EXISTS = "objects.bucket-exists"
BUCKET_IS_YOURS = "objects.bucket-is-yours"
BUCKET_NOT_EMPTY = "objects.bucket-not-empty"
BUCKET_STATE = "objects.bucket-state"
INVALID_BUCKET_NAME = "objects.invalid-bucket-name"
INVALID_KEY = "objects.invalid-key"
KEY_TOO_LONG = "objects.key-too-long"
METADATA_TOO_LARGE = "objects.metadata-too-large"
INVALID_TAG = "objects.invalid-tag"
INVALID_RANGE = "objects.invalid-range"
INVALID_PART_NUMBER = "objects.invalid-part-number"
INVALID_PART = "objects.invalid-part"
INVALID_PART_ORDER = "objects.invalid-part-order"
INVALID_TOKEN = "objects.invalid-token"  # noqa: S105 - a continuation token, not a credential
PART_TOO_SMALL = "objects.part-too-small"
TOO_LARGE = "objects.too-large"
INCOMPLETE_BODY = "objects.incomplete-body"
COPY_UNCHANGED = "objects.copy-unchanged"
PRECONDITION_FAILED = "objects.precondition-failed"
NOT_MODIFIED = "objects.not-modified"
DELETE_MARKER = "objects.delete-marker"
CONTENT_DAMAGED = "objects.content-damaged"
CONTENT_MISSING = "objects.content-missing"
DISK_FULL = "objects.disk-full"
DISK_REFUSED = "objects.disk-refused"
DISK_READ_ONLY = "objects.disk-read-only"
TOO_FEW_COPIES = "objects.too-few-copies"
PLACE_FOREIGN = "objects.place-foreign"
ENGINE_REFUSED = "objects.engine-refused"
ENGINE_AWAY = "objects.engine-away"
KEY_GONE = "objects.key-gone"
LOCKED = "objects.locked"
REVISED_MEANWHILE = "objects.revised-meanwhile"
NOT_LOCKABLE = "objects.not-lockable"
BAD_RETENTION = "objects.bad-retention"
CLIENT_KEY_NEEDED = "objects.client-key-needed"
CLIENT_KEY_WRONG = "objects.client-key-wrong"
NO_SUCH_KMS_KEY = "objects.no-such-kms-key"
BAD_DECLARATION = "objects.bad-declaration"
BAD_SUBJECT = "objects.bad-subject"
OTHER_SUBJECT = "objects.other-subject"
SUBJECT_NEEDED = "objects.subject-needed"
NO_SUBJECTS_HERE = "objects.no-subjects-here"
NO_SUCH_SUBJECT = "objects.no-such-subject"
SUBJECT_ERASED = "objects.subject-erased"
SUBJECT_LOCKED = "objects.subject-locked"
NO_SUCH_MANIFEST = "objects.no-such-manifest"
MANIFEST_EXISTS = "objects.manifest-exists"
REFUSED_USE = "objects.refused-use"
QUOTA_EXCEEDED = "objects.quota-exceeded"


class NotModified(Conflict):
    """The client has it already: nothing is sent. `etag` and `last_modified` go with the answer."""

    def __init__(self, *, etag: str, last_modified: Instant) -> None:
        super().__init__("the object has not changed", code=NOT_MODIFIED)
        self.etag = etag
        self.last_modified = last_modified


class PreconditionFailed(Conflict):
    """`condition` is the name of the precondition that did not hold (`if-match`, …)."""

    def __init__(self, condition: str) -> None:
        super().__init__(f"the precondition {condition} does not hold", code=PRECONDITION_FAILED)
        self.condition = condition


class QuotaExceeded(Conflict):
    """What was to be stored does not fit into a quota. `whose`: the bucket's, the project's or the site's."""

    def __init__(self, whose: str, limit: str) -> None:
        super().__init__(
            f"the quota of the {whose} is {limit}, and this does not fit into it",
            code=QUOTA_EXCEEDED,
            hint="delete what is not needed (earlier versions and unfinished uploads count), or ask an operator for more",
        )


class IsDeleteMarker(NotFound):
    """The version is a delete marker: there is nothing to read.

    `named` tells whether the client asked for this very version or came upon it as the latest one.
    """

    def __init__(self, *, version_id: str, last_modified: Instant, named: bool) -> None:
        super().__init__(
            "this version is a delete marker" if named else "no such object: the latest version is a delete marker",
            code=DELETE_MARKER if named else NO_SUCH_KEY,
        )
        self.version_id = version_id
        self.last_modified = last_modified
        self.named = named


class Hidden(NotFound):
    """For whoever asks it is a missing object; the log says that a patient's decision refused it.

    `subject` is whose data it is (None if they are many's, or nobody is named); `reason` and `decision` say why.
    """

    def __init__(self, *, named: bool, subject: str | None, reason: str, decision: str | None) -> None:
        missing = no_such_version() if named else no_such_key()
        super().__init__(missing.message, code=missing.code)
        self.subject = subject
        self.reason = reason
        self.decision = decision


class Refused(Denied):
    """A patient's decision, or the purpose, refuses it, to somebody who may know that the object is there."""

    def __init__(self, *, subject: str | None, reason: str, decision: str | None) -> None:
        super().__init__(
            "the patient's decision or the purpose does not allow it",
            code=REFUSED_USE,
            hint="in an emergency of care, open an emergency access",
        )
        self.subject = subject
        self.reason = reason
        self.decision = decision


class RangeNotSatisfiable(Invalid):
    """No byte of the object is in the range. `size` is the object's."""

    def __init__(self, size: int) -> None:
        super().__init__("the range lies outside the object", code=INVALID_RANGE)
        self.size = size


def no_such_bucket() -> NotFound:
    """There is no bucket of this name."""
    return NotFound("no such bucket", code=NO_SUCH_BUCKET)


def no_such_tenant() -> NotFound:
    """A site, or a project at a site, to which nothing belongs."""
    return NotFound(
        "no such site, or no such project at it",
        code=NO_SUCH_TENANT,
        hint="look at `nexus objects usage show`; a new site is known once somebody has a right in it",
    )


def no_such_key() -> NotFound:
    """There is no object under this key."""
    return NotFound("no such object", code=NO_SUCH_KEY)


def no_such_version() -> NotFound:
    """The object has no version of this id."""
    return NotFound("no such version of this object", code=NO_SUCH_VERSION)


def no_such_upload() -> NotFound:
    """The upload never existed, or is complete or aborted."""
    return NotFound("no such upload: it may be complete or aborted", code=NO_SUCH_UPLOAD)


def not_lockable() -> Invalid:
    """The bucket was not made for locks."""
    return Invalid("the bucket has no object lock", code=NOT_LOCKABLE, hint="turn versioning and object lock on")


def damaged(what: str) -> Damaged:
    """Stored bytes do not verify. `what` says which part of the format, never whose."""
    return Damaged(
        f"{what} does not verify",
        code=CONTENT_DAMAGED,
        hint="nothing was sent; run `nexus doctor`, then restore the object from the last backup",
    )
