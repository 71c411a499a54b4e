"""Reading a form without trusting its sender: bounded, of one media type, each field once unless it is asked for as list."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from nexus.kernel.errors import Invalid
from nexus.web.body import read_body

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
MAX_FIELDS: Final = 200


class Form:
    """The fields of a form, as text. A field that is not there is empty."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """The one value of a field. Raises Invalid if it came twice."""
        values = self._fields.get(name, [])
        if len(values) > 1:
            raise Invalid(f"`{name}` is given twice", code="web.form")
        return values[0] if values else ""

    def texts(self, name: str) -> list[str]:
        """All values of a field that may be repeated."""
        return list(self._fields.get(name, []))

    def names(self) -> list[str]:
        """The fields that came."""
        return list(self._fields)


NO_FORM: Final = Form({})


async def read_form(request: Request) -> Form:
    """The form in the body of a request. Raises Invalid on anything that no form of ours sends."""
    body = await read_body(request, MEDIA_TYPE)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise Invalid("the form cannot be read", code="web.form") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return Form(fields)
