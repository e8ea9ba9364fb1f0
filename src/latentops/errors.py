"""Errors that a person can act on.

LatentOpsError
|- SettingsError    params.yaml, or an option of a command
|- DataError        what a person or a public source gave us
|- ArtifactError    a file that a stage should have written, or that could not be written
|- NumericalError   a number that stopped being one
|- StoreError       the MLflow store or its registry
`- StudyError       the Optuna study
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class LatentOpsError(Exception):
    """Base of every error whose message says what was expected, what was found and what to do."""


class SettingsError(LatentOpsError):
    """A setting, or a combination of settings, that cannot be used."""


class DataError(LatentOpsError):
    """Data that cannot be read, checked or learned from."""


class ArtifactError(LatentOpsError):
    """A file between stages that is missing, damaged or could not be written."""


class NumericalError(LatentOpsError):
    """A loss or a score that is not finite."""


class StoreError(LatentOpsError):
    """The tracking store or the model registry refused."""


class StudyError(LatentOpsError):
    """The study cannot go on."""


@contextmanager
def exit_on_known_error() -> Iterator[None]:
    """Print a known error as one message and leave with status 1; a bug keeps its traceback."""
    try:
        yield
    except LatentOpsError as error:
        sys.exit(_say(str(error)))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = error.filename or "the project's disk"
        sys.exit(_say(f"No space is left for {where}. Free some and run the command again."))
    except KeyboardInterrupt:
        sys.exit(_say("Interrupted. What was finished is kept; run the command again to go on."))


def _say(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1
