"""Programs, not tests: they measure, draw, and write pages of the documentation."""
