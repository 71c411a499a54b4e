"""From a request line to an address and a verb: exact, and never guessing."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.objects.s3 import errors, http
from nexus.objects.s3.address import MAX_KEY_BYTES, Address, locate
from nexus.objects.s3.endpoint import Verb, action_of, route
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.verbs import HANDLERS


def request(method="GET", target="/", headers=()):
    path, _, query = target.partition("?")
    return http.read(
        {
            "method": method,
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            "client": ("203.0.113.9", 1),
            "scheme": "https",
        }
    )


def verb_of(method, target, headers=()):
    read = request(method, target, headers)
    return route(read, locate(read.path, "h", ()))


KEYS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None)
@given(KEYS)
def test_a_key_arrives_as_the_bytes_that_it_is(key):
    assert locate(f"/b/{quote(key, safe='')}".encode(), "h", ()) == Address("b", key)
    assert locate(f"/b/{quote(key, safe='/')}".encode(), "h", ()) == Address("b", key)


@pytest.mark.parametrize("key", ["../../etc/passwd", "/leading", "a//b", "./a", "a/", "..", "a%2Fb", " ", "a+b"])
def test_dots_slashes_and_percent_signs_in_a_key_mean_nothing(key):
    assert locate(b"/b/" + quote(key, safe="/+").encode(), "h", ()) == Address("b", key)


@pytest.mark.parametrize(
    ("path", "host", "address"),
    [
        (b"/", "h", Address()),
        (b"/b", "h", Address("b")),
        (b"/b/", "h", Address("b")),
        (b"/b/k", "h:9000", Address("b", "k")),
        (b"/k", "b.s3.example:9000", Address("b", "k")),
        (b"/", "b.S3.Example", Address("b")),
        (b"/b/k", "s3.example", Address("b", "k")),
        (b"//k", "b.s3.example", Address("b", "/k")),
        (b"/b/k", "evils3.example", Address("b", "k")),
        (b"//", "h", Address("")),
    ],
)
def test_path_style_and_virtual_host_style_point_to_the_same_places(path, host, address):
    assert locate(path, host, ("s3.example",)) == address


@pytest.mark.parametrize("path", [b"*", b"", b"/b/%", b"/b/%zz", b"/b/%4", b"/b/\xff", b"/b/%ff", b"/b/%ed%a0%80"])
def test_a_path_that_is_not_percent_encoded_utf8_is_an_invalid_uri(path):
    with pytest.raises(Refusal) as caught:
        locate(path, "h", ())
    assert caught.value.s3 is errors.INVALID_URI


def test_keys_have_a_limit_in_bytes_not_characters():
    assert locate(b"/b/" + b"%C3%A9" * (MAX_KEY_BYTES // 2), "h", ()).key
    with pytest.raises(Refusal) as caught:
        locate(b"/b/" + b"%C3%A9" * (MAX_KEY_BYTES // 2 + 1), "h", ())
    assert caught.value.s3 is errors.KEY_TOO_LONG


VERBS = [
    ("GET", "/", Verb.LIST_BUCKETS),
    ("GET", "/?x-id=ListBuckets", Verb.LIST_BUCKETS),
    ("PUT", "/b", Verb.CREATE_BUCKET),
    ("DELETE", "/b", Verb.DELETE_BUCKET),
    ("HEAD", "/b", Verb.HEAD_BUCKET),
    ("GET", "/b", Verb.LIST_OBJECTS),
    ("GET", "/b?list-type=2&prefix=a", Verb.LIST_OBJECTS_V2),
    ("GET", "/b?location", Verb.GET_BUCKET_LOCATION),
    ("GET", "/b?location=", Verb.GET_BUCKET_LOCATION),
    ("GET", "/b?versioning", Verb.GET_BUCKET_VERSIONING),
    ("PUT", "/b?versioning", Verb.PUT_BUCKET_VERSIONING),
    ("GET", "/b?encryption", Verb.GET_BUCKET_ENCRYPTION),
    ("GET", "/b?acl", Verb.GET_BUCKET_ACL),
    ("PUT", "/b?acl", Verb.PUT_BUCKET_ACL),
    ("PUT", "/b?encryption", Verb.PUT_BUCKET_ENCRYPTION),
    ("DELETE", "/b?encryption", Verb.DELETE_BUCKET_ENCRYPTION),
    ("GET", "/b?policy", Verb.GET_BUCKET_POLICY),
    ("PUT", "/b?policy", Verb.PUT_BUCKET_POLICY),
    ("DELETE", "/b?policy", Verb.DELETE_BUCKET_POLICY),
    ("GET", "/b?policyStatus", Verb.GET_BUCKET_POLICY_STATUS),
    ("GET", "/b?publicAccessBlock", Verb.GET_PUBLIC_ACCESS_BLOCK),
    ("PUT", "/b?publicAccessBlock", Verb.PUT_PUBLIC_ACCESS_BLOCK),
    ("DELETE", "/b?publicAccessBlock", Verb.DELETE_PUBLIC_ACCESS_BLOCK),
    ("GET", "/b?ownershipControls", Verb.GET_BUCKET_OWNERSHIP_CONTROLS),
    ("PUT", "/b?ownershipControls", Verb.PUT_BUCKET_OWNERSHIP_CONTROLS),
    ("DELETE", "/b?ownershipControls", Verb.DELETE_BUCKET_OWNERSHIP_CONTROLS),
    ("GET", "/b?cors", Verb.GET_BUCKET_CORS),
    ("PUT", "/b?cors", Verb.PUT_BUCKET_CORS),
    ("DELETE", "/b?cors", Verb.DELETE_BUCKET_CORS),
    ("GET", "/b?tagging", Verb.GET_BUCKET_TAGGING),
    ("PUT", "/b?tagging", Verb.PUT_BUCKET_TAGGING),
    ("DELETE", "/b?tagging", Verb.DELETE_BUCKET_TAGGING),
    ("GET", "/b?lifecycle", Verb.GET_BUCKET_LIFECYCLE),
    ("PUT", "/b?lifecycle", Verb.PUT_BUCKET_LIFECYCLE),
    ("DELETE", "/b?lifecycle", Verb.DELETE_BUCKET_LIFECYCLE),
    ("POST", "/b", Verb.POST_OBJECT),
    ("GET", "/b?logging", Verb.GET_BUCKET_LOGGING),
    ("PUT", "/b?logging", Verb.PUT_BUCKET_LOGGING),
    ("GET", "/b?notification", Verb.GET_BUCKET_NOTIFICATION),
    ("PUT", "/b?notification", Verb.PUT_BUCKET_NOTIFICATION),
    ("GET", "/b?requestPayment", Verb.GET_BUCKET_REQUEST_PAYMENT),
    ("PUT", "/b?requestPayment", Verb.PUT_BUCKET_REQUEST_PAYMENT),
    ("GET", "/b?object-lock", Verb.GET_OBJECT_LOCK_CONFIGURATION),
    ("PUT", "/b?object-lock", Verb.PUT_OBJECT_LOCK_CONFIGURATION),
    ("GET", "/b/k?retention", Verb.GET_OBJECT_RETENTION),
    ("PUT", "/b/k?retention", Verb.PUT_OBJECT_RETENTION),
    ("GET", "/b/k?legal-hold", Verb.GET_OBJECT_LEGAL_HOLD),
    ("PUT", "/b/k?legal-hold", Verb.PUT_OBJECT_LEGAL_HOLD),
    ("PUT", "/b/k?acl", Verb.PUT_OBJECT_ACL),
    ("GET", "/b?versions", Verb.LIST_OBJECT_VERSIONS),
    ("GET", "/b?uploads", Verb.LIST_MULTIPART_UPLOADS),
    ("POST", "/b?delete", Verb.DELETE_OBJECTS),
    ("PUT", "/b/k", Verb.PUT_OBJECT),
    ("GET", "/b/k?versionId=1", Verb.GET_OBJECT),
    ("GET", "/b/k?partNumber=1", Verb.GET_OBJECT),
    ("HEAD", "/b/k", Verb.HEAD_OBJECT),
    ("DELETE", "/b/k", Verb.DELETE_OBJECT),
    ("GET", "/b/k?attributes", Verb.GET_OBJECT_ATTRIBUTES),
    ("GET", "/b/k?acl", Verb.GET_OBJECT_ACL),
    ("GET", "/b/k?tagging", Verb.GET_OBJECT_TAGGING),
    ("PUT", "/b/k?tagging", Verb.PUT_OBJECT_TAGGING),
    ("DELETE", "/b/k?tagging", Verb.DELETE_OBJECT_TAGGING),
    ("POST", "/b/k?uploads", Verb.CREATE_MULTIPART_UPLOAD),
    ("PUT", "/b/k?partNumber=1&uploadId=u", Verb.UPLOAD_PART),
    ("POST", "/b/k?uploadId=u", Verb.COMPLETE_MULTIPART_UPLOAD),
    ("DELETE", "/b/k?uploadId=u", Verb.ABORT_MULTIPART_UPLOAD),
    ("GET", "/b/k?uploadId=u", Verb.LIST_PARTS),
]


@pytest.mark.parametrize(("method", "target", "verb"), VERBS)
def test_each_verb_is_found(method, target, verb):
    assert verb_of(method, target) is verb


def test_a_copy_is_a_put_that_names_its_source():
    source = [("x-amz-copy-source", "/b/k")]
    assert verb_of("PUT", "/b/k", source) is Verb.COPY_OBJECT
    assert verb_of("PUT", "/b/k?partNumber=1&uploadId=u", source) is Verb.UPLOAD_PART_COPY


def test_every_verb_has_a_function_and_a_row_above():
    assert set(HANDLERS) == set(Verb) == {row[2] for row in VERBS} | {Verb.COPY_OBJECT, Verb.UPLOAD_PART_COPY}


@pytest.mark.parametrize(
    ("method", "target"),
    [
        *[
            (method, f"/b?{name}")
            for method in ("GET", "PUT", "DELETE")
            for name in [
                "website",
                "replication",
                "accelerate",
                "analytics",
                "inventory",
                "metrics",
            ]
        ],
        ("DELETE", "/b?object-lock"),
        ("DELETE", "/b/k?retention"),
        ("GET", "/b/k?torrent"),
        ("PUT", "/b/k?torrent"),
        ("POST", "/b/k?select&select-type=2"),
        ("POST", "/b/k?restore"),
        ("PUT", "/b/k?renameObject"),
        ("PUT", "/b/k?some-verb-of-next-year"),
        ("DELETE", "/b?some-verb-of-next-year"),
    ],
)
def test_the_rest_of_s3_is_refused_and_never_taken_for_a_plain_verb(method, target):
    with pytest.raises(Refusal) as caught:
        verb_of(method, target)
    assert caught.value.s3 is errors.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/b/k"), ("PATCH", "/b/k"), ("OPTIONS", "/b"), ("PUT", "/"), ("DELETE", "/")]
)
def test_a_method_without_meaning_is_not_allowed(method, target):
    with pytest.raises(Refusal) as caught:
        verb_of(method, target)
    assert caught.value.s3 is errors.METHOD_NOT_ALLOWED


def test_two_subresources_in_one_request_are_refused():
    with pytest.raises(Refusal) as caught:
        verb_of("PUT", "/b/k?tagging&acl")
    assert caught.value.s3 is errors.INVALID_ARGUMENT


def test_naming_a_version_needs_the_right_to_versions():
    assert action_of(Verb.GET_OBJECT, {}) == "objects.object.read"
    assert action_of(Verb.GET_OBJECT, {"versionId": "v"}) == "objects.version.read"
    assert action_of(Verb.DELETE_OBJECT, {"versionId": "v"}) == "objects.version.delete"


def test_headers_that_may_come_once_only_are_refused_twice():
    for name in ("host", "authorization", "x-amz-date", "content-length", "range", "x-amz-copy-source"):
        with pytest.raises(Refusal) as caught:
            request(headers=[(name, "a"), (name.upper(), "b")])
        assert caught.value.s3 is errors.INVALID_REQUEST
    assert request(headers=[("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")]).headers["x-amz-meta-a"] == "1,2"


def test_a_query_parameter_given_twice_or_not_utf8_is_refused():
    for target, code in (("/b?prefix=a&prefix=b", errors.INVALID_ARGUMENT), ("/b?prefix=%ff", errors.INVALID_URI)):
        with pytest.raises(Refusal) as caught:
            request(target=target)
        assert caught.value.s3 is code


def test_the_limits_of_a_request_line_and_its_headers_hold():
    for broken, code in (
        ({"target": "/b/" + "a" * http.MAX_URI_BYTES}, errors.URI_TOO_LONG),
        ({"headers": [("a", "b" * http.MAX_HEADER_BYTES)]}, errors.REQUEST_HEADER_SECTION_TOO_LARGE),
        ({"headers": [(f"a{n}", "b") for n in range(http.MAX_HEADERS + 1)]}, errors.REQUEST_HEADER_SECTION_TOO_LARGE),
        ({"target": "/b?" + "&".join(f"p{n}=1" for n in range(http.MAX_PARAMETERS + 1))}, errors.INVALID_ARGUMENT),
    ):
        with pytest.raises(Refusal) as caught:
            request(**broken)
        assert caught.value.s3 is code


def test_a_header_value_that_would_become_two_headers_is_refused():
    response = http.Response()
    for value in ("a\r\nset-cookie: b", "a\x00", "\u20ac"):
        with pytest.raises(Refusal):
            response.add("content-type", value)
    response.add("x-amz-meta-n", "caf\xe9")
    assert response.headers == [(b"x-amz-meta-n", b"caf\xe9")]
