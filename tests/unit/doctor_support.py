"""What the unit tests of `doctor` look at environments with."""

from __future__ import annotations

import sys
from pathlib import Path

from surgeon import registry
from surgeon.doctor.examine import examine
from surgeon.doctor.finding import Diagnosis
from surgeon.operations.work import silent
from surgeon.site.environment import Environment

REGISTRY = registry.load()


def environment(*sites: Path) -> Environment:
    return Environment(Path(sys.executable), (3, 10, 0), sites)


def inspect(*sites: Path, full: bool = False) -> Diagnosis:
    return examine(environment(*sites), REGISTRY, silent, full=full)


def codes(diagnosis: Diagnosis) -> list[str]:
    return [f"{finding.code} {finding.distribution}".strip() for finding in diagnosis.findings]
