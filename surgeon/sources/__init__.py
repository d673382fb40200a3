"""One reading of a source: its names, its guards, and what it uses of a module."""
