"""Step 5 of a request: what it acts on is named, and the gate, the bucket's policy and its owner let it through."""

from nexus.kernel.operation import Operation
from nexus.objects.model import Bucket
from nexus.objects.s3 import errors, permissions, request_payment, unsupported
from nexus.objects.s3.access import Question, is_anonymous
from nexus.objects.s3.address import Address
from nexus.objects.s3.attempt import Attempt
from nexus.objects.s3.call import Door
from nexus.objects.s3.endpoint import Verb
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Request
from nexus.objects.s3.placement import Placement, place


async def authorise(
    door: Door, verb: Verb, attempt: Attempt, op: Operation, *, request: Request, address: Address
) -> tuple[Bucket | None, Placement | None]:
    """What is acted on, once it is allowed. Raises Denied, NotFound (bucket) or Refusal."""
    name = address.bucket or ""
    if verb is Verb.LIST_BUCKETS:
        if is_anonymous(op.actor) and not door.dialect.empty_lists:
            raise Refusal(errors.ACCESS_DENIED)
        door.access.admit_service(op, permissions.needed(verb, {}), request)
        return None, None  # the answer holds those buckets only that the gate lets the actor see
    if verb is Verb.CREATE_BUCKET:
        where = place(request, op.actor, door.placements)
        attempt.resource = where.resource(name)
        door.gate.check(op, attempt.action, attempt.resource)
        door.access.admit_service(op, permissions.needed(verb, {}), request, name)
        return None, where
    found = attempt.bucket = door.bucket(op, attempt.action, name, address.site)
    attempt.resource = found.resource
    if verb is not Verb.DELETE_OBJECTS or not door.access.asks_for_each_key(op.actor):
        attempt.listed = await door.access.admit(
            Question(
                op,
                attempt.action,
                permissions.needed(verb, request.query),
                found,
                address.key or "",
                request.headers,
                request.query,
                request.secure,
            )
        )
    unsupported.require_owner(request.headers, found)
    request_payment.require_said(request.headers, found, door.access.settings.of(found), op.actor.id)
    return found, None
