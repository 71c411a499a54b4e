"""The page of what ceph/s3-tests found: counts, and each test that did not pass with the reason. Written by `ceph.py --page`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

REASONS: Sequence[tuple[str, str]] = (
    (
        r"test_bucket_logging_request_id",
        "the test's own hook asks botocore for an argument that it does not pass; the id is in the line (`tests/service/test_s3_access_logs.py`)",
    ),
    (r"bucket_logging_bucket_auth_type", "it reads with a URL that is signed with version 2, which the door refuses"),
    (
        r"logging",
        "skipped by the suite: it needs Ceph's extensions of bucket logging (journals, roll time, flushing) in the client",
    ),
    (r"usage", "it asks for quotas of Ceph's own, such as 1,000 buckets for each account"),
    (r"grant_email", "accounts are named by their ids, not by electronic mail"),
    (
        r"delete_object_current_if_match",
        "it hides a delete marker once more under `If-Match: *`: no condition about an object holds of a marker",
    ),
    (r"storage_class|transition", "there is one storage class"),
    (r"appendobject|append", "an extension of Ceph's: objects are not appended to"),
)
"""(what the name of a test holds, why it does not pass), the first that matches counts."""


OF_THE_DIALECT: Sequence[str] = (
    "test_bucket_get_location",
    "test_bucket_head_extended",
    "test_bucket_logging_owner",
    "test_bucket_policy_deny_self_denied_policy_confirm_header",
    "test_bucket_policy_different_tenant",
    "test_bucket_policy_tenanted_bucket",
    "test_delete_object_if_match",
    "test_delete_object_version_if_match",
    "test_get_object_torrent",
    "test_list_buckets_anonymous",
    "test_multipart_resend_first_finishes_last",
    "test_multipart_reupload_checksum_and_etag",
    "test_put_bucket_logging_errors",
    "test_put_bucket_logging_permissions",
    "test_put_bucket_logging_policy_wildcard",
    "test_sse_kms_no_key",
)
"""Tests that pass because of the dialect."""


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
        "with version 2 are accepted, every identity has a site of its own, and a day of a life cycle lasts ten seconds. The dialect",
        "is Ceph's (`s3_dialect`, [what it changes](s3.md#dialect)): without it these fail, each for a reason of",
        f"AWS's or of ours: {', '.join(f'`{name}`' for name in OF_THE_DIALECT)}. Accounts whose root makes users over IAM's verbs are simulated; what",
        "is tested with them, two tests on policies that shut out their author, is the door's own. Everything else is as it is delivered.",
        "One that counts all buckets of its account is run alone, after the others.",
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
