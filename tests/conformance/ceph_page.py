"""The page of what ceph/s3-tests found: counts, and each test that did not pass with the reason. Written by `ceph.py --page`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

REASONS: Sequence[tuple[str, str]] = (
    (
        r"test_put_bucket_logging$",
        "log objects have simple names, and grants (`TargetGrants`) are refused: the test expects them taken and dropped",
    ),
    (
        r"test_put_bucket_logging_errors",
        "a target that is not there is `InvalidTargetBucketForLogging`, as in AWS; the test expects Ceph's `NoSuchKey`",
    ),
    (
        r"test_put_bucket_logging_permissions",
        "who configures a log must be allowed to write into its target; no policy of the target is asked beyond that",
    ),
    (
        r"test_put_bucket_logging_policy_wildcard",
        "a log stays in its site: the test has another account log into this one's bucket, let in by a policy",
    ),
    (r"test_bucket_logging_owner", "a statement of a policy without `Resource` is `MalformedPolicy`"),
    (
        r"test_bucket_logging_request_id",
        "the test's own hook asks botocore for an argument that it does not pass; the id is in the line (`tests/service/test_s3_access_logs.py`)",
    ),
    (r"test_bucket_logging_mtime", "`Last-Modified` of a log's configuration is an extension of Ceph's"),
    (r"bucket_logging_bucket_auth_type", "it reads with a URL that is signed with version 2, which the door refuses"),
    (
        r"bucket_logging_(bucket|object)_acl_required",
        "a list gives nobody a right that his roles do not: none is ever required",
    ),
    (
        r"logging",
        "skipped by the suite: it needs Ceph's extensions of bucket logging (journals, roll time, flushing) in the client",
    ),
    (r"torrent", "torrents are out of scope: `NotImplemented`, not a missing key"),
    (r"different_tenant|tenanted_bucket", "`tenant:bucket` is a notation of Ceph's own"),
    (r"test_bucket_get_location", "the suite's region is `us-east-1`, whose location has no name, as in AWS"),
    (
        r"multipart_sse_c_get_part",
        "without the customer's key nothing is told of an object's parts, not even how many there are",
    ),
    (r"resend_first_finishes_last", "it names one part twice; the list of parts ascends"),
    (r"test_sse_kms_no_key", "`aws:kms` without a key means the key of the bucket, as it means the account's in AWS"),
    (
        r"cksum|checksum_and_etag",
        "the ETag of more than 1 MiB is opaque here, not an MD5 ([Integrity](s3.md#integrity))",
    ),
    (
        r"deny_self_denied_policy",
        "skipped by the suite: it needs an account made by IAM verbs, which are not implemented",
    ),
    (r"test_list_buckets_anonymous", "nobody lists buckets without a name"),
    (r"usage|head_extended", "an extension of Ceph's administration"),
    (r"grant_email", "accounts are named by their ids, not by electronic mail"),
    (
        r"delete_object.*if_match|if_match.*delete",
        "to delete under `If-Match` what is not there is `NoSuchKey`, as in AWS; Ceph answers 204",
    ),
    (r"storage_class|transition", "there is one storage class"),
    (r"appendobject|append", "an extension of Ceph's: objects are not appended to"),
)
"""(what the name of a test holds, why it does not pass), the first that matches counts."""


DECISION = next((Path(__file__).parents[2] / "docs" / "decisions").glob("*-sharing-within-roles.md"))


NOT_RUN = "not run"


def results(report: Path) -> dict[str, str]:
    """Tests of a JUnit report by name, each with `passed`, `failed` or `skipped`."""
    found = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        state = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        found[case.get("name", "")] = state
    return found


def reason_of(name: str) -> str:
    """Why a test does not pass; empty if nobody has found out."""
    return next((reason for pattern, reason in REASONS if re.search(pattern, name)), "")


def page(found: Mapping[str, str], both: frozenset[str], commit: str) -> str:
    """The page. `both`: the tests that both AWS and Ceph pass."""
    return "\n".join([*_head(found, both, commit), *_reasons(found, both), ""])


def _head(found: Mapping[str, str], both: frozenset[str], commit: str) -> Iterator[str]:
    passed = {name for name, state in found.items() if state == "passed"}
    missing = {name for name, state in found.items() if state == NOT_RUN}
    yield from (
        "# Conformance of the S3 door",
        "",
        "Written by `tests/conformance/ceph.py --page` over a checkout of [ceph/s3-tests](https://github.com/ceph/s3-tests)"
        f" (commit `{commit}`),",
        "which runs against the door over TLS 1.3, with a real store and database behind it.",
        "",
        "```",
        "python tests/conformance/ceph.py --python /path/to/its/python --page docs/reference/s3-conformance.md /path/to/s3-tests",
        "```",
        "",
        "| tests | of | passed | not run |",
        "|---|---|---|---|",
        f"| that both AWS and Ceph pass | {len(both)} | {len(passed & both)} | {len(missing & both)} |",
        f"| those that AWS fails too | {len(found)} | {len(passed)} | {len(missing)} |",
        "",
        "The suite expects accounts that share with each other and with everybody. On the platform roles are the ceiling, and",
        f"nothing is shared ([decision](../decisions/{DECISION.name})): for the suite the port `Sharing` admits everybody, forms signed",
        "with version 2 are accepted, every identity has a site of its own, and a day of a life cycle lasts ten seconds.",
        "Everything else is as it is delivered.",
        "",
        "## What did not pass",
        "",
        "| test | both | reason |",
        "|---|---|---|",
    )


def _reasons(found: Mapping[str, str], both: frozenset[str]) -> Iterator[str]:
    for name, state in sorted(found.items(), key=lambda item: (reason_of(item[0]), item[0])):
        if state != "passed":
            reason = "not run" if state == NOT_RUN else reason_of(name) or "not found out yet"
            yield f"| `{name}` | {'yes' if name in both else 'no'} | {reason}{' (skipped)' if state == 'skipped' else ''} |"
