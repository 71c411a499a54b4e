"""What identities are called: what the operation takes and returns."""

from nexus.iam.requests.forms import Request, Result


class NamesOf(Request, frozen=True, kw_only=True):
    """`ids`: of persons and machines, as other operations show them; at most 200."""

    ids: tuple[str, ...]


class NameView(Result, frozen=True, kw_only=True):
    """What a person or a machine is called. `login` is empty for a machine."""

    id: str
    kind: str
    name: str
    login: str


class Names(Result, frozen=True, kw_only=True):
    """Those that have a name here: neither patients, nor whoever was deleted, nor ids that nobody has."""

    names: tuple[NameView, ...]
