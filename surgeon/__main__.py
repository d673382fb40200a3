"""`m3d-surgeon`, and `python -m surgeon`, which is the same."""

from __future__ import annotations

import gc

OBJECTS = 200_000
"""So many are made between two collections: a run that only looks makes fewer, one that parses far more."""


def main() -> None:
    """The console script's entry point."""
    gc.set_threshold(OBJECTS)
    from surgeon import cli

    try:
        cli.main()
    finally:
        gc.freeze()  # or the interpreter, about to end, looks through everything once more


if __name__ == "__main__":
    main()
