"""The command line of the present command, to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

import click
from click.core import ParameterSource


def command_line(ctx: click.Context, leave_out: Iterable[str] = ()) -> str:
    """The present command with the arguments that were given, quoted for a shell; defaults are left out.

    Args:
        ctx: of the command.
        leave_out: names of parameters to leave out, such as where a copy is written.
    """
    words = ["noisewise", ctx.info_name or ""]
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if (
            name in ctx.params
            and name not in leave_out
            and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
        ):
            words += _words(parameter, ctx.params[name])
    return shlex.join(words)


def _words(parameter: click.Parameter, value: object) -> list[str]:
    values = [str(one) for one in value] if isinstance(value, tuple) else [str(value)]
    if isinstance(parameter, click.Argument):
        return values
    flag = parameter.opts[0]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [flag]
    return [word for one in values for word in (flag, one)]
