"""What an auditor of accessibility finds on a page: axe-core, and the little that axe does not look for.

axe knows names of controls, landmarks, headings, languages, references, contrast and size of targets (WCAG 2.2 AA and its best
practices). Ours are a live region, tables with headers of columns, and reflow: nothing wider than the window.
"""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[1] / "peers" / "node_modules" / "axe-core" / "axe.min.js"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEMES = ("dark", "light")
DESKTOP = {"width": 1200, "height": 800}
PHONE = {"width": 320, "height": 700}
"""As narrow as WCAG 1.4.10 asks for."""
OURS = """
() => {
  const wrong = [], all = selector => [...document.querySelectorAll(selector)];
  if (!all('[aria-live], [role=status]').length) wrong.push('no live region');
  for (const table of all('table')) if (!table.querySelector('th[scope=col]')) wrong.push('table without headers of columns');
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) wrong.push(`${wide} pixels wider than the window`);
  return wrong;
}
"""


def violations(page: Page) -> list[str]:
    """What is wrong on the page as it stands, each with the beginning of its element."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm ci in tests/peers)")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    asked = {"runOnly": {"type": "tag", "values": STANDARDS}, "resultTypes": ["violations"]}
    found = page.evaluate("asked => axe.run(document, asked)", asked)["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]] + page.evaluate(OURS)


def violations_at(page: Page, *sizes: dict[str, int], schemes: tuple[str, ...] = SCHEMES) -> list[str]:
    """The same in each size of the window, in dark and in light."""
    wrong: list[str] = []
    before: Any = page.viewport_size
    for size in sizes:
        page.set_viewport_size(size)
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            wrong += [f"{scheme}, {size['width']} px: {one}" for one in violations(page)]
    page.set_viewport_size(before)
    return wrong
