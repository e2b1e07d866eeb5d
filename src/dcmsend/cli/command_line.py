"""Splits a command line into options and parameters, by DCMTK's rules.

argparse cannot express them: names that begin with ``+``, no abbreviation, no ``--name=value``, no ``--``, values that
look like options, parameters such as ``-5`` anywhere, and groups of which the rightmost member counts.
"""

from __future__ import annotations

from itertools import islice

from dcmsend.errors import UsageError

from .option_table import EXCLUSIVE, FILE_LISTS, PARAMETERS, SECRET, STORESCU_GROUP, TICKETS, OptionRow, find_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CommandLine", "scan_command_line"]


class CommandLine:
    """A command line whose option names are known and whose values are present, but not checked.

    Attributes:
        arguments: all arguments after expansion; short names are replaced by long ones, passwords by asterisks.
        parameters: the arguments that are neither options nor values, in order.
    """

    __slots__ = ("_options", "arguments", "parameters")

    def __init__(self) -> None:
        self.arguments: list[str] = []
        self.parameters: list[str] = []
        self._options: list[tuple[str, tuple[str, ...]]] = []

    def add_option(self, row: OptionRow, *values: str) -> None:
        """Note one more occurrence of an option, with its values if it has any."""
        seen = tuple(_c_string(value) for value in values)
        self.arguments.append(row.long)
        self.arguments.extend(_shown(row, value) for value in seen)
        self._options.append((row.long, seen))

    def add_parameter(self, text: str) -> None:
        """Note one more parameter."""
        self.arguments.append(_shown_name(_c_string(text)))
        self.parameters.append(_c_string(text))

    def hide_behind_colon(self, long: str) -> None:
        """Show no more of the values of an option than what stands before a colon."""
        for index, name in enumerate(self.arguments[:-1]):
            user, colon, secret = self.arguments[index + 1].partition(":")
            if name == long and secret:
                self.arguments[index + 1] = f"{user}{colon}***"

    def has(self, long: str) -> bool:
        """Whether the option was given."""
        return self.rightmost(long) is not None

    def value(self, long: str) -> str | None:
        """The value at the rightmost occurrence of an option; None if it was not given."""
        for values in reversed(self.values(long)):
            return values[0] if values else ""
        return None

    def values(self, long: str) -> list[tuple[str, ...]]:
        """The values at every occurrence of an option."""
        return [values for name, values in self._options if name == long]

    def in_order(self, *group: str) -> list[tuple[str, str]]:
        """Name and value of every occurrence of several options, in their order."""
        return [(name, values[0]) for name, values in self._options if name in group]

    def rightmost(self, *group: str) -> str | None:
        """The one of several mutually exclusive options that was given last."""
        for name, _ in reversed(self._options):
            if name in group:
                return name
        return None

    def uses_ours_beside(self, options: Sequence[str]) -> bool:
        """Whether an option was given that no program of DCMTK has, other than ``options``."""
        rows = (find_option(name) for name, _ in self._options if name not in options)
        return any(row.is_ours and row.group != STORESCU_GROUP for row in rows if row is not None)

    @property
    def exclusive(self) -> str | None:
        """The option that excludes all other work, if there is one."""
        return next((name for name in EXCLUSIVE if self.has(name)), None)


def scan_command_line(argv: Sequence[str]) -> CommandLine:
    """Expand command files and split the arguments; ``argv`` is without the program's name.

    Raises:
        UsageError: a command file cannot be read, an option is unknown, a value or a parameter is missing.
    """
    line = CommandLine()
    arguments = iter(_expanded(argv))
    for argument in arguments:
        if not _looks_like_option(argument):
            _check_dash(argument)
            line.add_parameter(argument)
            continue
        row = find_option(argument)
        if row is None:
            from .masking import mask_option  # only needed for an error message
            from .suggestion import suggestion

            shown = mask_option(_c_string(argument))
            raise UsageError(f"Unknown option {shown}{suggestion(shown)}")
        values = tuple(islice(arguments, row.value_count))
        if len(values) < row.value_count:
            from .allowed_form import allowed_form  # only needed for an error message

            raise UsageError(f"Missing value for option {row.long}", allowed_form(row.long))
        line.add_option(row, *values)
    if line.has("--stow"):  # other programs take a password behind the user's name
        line.hide_behind_colon("--user")
    proves = line.has("--verify") or line.has("--commit")
    only_proves = proves and line.has("--resume")  # what the journal calls stored
    wanted = PARAMETERS[2:] if line.has("--stow") else PARAMETERS  # a URL stands for peer and port
    needed = len(wanted) - (only_proves or line.rightmost(*FILE_LISTS) is not None)
    if line.arguments and line.exclusive is None and len(line.parameters) < needed:
        from .allowed_form import missing_parameter_hint  # only needed for an error message

        hint = "" if line.has("--stow") else missing_parameter_hint(line.parameters)
        raise UsageError(f"Missing parameter {wanted[len(line.parameters)][0]}", hint)
    return line


def _expanded(argv: Sequence[str]) -> Sequence[str]:
    if not any(argument.startswith("@") for argument in argv):
        return argv
    from .command_file import expand_command_files

    return expand_command_files(argv)


def _check_dash(parameter: str) -> None:
    """Raise UsageError for an option with a secret whose dash is a word processor's, e.g. an en dash."""
    if parameter.isascii() or parameter[0].isascii():
        return
    from .masking import is_secret_with_another_dash, mask_option

    if is_secret_with_another_dash(parameter):
        raise UsageError(
            f"Unknown option {mask_option(parameter)}: it begins with another dash than '-'\n"
            "       (to send a file of that name, put ./ before it)"
        )


def _shown_name(text: str) -> str:
    """A parameter or value for logs and reports: an address may hold a password or a signature."""
    if "://" not in text:
        return text
    from dcmsend.inputs import without_secrets

    return without_secrets(text)


def _shown(row: OptionRow, value: str) -> str:
    if row.long == "--storage-option":
        from .store_arguments import shown_option

        return shown_option(value)
    if row.long in SECRET:
        return "***"
    if row.long == "--stow":
        from .masking import mask_url

        return mask_url(value)
    if row.long in TICKETS:
        from .masking import mask_ticket

        return mask_ticket(value)
    return _shown_name(value)


def _looks_like_option(argument: str) -> bool:
    return len(argument) > 1 and argument[0] in "-+" and argument[1] not in "0123456789"


def _c_string(text: str) -> str:
    """The text up to the first NUL, as a C program reads it; only a command file can contain one."""
    return text.partition("\0")[0]
