"""Standardised differences as a drawing: one line a variable, a ring before matching, a disc after it. SVG, no script."""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from nexus.warehouse.cohorts.told import GOOD_BALANCE, BalanceTold

WIDTH: Final = 720
LEFT: Final = 250
RIGHT: Final = 20
LINE: Final = 22
LEAST_SCALE: Final = 0.25
MOST_NAME: Final = 38


def love_plot(rows: Sequence[BalanceTold], *, before: str, after: str, title: str) -> str:
    """The drawing; variables that may not be shown are not on it. `before`, `after`, `title`: what it says."""
    drawn = [row for row in rows if row.after is not None]
    scale = max([LEAST_SCALE, *(abs(value) for row in drawn for value in (row.before, row.after) if value is not None)])
    height = LINE * (len(drawn) + 3)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="system-ui,'
        f' sans-serif" font-size="13" fill="currentColor"><title>{escape(title)}</title>'
    ]
    parts += [_axis(scale, height, value) for value in (0.0, GOOD_BALANCE, scale)]
    for number, row in enumerate(drawn, start=1):
        y = LINE * number
        name = row.name if len(row.name) <= MOST_NAME else row.name[: MOST_NAME - 1] + "…"
        parts.append(f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        if row.before is not None:
            x = _x(row.before, scale)
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="none" stroke="#b3541e" stroke-width="2">'
                f"<title>{escape(before)}: {abs(row.before):.3f}</title></circle>"
            )
        x = _x(row.after or 0.0, scale)
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="#2f6f9f"><title>{escape(after)}: {abs(row.after or 0):.3f}</title></circle>'
        )
    y = height - LINE // 2
    parts.append(
        f'<circle cx="{LEFT}" cy="{y - 4}" r="5" fill="none" stroke="#b3541e" stroke-width="2"/>'
        f'<text x="{LEFT + 12}" y="{y}">{escape(before)}</text>'
        f'<circle cx="{LEFT + 200}" cy="{y - 4}" r="5" fill="#2f6f9f"/><text x="{LEFT + 212}" y="{y}">{escape(after)}</text></svg>'
    )
    return "".join(parts)


def _axis(scale: float, height: int, value: float) -> str:
    x = _x(value, scale)
    dashed = ' stroke-dasharray="4 3"' if value == GOOD_BALANCE else ""
    bottom = height - 2 * LINE
    return (
        f'<line x1="{x:.1f}" y1="4" x2="{x:.1f}" y2="{bottom}" stroke="currentColor" stroke-opacity="0.4"{dashed}/>'
        f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:.2f}</text>'
    )


def _x(value: float, scale: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT - 20) * min(1.0, abs(value) / scale)
