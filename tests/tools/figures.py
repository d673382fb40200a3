"""The figures that tests record: printed at the end of a run, and kept where the environment says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FILE = "M3D_SURGEON_FIGURES"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """pytest's hook: add up what every test recorded."""
    reports = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, ())]
    rows = gathered(report for report in reports if getattr(report, "when", "") == "call")
    if any(row["figures"] for row in rows.values()):
        terminalreporter.section("figures")
    for test, row in rows.items():
        if row["figures"]:
            said = ", ".join(f"{value} {what}" for what, value in row["figures"].items())
            terminalreporter.write_line(f"{test}: {said}")
    if target := os.environ.get(FILE):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(target).write_text(json.dumps(rows, indent=1) + "\n")


def gathered(reports: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Per test function, all its parameters together: runs, failures, seconds and summed figures."""
    rows: dict[str, dict[str, Any]] = {}
    for report in sorted(reports, key=lambda report: report.nodeid):
        test = report.nodeid.partition("[")[0]
        row = rows.setdefault(test, {"runs": 0, "failed": 0, "seconds": 0.0, "figures": {}})
        row["runs"] += 1
        row["failed"] += report.failed
        row["seconds"] = round(row["seconds"] + report.duration, 1)
        for what, value in report.user_properties:
            if isinstance(value, int):
                row["figures"][what] = row["figures"].get(what, 0) + value
    return rows
