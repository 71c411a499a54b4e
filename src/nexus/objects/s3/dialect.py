"""Where S3's own reference and Ceph's radosgw differ, and what a deployment may choose for clients that come from there.

Nothing here widens a right or weakens a seal: a dialect changes words, defaults and costs. AWS's is what the door speaks
unless its operator says otherwise.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of speaking S3. Each switch says what is different when it is on."""

    name: str
    digests: bool = False
    """The ETag of a body of any size is its MD5, at the cost of computing it."""
    named_keys: bool = False
    """`aws:kms` must name its key: the key of the bucket is not meant by it."""
    tenants: bool = False
    """`site:bucket` names a bucket of a site, and `:bucket` one of any; the path alone is read so, never the host."""
    repeated_parts: bool = False
    """A part that the list of CompleteMultipartUpload names twice in a row counts as it is named last."""
    missing_deletes: bool = False
    """To delete what is not there succeeds, whatever `If-Match` says."""
    missing_torrents: bool = False
    """A torrent is an object that is not there, instead of a verb that is not."""
    whole_policies: bool = False
    """A statement of a bucket policy without `Resource` is about the bucket and everything in it."""
    lockouts: bool = False
    """Whoever confirms it (`x-amz-confirm-remove-self-bucket-access`) shuts out himself too by a policy, from the policy as well."""
    regionless: frozenset[str] = frozenset()
    """Services that have no regions in AWS, whose signatures may name none here."""
    names_regions: bool = False
    """GetBucketLocation names `us-east-1` like any other region."""
    plain_targets: bool = False
    """A log goes to a bucket that is neither logged, nor its own source, nor encrypted by a document, nor paid for by readers."""
    empty_lists: bool = False
    """Whoever says no name sees an empty list of buckets, where nobody needs a name at all."""
    usage: bool = False
    """HeadBucket with `read-stats` tells how many objects and bytes a bucket holds."""


AWS: Final = Dialect("aws")
CEPH: Final = Dialect(
    "ceph",
    digests=True,
    named_keys=True,
    tenants=True,
    repeated_parts=True,
    missing_deletes=True,
    missing_torrents=True,
    whole_policies=True,
    lockouts=True,
    regionless=frozenset({"iam"}),
    names_regions=True,
    plain_targets=True,
    empty_lists=True,
    usage=True,
)
DIALECTS: Final = {dialect.name: dialect for dialect in (AWS, CEPH)}
