"""`python -m surgeon` is `m3d-surgeon`."""

from surgeon.cli import main

main()
