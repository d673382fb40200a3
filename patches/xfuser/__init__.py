"""Incidents of xfuser."""
