"""Every field, value and operation of the platform has its words in both languages, whoever added it."""

from enum import Enum
from typing import get_args

from nexus.app.operations import OPERATIONS
from nexus.console.labels import FRENCH, label
from nexus.console.titles import SERVICES, title_of
from nexus.console.words import WORDS
from nexus.iam.model import Intent
from nexus.web import codec
from nexus.web.binding import plain
from nexus.web.browser.language import Language


def within(type_, seen):
    """(name of a field, its type) of every field in a type, itself included once."""
    kind = plain(type_)
    fields = codec.fields_of(kind)
    if fields is None:
        for inner in get_args(kind):
            yield from within(inner, seen)
    elif kind not in seen:
        seen.add(kind)
        for name, inner in fields.items():
            yield name, plain(inner)
            yield from within(inner, seen)


def every_field():
    seen = set()
    for spec in OPERATIONS:
        for type_ in (spec.request, spec.result or type(None)):
            yield from within(type_, seen)
    yield from within(Intent, seen)


def test_every_field_has_a_label_in_french():
    """To mend: a line for each of these in `FRENCH` of src/nexus/console/labels.py."""
    assert sorted({name for name, _ in every_field()} - set(FRENCH)) == []


def test_every_value_of_a_closed_list_has_its_word():
    """To mend: a line for each of these in `WORDS` of src/nexus/console/words.py."""
    kinds = {inner for _, kind in every_field() for inner in (kind, *map(plain, get_args(kind)))}
    values = {
        str(member.value) for kind in kinds if isinstance(kind, type) and issubclass(kind, Enum) for member in kind
    }
    assert sorted(values - set(WORDS)) == []


def test_every_operation_has_a_title_of_its_own_in_both_languages():
    """To mend: a line for those that read alike in `FRENCH` of src/nexus/console/titles.py."""
    titles = {spec.name: title_of(spec) for spec in OPERATIONS}
    for language in Language:
        said = [title.of(language) for title in titles.values()]
        assert sorted({text for text in said if said.count(text) > 1}) == []
    assert [name for name, title in titles.items() if title.fr == title.en] == []


def test_every_service_has_a_name_in_the_list_of_operations():
    assert {spec.service for spec in OPERATIONS} - set(SERVICES) == set()


def test_labels_are_words_that_people_say():
    assert label("ends_at", Language.ENGLISH) == "Ends"
    assert label("totp", Language.ENGLISH) == "Code"
    assert label("key_id", Language.FRENCH) == "Clé"
    assert label("never_heard_of", Language.FRENCH) == "Never heard of"
