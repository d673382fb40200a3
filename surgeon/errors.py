"""What can go wrong, said once: what happened, where, and the next command to type."""

from __future__ import annotations

EXIT_CODES = {
    0: "everything needed is in place, or was put in place",
    1: "`status`, `scan`, `doctor`, `test`: something is pending, has drifted, or is wrong",
    2: "the command line asks for something that does not exist",
    3: "something was refused; the rest was done, and every refusal is listed",
    4: "the environment cannot be read or written",
    5: "an interrupted run could not be recovered",
}
"""The command line's contract."""


class SurgeonError(Exception):
    """A failure that a user can act on; never shown with a traceback.

    Attributes:
        code: a stable kebab-case word for machines (`errors[].code` in the JSON report).
        exit_code: the process exit status that this failure asks for.
        message: what happened, one sentence.
        path: the file or folder concerned, or `None`.
        hint: the next command to run or the thing to do, or an empty string.
    """

    code = "error"
    exit_code = 3

    def __init__(self, message: str, *, path: str | None = None, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.hint = hint
        self.code = code or type(self).code


class UsageError(SurgeonError):
    """The command line asks for something that does not exist."""

    code = "usage"
    exit_code = 2


class Refused(SurgeonError):
    """One file or one patch was left as it is; the rest of the run goes on."""

    code = "refused"
    exit_code = 3


class EnvironmentUnusable(SurgeonError):
    """The environment cannot be found, read or written."""

    code = "environment"
    exit_code = 4


class RecoveryFailed(SurgeonError):
    """An interrupted run left something that cannot be settled by itself."""

    code = "recovery"
    exit_code = 5
