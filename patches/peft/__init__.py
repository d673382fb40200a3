"""Incidents of peft."""
