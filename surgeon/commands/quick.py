"""Commands that start as fast as Python and typer do.

Since 0.25 typer converts every value of every option with pydantic, whose import takes as long as
all else that `status` does. Here an option that was not given stays `None`, and one that was stays
the text that it is.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


class Quick(TyperCommand):
    """A command whose options are flags and text, and which converts what it wants converted."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click."""
        _leave_values_alone(self.get_params(ctx))
        return super().parse_args(ctx, args)


class QuickGroup(TyperGroup):
    """The program itself, whose own options are flags."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click."""
        _leave_values_alone(self.get_params(ctx))
        return super().parse_args(ctx, args)


def _leave_values_alone(parameters: list[Any]) -> None:
    for parameter in parameters:
        if hasattr(parameter, "get_runtime_param") and not parameter.required:
            _leave_value_alone(parameter)


def _leave_value_alone(parameter: Any) -> None:
    converted, called_back = parameter.process_value, parameter.callback is not None

    def process_value(context: object, value: Any) -> Any:
        return converted(context, value) if called_back and value is not None else value

    parameter.process_value = process_value
