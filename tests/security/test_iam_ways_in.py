"""The ways in are few and named; whatever else there is refuses strangers, and people without a role."""

import pytest

from nexus.iam.operations import OPERATIONS
from nexus.kernel.errors import Denied
from nexus.web.codec import from_builtins
from nexus.web.examples import example_of
from simulators.people import open_platform

OF_EVERYBODY = {
    "iam.me.read",
    "iam.identity.name",
    "iam.approval.list",
    "iam.step-up.prove",
    "iam.access-request.list",
    "iam.explain",
} | {
    "iam.review.items",
    "iam.review.list",
}
"""Actions that whoever is signed in may do, without any role."""


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


async def test_only_signing_in_and_enrolling_ask_for_no_action():
    """NX-09: everything else goes through the gate."""
    open_doors = {spec.name for spec in OPERATIONS if not spec.action}
    assert open_doors == {
        "iam.enrolment.start",
        "iam.enrolment.confirm",
        "iam.session.create",
        "iam.passkey.challenge",
        "iam.passkey.sign-in",
        "iam.federation.issuers",
        "iam.federation.begin",
        "iam.federation.complete",
        "iam.patient.begin",
        "iam.patient.with-passkey",
        "iam.patient.with-password",
        "iam.patient.confirm",
    }


async def test_every_other_operation_refuses_strangers_and_people_without_roles(platform):
    ada, ben = await platform.found("ada", "ben")
    nobody = await platform.person(ada, "nobody")
    stranger = platform.op()
    for spec in OPERATIONS:
        if not spec.action:
            continue
        resource = spec.resource(platform.service, _about(spec.request, ben.id))
        with pytest.raises(Denied):
            platform.gate.check(stranger, spec.action, resource)
        if spec.action in OF_EVERYBODY:
            continue
        with pytest.raises(Denied):
            platform.gate.check(platform.op(nobody), spec.action, resource)


def _about(request_type, identity: str):
    """Any request of a type, about somebody else."""
    named = {name: identity for name in ("identity", "id", "owner") if name in request_type.__struct_fields__}
    return from_builtins(example_of(request_type) | named, request_type)
