"""Every operation on pseudonyms; the doors are generated from `OPERATIONS`."""

from typing import Any, Final

from nexus.kernel.operation import Operation, OperationSpec, Resource
from nexus.pseudonyms.requests import (
    Domains,
    DomainView,
    Emergency,
    FileView,
    ListDomains,
    NamedDomain,
    NamedFile,
    NewDomain,
    People,
    Recontact,
    RewriteFile,
)
from nexus.pseudonyms.service import PseudonymService, project_resource


def _project(service: PseudonymService, request: Any) -> Resource:
    return project_resource(request.project)


def _source(service: PseudonymService, request: RewriteFile) -> Resource:
    return service.files.source(request.bucket)


def _file(service: PseudonymService, request: NamedFile) -> Resource:
    return service.files.resource_of(request.id)


async def _make(service: PseudonymService, op: Operation, request: RewriteFile) -> FileView:
    return await service.files.make(op, request)


async def _read(service: PseudonymService, op: Operation, request: NamedFile) -> FileView:
    return await service.files.read(op, request)


OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    OperationSpec(
        name="pseudonyms.domain.open",
        service="pseudonyms",
        method="POST",
        path="/v1/pseudonyms/domains",
        summary="Open a domain of pseudonyms",
        request=NewDomain,
        result=DomainView,
        action="pseudonyms.domain.open",
        run=PseudonymService.open_domain,
    ),
    OperationSpec(
        name="pseudonyms.domain.list",
        service="pseudonyms",
        method="GET",
        path="/v1/pseudonyms/domains",
        summary="See how many people have a pseudonym in each domain",
        request=ListDomains,
        result=Domains,
        action="pseudonyms.domain.list",
        run=PseudonymService.list_domains,
    ),
    OperationSpec(
        name="pseudonyms.domain.renew",
        service="pseudonyms",
        method="POST",
        path="/v1/pseudonyms/domains/{domain}/renewal",
        summary="Renew every pseudonym of a domain under a new secret",
        request=NamedDomain,
        result=DomainView,
        action="pseudonyms.domain.renew",
        run=PseudonymService.renew_domain,
        sensitive=True,
    ),
    OperationSpec(
        name="pseudonyms.file.make",
        service="pseudonyms",
        method="POST",
        path="/v1/pseudonyms/files",
        summary="Have a file rewritten with pseudonyms",
        request=RewriteFile,
        result=FileView,
        action="pseudonyms.file.make",
        run=_make,
        resource=_source,
    ),
    OperationSpec(
        name="pseudonyms.file.read",
        service="pseudonyms",
        method="GET",
        path="/v1/pseudonyms/files/{id}",
        summary="See how far the rewriting of a file is",
        request=NamedFile,
        result=FileView,
        action="pseudonyms.file.read",
        run=_read,
        resource=_file,
    ),
    OperationSpec(
        name="pseudonyms.person.recontact",
        service="pseudonyms",
        method="POST",
        path="/v1/projects/{project}/recontact",
        summary="Learn who has pseudonyms of a project, to contact them",
        request=Recontact,
        result=People,
        action="pseudonyms.person.recontact",
        run=PseudonymService.recontact,
        resource=_project,
        sensitive=True,
        secret_result=True,
    ),
    OperationSpec(
        name="pseudonyms.person.emergency",
        service="pseudonyms",
        method="POST",
        path="/v1/projects/{project}/emergency",
        summary="Learn who has a pseudonym of a project, in a medical emergency",
        request=Emergency,
        result=People,
        action="pseudonyms.person.emergency",
        run=PseudonymService.emergency,
        resource=_project,
        sensitive=True,
        secret_result=True,
    ),
)
