"""The table of torch's names (docs/torch-names.md): `python -m tests.tools.torch_names`."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from surgeon.scan.releases_data import load, read
from tests.support import CACHE, CHECKOUT
from tests.tools.torch_names import wheels
from tests.tools.torch_names.check import compared, observed, show
from tests.tools.torch_names.corrections import Corrections
from tests.tools.torch_names.facts import NOT_COVERED, common_names, covered, facts_of
from tests.tools.torch_names.learning import learn
from tests.tools.torch_names.table import encoded

SOURCES = CACHE / "torch-names"
DATA = CHECKOUT / "surgeon" / "scan" / "data"
TABLE = DATA / "torch.json.xz"
ORIGIN = DATA / "torch.origin.json"


def log(line: str) -> None:
    """Progress goes to the error stream."""
    print(line, file=sys.stderr, flush=True)


def build(only: Sequence[str]) -> None:
    """Download what is missing and write the table anew."""
    versions = list(only) or wheels.releases()
    corrections = Corrections.load()
    parser = wheels.Parser(covered, log)
    facts, origins, common = [], [], set()
    for version in versions:
        source = wheels.sources(version, SOURCES, log)
        release = parser.release(source.path, corrections.extension_events(version))
        common |= set(common_names([release]))
        facts.append(facts_of(release, corrections.additions(version)))
        origins.append({"version": version, "wheel": source.wheel, "sha256": source.sha256})
        names = sum(map(len, facts[-1].values()))
        log(f"torch {version}: {len(release.modules)} modules, {names} names")
    DATA.mkdir(exist_ok=True)
    data = encoded(versions, facts, common, NOT_COVERED)
    changed = not TABLE.exists() or TABLE.read_bytes() != data
    if changed:
        TABLE.write_bytes(data)
        built = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        origin = {"built": built, "observed": corrections.observed, "releases": origins}
        ORIGIN.write_text(json.dumps(origin, indent=1) + "\n")
    log(f"{TABLE.name}: {len(data)} bytes, {'written' if changed else 'unchanged'}")


def observe(python: str, seen: Path | None) -> None:
    """Note what a running torch has that its sources do not show."""
    observation = json.loads(seen.read_text()) if seen else observed(python)
    version = observation["version"].partition("+")[0]
    corrections = Corrections.load()
    source = wheels.sources(version, SOURCES, log)
    learn(corrections, version, source.path, observation, log)
    corrections.save()


def check(python: str, seen: Path | None, unobserved: bool) -> int:
    """Compare the table with a running torch; or the table as if that torch had not been looked at."""
    observation = json.loads(seen.read_text()) if seen else observed(python)
    if not unobserved:
        return show(compared(observation))
    version = observation["version"].partition("+")[0]
    corrections = Corrections.load().without(version)
    source = wheels.sources(version, SOURCES, log)
    release = wheels.Parser(covered, log).release(source.path, corrections.extension_events(version))
    facts = facts_of(release, corrections.additions(version))
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(encoded([version], [facts], load().common, NOT_COVERED))
        return show(compared(observation, read(Path(file.name))))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.torch_names", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("build", help="download what is missing, and write the table anew")
    one.add_argument("only", nargs="*", metavar="VERSION", help="only these releases (to try something)")
    for name, text in (
        ("observe", "note what an installed torch has that its sources do not show; then build"),
        ("check", "compare the table with an installed torch"),
    ):
        two = commands.add_parser(name, help=text)
        two.add_argument(
            "--python", default=sys.executable, help="the interpreter that torch is installed for"
        )
        two.add_argument("--seen", type=Path, help="what it printed when it was asked before")
        if name == "check":
            two.add_argument(
                "--unobserved", action="store_true", help="as if nobody had looked at this release"
            )
    asked = parser.parse_args()
    if asked.command == "build":
        build(asked.only)
    elif asked.command == "observe":
        observe(asked.python, asked.seen)
    else:
        return check(asked.python, asked.seen, asked.unobserved)
    return 0


if __name__ == "__main__":
    sys.exit(main())
