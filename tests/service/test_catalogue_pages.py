"""The catalogue as everybody reads it: without signing in, in both languages, by people and by machines; nothing where nothing is."""

import re

import msgspec
import pytest
from rdflib import RDF, Graph, URIRef

from nexus.kernel.database import Bookkeeping
from nexus.portal.pages.catalogue import wanted
from nexus.warehouse.catalogue import store
from nexus.warehouse.catalogue.rdf import expand
from simulators.catalogue import SAID, example, publish
from simulators.portal import ORIGIN, Hospital

NASTY = '<script>alert("1")</script> & <b>'


@pytest.fixture
async def hospital(tmp_path):
    opened = await Hospital(tmp_path).open()
    yield opened
    opened.close()


async def published(hospital: Hospital, *records) -> None:
    await hospital.db.bookkeep(Bookkeeping.PROGRESS, lambda tx: publish(tx, *records))


async def test_there_is_no_catalogue_while_nothing_is_published(hospital):
    browser = hospital.portal().browser()
    for path in ("/catalogue", "/catalogue.ttl", "/catalogue.jsonld", "/catalogue/diabetes", "/catalogue/diabetes.ttl"):
        assert (await browser.http.get(path)).status_code == 404


async def test_everybody_reads_it_in_french_and_in_english_without_signing_in(hospital):
    await published(hospital, example())
    browser = hospital.portal().browser()
    listed = (await browser.get("/catalogue")).text
    assert "Qui a le diabète, et quand" in listed and 'lang="fr"' in listed
    page = (await browser.get("/catalogue/diabetes")).text
    assert "environ 1\u202f230" in page and "moins de 11" in page and "mailto:donnees@chu.example" in page
    assert "Recherche scientifique" in page and "15 à 90 ans" in page and "1ᵉʳ janvier 2018" in page
    english = await _in_english(browser)
    assert "Who gets diabetes, and when" in english and "about 1,230" in english and "fewer than 11" in english


async def _in_english(browser) -> str:
    await browser.http.post("/language", data={"language": "en", "next": "/catalogue"}, headers={"Origin": ORIGIN})
    return (await browser.http.get("/catalogue/diabetes")).text


async def test_the_page_says_no_word_that_was_not_published(hospital):
    await published(hospital, example())
    page = (await hospital.portal().browser().get("/catalogue/diabetes")).text
    for secret in ("rel_diabetes", "DIABETES", "per_a", "per_b", "1234", "1\u202f234", "pdc_1"):
        assert secret not in page


async def test_texts_of_a_description_are_text_and_never_markup(hospital):
    said = msgspec.structs.replace(SAID, title_fr=NASTY, description_fr=NASTY, population_fr=NASTY, keywords=(NASTY,))
    await published(hospital, example(said=said))
    browser = hospital.portal().browser()
    for path in ("/catalogue", "/catalogue/diabetes"):
        answer = await browser.get(path)
        assert "<script>alert" not in answer.text and "&lt;script&gt;" in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "accept", "media"),
    [
        ("/catalogue.ttl", "*/*", "text/turtle"),
        ("/catalogue.jsonld", "*/*", "application/ld+json"),
        ("/catalogue", "text/turtle", "text/turtle"),
        ("/catalogue", "application/ld+json;q=0.9, text/html;q=0.5", "application/ld+json"),
        ("/catalogue/diabetes", "text/turtle;q=0.4, text/html", "text/html"),
        ("/catalogue/diabetes.ttl", "text/html", "text/turtle"),
        ("/catalogue/diabetes.jsonld", "", "application/ld+json"),
        ("/catalogue", "", "text/html"),
    ],
)
async def test_machines_get_what_they_ask_for(hospital, path, accept, media):
    await published(hospital, example(), example("stroke"))
    answer = await hospital.portal().browser().http.get(path, headers={"Accept": accept})
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith(media)
    assert "Accept" in answer.headers["Vary"]
    if media != "text/html":
        found = Graph().parse(data=answer.text, format="turtle" if media == "text/turtle" else "json-ld")
        datasets = set(found.subjects(RDF.type, URIRef(expand("dcat:Dataset"))))
        assert URIRef(f"{example().address}") in datasets
        assert len(datasets) == (1 if "/diabetes" in path else 2)


async def test_machines_may_keep_it_for_a_minute_and_pages_are_kept_by_nobody(hospital):
    await published(hospital, example())
    http = hospital.portal().browser().http
    first = await http.get("/catalogue.ttl")
    assert first.headers["Cache-Control"] == "public, max-age=60" and "set-cookie" not in first.headers
    again = await http.get("/catalogue.ttl", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""
    assert (await http.get("/catalogue")).headers["Cache-Control"] == "no-store"


async def test_a_withdrawn_dataset_and_names_that_are_none_are_not_there(hospital):
    await published(hospital, example())
    browser = hospital.portal().browser()
    for path in (
        "/catalogue/stroke",
        "/catalogue/diabetes.xml",
        "/catalogue/diabetes.ttl.ttl",
        "/catalogue/..%2fhealthz",
    ):
        assert (await browser.http.get(path)).status_code == 404
    await hospital.db.bookkeep(Bookkeeping.PROGRESS, _withdrawn)
    fresh = hospital.portal().browser()
    assert (await fresh.http.get("/catalogue/diabetes")).status_code == 404


def _withdrawn(tx) -> None:
    found = store.named(tx, "diabetes")
    assert found is not None
    from nexus.warehouse.catalogue.model import withdrawn

    store.put(tx, withdrawn(found, "per_b", found.changed_at))


async def test_while_the_platform_is_sealed_nothing_is_shown(hospital):
    await published(hospital, example())
    http = hospital.portal().browser().http
    assert (await http.get("/catalogue")).status_code == 200
    hospital.lease.held = False
    assert (await http.get("/catalogue")).status_code == 503
    assert (await http.get("/catalogue.ttl")).status_code == 503


async def test_reading_what_is_public_leaves_nothing_of_the_reader_in_the_log(hospital):
    await published(hospital, example())
    before = len(hospital.platform.recorder.entries)
    await hospital.portal().browser().get("/catalogue/diabetes")
    assert len(hospital.platform.recorder.entries) == before


async def test_every_page_of_the_portal_leads_to_it_where_there_is_one(hospital):
    await published(hospital, example())
    page = (await hospital.portal().browser().get("/sign-in")).text
    assert re.search(r'<a href="/catalogue">', page)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", ""),
        ("*/*", ""),
        ("text/turtle;q=0", ""),
        ("text/turtle;q=wrong", ""),
        ("text/html,application/xhtml+xml,*/*;q=0.8", ""),
        ("TEXT/TURTLE", "ttl"),
        ("application/ld+json", "jsonld"),
        ("text/html;q=0.2,text/turtle;q=0.3", "ttl"),
        (",;;=,q", ""),
    ],
)
def test_the_form_is_the_one_that_is_asked_for_most(accept, form):
    assert wanted(accept) == form
