"""Incidents of transformers."""
