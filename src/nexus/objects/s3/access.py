"""Who is let in: the gate's word, narrowed by the policy of the bucket, and widened only where sharing is possible.

1. What the policy of the bucket denies is denied, to everybody. But whoever the gate lets configure the bucket may always
   read, replace and remove its policy: nobody locks himself out.
2. What the gate allows is allowed. For people of the platform that is the end: roles are the ceiling, and a policy or a
   list only takes away.
3. Where `Sharing` admits somebody without a right of his own, the policy or a list of the bucket or the object may let
   him in, within what the public access block leaves.
4. Everybody else is denied.
5. Whoever was let in so far with a temporary access key needs an Allow of each of its session policies as well.

Why: docs/decisions/0014-sharing-within-roles.md.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from nexus.kernel.clock import SECOND
from nexus.kernel.errors import Denied, NotFound
from nexus.kernel.operation import Actor, ActorKind, Operation, Resource
from nexus.objects.model import Bucket, Metadata, ObjectRef
from nexus.objects.s3 import metadata, permissions, session_policy
from nexus.objects.s3.bucket_settings import BucketSettings, SettingsReader
from nexus.objects.s3.grants import Acl, private
from nexus.objects.s3.http import Request
from nexus.objects.s3.policy import ARN, Effect, Policy, Who
from nexus.objects.s3.policy_conditions import EXISTING_TAG, REQUEST_TAG, Context
from nexus.objects.s3.ports import Gate, Placements, Sharing
from nexus.objects.service import ObjectService

_REPAIRS: Final = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})
_OWNERS: Final = frozenset({"s3:PutBucketLogging"})
"""What nobody is let do by sharing: in S3 the owner of a bucket alone sets its log."""
_BUCKET_ACL: Final[Mapping[str, str]] = {
    "s3:ListBucket": "READ",
    "s3:ListBucketVersions": "READ",
    "s3:ListBucketMultipartUploads": "READ",
    "s3:PutObject": "WRITE",
    "s3:DeleteObject": "WRITE",
    "s3:DeleteObjectVersion": "WRITE",
    "s3:AbortMultipartUpload": "WRITE",
    "s3:ListMultipartUploadParts": "WRITE",
    "s3:GetBucketAcl": "READ_ACP",
    "s3:PutBucketAcl": "WRITE_ACP",
}
_OBJECT_ACL: Final[Mapping[str, str]] = {
    "s3:GetObject": "READ",
    "s3:GetObjectVersion": "READ",
    "s3:GetObjectAcl": "READ_ACP",
    "s3:GetObjectVersionAcl": "READ_ACP",
    "s3:PutObjectAcl": "WRITE_ACP",
    "s3:PutObjectVersionAcl": "WRITE_ACP",
}
_BY_HEADER: Final = (
    *(f"x-amz-{name}" for name in ("acl", "content-sha256", "copy-source", "metadata-directive", "storage-class")),
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    *(f"x-amz-grant-{name}" for name in ("read", "write", "read-acp", "write-acp", "full-control")),
)
_LOCKS: Final = {
    "x-amz-object-lock-mode": "s3:object-lock-mode",
    "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
    "x-amz-object-lock-retain-until-date": "s3:object-lock-retain-until-date",
}
_LISTINGS: Final = frozenset({"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"})
NARROWED: Final = "iam.narrowed"
"""The code of the refusal of a credential that is narrowed: nothing that is shared overrides it."""
_BY_QUERY: Final = ("prefix", "delimiter", "max-keys", "versionId")


class NoSharing:
    """Roles alone let in: what the platform does."""

    possible = False

    def admits(self, op: Operation, action: str, resource: Resource) -> bool:
        return False

    def knows(self, actor_id: str) -> bool:
        return False


class Question(msgspec.Struct, frozen=True):
    """May this be done? `action` is the gate's word for it, `permission` the policy's."""

    op: Operation
    action: str
    permission: str
    bucket: Bucket
    key: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    secure: bool

    @property
    def arn(self) -> str:
        return f"{ARN}{self.bucket.name}/{self.key}" if self.key else f"{ARN}{self.bucket.name}"

    @property
    def resource(self) -> Resource:
        """For the gate: of the bucket, the object, or the names that a listing shows."""
        part = self.query.get("prefix", "") if self.permission in _LISTINGS else self.key
        return self.bucket.resource.within(part)

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.bucket, self.key, self.query.get("versionId") or None)


class Access:
    """Decides for the door. One for each worker."""

    def __init__(
        self,
        objects: ObjectService,
        gate: Gate,
        sharing: Sharing,
        placements: Placements,
        *,
        lockouts: bool = False,
    ) -> None:
        """`lockouts`: step 1 has no exception for policies whose author confirmed that they may shut him out."""
        self._lockouts = lockouts
        self.sharing = sharing
        self.settings = SettingsReader(objects.buckets, sharing)
        self._objects = objects
        self._gate = gate
        self._placements = placements

    def asks_for_each_key(self, actor: Actor) -> bool:
        """Whether a right to a bucket is not one to every key in it: then a verb on many keys asks for each."""
        narrowed = actor.narrowed
        return self.sharing.possible or (narrowed is not None and bool(narrowed.prefixes or narrowed.policies))

    async def admit(self, question: Question) -> bool:
        """Return if it may be done, and whether a list alone says so. Raises Denied, and NotFound where a listing would have told as much."""
        listed = await self._admit(question)
        actor = question.op.actor
        if actor.narrowed is not None and actor.narrowed.policies:
            context = _context(question)
            if session_policy.looks_at_tags(actor) and question.key:
                context = {**context, **await self._tags(question)}
            asked = [question.permission, *permissions.also_asked(question.headers)]
            session_policy.require(actor, asked, question.arn, context)
        return listed

    def admit_service(self, op: Operation, permission: str, request: Request, bucket: str = "") -> None:
        """The last step for what is about no bucket that exists. Raises Denied."""
        if op.actor.narrowed is not None and op.actor.narrowed.policies:
            asked = [permission, *permissions.also_asked(request.headers)]
            context = _context_of(op, request.headers, request.query, secure=request.secure)
            session_policy.require(op.actor, asked, f"{ARN}{bucket or '*'}", context)

    async def _admit(self, question: Question) -> bool:
        settings = self.settings.of(question.bucket)
        effect = None if settings.policy is None else await self._decide(question, settings.policy)
        final = self._lockouts and settings.policy_confirmed
        if effect is Effect.DENY and (final or question.permission not in _REPAIRS):
            raise Denied("the policy of the bucket denies it", code="objects.policy")
        try:
            self._gate.check(question.op, question.action, question.resource)
        except Denied as denied:
            if denied.code == NARROWED or effect is Effect.DENY:
                raise
            listed = await self._is_shared(question, settings, effect)
            if listed is None:
                raise
            return listed
        if self.sharing.possible and question.permission in _OBJECT_ACL:
            await self._require_leave_of_owner(question, settings, effect)
        return False

    async def _decide(self, question: Question, policy: Policy) -> Effect | None:
        who, context = self._who(question), _context(question)
        if policy.looks_at_tags and question.key:
            context = {**context, **await self._tags(question)}
        asked = [question.permission, *permissions.also_asked(question.headers)]
        effects = [policy.decide(who, permission, question.arn, context) for permission in asked]
        return Effect.DENY if Effect.DENY in effects else effects[0]

    async def _tags(self, question: Question) -> Context:
        """The tags of the object that is asked for, as conditions look at them."""
        tags = (await self._found(question) or Metadata()).tags
        return {EXISTING_TAG + name: (value,) for name, value in tags.items()}

    def _who(self, question: Question) -> Who:
        actor = question.op.actor
        if is_anonymous(actor):
            return Who("", anonymous=True)
        return Who(actor.id, self._placements.site_of(actor) or "")

    async def _is_shared(self, question: Question, settings: BucketSettings, effect: Effect | None) -> bool | None:
        """Step 3: None if not; True where a list says so, False where the policy does."""
        if question.permission in _OWNERS or not self.sharing.admits(question.op, question.action, question.resource):
            return None
        if effect is Effect.ALLOW and not (
            settings.block.RestrictPublicBuckets and settings.policy is not None and settings.policy.public
        ):
            return False
        if await self._is_listed(question, settings):
            return True
        await self._tell_what_a_listing_would(question, settings)
        return None

    async def _is_listed(self, question: Question, settings: BucketSettings) -> bool:
        """Whether a list gives it: of the bucket, or of the object that is asked for."""
        if settings.enforced:
            return False
        wanted = _BUCKET_ACL.get(question.permission)
        if wanted is not None and settings.acl is not None:
            return self._permits(settings.acl, question, wanted, settings)
        wanted = _OBJECT_ACL.get(question.permission)
        found = await self._found(question) if wanted is not None else None
        if wanted is None or found is None:
            return False
        acl = acl_of(found, question.bucket)
        return (acl.owner == question.op.actor.id) or self._permits(acl, question, wanted, settings)

    async def _require_leave_of_owner(
        self, question: Question, settings: BucketSettings, effect: Effect | None
    ) -> None:
        """Where writers own what they write, the owner of the bucket reads it by their leave only."""
        if settings.enforced or effect is Effect.ALLOW:
            return
        found = await self._found(question)
        if found is None or not found.owner or found.owner == question.op.actor.id:
            return
        acl = acl_of(found, question.bucket)
        if not self._permits(acl, question, _OBJECT_ACL[question.permission], settings):
            raise Denied("the object belongs to its writer", code="objects.owner")

    async def _tell_what_a_listing_would(self, question: Question, settings: BucketSettings) -> None:
        """Who may list a key hears that it is missing. Raises NotFound."""
        if question.permission not in (permissions.GET_OBJECT, "s3:GetObjectVersion"):
            return
        listing = None
        if settings.policy is not None:
            context = {**_context(question), "s3:prefix": (question.key,)}
            resource = f"{ARN}{question.bucket.name}"
            listing = settings.policy.decide(self._who(question), permissions.LIST_BUCKET, resource, context)
        if listing is None and settings.acl is not None and not settings.enforced:
            listing = Effect.ALLOW if self._permits(settings.acl, question, "READ", settings) else None
        if listing is Effect.ALLOW:
            await self._objects.reading.open(question.op, question.ref, facts_only=True)

    def _permits(self, acl: Acl, question: Question, permission: str, settings: BucketSettings) -> bool:
        actor = question.op.actor
        return acl.permits(
            actor.id,
            anonymous=is_anonymous(actor),
            permission=permission,
            ignore_public=settings.block.IgnorePublicAcls,
        )

    async def _found(self, question: Question) -> Metadata | None:
        """The metadata of the object that is asked for; None if there is none."""
        try:
            opened = await self._objects.reading.open(question.op, question.ref, facts_only=True)
        except NotFound:
            return None
        return opened.facts.metadata


def is_anonymous(actor: Actor) -> bool:
    """Whether nobody is known to ask."""
    return actor.kind is ActorKind.ANONYMOUS


def acl_of(found: Metadata, bucket: Bucket) -> Acl:
    """The list of an object."""
    own = found.owner or bucket.owner
    return private(own) if isinstance(found.grants, msgspec.UnsetType) else Acl(own, found.grants)


def _context(question: Question) -> Context:
    """What conditions may look at."""
    about = _context_of(question.op, question.headers, question.query, secure=question.secure)
    return {**about, "s3:resourceaccount": (question.bucket.site,)}


def _context_of(op: Operation, headers: Mapping[str, str], query: Mapping[str, str], *, secure: bool) -> Context:
    context: dict[str, Sequence[str]] = {
        "aws:securetransport": ("true" if secure else "false",),
        "aws:sourceip": (op.origin,),
        "aws:useragent": (op.client,),
        "aws:currenttime": (str(op.at // SECOND),),
        "aws:epochtime": (str(op.at // SECOND),),
        "aws:principaltype": ("Anonymous" if is_anonymous(op.actor) else "User",),
        "s3:authtype": ("REST-QUERY-STRING" if "X-Amz-Signature" in query else "REST-HEADER",),
        "s3:signatureversion": ("AWS4-HMAC-SHA256",),
        "s3:tlsversion": ("1.3",),
    }
    if not is_anonymous(op.actor):
        context["aws:userid"] = (op.actor.id,)
    context |= {f"s3:{name}": (headers[name],) for name in _BY_HEADER if name in headers}
    context |= {key: (headers[name],) for name, key in _LOCKS.items() if name in headers}
    context |= {f"s3:{name.lower()}": (query[name],) for name in _BY_QUERY if name in query}
    if "referer" in headers:
        context["aws:referer"] = (headers["referer"],)
    tags = metadata.tags_of_header(headers) or {}
    if tags:
        context |= {REQUEST_TAG + name: (value,) for name, value in tags.items()}
        context["s3:requestobjecttagkeys"] = tuple(tags)
    return context
