"""Parameters of listings, and names in their documents."""

from collections.abc import Iterable
from urllib.parse import quote

from nexus.objects.model import MAX_PAGE
from nexus.objects.s3 import errors
from nexus.objects.s3.call import Call
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.xml import Node

URL = "url"


def limit(call: Call, name: str, most: int = MAX_PAGE) -> int:
    """A page size. More than `most` means `most`, as in S3; what is not a number is refused."""
    text = call.query(name)
    if text is None or text == "":
        return most
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise Refusal(errors.INVALID_ARGUMENT, f"{name} must be a number from 0 to 2147483647", ArgumentName=name)
    return min(int(text), most)


class Names:
    """Writes keys and prefixes, percent-encoded if the client asked for it: XML cannot hold every key."""

    def __init__(self, call: Call) -> None:
        self.encoding = call.query("encoding-type")
        if self.encoding not in (None, URL):
            raise Refusal(
                errors.INVALID_ARGUMENT, "Invalid Encoding Method specified in Request", ArgumentName="encoding-type"
            )

    def __call__(self, name: str | None) -> str | None:
        if self.encoding is None or name is None:
            return name
        return quote(name, safe="/*-._~")

    def prefixes(self, prefixes: Iterable[str]) -> list[Node]:
        """CommonPrefixes elements."""
        return [("CommonPrefixes", [("Prefix", self(prefix))]) for prefix in prefixes]
