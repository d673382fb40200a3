"""Incidents of accelerate."""
