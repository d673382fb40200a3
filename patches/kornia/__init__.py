"""Incidents of kornia."""
