"""Directories of people."""

from typing import Any

from nexus.iam.requests.directory import (
    ChangePerson,
    Directories,
    DirectoryPersons,
    DirectoryPersonView,
    DirectoryView,
    Groups,
    GroupView,
    InvitePerson,
    ListDirectoryPersons,
    MapGroup,
    Membership,
    RegisterDirectory,
    RemovePerson,
)
from nexus.iam.requests.forms import ById, Nothing
from nexus.iam.service import IdentityService
from nexus.iam.specs.spec import by_id, spec
from nexus.kernel.operation import OperationSpec, Resource


def _person(service: IdentityService, request: Any) -> Resource:
    """A person, with whether she is privileged."""
    return service.resources.directory_person(request.id)


def _member(service: IdentityService, request: Any) -> Resource:
    """A person, with whether she is privileged, and the role that membership gives."""
    return service.resources.directory_member(request.group, request.person)


OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.directory.register",
        "POST /v1/directories",
        "Let a machine bring unprivileged people in and take them out (SCIM)",
        RegisterDirectory,
        DirectoryView,
        lambda service, op, request: service.directories.register(op, request),
        lambda service, request: service.resources.identity(request.machine),
        sensitive=True,
    ),
    spec(
        "iam.directory.revoke",
        "DELETE /v1/directories/{id}",
        "A machine brings people in and out no more",
        ById,
        None,
        lambda service, op, request: service.directories.revoke(op, request),
        by_id,
    ),
    spec(
        "iam.directory.list",
        "GET /v1/directories",
        "List the machines that bring people in and take them out",
        Nothing,
        Directories,
        lambda service, op, request: service.directories.list_directories(op, request),
    ),
    spec(
        "iam.directory.map",
        "POST /v1/directory/groups",
        "Say which role of data work membership in a group of the directory gives",
        MapGroup,
        GroupView,
        lambda service, op, request: service.directories.map_group(op, request),
        sensitive=True,
    ),
    spec(
        "iam.directory.unmap",
        "DELETE /v1/directory/groups/{id}",
        "Membership in a group gives nothing any more, for everybody in it, at once",
        ById,
        None,
        lambda service, op, request: service.directories.unmap(op, request),
    ),
    spec(
        "iam.directory.groups",
        "GET /v1/directory/groups",
        "List the groups of the directory, what they give, and their members",
        Nothing,
        Groups,
        lambda service, op, request: service.directories.list_groups(op, request),
    ),
    spec(
        "iam.directory.persons",
        "GET /v1/directory/persons",
        "As a directory: list unprivileged persons",
        ListDirectoryPersons,
        DirectoryPersons,
        lambda service, op, request: service.directory_people.list_persons(op, request),
    ),
    spec(
        "iam.directory.invite",
        "POST /v1/directory/persons",
        "As a directory: create an account without rights for a joiner",
        InvitePerson,
        DirectoryPersonView,
        lambda service, op, request: service.directory_people.invite(op, request),
    ),
    spec(
        "iam.directory.change",
        "POST /v1/directory/persons/{id}",
        "As a directory: rename, suspend or resume an unprivileged person",
        ChangePerson,
        DirectoryPersonView,
        lambda service, op, request: service.directory_people.change(op, request),
        _person,
    ),
    spec(
        "iam.directory.remove",
        "DELETE /v1/directory/persons/{id}",
        "As a directory: end everything of an unprivileged person who leaves",
        RemovePerson,
        None,
        lambda service, op, request: service.directory_people.remove(op, request),
        _person,
    ),
    spec(
        "iam.directory.assign",
        "PUT /v1/directory/groups/{group}/members/{person}",
        "As a directory: give an unprivileged person what membership in a group gives",
        Membership,
        GroupView,
        lambda service, op, request: service.directory_people.assign(op, request),
        _member,
    ),
    spec(
        "iam.directory.unassign",
        "DELETE /v1/directory/groups/{group}/members/{person}",
        "As a directory: take away what membership in a group gave",
        Membership,
        GroupView,
        lambda service, op, request: service.directory_people.unassign(op, request),
        _member,
    ),
)
