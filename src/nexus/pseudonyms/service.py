"""What people ask of pseudonyms, over the two services: the same for every door."""

from collections.abc import Sequence

from nexus.kernel.errors import NotFound
from nexus.kernel.operation import Operation, Resource
from nexus.pseudonyms import messages, notation
from nexus.pseudonyms.files import Files
from nexus.pseudonyms.messages import Identify, Nothing, Opened, Person, Why
from nexus.pseudonyms.ports import ProjectDomains, Service
from nexus.pseudonyms.requests import (
    Domains,
    DomainView,
    Emergency,
    ListDomains,
    NamedDomain,
    NewDomain,
    People,
    PersonView,
    Recontact,
)


class PseudonymService:
    """One method for each operation. The entry of each is made by the service that does it, in its own database."""

    def __init__(self, first: Service, second: Service, projects: ProjectDomains, files: Files) -> None:
        """`files`: what the worker is to rewrite."""
        self.files = files
        self._first = first
        self._second = second
        self._projects = projects

    async def open_domain(self, op: Operation, request: NewDomain) -> DomainView:
        """A new domain, under a secret of its own. Raises Conflict if there is one of that name."""
        return _view(await self._second.call("open_domain", op, messages.OpenDomain(request.domain)))

    async def renew_domain(self, op: Operation, request: NamedDomain) -> DomainView:
        """Everybody of a domain under its next secret. Not `ready` in the answer: it goes on. Raises NotFound."""
        return _view(await self._second.call("renew", op, messages.OpenDomain(request.domain)))

    async def list_domains(self, op: Operation, request: ListDomains) -> Domains:
        """How many have a pseudonym, and nobody's pseudonym."""
        found = await self._second.call("statistics", op, Nothing())
        return Domains(domains=tuple(map(_view, found.domains)))

    async def recontact(self, op: Operation, request: Recontact) -> People:
        """Who these are. Raises NotFound also for pseudonyms of another project, Conflict when the day's number is reached."""
        return await self._identify(op, Why.RECONTACT, request, request.pseudonyms)

    async def emergency(self, op: Operation, request: Emergency) -> People:
        """Who this one is. Raises as `recontact` does."""
        return await self._identify(op, Why.EMERGENCY, request, (request.pseudonym,))

    async def _identify(
        self, op: Operation, why: Why, request: Recontact | Emergency, pseudonyms: Sequence[str]
    ) -> People:
        own = self._projects.domains(request.project)
        if any(notation.read(one)[0].name not in own for one in pseudonyms):
            raise NotFound("the project has no such pseudonym", code="pseudonyms.unknown")
        asked = Identify(tuple(pseudonyms), why, request.project, request.reason)
        found = await self._first.call("identify", op, asked)
        return People(people=tuple(map(_person, found.people)))


def project_resource(name: str) -> Resource:
    """A project as the gate and the log see it, whether or not it exists."""
    return Resource("Project", name, {"project": name})


def _view(opened: Opened) -> DomainView:
    return DomainView(domain=opened.domain, epoch=opened.epoch, people=opened.people, ready=opened.ready)


def _person(person: Person) -> PersonView:
    kind, *fields = person.identity.decode().split("\0")
    shown = bool(person.subjects)
    if kind == "nir/1":
        return PersonView(pseudonym=person.pseudonym, nir=fields[0], shown=shown)
    if kind == "record/1":
        return PersonView(pseudonym=person.pseudonym, provider=fields[0], record=fields[1], shown=shown)
    family, given, born, sex, commune, rank = fields
    return PersonView(
        pseudonym=person.pseudonym,
        family_name=family,
        given_name=given,
        born=born,
        sex=sex,
        commune=commune,
        twin_rank=int(rank),
        shown=shown,
    )
