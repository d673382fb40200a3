"""Make the golden numbers: the workloads' results on unpatched packages and a modern torch.

::

    python tests/e2e/golden.py --stack nov26 --python ENVIRONMENT/bin/python

The environment holds the stack's versions of diffusers, transformers, accelerate and peft, and torch 2.5 or
newer. Numbers from patched code would prove nothing, so an environment is refused when a Python file of these
packages differs from what its RECORD says, when one bears the tool's marker, when there is a store of the
tool's, or when torch is older. ``--check`` compares with the stored numbers instead of writing them.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGES = ("diffusers", "transformers", "accelerate", "peft", "torch", "safetensors", "huggingface-hub")
PINNED = ("diffusers", "transformers", "accelerate", "peft")
WORKLOADS = sorted(path.stem for path in (HERE / "workloads").glob("*.py") if path.stem != "common")
LIMIT = 2_000_000

# Runs in the environment under test, with the standard library alone; prints what it found as JSON.
INSPECTION = r"""
import base64, hashlib, importlib.util, json, sys
from importlib import metadata
from pathlib import Path

MARKER = b"m3d-surgeon" + b":"
problems, versions = [], {}
for entry in sys.path:
    if entry and (Path(entry) / ".m3d-surgeon").exists():
        problems.append(f"{entry} has a store of m3d-surgeon")
for name in json.loads(sys.argv[1]):
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        problems.append(f"{name} is not installed")
        continue
    versions[name] = distribution.version
    recorded, folders = set(), set()
    for file in distribution.files or ():
        if file.suffix != ".py":
            continue
        path = Path(distribution.locate_file(file))
        recorded.add(path)
        folders.add(path.parent)
        if file.hash is None or not path.is_file():
            problems.append(f"{path}: no hash in RECORD, or no file")
            continue
        data = path.read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, data).digest()).rstrip(b"=").decode()
        if digest != file.hash.value:
            problems.append(f"{path}: differs from RECORD")
        if MARKER in data:
            problems.append(f"{path}: has the marker of m3d-surgeon")
    if not recorded:
        problems.append(f"{name} has no RECORD")
    module = importlib.util.find_spec(name.replace("-", "_"))
    if module is None or Path(module.origin) not in recorded:
        problems.append(f"{name} would be imported from {module and module.origin}")
    for folder in folders:
        if folder.name != "site-packages":
            problems.extend(f"{path}: not in RECORD" for path in folder.glob("*.py") if path not in recorded)
print(json.dumps({"problems": problems, "versions": versions, "python": sys.version.split()[0]}))
"""


def environment():
    """The variables for a run: nothing that could put other code first."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "PYTHONNOUSERSITE": "1", "HF_HUB_OFFLINE": "1"}


def inspect(python, packages=PACKAGES):
    """What is installed, and every reason why its numbers could not be trusted."""
    command = [str(python), "-c", INSPECTION, json.dumps(packages)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(), cwd="/")
    return json.loads(run.stdout)


def pins(stack):
    """The stack's pinned versions, from fixtures/stacks."""
    file = ROOT / "fixtures" / "stacks" / f"{stack}.txt"
    if not file.is_file():
        return {}
    found = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", file.read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def refusals(found, stack):
    """Every reason not to take numbers from this environment."""
    reasons = list(found["problems"])
    release = tuple(int(part) for part in re.findall(r"\d+", found["versions"].get("torch", "0"))[:2])
    if release < (2, 5):
        reasons.append(f"torch is {found['versions'].get('torch', 'missing')}; 2.5 or newer is needed")
    wanted = pins(stack)
    for name in PINNED:
        have = found["versions"].get(name)
        if name in wanted and have != wanted[name]:
            reasons.append(f"{name} is {have}; the stack {stack} has {wanted[name]}")
    return reasons


def run_workload(python, name, out):
    """Run one workload in a fresh process; the text it printed when it failed."""
    command = [str(python), str(HERE / "workloads" / f"{name}.py"), "--out", str(out)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), cwd="/")
    return "" if run.returncode == 0 else run.stderr or "it failed"


def tolerance(key, largest):
    """How far a result may be off: 1e-5 of its scale; bf16 keeps 8 bits, summed in any order."""
    name = key.rsplit("/", 1)[-1]
    return (2.0**-5 if name.startswith("bf16") else 1e-5) * max(1.0, largest)


def differences(golden, measured):
    """Compare two .npz files: the keys that differ, and the largest relative difference of fp32 results."""
    import numpy as np

    wrong, worst = [], 0.0
    with np.load(golden) as left, np.load(measured) as right:
        for key in left.files:
            if key == "__about__":
                continue
            if key not in right.files:
                wrong.append(f"{key}: missing")
                continue
            a, b = left[key], right[key]
            if a.shape != b.shape:
                wrong.append(f"{key}: shape {b.shape}, not {a.shape}")
            elif a.dtype.kind != "f":
                if not np.array_equal(a, b):
                    wrong.append(f"{key}: not equal")
            elif a.size:
                largest = float(np.abs(a).max())
                off = float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max())
                if not off <= tolerance(key, largest):
                    wrong.append(f"{key}: off by {off:.3g} where the largest is {largest:.3g}")
                if not key.rsplit("/", 1)[-1].startswith("bf16"):
                    worst = max(worst, off / max(1.0, largest))
    return wrong, worst


def make(python, stack, folder, check, workloads=WORKLOADS):
    """Run every workload; write or compare. Returns the failures."""
    found = inspect(python)
    reasons = refusals(found, stack)
    if reasons:
        return [f"refused: {reason}" for reason in reasons[:20]]
    failures = []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in workloads:
            made = Path(scratch) / f"{name}.npz"
            error = run_workload(python, name, made)
            if error:
                failures.append(f"{name}: {error.strip().splitlines()[-1]}")
            elif check:
                wrong, worst = differences(folder / f"{name}.npz", made)
                failures.extend(f"{name}: {line}" for line in wrong)
                sys.stdout.write(f"{stack} {name}: largest difference {worst:.2g}\n")
            else:
                (folder / f"{name}.npz").write_bytes(made.read_bytes())
                sys.stdout.write(f"{stack} {name}: {made.stat().st_size} bytes\n")
    if inspect(python) != found:
        failures.append("the environment changed meanwhile")
    if not check and not failures:
        about = {"stack": stack, "python": found["python"], "versions": found["versions"]}
        (folder / "versions.json").write_text(json.dumps(about, indent=2, sort_keys=True) + "\n")
    size = sum(path.stat().st_size for path in folder.parent.rglob("*.npz"))
    if size > LIMIT:
        failures.append(f"the golden files take {size} bytes, more than {LIMIT}")
    return failures


def main():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stack", required=True)
    parser.add_argument(
        "--python", type=Path, required=True, help="the interpreter of the modern environment"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "fixtures" / "golden")
    parser.add_argument("--check", action="store_true", help="compare with the stored numbers, write nothing")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="default: all of them")
    options = parser.parse_args()
    unknown = sorted(set(options.workloads) - set(WORKLOADS))
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    chosen = options.workloads or WORKLOADS
    failures = make(options.python, options.stack, options.out / options.stack, options.check, chosen)
    for failure in failures:
        sys.stderr.write(failure + "\n")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
