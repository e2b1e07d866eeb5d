"""What all errors have in common: the message in DCMTK's words, what is known beyond it, and how they are pickled."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["DcmsendError", "FromPeer", "WithDetail", "WithoutFacts", "Wrapped"]


class DcmsendError(Exception):
    """Root of all errors; catching it catches everything that dcmsend raises on purpose.

    ``str`` is ``text``, and what else is known of the reason.
    """

    def __init__(self, message: str = "") -> None:  # without it nobody could see what an error is made of
        super().__init__(message)

    @property
    def text(self) -> str:
        """The message in DCMTK's words, which scripts look for in the log; on one or more lines."""
        return str(self.args[0]) if self.args else ""

    @property
    def explanation(self) -> str:
        """What is known beyond ``text``, on one or more lines; ``""`` for nothing."""
        return ""

    @property
    def is_permanent(self) -> bool:
        """Whether a run that ends so would end so again, until a person has acted."""
        return False

    def __str__(self) -> str:
        return "; ".join((self.text, *self._reasons()))

    def _reasons(self) -> list[str]:
        """The lines of ``explanation`` that ``str`` has."""
        return self.explanation.splitlines()

    def __repr__(self) -> str:
        facts = "".join(f", {name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({self.text!r}{facts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self.args, vars(self))


DcmsendError.__module__ = "dcmsend.errors"  # where programs know it from


def _remade(kind: type[DcmsendError], args: tuple[Any, ...], facts: dict[str, Any]) -> DcmsendError:
    """An error as it was before it was pickled or copied."""
    error = kind.__new__(kind, *args)
    vars(error).update(facts)
    return error


class WithoutFacts(DcmsendError):
    """Always has the same message."""

    message = ""

    def __init__(self) -> None:
        super().__init__(self.message)


class WithDetail(DcmsendError):
    """Has words of ours or of the system beside DCMTK's; they may be empty."""

    detail = ""

    @property
    def explanation(self) -> str:
        """``detail``."""
        return self.detail


class FromPeer(DcmsendError):
    """Has the peer's reason in the words of the standard: ``description``, one or more lines; may be empty."""

    description = ""

    @property
    def explanation(self) -> str:
        """``description``."""
        return self.description

    def _reasons(self) -> list[str]:
        return self.description.splitlines()[-1:]  # the lines before it say whose reason it is


class Wrapped(DcmsendError):
    """A lower error, ``cause``, together with the phase in which it ended the run."""

    prefix = ""

    def __init__(self, cause: DcmsendError) -> None:
        self.cause = cause
        super().__init__(f"{self.prefix}: {cause.text}")

    @property
    def explanation(self) -> str:
        """That of ``cause``."""
        return self.cause.explanation

    def _reasons(self) -> list[str]:
        return self.cause._reasons()
