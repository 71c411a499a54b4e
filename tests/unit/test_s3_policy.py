"""Bucket policies: read strictly, evaluated purely. What is not understood is refused when it is stored."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.policy import MAX_POLICY, Effect, Who, read
from nexus.objects.s3.policy_conditions import glob

ALICE, BOB, NOBODY = Who("per_alice", "chu"), Who("per_bob", "other"), Who("", anonymous=True)
OBJECT = "arn:aws:s3:::ward/scans/1"


def statement(**changes):
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::ward/*",
        **changes,
    }


def policy(*statements, **changes):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **changes}).encode()


def decide(body, who=ALICE, permission="s3:GetObject", resource=OBJECT, **context):
    return read(body, "ward").decide(who, permission, resource, {k.replace("__", ":"): v for k, v in context.items()})


def test_a_denial_is_stronger_than_what_allows():
    both = policy(statement(), statement(Effect="Allow"))
    assert decide(both) is Effect.DENY
    assert decide(policy(statement(Effect="Allow"))) is Effect.ALLOW
    assert decide(both, permission="s3:PutObject") is None
    assert decide(both, resource="arn:aws:s3:::ward") is None


@pytest.mark.parametrize(
    ("principal", "held"),
    [
        ("*", {ALICE, BOB, NOBODY}),
        ({"AWS": "*"}, {ALICE, BOB, NOBODY}),
        ({"AWS": "per_alice"}, {ALICE}),
        ({"AWS": ["arn:aws:iam::chu:user/per_alice"]}, {ALICE}),
        ({"AWS": "arn:aws:iam::chu:root"}, {ALICE}),
        ({"AWS": "chu"}, {ALICE}),
        ({"CanonicalUser": "per_bob"}, {BOB}),
        ({"AWS": ["per_alice", "per_bob"]}, {ALICE, BOB}),
        ({"Service": "logging.s3.amazonaws.com"}, set()),
    ],
)
def test_a_statement_is_about_those_whom_it_names(principal, held):
    body = policy(statement(Principal=principal))
    assert {who for who in (ALICE, BOB, NOBODY) if decide(body, who) is Effect.DENY} == held


def test_all_but_some_may_be_named_where_it_denies():
    raw = statement(NotPrincipal={"AWS": "per_alice"}, NotAction="s3:PutObject", NotResource="arn:aws:s3:::ward/open/*")
    del raw["Principal"], raw["Action"], raw["Resource"]
    body = policy(raw)
    assert decide(body, BOB) is Effect.DENY
    assert decide(body, ALICE) is None
    assert decide(body, BOB, permission="s3:PutObject") is None
    assert decide(body, BOB, resource="arn:aws:s3:::ward/open/1") is None


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"s3:x-amz-acl": "private"}}, {"s3:x-amz-acl": ["private"]}, True),
        ({"StringEquals": {"s3:x-amz-acl": "private"}}, {}, False),
        ({"StringNotEquals": {"s3:x-amz-acl": "private"}}, {}, True),
        ({"StringEqualsIfExists": {"s3:x-amz-acl": "private"}}, {}, True),
        ({"StringLike": {"s3:prefix": ["a/*", "b/?"]}}, {"s3:prefix": ["b/1"]}, True),
        ({"Null": {"s3:x-amz-server-side-encryption": "true"}}, {}, True),
        ({"Null": {"s3:x-amz-server-side-encryption": True}}, {"s3:x-amz-server-side-encryption": ["AES256"]}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": ["true"]}, False),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}, {"aws:sourceip": ["10.1.2.3"]}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:sourceip": ["192.0.2.1"]}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:sourceip": ["unknown"]}, False),
        ({"NumericLessThanEquals": {"s3:max-keys": 10}}, {"s3:max-keys": ["10"]}, True),
        ({"NumericGreaterThan": {"s3:max-keys": "10"}}, {"s3:max-keys": ["ten"]}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, {"aws:currenttime": ["1577836799"]}, True),
        (
            {"StringEquals": {"s3:ExistingObjectTag/Class": "open"}},
            {"s3:existingobjecttag/Class": ["open"]},
            True,
        ),
        (
            {"ForAllValues:StringLike": {"s3:RequestObjectTagKeys": ["a", "b"]}},
            {"s3:requestobjecttagkeys": ["a", "c"]},
            False,
        ),
        (
            {"ForAnyValue:StringLike": {"s3:RequestObjectTagKeys": ["a", "b"]}},
            {"s3:requestobjecttagkeys": ["a", "c"]},
            True,
        ),
        (
            {"StringEquals": {"s3:prefix": "a"}, "Bool": {"aws:SecureTransport": "true"}},
            {"s3:prefix": ["a"], "aws:securetransport": ["false"]},
            False,
        ),
    ],
)
def test_conditions_hold_as_in_s3(condition, context, holds):
    found = read(policy(statement(Condition=condition)), "ward").decide(ALICE, "s3:GetObject", OBJECT, context)
    assert found is (Effect.DENY if holds else None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"Version": "2012-10-17"}',
        policy(),
        policy(statement(), Version="2020-01-01"),
        policy(statement(), Note="x"),
        policy(statement(Effect="Maybe")),
        policy(statement(Sort="x")),
        policy({k: v for k, v in statement().items() if k != "Principal"}),
        policy({k: v for k, v in statement().items() if k != "Resource"}),
        policy(statement(NotPrincipal="*")),
        policy({**{k: v for k, v in statement(Effect="Allow").items() if k != "Principal"}, "NotPrincipal": "per_x"}),
        policy(statement(Principal={"Federated": "x"})),
        policy(statement(Principal={"AWS": "arn:aws:iam::*:root"})),
        policy(statement(Principal=7)),
        policy(statement(Action="s3:GetObjekt")),
        policy(statement(Action=[])),
        policy(statement(Action="ec2:RunInstances")),
        policy(statement(Resource="arn:aws:s3:::other/*")),
        policy(statement(Resource="arn:aws:s3:::ward/${aws:username}")),
        policy(statement(Condition={"StringEquals": {"s3:unheard-of": "x"}})),
        policy(statement(Condition={"StringEquals": {"aws:SourceIp": "${x}"}})),
        policy(statement(Condition={"StringAlmostEquals": {"s3:prefix": "x"}})),
        policy(statement(Condition={"NumericEquals": {"s3:max-keys": "ten"}})),
        policy(statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}})),
        policy(statement(Condition={"Null": {"s3:prefix": "perhaps"}})),
        policy(statement(Condition={"StringEquals": "x"})),
        policy(statement(Condition=[])),
        b" " * (MAX_POLICY + 1),
    ],
)
def test_what_is_not_understood_in_full_is_refused(body):
    with pytest.raises(Refusal) as caught:
        read(body, "ward")
    assert caught.value.s3.name == "MalformedPolicy"


@pytest.mark.parametrize(
    ("body", "public"),
    [
        (policy(statement(Effect="Allow")), True),
        (policy(statement()), False),
        (policy(statement(Effect="Allow", Principal={"AWS": "per_alice"})), False),
        (policy(statement(Effect="Allow", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})), False),
        (policy(statement(Effect="Allow", Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})), True),
        (policy(statement(Effect="Allow", Condition={"StringLike": {"s3:prefix": "*"}})), True),
    ],
)
def test_a_policy_is_public_if_it_lets_in_everybody(body, public):
    assert read(body, "ward").public is public


@settings(max_examples=200, deadline=None)
@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_patterns_match_as_regular_expressions_would(pattern, text):
    import re

    expected = re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None
    assert glob(pattern, text) is expected


def test_a_hostile_pattern_takes_no_time():
    started = time.process_time()
    assert not glob("*a" * 2_000, "a" * 1_999 + "b" * 3_000)
    assert time.process_time() - started < 10, "not exponential: seconds, not centuries"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_nonsense_is_refused_and_never_an_internal_error(body):
    with pytest.raises(Refusal):
        read(body, "ward")
