"""The command line: which commands there are, and how errors leave.

Commands are registered by name and imported when they run, so that ``--help`` and
a small score cost only what they use. Every command takes the options of
``_everywhere``; a command's own function does not see them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from scorekit import config
from scorekit.command_table import COMMANDS, GROUPS, Entry
from scorekit.errors import ScorekitError, UsageError
from scorekit.known_options import Kind
from scorekit.plain_values import read_plainly
from scorekit.terminal import LogFormat, terminal


class Command(TyperCommand):
    """A command whose plain options are read without pydantic."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Options and arguments, with ``--help``."""
        return read_plainly(super().get_params(ctx))


class LazyGroup(TyperGroup):
    """A group of commands that are known by name and imported when they run."""

    entries: dict[str, Entry]

    def get_params(self, ctx: Any) -> list[Any]:
        """Options, with ``--help``."""
        return read_plainly(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order they are listed."""
        return [*self.entries, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command as ``--help`` shows it, which needs no import."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        return TyperCommand(cmd_name, help=entry.help, rich_help_panel=entry.panel or None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """A command as it runs."""
        name, command, rest = super().resolve_command(ctx, args)
        if name in self.entries:
            command = load_command(name, self.entries[name])
        return name, command, rest


class Main(LazyGroup):
    """``scorekit`` itself."""

    entries = COMMANDS


def load_command(name: str, entry: Entry) -> Any:
    """Import a command and give it the options every command takes."""
    module, function = entry.place.split(":")
    command = _command(name, getattr(import_module(f"scorekit.commands.{module}"), function))
    for parameter in _command(name, _everywhere).params:
        parameter.expose_value = False
        command.params.append(parameter)
    return command


def _command(name: str, function: Any) -> Any:
    single = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    single.command(name, cls=Command)(function)
    command = typer.main.get_command(single)
    command.help = _unwrapped(command.help or "")
    for parameter in command.params:
        option = max(parameter.opts, key=len)
        if option.startswith("--"):
            # by the option's name; Click would take the parameter's, such as as_json
            parameter.envvar = config.variable_of(option[2:])
            if parameter.multiple:
                _let_repeat(parameter)
    return command


def _unwrapped(text: str) -> str:
    """Paragraphs in one line each: the terminal wraps them, not the source."""
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in text.split("\n\n"))


def _let_repeat(option: Any) -> None:
    """Say of an option that it may be repeated, and split its variable as a list."""
    if "May be repeated" not in option.help:
        option.help = f"{option.help} May be repeated."
    option.split_envvar_value = lambda value: config.split_list(value, option.envvar)


def _configure(ctx: typer.Context, value: Path | None) -> Path | None:
    settings = config.load(value)
    settings.check()
    defaults = settings.for_command(_table_of(ctx))
    named = {
        option.name: defaults[name] for name, option in _options(ctx.command).items() if name in defaults
    }
    ctx.meta[config.CONFIG_META] = settings
    ctx.default_map = {**named, **(ctx.default_map or {})}
    return value


def _table_of(ctx: typer.Context) -> str:
    """Name of a command's table in ``scorekit.toml``; the commands of a group share the group's."""
    group = ctx.parent.info_name if ctx.parent is not None else None
    return group if group in GROUPS else _canonical(ctx.info_name or "")


def _canonical(command: str) -> str:
    """One name for two commands that are the same."""
    return "score-batch" if command == "score" else command


def _options(command: Any) -> dict[str, Any]:
    """A command's options by their names as they stand in ``scorekit.toml``: with dashes."""
    named = {max(option.opts, key=len): option for option in command.params}
    return {
        name[2:]: option for name, option in named.items() if name.startswith("--") and name != "--config"
    }


def options_by_table() -> dict[str, dict[str, Kind]]:
    """What kind of value each option takes, by table of ``scorekit.toml``; imports every command."""
    found: dict[str, dict[str, Kind]] = {}
    for name, entry in COMMANDS.items():
        found[_canonical(name)] = kinds(load_command(name, entry))
    for group, (_, _, entries) in GROUPS.items():
        found[group] = {
            option: kind
            for name, entry in entries.items()
            for option, kind in kinds(load_command(name, entry)).items()
        }
    return found


def kinds(command: Any) -> dict[str, Kind]:
    """What kind of value each option of a command takes."""
    return {name: _kind(option.type_descriptor.annotation) for name, option in _options(command).items()}


def _kind(annotation: Any) -> Kind:
    if get_origin(annotation) is list:
        return "a list of texts"
    plain: dict[Any, Kind] = {bool: "true or false", int: "a whole number", float: "a number"}
    return plain.get(annotation, "a text")


def _quiet(value: bool) -> bool:  # noqa: FBT001 - Typer calls it with the option's value
    terminal.quiet = terminal.quiet or value
    return value


def _verbose(value: bool) -> bool:  # noqa: FBT001 - Typer calls it with the option's value
    terminal.verbose = terminal.verbose or value
    return value


def _log_format(value: LogFormat) -> LogFormat:
    terminal.log_format = value
    return value


def _everywhere(
    *,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            is_eager=True,
            callback=_configure,
            help="Settings file. Default: scorekit.toml, if there is one.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", callback=_quiet, help="Say only what went wrong.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", callback=_verbose, help="Say more; show tracebacks.")
    ] = False,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", callback=_log_format, help="How lines on stderr look.")
    ] = "text",
) -> None:
    """Options that every command takes."""


def _version(value: bool) -> None:  # noqa: FBT001 - Typer calls it with the option's value
    if value:
        from scorekit import __version__

        sys.stdout.write(f"scorekit {__version__}\n")
        raise typer.Exit


app = typer.Typer(
    cls=Main,
    name="scorekit",
    add_completion=True,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Train scikit-learn models into proved versions, and score tables with them.",
)


@app.callback()
def _main(
    *,
    _version_flag: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train scikit-learn models into proved versions, and score tables with them."""


def _add_groups() -> None:
    for name, (help_text, panel, entries) in GROUPS.items():
        cls = type(f"{name.title()}Group", (LazyGroup,), {"entries": entries})
        group = typer.Typer(cls=cls, no_args_is_help=True, help=help_text)
        group.callback()(_nothing)
        app.add_typer(group, name=name, help=help_text, rich_help_panel=panel)


def _nothing() -> None:
    """Do nothing before a command of the group."""


_add_groups()


class Stopped(BaseException):
    """SIGTERM arrived; unwinds like an interrupt, so that nothing half is left."""


STOPS_WITHIN = 8.0
"""Seconds to unwind in after SIGTERM. What is killed leaves nothing half either."""


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Unwind; and end all the same, should the moment have left a lock that everything waits for."""
    import threading

    last = threading.Timer(STOPS_WITHIN, os._exit, [143])
    last.daemon = True
    last.start()
    raise Stopped


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; every way out is here."""
    _fill_closed_streams()
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(run(args))


def _fill_closed_streams() -> None:
    """Give the numbers of closed streams to nothing: a file that got one would be written to as a stream."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - open until the process ends


def run(args: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        The exit code; see ``errors``.
    """
    words = list(sys.argv[1:] if args is None else args)
    terminal.log_format = _format_asked_for(words)
    try:
        code = typer.main.get_command(app)(args=words, prog_name="scorekit", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except ScorekitError as error:
        return _failed(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Stopped:
        return 143
    except BrokenPipeError:
        return _reader_went_away()
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):
            # so Typer and rich leave, by 1, which would be a bug of ours
            return _reader_went_away()
        raise
    except Exception as error:  # noqa: BLE001 - the last place an error can be turned into an exit code
        return _unexpected(error)


def _format_asked_for(words: Sequence[str]) -> LogFormat:
    """How an error looks that ends a command before its options are read."""
    option = "--log-format"
    said = [os.environ.get(config.variable_of(option[2:]), "")]
    for word, after in pairwise([*words, ""]):
        if word.partition("=")[0] == option:
            said.append(word.partition("=")[2] or after)
    return "json" if said[-1] == "json" else "text"


def _failed(error: ScorekitError) -> int:
    _trace(error)
    terminal.error(error)
    return error.exit_code


def _trace(error: Exception) -> None:
    if terminal.verbose or "--verbose" in sys.argv:
        import traceback

        traceback.print_exception(error)


def _reader_went_away() -> int:
    """Whoever read stdout has gone; keep the interpreter from saying so again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


def _unexpected(error: Exception) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        return UsageError.exit_code
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        usage = UsageError(_usage_text(error), hint=_usage_hint(error))
        return _failed(usage)
    _trace(error)
    bug = ScorekitError(
        f"scorekit failed in a way it should not: {type(error).__name__}",
        hint="run it again with --verbose and report what it prints",
    )
    terminal.error(bug)
    return bug.exit_code


def _usage_text(error: Any) -> str:
    option, cause = getattr(error, "param", None), error.__cause__
    if option is not None and hasattr(cause, "errors"):
        from scorekit.wording import wrong_with

        return f"{max(option.opts, key=len)}: {wrong_with(cause.errors()[0])}"
    text: str = error.format_message()
    return text


def _usage_hint(error: Any) -> str | None:
    ctx, option = getattr(error, "ctx", None), getattr(error, "param", None)
    if ctx is None:
        return None
    source = ctx.get_parameter_source(option.name) if option is not None else None
    if source is not None and source.name == "DEFAULT_MAP":
        return f"it stands in {_place_of(ctx, option)}"
    if option is not None and source is not None and source.name == "ENVIRONMENT":
        return f"it comes from {option.envvar}"
    return f"{ctx.command_path} --help"


def _place_of(ctx: Any, option: Any) -> str:
    """Where a value of the settings file stands: in the command's table, else above all of them."""
    settings: config.Settings = ctx.meta[config.CONFIG_META]
    return settings.place_of(_table_of(ctx), max(option.opts, key=len)[2:])
