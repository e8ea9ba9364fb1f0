"""Errors that a person can act on.

LatentOpsError
|- SettingsError       params.yaml, or an option of a command
|- DataError           what a person or a public source gave us
|- ArtifactError       a file that a stage should have written, or that could not be written
|- NumericalError      a number that stopped being one
|- RanksError          a training by several processes that lost one of them
|- GitError            git, or the repository that it should speak of
|- StoreError          the MLflow store or its registry
|  |- RefusedError     a rule of the registry forbids it, or somebody else was first
|  `- IntegrityError   what is stored is not what was recorded
`- StudyError          the Optuna study

The exit statuses of every command, which do not change:
0 done; 1 a known error; 2 wrong usage (click's); 3 refused; 4 a check failed; 5 a window changed.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

ERROR, REFUSED, CHECK_FAILED, CHANGED = 1, 3, 4, 5  # 2 is click's, for wrong usage


class LatentOpsError(Exception):
    """Base of every error whose message says what was expected, what was found and what to do."""

    exit_status: ClassVar[int] = ERROR


class SettingsError(LatentOpsError):
    """A setting, or a combination of settings, that cannot be used."""


class DataError(LatentOpsError):
    """Data that cannot be read, checked or learned from."""


class ArtifactError(LatentOpsError):
    """A file between stages that is missing, damaged or could not be written."""


class NumericalError(LatentOpsError):
    """A loss or a score that is not finite."""


class RanksError(LatentOpsError):
    """A training by several processes, the ranks, that lost touch with one of them."""


class GitError(LatentOpsError):
    """git is not there, does not trust the folder, or does not know what was asked for."""


class StoreError(LatentOpsError):
    """The tracking store or the model registry refused."""


class RefusedError(StoreError):
    """Promotion, seal or alias: a rule forbids it, or another process was first. Nothing moved."""

    exit_status = REFUSED


class IntegrityError(StoreError):
    """A stored file or event that is not what was recorded; the message names it."""

    exit_status = CHECK_FAILED


class StudyError(LatentOpsError):
    """The study cannot go on."""


@contextmanager
def exit_on_known_error() -> Iterator[None]:
    """Print a known error as one message and leave with its status; a bug keeps its traceback."""
    try:
        yield
    except LatentOpsError as error:
        _say(str(error))
        sys.exit(error.exit_status)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or "the project's disk"
        _say(f"No space is left for {where}. Free some and run the command again.")
        sys.exit(ERROR)
    except KeyboardInterrupt:
        _say("Interrupted. What was finished is kept; run the command again to go on.")
        sys.exit(ERROR)


def printable(line: str) -> str:
    """Without what a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)


def _say(message: str) -> None:
    shown = "\n".join(map(printable, message.splitlines()))
    print(f"error: {shown}", file=sys.stderr)
