"""Alert rules and the documentation name metrics that exist, with labels that they have. AP-10."""

import re

import pytest
import yaml
from project_tree import ROOT

from nexus.app.telemetry import catalogue
from nexus.app.telemetry.catalogue import Kind
from nexus.app.telemetry.health import Component

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
HOW_TO = ROOT / "docs" / "how-to" / "watch-the-platform.md"
NAME = re.compile(r"\bnexus_[a-z_]+\b(?:\{([^}]*)\})?")
SUFFIXES = ("_bucket", "_sum", "_count")


def metric_of(name: str) -> catalogue.Metric | None:
    for suffix in ("", *SUFFIXES):
        found = catalogue.BY_NAME.get(name.removesuffix(suffix))
        if found is not None and (not suffix or found.kind is Kind.HISTOGRAM):
            return found
    return None


@pytest.mark.parametrize("path", [ALERTS, HOW_TO], ids=lambda path: path.name)
def test_what_is_said_of_metrics_is_true(path):
    used = list(NAME.finditer(path.read_text()))
    assert used
    for match in used:
        metric = metric_of(match.group().partition("{")[0])
        assert metric is not None, match.group()
        labels = {label.name: label for label in metric.labels}
        for label, value in re.findall(r'([a-z]+)=~?"([^"]*)"', match[1] or ""):
            assert label in labels, match.group()
            known = labels[label].values
            assert known is None or set(value.split("|")) <= known, match.group()


def test_the_rules_are_ones_that_prometheus_can_load():
    """No promtool here: the shape that it asks for, and brackets that match."""
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(set(names)) == len(names) >= 10
    for rule in group["rules"]:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"]
        assert re.fullmatch(r"[0-9]+[smh]", rule.get("for", "1m"))
        assert all(
            rule["expr"].count(opening) == rule["expr"].count(closing) for opening, closing in ("()", "{}", "[]")
        )
    (job,) = yaml.safe_load((ALERTS.parent / "scrape.yml").read_text())
    assert job["job_name"] == "nexus"


def test_the_chores_and_routes_that_alerts_name_exist():
    text = ALERTS.read_text()
    source = (ROOT / "src/nexus/app/wiring/worker.py").read_text()
    for chore in re.findall(r'chore="([^"]+)"', text):
        assert f'"{chore}"' in source
    verbs = (ROOT / "src/nexus/objects/s3/endpoint.py").read_text()
    for routes in re.findall(r'route=~"([^"]+)"', text):
        assert all(f'("{route}"' in verbs for route in routes.split("|"))


def test_every_word_for_what_is_missing_is_explained():
    page = HOW_TO.read_text()
    assert [component.value for component in Component if f"| `{component.value}` |" not in page] == []
