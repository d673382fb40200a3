"""`m3d-surgeon`, and `python -m surgeon`, which is the same."""

from __future__ import annotations

import gc


def main() -> None:
    """The console script's entry point."""
    gc.disable()  # most runs are over in a fifth of a second; whoever makes trees turns it on again
    from surgeon import cli

    try:
        cli.main()
    finally:
        gc.freeze()  # or the interpreter, about to end, looks through everything once more


if __name__ == "__main__":
    main()
