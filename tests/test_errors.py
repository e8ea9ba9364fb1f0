"""What a person sees when something known goes wrong, and what a bug keeps."""

import errno
import inspect
import re

import pytest

from latentops import errors
from latentops.errors import LatentOpsError, exit_on_known_error

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, LatentOpsError)
]


def status_of(error: BaseException) -> object:
    with pytest.raises(SystemExit) as left, exit_on_known_error():
        raise error
    return left.value.code


STATUSES = {errors.RefusedError: 3, errors.IntegrityError: 4}  # all others: 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_known_error_is_its_message_and_its_status(
    kind: type[LatentOpsError], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(kind("what and where")) == STATUSES.get(kind, 1)
    assert capsys.readouterr() == ("", "error: what and where\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_known_wherever_it_is_met(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(OSError(number, "full", "mlruns/mlflow.db")) == 1
    assert capsys.readouterr().err == (
        "error: No space is left for mlruns/mlflow.db. Free some and run the command again.\n"
    )
    assert status_of(OSError(number, "full")) == 1
    assert "for the project's disk" in capsys.readouterr().err


def test_an_interruption_says_that_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(KeyboardInterrupt()) == 1
    assert capsys.readouterr().err.startswith("error: Interrupted. What was finished is kept")


@pytest.mark.parametrize("bug", [ZeroDivisionError(), OSError(errno.ENOENT, "x"), ValueError("x")])
def test_a_bug_keeps_its_traceback(bug: Exception) -> None:
    with pytest.raises(type(bug)) as raised, exit_on_known_error():
        raise bug
    assert raised.value is bug


def test_success_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with exit_on_known_error():
        pass
    assert capsys.readouterr() == ("", "")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    tree = (errors.__doc__ or "").split("\n\n")[1].splitlines()
    drawn = {line.strip("|`- ").split()[0]: re.match(r"[|`\- ]*", line) for line in tree}
    depths = {name: len(found[0]) // 3 for name, found in drawn.items() if found}
    assert depths == {kind.__name__: kind.__mro__.index(LatentOpsError) for kind in KINDS}
