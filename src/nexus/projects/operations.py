"""Every operation on projects; the doors are generated from `OPERATIONS`."""

from typing import Any, Final

from nexus.kernel.operation import OperationSpec, Resource
from nexus.projects.requests import (
    IssuePermit,
    JudgeProject,
    ListProjects,
    NamedProject,
    Projects,
    ProjectView,
    RecordDecision,
    RequestProject,
    RevokeDecision,
)
from nexus.projects.service import ProjectService, project_resource


def _named(service: ProjectService, request: Any) -> Resource:
    return project_resource(request.name)


def _spec(
    name: str, route: str, summary: str, request: type[Any], run: Any, *, sensitive: bool = False
) -> OperationSpec:
    """`route` is `METHOD /path`. Every one shows the project as it is afterwards."""
    method, path = route.split(" ")
    return OperationSpec(
        name, "projects", method, path, summary, request, ProjectView, name, run, _named, sensitive=sensitive
    )


OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    _spec("projects.project.request", "POST /v1/projects", "File a project", RequestProject, ProjectService.request),
    OperationSpec(
        name="projects.project.list",
        service="projects",
        method="GET",
        path="/v1/projects",
        summary="List the projects that one may see",
        request=ListProjects,
        result=Projects,
        action="projects.project.list",
        run=ProjectService.list,
    ),
    _spec(
        "projects.project.read",
        "GET /v1/projects/{name}",
        "Show a project, its decisions and what it lacks",
        NamedProject,
        ProjectService.read,
    ),
    _spec(
        "projects.project.authorise",
        "POST /v1/projects/{name}/authorisation",
        "Let a project be prepared",
        JudgeProject,
        ProjectService.authorise,
        sensitive=True,
    ),
    _spec(
        "projects.project.refuse",
        "POST /v1/projects/{name}/refusal",
        "Refuse a project",
        JudgeProject,
        ProjectService.refuse,
    ),
    _spec(
        "projects.assessment.record",
        "POST /v1/projects/{name}/assessments",
        "Record the data protection impact assessment of a project",
        RecordDecision,
        ProjectService.record_assessment,
    ),
    _spec(
        "projects.homologation.record",
        "POST /v1/projects/{name}/homologations",
        "Record the signed homologation of a project's space",
        RecordDecision,
        ProjectService.record_homologation,
        sensitive=True,
    ),
    _spec(
        "projects.permit.issue",
        "POST /v1/projects/{name}/permits",
        "Permit a project to read named tables and columns until a date",
        IssuePermit,
        ProjectService.issue_permit,
        sensitive=True,
    ),
    _spec(
        "projects.decision.revoke",
        "POST /v1/projects/{name}/decisions/{decision}/revocation",
        "Revoke a decision about a project, at once",
        RevokeDecision,
        ProjectService.revoke,
    ),
    _spec(
        "projects.project.open",
        "POST /v1/projects/{name}/opening",
        "Open a project: work for it may begin",
        NamedProject,
        ProjectService.open,
    ),
    _spec(
        "projects.project.suspend",
        "POST /v1/projects/{name}/suspension",
        "Stop a project at once",
        JudgeProject,
        ProjectService.suspend,
    ),
    _spec(
        "projects.project.close",
        "POST /v1/projects/{name}/closure",
        "Close a project",
        JudgeProject,
        ProjectService.close,
    ),
    _spec(
        "projects.project.archive",
        "POST /v1/projects/{name}/archive",
        "Archive a project that is over",
        NamedProject,
        ProjectService.archive,
    ),
)
