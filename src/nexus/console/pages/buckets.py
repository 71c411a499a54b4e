"""Buckets: where they belong, under which key they are, and what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import DATA
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document

MENU: Final = Bilingual("Buckets", "Compartiments")
PAGE: Final = 50
"""Buckets on a page of the list."""
SUMS: Final = ("objects", "object_bytes", "versions", "version_bytes", "uploads", "upload_bytes")


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    create: str
    name: str
    site: str
    project: str
    kind: str
    versioning: str
    key: str
    owner: str
    since: str
    none: str
    set_versioning: str
    delete: str
    through_s3: str
    holds: str
    objects: str
    versions: str
    uploads: str
    all_versions: str
    unfinished: str
    count: str
    count_help: str
    total: str
    not_yours: str
    quota: str
    no_quota: str
    versions_most: str
    set_quota: str
    usage: str


TEXTS: Final = Bilingual(
    Texts(
        title="Buckets",
        intro="Those that you may list. Everything in them is encrypted; the console never shows what they hold.",
        create="Create a bucket",
        name="Name",
        site="Site",
        project="Project",
        kind="Kind",
        versioning="Versioning",
        key="Key",
        owner="Created by",
        since="Since",
        none="No bucket that you may list.",
        set_versioning="Change versioning",
        delete="Delete the empty bucket",
        through_s3="Objects travel over S3, with an access key of your own.",
        holds="What it holds",
        objects="Objects",
        versions="Versions, earlier ones included",
        uploads="Unfinished uploads",
        all_versions="All versions",
        unfinished="Unfinished",
        count="Count what they hold",
        count_help="Counting goes through every version; of a large bucket it takes a second or two.",
        total="All of these",
        not_yours="not shown to you",
        quota="Quota",
        no_quota="none of its own",
        versions_most="versions at most",
        set_quota="Set its quota",
        usage="Usage, quotas and growth",
    ),
    Texts(
        title="Compartiments",
        intro="Ceux que vous pouvez lister. Tout y est chiffré ; la console n'en montre jamais le contenu.",
        create="Créer un compartiment",
        name="Nom",
        site="Établissement",
        project="Projet",
        kind="Usage",
        versioning="Gestion des versions",
        key="Clé",
        owner="Créé par",
        since="Depuis",
        none="Aucun compartiment que vous puissiez lister.",
        set_versioning="Changer la gestion des versions",
        delete="Supprimer le compartiment vide",
        through_s3="Les objets passent par S3, avec une clé d'accès à vous.",
        holds="Ce qu'il contient",
        objects="Objets",
        versions="Versions, anciennes comprises",
        uploads="Téléversements inachevés",
        all_versions="Toutes versions",
        unfinished="Inachevés",
        count="Compter ce qu'ils contiennent",
        count_help="Le comptage parcourt chaque version ; pour un grand compartiment, il prend une seconde ou deux.",
        total="Tous ceux-ci",
        not_yours="ne vous est pas montré",
        quota="Quota",
        no_quota="aucun en propre",
        versions_most="versions au plus",
        set_quota="Fixer son quota",
        usage="Occupation, quotas et croissance",
    ),
)


async def show_list(visit: Visit) -> Response:
    """The buckets that the person may list; how much they hold where that is asked for, a page at a time."""
    buckets = (await visit.get("objects.bucket.list"))["buckets"]
    after = visit.query("after")
    names = [bucket["name"] for bucket in buckets]
    start = names.index(after) + 1 if after in names else 0
    shown = buckets[start : start + PAGE]
    held = await _held(visit, shown) if visit.query("usage") else None
    return visit.render(
        "buckets.html",
        t=TEXTS,
        buckets=shown,
        held=held,
        totals={name: sum(each[name] for each in held.values() if each) for name in SUMS} if held else {},
        following=shown[-1]["name"] if start + PAGE < len(buckets) else "",
        after=after,
    )


async def _held(visit: Visit, buckets: Sequence[Document]) -> dict[str, Document | None]:
    """By name: what each bucket holds, or None where the person may not know."""
    return {bucket["name"]: await visit.try_get("objects.bucket.usage", name=bucket["name"]) for bucket in buckets}


async def show_one(visit: Visit) -> Response:
    """One bucket and its settings."""
    bucket = await visit.get("objects.bucket.read", name=visit.path["name"])
    await visit.meet(bucket)
    held = await visit.get("objects.bucket.usage", name=visit.path["name"])
    return visit.render("bucket.html", t=TEXTS, bucket=bucket, held=held)


PAGES: Final = (
    Page(
        "/buckets",
        frozenset({"objects.bucket.list", "objects.bucket.usage"}),
        show_list,
        menu=MENU,
        group=DATA,
        needs="objects.bucket.list",
    ),
    Page("/buckets/{name}", frozenset({"objects.bucket.read", "objects.bucket.usage"}), show_one),
)
