"""Line plots as SVG for the documentation: both axes logarithmic, one line for each series, legible in black and white."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

from harness import Figure, number

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 40, 50
COLOURS = ("#0b5394", "#b45f06", "#38761d", "#741b47", "#444444", "#990000")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4", "10 4")

Series = Mapping[str, Sequence[tuple[float, float]]]


def series(figures: Sequence[Figure]) -> dict[str, list[tuple[float, float]]]:
    """The figures that are points of a line."""
    found: dict[str, list[tuple[float, float]]] = {}
    for each in figures:
        if each.at is not None and each.value > 0:
            found.setdefault(each.line, []).append((each.at, each.value))
    return found


def draw(path: Path, title: str, across: str, up: str, lines: Series) -> None:
    """Write a plot. `across` and `up` say what the axes are, with their units."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    x_at = _scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    low, high = 10 ** math.floor(math.log10(min(ys))), 10 ** math.ceil(math.log10(max(ys)))
    y_at = _scale(low, high if high > low else low * 10, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif"'
        f' font-size="12"><title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    value = low
    while value <= high:
        y = y_at(value)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(value)}</text>')
        value *= 10
    for x in sorted(set(xs)):
        parts.append(f'<path d="M{x_at(x):.1f} {HEIGHT - BOTTOM}v5" stroke="#444"/>')
        parts.append(f'<text x="{x_at(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_short(x)}</text>')
    for at, (name, points) in enumerate(lines.items()):
        colour, dash = COLOURS[at % len(COLOURS)], DASHES[at % len(DASHES)]
        path_data = "L".join(f"{x_at(x):.1f} {y_at(y):.1f}" for x, y in sorted(points))
        parts.append(
            f'<path d="M{path_data}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        )
        parts += [f'<circle cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        y = TOP + 8 + at * 20
        parts.append(
            f'<path d="M{WIDTH - RIGHT + 12} {y}h26" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
            f'<text x="{WIDTH - RIGHT + 44}" y="{y + 4}">{escape(name)}</text>'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def _scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    span = math.log(high / low) or 1.0
    return lambda value: first + (last - first) * math.log(value / low) / span


def _short(value: float) -> str:
    """1k, 10k, 1M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
