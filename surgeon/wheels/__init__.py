"""Applies patches to wheels instead of to an environment."""
