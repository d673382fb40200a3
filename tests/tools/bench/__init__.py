"""The benchmark: `make bench` measures, and writes docs/performance.json and docs/performance.md."""
