"""Where a new bucket belongs: what the client says in x-nexus-* headers, or the one site that it works for."""

from dataclasses import dataclass

from nexus.kernel.operation import Actor, Resource
from nexus.objects.model import BucketKind, bucket_resource
from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Request
from nexus.objects.s3.ports import Placements

SITE, PROJECT, KIND = "x-nexus-site", "x-nexus-project", "x-nexus-kind"


@dataclass(frozen=True, slots=True)
class Placement:
    """The attributes that a new bucket gets; the gate decides on exactly these."""

    site: str
    project: str
    kind: BucketKind

    def resource(self, name: str) -> Resource:
        return bucket_resource(name, self.site, self.project, self.kind)


def place(request: Request, actor: Actor, placements: Placements) -> Placement:
    """The placement of a request to create a bucket. Raises Refusal if the site is not clear or the kind not known."""
    site = request.headers.get(SITE) or placements.site_of(actor)
    if not site:
        raise Refusal(
            errors.INVALID_REQUEST,
            f"It is not clear which site the bucket belongs to: say it in the header {SITE}",
            Header=SITE,
        )
    kind = request.headers.get(KIND, BucketKind.STANDARD.value)
    if kind not in list(BucketKind):
        raise Refusal(errors.INVALID_ARGUMENT, f"{KIND} must be one of {', '.join(BucketKind)}", ArgumentName=KIND)
    return Placement(site, request.headers.get(PROJECT, ""), BucketKind(kind))
