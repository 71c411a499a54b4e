"""Outside issuers as the installation configures them: a TOML file with one `[[issuer]]` for each."""

from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from nexus.iam.model import PRIVILEGED_ROLES, Factor, Role
from nexus.iam.rules import SCOPE
from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret

ALGORITHMS: Final = frozenset({"ES256", "ES384", "PS256", "RS256", "EdDSA"})
"""Signatures that may be believed at all; an issuer's entry names those that it uses."""
MAX_ROLE_DAYS: Final = 30
"""A role that rests on a claim lasts this long at most after the sign-in that showed the claim."""
STRONG: Final = 2
"""Factors that a session needs; a passkey counts for two."""


class MappedRole(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role of data work that whoever bears `claim` with `value` holds within `scope`, renewed at each sign-in."""

    claim: str
    value: str
    role: Role
    scope: str
    days: Annotated[int, Meta(ge=1, le=MAX_ROLE_DAYS)] = 7


class OutsideIssuer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One outside issuer. `acr` says which factors each value of that claim stands for; an unknown value stands for none."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    title: str
    titre: str
    url: Annotated[str, Meta(pattern=r"^https://[^?#\s]+$")]
    client_id: str
    client_secret_file: str = ""
    authority: str = ""
    """File with the certificate authority of its TLS. Empty: the authorities that this machine trusts."""
    scopes: tuple[str, ...] = ("openid",)
    algorithms: tuple[str, ...] = ("ES256", "PS256", "RS256")
    acr: dict[str, tuple[Factor, ...]]
    max_age_minutes: Annotated[int, Meta(ge=1, le=720)] = 60
    """How long ago the person may have proved herself there."""
    role: tuple[MappedRole, ...] = ()

    def strong_acr(self) -> tuple[str, ...]:
        """The values of `acr` that are worth a session."""
        return tuple(value for value, factors in self.acr.items() if strength(frozenset(factors)) >= STRONG)

    def secret(self) -> Secret | None:
        """The client's secret. Raises Invalid if its file cannot be read."""
        if not self.client_secret_file:
            return None
        try:
            return Secret(Path(self.client_secret_file).read_bytes().strip())
        except OSError as error:
            raise _wrong(self.name, f"client_secret_file cannot be read ({error.strerror})") from error


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    issuer: tuple[OutsideIssuer, ...] = ()


def strength(factors: frozenset[Factor]) -> int:
    """How many factors these are worth. What an issuer only vouches for is worth nothing by itself."""
    return len(factors - {Factor.FEDERATED}) + (Factor.PASSKEY in factors)


def load(file: Path) -> tuple[OutsideIssuer, ...]:
    """The configured issuers. Raises Invalid, saying where, on anything that would not be safe or not be understood."""
    try:
        found = msgspec.toml.decode(file.read_bytes(), type=_File).issuer
    except OSError as error:
        raise Invalid(f"{file} cannot be read ({error.strerror})", code="iam.federation-file") from error
    except msgspec.DecodeError as error:
        raise Invalid(f"{file}: {error}", code="iam.federation-file", hint="docs/how-to/federate.md") from error
    names = [issuer.name for issuer in found]
    if len(names) != len(set(names)) or len(found) != len({issuer.url for issuer in found}):
        raise Invalid(f"{file} names an issuer twice", code="iam.federation-file")
    for issuer in found:
        _check(issuer)
    return found


def _check(issuer: OutsideIssuer) -> None:
    if unknown := set(issuer.algorithms) - ALGORITHMS:
        raise _wrong(issuer.name, f"algorithms that are not believed: {', '.join(sorted(unknown))}")
    if not issuer.algorithms or "openid" not in issuer.scopes:
        raise _wrong(issuer.name, "algorithms and the scope `openid` are needed")
    if not issuer.strong_acr():
        raise _wrong(issuer.name, "no value of `acr` stands for two factors, so nobody could sign in")
    for mapped in issuer.role:
        if mapped.role in PRIVILEGED_ROLES:
            raise _wrong(issuer.name, f"{mapped.role.value} is privileged: no claim gives it")
        if not SCOPE.fullmatch(mapped.scope) or not mapped.scope.startswith(("site:", "project:")):
            raise _wrong(issuer.name, f"a claim gives roles within a site or a project, not `{mapped.scope}`")


def _wrong(name: str, what: str) -> Invalid:
    return Invalid(f"outside issuer {name}: {what}", code="iam.federation-file", hint="docs/how-to/federate.md")
