"""Bytes and patches in, bytes out: on every core, each result checked."""
