"""Incidents of diffusers."""
