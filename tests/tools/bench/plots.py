"""The pictures of docs/performance.md, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "m3d-surgeon", "svg.fonttype": "none", "font.size": 9})

from matplotlib import pyplot as plt  # noqa: E402  (it takes the settings above as they are now)

OURS, OTHER, LIMIT = "#1f6feb", "#9aa0a6", "#c62828"


def _save(figure: Any, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(place, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def bars(place: Path, title: str, rows: Mapping[str, float], limits: Mapping[str, float], unit: str) -> None:
    """A bar a row, with a line where its limit is."""
    figure, axes = plt.subplots(figsize=(7.2, 0.6 + 0.3 * len(rows)))
    names = list(reversed(rows))
    colors = [OURS if "surgeon" in name or "apply" in name else OTHER for name in names]
    drawn = axes.barh(names, [rows[name] for name in names], color=colors, height=0.6)
    axes.bar_label(drawn, fmt="%.3g", padding=5)
    for index, name in enumerate(names):
        if name in limits:
            axes.plot([limits[name]] * 2, [index - 0.4, index + 0.4], color=LIMIT)
    axes.set_xlabel(unit)
    figure.suptitle(title, x=0.02, ha="left", fontsize=10)
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, place)


def lines(
    place: Path, panels: Sequence[tuple[str, str, float, Sequence[Mapping[str, Any]]]], unit_ms: float = 1000
) -> None:
    """Side by side, what grows and what it costs: wall and processor time in seconds, from zero.

    Args:
        panels: title, label of the abscissa, what a size is divided by, and the points.
    """
    figure, every = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 2.8))
    for axes, (title, label, divisor, points) in zip(every, panels, strict=True):
        sizes = [point["size"] / divisor for point in points]
        for key, name, style in (("wall_ms", "wall", "o-"), ("cpu_ms", "processor", "s--")):
            axes.plot(sizes, [point[key] / unit_ms for point in points], style, label=name, markersize=4)
        axes.set(title=title, xlabel=label, ylabel="seconds", xlim=0)
        axes.set_ylim(0, max(point[key] for point in points for key in ("wall_ms", "cpu_ms")) / unit_ms * 1.1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    _save(figure, place)
