"""What all commands share: a help page that ends with an example, `--debug`, and a hint at the nearest known name."""

from __future__ import annotations

from typing import Any

import click

from noisewise.errors import nearest

SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 110}


class Command(click.Command):
    """A command with an example.

    Args:
        *args: of `click.Command`.
        example: command lines that work, one per line, shown at the end of the help page.
        **kwargs: of `click.Command`.
    """

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        kwargs["context_settings"] = SETTINGS
        super().__init__(*args, **kwargs)
        self.example = example
        shown = "Show the traceback of an error."
        self.params.append(click.Option(["--debug"], is_flag=True, expose_value=False, help=shown))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the section "Example" (called by click)."""
        with formatter.section("Example"):
            for line in self.example.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Group(click.Group):
    """A group whose unknown commands suggest the nearest one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names.

        Args:
            ctx: of the group.
            args: of the command line.

        Raises:
            click.UsageError: there is no such command.
        """
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            hint = nearest(name, self.commands) or f"; known: {', '.join(self.commands)}"
            raise click.UsageError(f"unknown command {name!r}{hint}", ctx)
        return super().resolve_command(ctx, args)
