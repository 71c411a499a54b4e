"""The public catalogue: which datasets exist, for everybody, signed in or not; and the same for machines.

A page of people is chosen unless what asks wants RDF by its `Accept`, or by the ending of the address: `.ttl`, `.jsonld`. While
nothing is published, there is no such page.
"""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from nexus.kernel.errors import NotFound
from nexus.portal.page import Page
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken, typeset
from nexus.warehouse.catalogue.describing import HealthCategory
from nexus.warehouse.catalogue.model import CATALOGUE
from nexus.warehouse.catalogue.public import FORMATS, Document, PublicCatalogue
from nexus.warehouse.catalogue.record import Record, Said
from nexus.warehouse.catalogue.wording import PROVENANCE, PURPOSES, QUALITY
from nexus.web.browser.language import Language

KEEP: Final = "public, max-age=60"
"""What machines read may be kept by whoever stands between, for a minute."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    private: str
    back: str
    persons: str
    rows: str
    about: str
    few: str
    about_whom: str
    ages: str
    to: str
    years: str
    period: str
    categories: str
    purposes: str
    basis: str
    bases: dict[str, str]
    kept_until: str
    origin: str
    quality: str
    vocabulary: str
    tables: str
    table: str
    rounded: str
    keywords: str
    holder: str
    body: str
    write: str
    ask: str
    mine: str
    mine_help: str
    choices: str
    machines: str
    published: str
    kinds: dict[str, str]


TEXTS: Final = spoken(
    Texts(
        title="Catalogue of health datasets",
        intro="Here is every health dataset that this platform offers for research and other uses of public interest.",
        private="These pages describe datasets. They hold no data of any patient, and the data themselves are not public.",
        back="All datasets",
        persons="Persons",
        rows="Records",
        about="about",
        few="fewer than 11",
        about_whom="Who is in it",
        ages="Typical ages",
        to="to",
        years="years",
        period="Period",
        categories="Kinds of data",
        purposes="May be used for",
        basis="Legal basis",
        bases={
            "consent": "Consent (GDPR, art. 6(1)(a))",
            "public-interest": "Public interest (GDPR, art. 6(1)(e))",
            "legal-obligation": "Legal obligation (GDPR, art. 6(1)(c))",
        },
        kept_until="Kept until",
        origin="Where it comes from",
        quality="Quality",
        vocabulary="Vocabularies",
        tables="Tables",
        table="Table (OMOP)",
        rounded="Numbers are rounded down to tens; what is between 1 and 10 is not shown.",
        keywords="Keywords",
        holder="Who holds the data",
        body="Who decides about access",
        write="Contact",
        ask="To use these data for a study, ask for a permit. Nobody reads them without one.",
        mine="And my data?",
        mine_help="You can see who used your data, and refuse that they serve for anything but your care.",
        choices="Sign in and decide",
        machines="For machines (HealthDCAT-AP)",
        published="Published on",
        kinds={
            "ehr": "Electronic health records",
            "health-determinants": "Factors that affect health",
            "healthcare-resources": "Resources of health care",
            "pathogen": "Pathogens that affect human health",
            "admin-claims": "Administration and reimbursement",
            "genomic": "Genetic and genomic data",
            "molecular": "Other molecular data",
            "medical-device": "Data of medical devices",
            "wellness": "Data of wellness applications",
        },
    ),
    Texts(
        title="Catalogue des jeux de données de santé",
        intro="Voici chaque jeu de données de santé que cette plateforme propose pour la recherche et d'autres usages d'intérêt public.",
        private="Ces pages décrivent des jeux de données. Elles ne contiennent aucune donnée d'un patient, et les données elles-mêmes ne sont pas publiques.",
        back="Tous les jeux de données",
        persons="Personnes",
        rows="Enregistrements",
        about="environ",
        few="moins de 11",
        about_whom="Qui y figure",
        ages="Âges habituels",
        to="à",
        years="ans",
        period="Période",
        categories="Types de données",
        purposes="Peut servir à",
        basis="Base légale",
        bases={
            "consent": "Consentement (RGPD, art. 6(1)(a))",
            "public-interest": "Intérêt public (RGPD, art. 6(1)(e))",
            "legal-obligation": "Obligation légale (RGPD, art. 6(1)(c))",
        },
        kept_until="Conservé jusqu'au",
        origin="D'où il vient",
        quality="Qualité",
        vocabulary="Vocabulaires",
        tables="Tables",
        table="Table (OMOP)",
        rounded="Les nombres sont arrondis à la dizaine inférieure ; ceux de 1 à 10 ne sont pas montrés.",
        keywords="Mots-clés",
        holder="Qui détient les données",
        body="Qui décide de l'accès",
        write="Contact",
        ask="Pour utiliser ces données dans une étude, demandez une autorisation. Personne ne les lit sans elle.",
        mine="Et mes données ?",
        mine_help="Vous pouvez voir qui a utilisé vos données, et refuser qu'elles servent à autre chose qu'à vos soins.",
        choices="Se connecter et décider",
        machines="Pour les machines (HealthDCAT-AP)",
        published="Publié le",
        kinds={
            "ehr": "Dossiers médicaux électroniques",
            "health-determinants": "Facteurs qui influent sur la santé",
            "healthcare-resources": "Ressources de soins",
            "pathogen": "Agents pathogènes qui touchent la santé humaine",
            "admin-claims": "Données administratives et de remboursement",
            "genomic": "Données génétiques et génomiques",
            "molecular": "Autres données moléculaires",
            "medical-device": "Données de dispositifs médicaux",
            "wellness": "Données d'applications de bien-être",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A record in the reader's language."""

    record: Record
    title: str
    description: str
    population: str
    individuals: str
    records: str
    tables: tuple[tuple[str, str], ...]
    kinds: tuple[str, ...]
    purposes: tuple[str, ...]
    basis: str
    quality: str
    origin: str


class Cataloguing:
    """The pages, over what is published."""

    def __init__(self, catalogue: PublicCatalogue) -> None:
        self._catalogue = catalogue

    def pages(self) -> tuple[Page, ...]:
        return (
            Page(CATALOGUE, show=self.list, open=True),
            *(Page(f"{CATALOGUE}.{form}", show=self._machine(form), open=True) for form in FORMATS),
            Page(CATALOGUE + "/{name}", show=self.one, open=True),
        )

    async def list(self, visit: Visit) -> Response:
        """Every dataset, for people or for machines."""
        records = self._records()
        if form := wanted(visit.request.headers.get("accept", "")):
            return _rdf(visit, self._catalogue.document(form), form)
        shown = [show(each, visit.language) for each in records.values()]
        return _page(visit.render("catalogue.html", t=TEXTS, datasets=shown))

    async def one(self, visit: Visit) -> Response:
        """One dataset; its name may end in the form that is wanted."""
        name, _, ending = str(visit.path["name"]).partition(".")
        record = self._records().get(name)
        if record is None or (ending and ending not in FORMATS):
            raise _nothing()
        if form := ending or wanted(visit.request.headers.get("accept", "")):
            return _rdf(visit, self._catalogue.document(form, name), form)
        return _page(visit.render("catalogue_dataset.html", t=TEXTS, one=show(record, visit.language)))

    def _machine(self, form: str) -> Any:
        async def machine(visit: Visit) -> Response:
            self._records()
            return _rdf(visit, self._catalogue.document(form), form)

        return machine

    def _records(self) -> dict[str, Record]:
        """What is published. Raises NotFound while nothing is."""
        found = self._catalogue.records()
        if not found:
            raise _nothing()
        return found


def wanted(accept: str) -> str:
    """The form that an `Accept` prefers to HTML, or nothing: the first that it names, of those without less weight."""
    best, chosen = 0.0, ""
    known = {media: form for form, media in FORMATS.items()} | {"text/html": "", "application/xhtml+xml": ""}
    for part in accept.split(","):
        media, _, parameters = part.partition(";")
        weight = _weight(parameters)
        if media.strip().lower() in known and weight > best:
            best, chosen = weight, known[media.strip().lower()]
    return chosen


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def show(record: Record, language: Language) -> Shown:
    """A record as somebody reads it."""
    texts, french = TEXTS.of(language), language is Language.FRENCH
    return Shown(
        record=record,
        title=_said(record.title, french),
        description=_said(record.description, french),
        population=_said(record.population, french),
        individuals=_number(record.individuals, texts, french),
        records=_number(record.records, texts, french),
        tables=tuple((table.name, _number(table.rows, texts, french)) for table in record.tables),
        kinds=tuple(texts.kinds[HealthCategory(each).value] for each in record.categories),
        purposes=tuple(_said(PURPOSES[each], french) for each in record.purposes),
        basis=texts.bases[record.legal_basis.value] if record.legal_basis else "",
        quality=_said(QUALITY.counted(record.quality) if record.quality else QUALITY.gate, french),
        origin=_said(PROVENANCE, french),
    )


def _said(text: Said, french: bool) -> str:
    return typeset(text.fr) if french else text.en


def _number(count: int | None, texts: Texts, french: bool) -> str:
    if count is None:
        return texts.few
    return f"{texts.about} {count:,}".replace(",", "\u202f" if french else ",")


def _rdf(visit: Visit, found: Document, form: str) -> Response:
    headers = {"ETag": found.etag, "Cache-Control": KEEP, "Vary": "Accept"}
    if visit.request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.body, headers=headers, media_type=f"{FORMATS[form]}; charset=utf-8")


def _page(response: Response) -> Response:
    response.headers["Vary"] = "Accept, Cookie"
    return response


def _nothing() -> NotFound:
    return NotFound("there is no page at this address", code="web.no-page")
