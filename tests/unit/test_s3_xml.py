"""S3's XML: what goes out is well formed, what comes in is small, plain and of the right name."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.xml import MAX_DEPTH, parse, render

XML_TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"))


@settings(max_examples=60, deadline=None)
@given(XML_TEXT)
def test_any_text_survives_the_way_out_and_in(text):
    document = parse(render("A", [("B", text)]), "A")
    assert document.find("B") == text


@given(st.text(st.characters(max_codepoint=31), min_size=1, max_size=5))
def test_whatever_the_text_the_document_is_well_formed(text):
    found = parse(render("A", [("B", text)]), "A").find("B")
    assert found == "".join(char if char in "\t\n\r" else "\ufffd" for char in text)


def test_markup_in_a_name_stays_text():
    root = ET.fromstring(render("A", [("B", "</B><C>&\"'</C>")]))
    assert [child.tag.rpartition("}")[2] for child in root] == ["B"]


def test_none_leaves_an_element_out_and_empty_text_keeps_it():
    assert render("A", [("B", None), ("C", ""), ("D", True), ("E", 5)], namespace="").endswith(
        b"<A><C></C><D>true</D><E>5</E></A>"
    )


ENTITIES = b'<!DOCTYPE A [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><A><B>&b;</B></A>'
EXTERNAL = b'<!DOCTYPE A [<!ENTITY x SYSTEM "file:///etc/passwd">]><A><B>&x;</B></A>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<A>",
        b"<A></B>",
        b"not xml",
        b"\xff\xfe\x00",
        b"<Other/>",
        b"<!DOCTYPE A><A/>",
        ENTITIES,
        EXTERNAL,
        b'<?xml version="1.0" encoding="no-such-encoding"?><A/>',
        b"<A>" * (MAX_DEPTH + 2) + b"</A>" * (MAX_DEPTH + 2),
        b"<A>&undefined;</A>",
    ],
)
def test_hostile_or_malformed_documents_are_malformed_xml(body):
    with pytest.raises(Refusal) as caught:
        parse(body, "A")
    assert caught.value.s3 is errors.MALFORMED_XML


def test_names_are_read_with_and_without_the_namespace_of_s3():
    for namespace in (b"", b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'):
        document = parse(b"<A" + namespace + b"><B>1</B><B>2</B><C/></A>", "A")
        assert [child.text for child in document.all("B")] == ["1", "2"]
        assert (document.find("C"), document.find("D")) == ("", None)
        with pytest.raises(Refusal):
            document.find("B")
        with pytest.raises(Refusal):
            document.require("D")
