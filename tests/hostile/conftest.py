"""As in the crash tests: in memory, and compiled here."""

from tests.crash.conftest import _compiled_here, memory

__all__ = ["_compiled_here", "memory"]
