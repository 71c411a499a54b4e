"""docs/reference/catalogue.md, written from `nexus.warehouse.catalogue.profile`."""

from nexus.warehouse.catalogue import profile
from nexus.warehouse.catalogue.model import CATALOGUE
from nexus.warehouse.catalogue.profile import MANY, Rule
from nexus.warehouse.catalogue.public import FORMATS


def page() -> str:
    """The whole page."""
    rules = {rule.term: rule for rule in profile.RULES["dcat:Dataset"]}
    datasets = "\n".join(
        f"| `{term}` | {_often(rules[term]) if term in rules else '0..*'} | {origin} |"
        for term, origin in sorted(profile.ORIGINS.items())
    )
    others = "\n".join(
        f"| `{known}` | `{rule.term}` | {_often(rule)} |"
        for known, asked in profile.RULES.items()
        if known != "dcat:Dataset"
        for rule in asked
    )
    forms = "\n".join(
        f"| `{CATALOGUE}.{form}`, `{CATALOGUE}/<dataset>.{form}` | `{media}` |" for form, media in FORMATS.items()
    )
    return (
        "# The public catalogue\n\nWritten by `make reference`; do not edit.\n\n"
        f"What the catalogue says of a dataset: HealthDCAT-AP, release {profile.RELEASE}, at the access level NON_PUBLIC"
        " ([how to publish a dataset](../how-to/publish-a-dataset.md)). Publishing refuses, and names what is missing, unless every"
        " property is there as often as is written here.\n\n"
        "## A dataset\n\n| property | how often | where it comes from |\n|---|---|---|\n"
        + datasets
        + "\n\n## What stands beside it\n\n| class | property | how often |\n|---|---|---|\n"
        + others
        + f"\n\nA `vcard:Kind` has one of {' and '.join(f'`{term}`' for term in profile.REACHED)}.\n\n"
        "## Addresses\n\nAt the patients' door, without signing in. The header `Accept` chooses among the same forms; a page for people"
        " comes first.\n\n| address | form |\n|---|---|\n"
        f"| `{CATALOGUE}`, `{CATALOGUE}/<dataset>` | `text/html`, in French or English |\n" + forms + "\n"
    )


def _often(rule: Rule) -> str:
    return f"{rule.least}..{'*' if rule.most == MANY else rule.most}"
