"""The REST door, asked by schemathesis what its own description allows, and what it does not (issue 4, components).

Every operation of the platform, over every real service: no internal error, answers as described, strangers refused. The
requests are few and the same at each run: this looks for gaps between description and door, not for rare values.
"""

import httpx
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from nexus import __version__
from nexus.app.operations import OPERATIONS, PURPOSES, SERVICES
from nexus.iam.model import Intent
from nexus.web.openapi import openapi
from simulators.whole_door import whole_door

AS_DESCRIBED, AGAINST = 2, 1
"""Requests for each operation that its description allows, and that it does not."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ENDS_THE_TEST = {"kms.service.seal"}
"""Carried out, it leaves nothing to ask."""
ABSENT_PARTS = {"audit.entry.prove", "bastion.host.read", "platform.status"}
"""They ask worker, bastion and supervisor, which do not run beside this door: 503 is the right answer."""
OPEN = {spec.name for spec in OPERATIONS if not spec.action}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def document():
    return openapi(OPERATIONS, version=__version__, purposes=PURPOSES, intent=Intent, services=SERVICES)


@pytest.fixture(scope="module")
def requests(document):
    """Requests for each operation, made before the platform starts: making them would keep its heart from beating."""
    operations = [each.ok() for each in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert len(operations) == len(OPERATIONS)
    found = {}
    for operation in operations:
        if (name := str(operation.definition.raw["operationId"])) not in ENDS_THE_TEST:
            found[name] = [
                *((GenerationMode.POSITIVE, case) for case in cases(operation, GenerationMode.POSITIVE, AS_DESCRIBED)),
                *((GenerationMode.NEGATIVE, case) for case in cases(operation, GenerationMode.NEGATIVE, AGAINST)),
            ]
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory, requests, document):
    async with whole_door(tmp_path_factory.mktemp("door")) as opened:
        async with opened.client(None) as http:
            assert (await http.get("/v1/openapi.json")).json() == document
        yield opened


def cases(operation, mode: GenerationMode, count: int) -> list:
    """Requests of an operation, the same at each run."""
    found: list = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case) -> None:
        found.append(case)

    collect()
    return found[:count]


async def ask(http: httpx.AsyncClient, case):
    """Send a request as this client; what it would say of itself is ours to say."""
    sent = case.as_transport_kwargs(base_url="https://nexus.test")
    kept = {name: value for name, value in sent["headers"].items() if name.lower() in ("nexus-purpose", "content-type")}
    content = {name: sent[name] for name in ("json", "data") if name in sent}
    if isinstance(content.get("data"), bytes):
        content = {"content": content["data"]}
    return await http.request(sent["method"], sent["url"], params=sent.get("params"), headers=kept, **content)


async def test_every_operation_answers_as_it_is_described_and_none_fails(door, requests):
    troubles, reached = [], 0
    async with door.client(door.tokens["alice"]) as http:
        for name, asked in requests.items():
            for mode, case in asked:
                answer = await ask(http, case)
                reached += answer.status_code < 300
                if answer.status_code == 503 and name in ABSENT_PARTS:
                    continue
                try:
                    case.validate_response(answer, checks=CHECKS)
                except BaseExceptionGroup as trouble:  # all of them are told
                    found = "; ".join(f"{each.title}: {each.message}" for each in trouble.exceptions)
                    troubles.append(f"{name} ({mode.value}) {answer.status_code}: {found}")
    assert not troubles, "\n\n".join(troubles)
    assert reached > 20, "whoever asks has rights: most of what is described correctly is done"


async def test_what_is_described_is_refused_to_strangers(door, requests):
    async with door.client(None) as http:
        for name, asked in requests.items():
            if name not in OPEN:
                answer = await ask(http, asked[0][1])
                assert answer.status_code == 401, (name, answer.text)
                asked[0][1].validate_response(answer, checks=CHECKS)


async def test_the_fhir_door_stands_beside_and_describes_itself(door):
    async with door.client(None) as http:
        for release, version in (("r4", "4.0.1"), ("r5", "5.0.0")):
            statement = (await http.get(f"/fhir/{release}/metadata")).json()
            assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", version)
            for path in ("Consent?patient=x", "Consent/x", "AuditEvent"):
                answer = await http.get(f"/fhir/{release}/{path}")
                assert answer.status_code in (401, 404) and answer.json()["resourceType"] == "OperationOutcome", (
                    answer.text
                )
    async with door.client(door.tokens["alice"]) as http:
        found = (await http.get("/fhir/r4/AuditEvent?_count=5")).json()
        assert len(found["entry"]) == 5 and found["link"][1]["relation"] == "next"
