"""The commands: each module parses its own arguments and calls one operation."""
