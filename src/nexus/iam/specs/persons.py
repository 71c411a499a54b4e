"""Persons."""

from nexus.iam.requests.forms import ById, Nothing, Page
from nexus.iam.requests.persons import CreatePerson, Invitation, Persons, PersonView
from nexus.iam.requests.rights import Me
from nexus.iam.specs.spec import by_id, spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.person.create",
        "POST /v1/persons",
        "Create a person and her one-time enrolment code",
        CreatePerson,
        Invitation,
        lambda service, op, request: service.persons.create(op, request),
        secret_result=True,
    ),
    spec(
        "iam.person.list",
        "GET /v1/persons",
        "List persons",
        Page,
        Persons,
        lambda service, op, request: service.persons.list_persons(op, request),
    ),
    spec(
        "iam.person.read",
        "GET /v1/persons/{id}",
        "Read the record of a person",
        ById,
        PersonView,
        lambda service, op, request: service.persons.read(op, request),
        by_id,
    ),
    spec(
        "iam.person.suspend",
        "POST /v1/persons/{id}/suspend",
        "Suspend a person: her sessions, access keys and machines stop at once",
        ById,
        None,
        lambda service, op, request: service.persons.suspend(op, request),
        by_id,
    ),
    spec(
        "iam.person.resume",
        "POST /v1/persons/{id}/resume",
        "End the suspension of a person",
        ById,
        None,
        lambda service, op, request: service.persons.resume(op, request),
        by_id,
    ),
    spec(
        "iam.person.delete",
        "DELETE /v1/persons/{id}",
        "Delete a person, her rights and credentials",
        ById,
        None,
        lambda service, op, request: service.persons.delete(op, request),
        by_id,
        sensitive=True,
    ),
    spec(
        "iam.person.re-enrol",
        "POST /v1/persons/{id}/re-enrol",
        "Give a person a new enrolment code (lost second factor or password)",
        ById,
        Invitation,
        lambda service, op, request: service.persons.re_enrol(op, request),
        by_id,
        sensitive=True,
        secret_result=True,
    ),
    spec(
        "iam.me.read",
        "GET /v1/me",
        "Say who one is and which rights one holds now",
        Nothing,
        Me,
        lambda service, op, request: service.grants.me(op, request),
        action="iam.me.read",
    ),
)
