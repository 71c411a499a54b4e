"""Every operation whose path or body names a thing, asked over the REST door by people to whom it does not belong.

The real door over every real service, real sessions. What exists and belongs to somebody else is refused exactly as what
does not exist: the same status, the same code, the same words. Generated from the table of operations: a new one is attacked
from its first day, and a new kind of id without an example fails here. EMC-41, NX-09.
"""

from collections.abc import Iterator

import pytest
import pytest_asyncio

from nexus.app.operations import OPERATIONS, operation
from nexus.iam.model import Role
from nexus.kernel.operation import OperationSpec
from nexus.web import codec
from nexus.web.binding import path_fields
from nexus.web.examples import example_of
from simulators.belongings import Belongings
from simulators.whole_door import whole_door

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN = "01jd3v8f2x7q9k4m6n0p5r1s2t"
KIND_OF_FIELD = {
    "identity": "person",
    "person": "person",
    "owner": "person",
    "other": "person",
    "actor": "person",
    "successor": "person",
    "machine": "machine",
    "eligibility": "eligibility",
    "group": "directory-group",
    "key_id": "key",
    "resource": "resource",
    "index": "entry",
}
"""What a field of this name names, in every operation."""
KIND_OF = {
    ("objects", "name"): "bucket",
    ("objects", "project"): "project",
    ("projects", "name"): "project",
    ("projects", "decision"): "decision",
    ("intake", "provider"): "provider",
    ("intake", "number"): "delivery",
    ("intake", "bucket"): "bucket",
    ("iam", "decision"): "denied-operation",
    ("bastion", "id"): "recording",
    ("iam", "client"): "client",
    ("pseudonyms", "project"): "project",
    ("releases", "project"): "project",
    ("releases", "release"): "release",
    ("releases", "since"): "release",
    ("pseudonyms", "bucket"): "bucket",
    ("pseudonyms", "into"): "bucket",
    ("consent", "subject"): "subject",
    ("consent", "decision"): "consent-decision",
    ("consent", "account"): "person",
    ("consent", "id"): "consent-request",
    ("portal", "subject"): "subject",
    ("objects", "subject"): "subject",
    ("audit", "subject"): "subject",
}
"""The same, in the operations of one service."""
KIND_OF_ID = {
    "iam.directory.change": "person",
    "iam.directory.remove": "person",
    "iam.directory.unmap": "directory-group",
    "iam.review.renew": "review-item",
    "iam.review.end": "review-item",
    "iam.review.restore": "review-item",
    "iam.access-request.grant-privileged": "access-request",
}
"""What `id` names where it is not the noun in the operation's name."""
NO_IDS = {
    "action": "a name in a public table",
    "import_id": "names parameters that its own caller was given, and are forgotten after minutes",
    "external_id": "what the hospital calls a person; only a directory may send it",
    "certificate": "the text of a certificate",
    "key": "a name in a bucket that is refused as a whole",
    "version": "of an object in a bucket that is refused as a whole",
    "subjects": "of an object in a bucket that is refused as a whole",
    "manifest": "of a delivery into a bucket that is refused as a whole",
    "operation": "a term of a search that is refused as a whole",
    "project": "a place in a request, such as a scope",
    "site": "a place in a request, such as a scope",
    "role": "the name of one of one's own roles",
    "domain": "the name of a domain of pseudonyms, in an operation on the platform that is refused as a whole",
    "dataset": "the name of a dataset of the catalogue, in an operation on the platform that is refused as a whole",
    "release": "of a dataset of the catalogue, in an operation on the platform that is refused as a whole",
    "pseudonym": "says itself where it belongs; of another project it is refused as one that nobody has",
    "recipient": "a site, in the terms of a consent",
    "issuer": "a name in the settings, shown to everybody at sign-in",
}
"""Fields that look like ids and are none, and why."""
NOUNS = {noun for spec in OPERATIONS for noun in spec.name.split(".")[1:-1]} | {"holder", "account", "recording"}
SHOWS_EACH_WHAT_IS_HIS = {"iam.review.items": "items"}
"""Operations that answer everybody, and the list that must then be empty."""
WHO_SEES = ("vera", "alice", "bruno")
NOT_SHOWN_HERE = {
    "audit.entry.prove": "worker and bastion do not run beside this door",
    "bastion.session.watch": "worker and bastion do not run beside this door",
    "bastion.session.replay": "worker and bastion do not run beside this door",
    "bastion.session.verify": "worker and bastion do not run beside this door",
    "consent.decision.receipt": "worker and bastion do not run beside this door",
    "intake.delivery.receipt": "worker and bastion do not run beside this door",
    "pseudonyms.person.recontact": "those who see it read no data; tests/stories/test_pseudonyms.py has them",
    "pseudonyms.person.emergency": "those who see it read no data; tests/stories/test_pseudonyms.py has them",
    "iam.directory.persons": "only a machine that is a directory asks",
}
"""Operations that serve none of those who might see the thing, and why."""
FOR_EVERYBODY = {"bastion.host.read": "the public key of the bastion names nobody"}


def kind_of(spec: OperationSpec, name: str) -> str | None:
    """What a field names, or None if it names nothing."""
    if (spec.service, name) in KIND_OF:
        return KIND_OF[spec.service, name]
    if name == "id":
        return KIND_OF_ID.get(spec.name, spec.name.split(".")[-2])
    return KIND_OF_FIELD.get(name)


def looks_like_an_id(spec: OperationSpec, name: str, kind: object) -> bool:
    """Every field of the path does, and every text whose name says so."""
    if name in path_fields(spec):
        return True
    return "str" in str(kind) and (name == "id" or name.endswith("_id") or name in NOUNS | KIND_OF_FIELD.keys())


def named(spec: OperationSpec) -> dict[str, str]:
    """Field -> kind of thing that it names."""
    fields = codec.fields_of(spec.request) or {}
    found = {name: kind_of(spec, name) for name, kind in fields.items() if looks_like_an_id(spec, name, kind)}
    return {name: kind for name, kind in found.items() if kind is not None}


ATTACKED = [
    spec
    for spec in OPERATIONS
    if spec.action and (named(spec) or spec.service == "bastion") and spec.name not in FOR_EVERYBODY
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    """Vera has one of everything; Nick has no right at all, Mia every role of data work, in another project and site."""
    async with whole_door(tmp_path_factory.mktemp("door")) as door:
        made = await Belongings(door).settle()
        for login in ("nick", "mia"):
            await made.join(login)
        for role in (Role.DATA_STEWARD, Role.DATA_PROVIDER):
            await made.grant("mia", role, "site:mine")
        for role in (Role.RESEARCHER, Role.OUTPUT_CHECKER):
            await made.grant("mia", role, f"project:{'mine' if role is Role.RESEARCHER else 'checked'}")
        yield made


def nowhere(kind: str, existing: str) -> str:
    """An id of the same form that nobody has."""
    prefix, _, body = existing.partition("_")
    if kind in {"entry", "delivery"}:
        return str(10**9)
    return f"{prefix}_{UNKNOWN}" if body else existing.replace("theirs", "nowhere")


def request(world: Belongings, spec: OperationSpec, *, existing: bool) -> dict[str, object]:
    """The example request of an operation with the ids of others in it, or with ids that nobody has."""
    document = example_of(spec.request)
    for name, kind in named(spec).items():
        theirs = world.theirs[kind]
        document[name] = theirs if existing else nowhere(kind, theirs)
        if name in {"index", "number"}:
            document[name] = int(document[name])
    return document | ({"action": "objects.object.read"} if "action" in document else {})


async def heard(world: Belongings, login: str, spec: OperationSpec, *, existing: bool):
    """What somebody is told: status, and the document without the id of his own request."""
    answer = await world.send(login, spec, request(world, spec, existing=existing))
    document = answer.json() if answer.content else {}
    document.pop("operation", None)
    return answer.status_code, answer.headers.get("content-type"), document


def unclassified() -> Iterator[str]:
    for spec in OPERATIONS:
        for name, kind in (codec.fields_of(spec.request) or {}).items():
            if spec.action and looks_like_an_id(spec, name, kind) and not kind_of(spec, name) and name not in NO_IDS:
                yield f"{spec.name}: {name}"


async def test_every_field_that_looks_like_an_id_is_one_of_a_known_kind(world):
    assert list(unclassified()) == [], "say in this file what the field names, or why it names nothing"
    kinds = {kind for spec in ATTACKED for kind in named(spec).values()}
    assert kinds <= world.theirs.keys(), "give Vera one of these in simulators/belongings.py"


@pytest.mark.parametrize("spec", ATTACKED, ids=lambda spec: spec.name)
async def test_what_is_somebody_elses_is_refused_as_what_does_not_exist(world, spec):
    for login in ("nick", "mia"):
        theirs, nothing = [await heard(world, login, spec, existing=existing) for existing in (True, False)]
        if spec.name in SHOWS_EACH_WHAT_IS_HIS:
            assert theirs[2].get(SHOWS_EACH_WHAT_IS_HIS[spec.name], []) == []
            continue
        assert theirs == nothing, login
        assert theirs[0] in {403, 404} and theirs[2]["code"], theirs


async def test_whoever_may_see_a_thing_sees_it_where_the_others_were_refused(world):
    """The control: the ids exist, and the refusals above are not refusals of everything."""
    blind = []
    for spec in ATTACKED:
        shown_to_patients = spec.name.startswith("consent.own.")  # nobody of these is one
        if spec.method != "GET" or spec.name in NOT_SHOWN_HERE or shown_to_patients or not named(spec):
            continue
        there = [(await heard(world, login, spec, existing=True))[0] for login in WHO_SEES]
        if 200 not in there:
            blind.append((spec.name, there))
    assert blind == []


async def test_what_is_named_belongs_to_nobody_else_after_all_of_it(world):
    """The attacks changed nothing: Vera is still there with what is hers."""
    alive = await world.do("vera", "iam.me.read")
    assert alive["id"] == world.ids["vera"]
    assert (await world.send("vera", operation("objects.bucket.read"), {"name": "theirs"})).status_code == 200
