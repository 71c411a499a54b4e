"""A page for every operation, made from its definition, and the list of them all.

Special pages show what people need and lead here for what they do: their buttons send the form of an operation, with the
page to come back to. So whatever the API can do, the console can, and nothing is done in two ways.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from nexus.console.choosing import LISTS, choices
from nexus.console.fields import Kind, document_of, fields_of, typed
from nexus.console.groups import PLATFORM
from nexus.console.page import Handler, Page
from nexus.console.shown import shown
from nexus.console.titles import service_of, title_of
from nexus.console.visit import Visit
from nexus.kernel.errors import Invalid
from nexus.kernel.operation import OperationSpec
from nexus.web.browser import paths
from nexus.web.browser.forms import Form
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document, Done, Refused
from nexus.web.browser.visit import SEE_OTHER
from nexus.web.dispatch import EXECUTE

ROOT: Final = "/operations"
NEXT: Final = "~next"
PURPOSE: Final = "~purpose"
RUN: Final = "~run"
PURPOSE_OF: Final = {"audit": "audit"}
"""Service -> the purpose that its forms suggest; for others it is running the platform."""
MENU: Final = Bilingual("All operations", "Toutes les opérations")


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    all_title: str
    all_intro: str
    purpose: str
    optional: str
    utc: str
    one_per_line: str
    json: str
    not_given: str
    choose: str
    persons: str
    machines: str
    yes: str
    no: str
    run: str
    send: str
    propose: str
    needs_second: str
    result: str
    done: str
    once: str
    next_page: str
    back: str
    back_to_form: str
    command: str
    refused: str
    none: str


TEXTS: Final = Bilingual(
    Texts(
        all_title="All operations",
        all_intro="Everything that the platform can be asked to do: by this console, by REST and on the command line.",
        purpose="Purpose of this call",
        optional="optional",
        utc="in UTC",
        one_per_line="one on each line",
        json="as JSON",
        not_given="as the platform decides",
        choose="choose",
        persons="Persons",
        machines="Machines",
        yes="yes",
        no="no",
        run="Show",
        send="Do it",
        propose="Propose it to a second person",
        needs_second="One person is not enough for this: it waits until a second one has approved its exact content.",
        result="Result",
        done="Done.",
        once="This is shown once and never again. Keep it now, in a safe place.",
        next_page="Next page",
        back="Go on",
        back_to_form="Correct the form",
        command="The same on the command line:",
        refused="This was not accepted:",
        none="Nothing to show.",
    ),
    Texts(
        all_title="Toutes les opérations",
        all_intro="Tout ce que l'on peut demander à la plateforme : par cette console, par REST et en ligne de commande.",
        purpose="Finalité de l'appel",
        optional="facultatif",
        utc="en UTC",
        one_per_line="un par ligne",
        json="en JSON",
        not_given="selon la plateforme",
        choose="choisir",
        persons="Personnes",
        machines="Machines",
        yes="oui",
        no="non",
        run="Afficher",
        send="Exécuter",
        propose="Proposer à une seconde personne",
        needs_second="Une seule personne ne suffit pas : une seconde doit en valider le contenu exact.",
        result="Résultat",
        done="C'est fait.",
        once="Ceci n'est montré qu'une fois. Conservez-le maintenant, en lieu sûr.",
        next_page="Page suivante",
        back="Continuer",
        back_to_form="Corriger le formulaire",
        command="La même chose en ligne de commande :",
        refused="Ceci n'a pas été accepté :",
        none="Rien à afficher.",
    ),
)


def path_of(name: str) -> str:
    """Where the form of an operation is."""
    return f"{ROOT}/{name}"


def operation_pages(specs: Sequence[OperationSpec], purposes: Sequence[str], elsewhere: frozenset[str]) -> list[Page]:
    """The list of operations, and a page for each but those that have their place `elsewhere` (signing in)."""
    offered = [spec for spec in specs if spec.name not in elsewhere]
    return [Page(ROOT, show=_list(offered), menu=MENU, group=PLATFORM), *(_page(spec, purposes) for spec in offered)]


def _page(spec: OperationSpec, purposes: Sequence[str]) -> Page:
    form = OperationForm(spec, purposes)
    reads = spec.method == "GET"
    return Page(path_of(spec.name), frozenset({spec.name}) | LISTS, form.show, None if reads else form.submit)


def _list(specs: Sequence[OperationSpec]) -> Handler:
    async def show(visit: Visit) -> Response:
        groups: dict[str, list[tuple[str, str, bool]]] = {}
        for spec in specs:
            row = (spec.name, title_of(spec).of(visit.language), spec.sensitive)
            groups.setdefault(service_of(spec.service).of(visit.language), []).append(row)
        return visit.render("operations.html", t=TEXTS, groups=groups)

    return show


class OperationForm:
    """The page of one operation."""

    def __init__(self, spec: OperationSpec, purposes: Sequence[str]) -> None:
        self._spec = spec
        self._purposes = tuple(purposes)
        self._fields = fields_of(spec)
        self._title = title_of(spec)

    async def show(self, visit: Visit) -> Response:
        """The form, filled in from the query; of what only reads, the result as well once it can be had."""
        query = Form({name: visit.request.query_params.getlist(name) for name in visit.request.query_params})
        reads = self._spec.method == "GET"
        if not reads or (query.text(RUN) == "" and any(field.required for field in self._fields)):
            return await self._form(visit, query)
        try:
            done = await self._do(visit, query)
        except Refused as refused:
            return await self._refused(visit, query, refused)
        except Invalid as invalid:
            return await self._form(visit, query, trouble=invalid.message, status=400)
        return await self._form(visit, query, done=done, following=_following(self._spec, query, done.document))

    async def submit(self, visit: Visit) -> Response:
        """Do it; then the result, or the page that the form came from, or what waits for a second person."""
        try:
            done = await self._do(visit, visit.form)
        except Refused as refused:
            return await self._refused(visit, visit.form, refused)
        except Invalid as invalid:
            return await self._form(visit, visit.form, trouble=invalid.message, status=400)
        back = visit.form.text(NEXT)
        if done.held:
            return _see(f"/approvals/{done.document['id']}", self._spec.name)
        if back and (not done.document or not (self._spec.secret_result or done.executed)):
            return _see(paths.own(back), self._spec.name)
        return await self._result(visit, done, back)

    async def _do(self, visit: Visit, form: Form) -> Done:
        purpose = form.text(PURPOSE) or PURPOSE_OF.get(self._spec.service, "")
        return await visit.do(self._spec.name, for_purpose=purpose, **document_of(self._fields, form))

    async def _refused(self, visit: Visit, form: Form, refused: Refused) -> Response:
        if isinstance(refused.error, Invalid):
            return await self._form(visit, form, trouble=refused.error.message, hint=refused.error.hint, status=400)
        raise refused

    async def _result(self, visit: Visit, done: Done, back: str) -> Response:
        spec = visit.operations.specs[done.executed] if self._spec.name == EXECUTE and done.executed else self._spec
        await visit.meet(done.document)
        return visit.render(
            "result.html",
            t=TEXTS,
            title=title_of(spec),
            shown=shown(done.document, spec.result),
            secret=spec.secret_result and bool(done.document),
            operation=done.operation,
            back=paths.own(back) if back else ROOT,
        )

    async def _form(
        self,
        visit: Visit,
        form: Form,
        *,
        done: Done | None = None,
        following: str = "",
        trouble: str = "",
        hint: str = "",
        status: int = 200,
    ) -> Response:
        given = typed(self._fields, form)
        people = await choices(visit, self._spec, self._fields) if done is None else {}
        await visit.meet(*given.values(), done.document if done else None)
        return visit.render(
            "operation.html",
            t=TEXTS,
            status=status,
            spec=self._spec,
            title=self._title,
            fields=self._fields,
            kinds=Kind,
            typed=given,
            people={name: offered for name, offered in people.items() if offered.holds(given[name])},
            purposes=self._purposes,
            purpose=form.text(PURPOSE) or PURPOSE_OF.get(self._spec.service, "operation"),
            back=form.text(NEXT),
            trouble=trouble,
            hint=hint,
            shown=shown(done.document, self._spec.result) if done else None,
            following=following,
        )


def _see(path: str, operation: str) -> Response:
    joint = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{joint}{urlencode({'done': operation})}", SEE_OTHER)


def _following(spec: OperationSpec, query: Form, document: Document) -> str:
    """Address of the following page of a list, or empty on the last one."""
    names = {field.name for field in fields_of(spec)}
    if "cursor" in names:
        name, value = "cursor", document.get("next") or ""
    elif "after" in names:
        name, value = "after", document["next"] if "next" in document else _last_id(query, document)
    else:
        return ""
    if not value:
        return ""
    kept = [(given, text) for given in query.names() if given != name for text in query.texts(given)]
    return f"{path_of(spec.name)}?{urlencode([*kept, (name, value)])}"


def _last_id(query: Form, document: Document) -> str:
    """Lists without `next` go on after their last row, where the page is full."""
    rows = next((part for part in document.values() if isinstance(part, list)), [])
    limit = query.text("limit")
    full = len(rows) >= (int(limit) if limit.isdigit() else DEFAULT_LIMIT)
    return str(rows[-1].get("id", "")) if rows and full else ""


DEFAULT_LIMIT: Final = 100
"""Rows of a page where the form names no other number."""
