"""Who may have the access log of a bucket written where.

On the platform roles are the ceiling: whoever configures a log must be allowed to write into the target, which lies in the
same site, and no policy of the target may deny it. Where policies can let in (`Sharing`), S3's own rule holds instead: the
policy of the target must let the log service write there, on behalf of this very bucket.
"""

from collections.abc import Sequence
from typing import Final

from nexus.kernel.errors import Denied, NotFound
from nexus.objects.buckets import DocumentName
from nexus.objects.model import Bucket, Grant
from nexus.objects.s3 import errors, grants
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Code, Refusal
from nexus.objects.s3.log_target import LogTarget
from nexus.objects.s3.policy import ARN, Effect, Who

WRITE: Final = "objects.object.write"
SERVICE: Final = "logging.s3.amazonaws.com"
"""The name of the log service in policies."""


def require_target(call: Call, wanted: LogTarget) -> Bucket:
    """The target: it is there, and these names may be written into it. Raises Refusal."""
    plain = call.door.dialect.plain_targets
    missing = errors.NO_SUCH_KEY if plain else errors.INVALID_TARGET_BUCKET
    try:
        target = call.door.objects.buckets.find(wanted.bucket)
    except NotFound as error:
        raise Refusal(missing) from error
    if call.door.access.sharing.possible:
        if _of_policy(call, target, wanted.prefix) is not Effect.ALLOW:
            raise Refusal(errors.ACCESS_DENIED if plain else errors.INVALID_TARGET_BUCKET)
    else:
        _require_rights(call, target, wanted.prefix, missing)
    if target.subjects is not None or target.lock:
        raise Refusal(errors.INVALID_TARGET_BUCKET)
    if plain:
        _require_plain(call, target)
    return target


def require_grants(call: Call, target: Bucket, given: Sequence[Grant]) -> tuple[Grant, ...]:
    """What the lists of log objects will name. The owner of the target has all of them, so naming him says nothing.

    Raises Refusal for anybody else where lists are off, as S3 does for a target whose owner owns everything in it.
    """
    others = tuple(grant for grant in given if grant.grantee != target.owner)
    if others and call.door.access.settings.of(target).enforced:
        raise Refusal(errors.NO_ACLS)
    for grant in others:
        if grant.grantee not in grants.GROUPS and not call.door.access.sharing.knows(grant.grantee):
            raise Refusal(errors.INVALID_ARGUMENT, "Invalid id", ArgumentName="CanonicalUser/ID")
    return others


def _require_rights(call: Call, target: Bucket, prefix: str, missing: Code) -> None:
    """In the same words as for a target that is not there: it must not tell which buckets there are."""
    try:
        call.door.gate.check(call.op, WRITE, target.resource.within(prefix))
    except Denied as error:
        raise Refusal(missing) from error
    if target.site != call.bucket.site or _of_policy(call, target, prefix) is Effect.DENY:
        raise Refusal(missing)


def _of_policy(call: Call, target: Bucket, prefix: str) -> Effect | None:
    """What the policy of the target says to the log service, writing for this bucket. What denies everybody denies it too."""
    policy = call.door.access.settings.of(target).policy
    if policy is None:
        return None
    source = call.bucket
    context = {
        "aws:sourcearn": (f"{ARN}{source.name}",),
        "aws:sourceaccount": (source.site, source.owner),
        "aws:securetransport": ("true",),
    }
    resource = f"{ARN}{target.name}/{prefix}"
    anybody = policy.decide(Who(SERVICE), "s3:PutObject", resource, context)
    if anybody is Effect.DENY:
        return anybody
    return policy.decide(Who("", service=SERVICE), "s3:PutObject", resource, context)


def _require_plain(call: Call, target: Bucket) -> None:
    """Ceph's rules for a target. Raises Refusal."""
    documents = call.door.objects.buckets.documents(target)
    settings = call.door.access.settings.of(target)
    if (
        target.name == call.bucket.name
        or settings.log is not None
        or settings.readers_pay
        or DocumentName.ENCRYPTION in documents
    ):
        raise Refusal(errors.INVALID_ARGUMENT, "a log goes to another bucket, one that is neither logged nor encrypted")
