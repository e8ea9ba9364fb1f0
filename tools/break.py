"""Plant known bugs, one at a time: each must turn its test red.

    python tools/break.py                     all of them
    python tools/break.py --only mathematics  those of tests/breaks/mathematics.py

A file of tests/breaks holds BREAKS, a list of (file under src/latentops, old text, new text,
test id). Each bug is planted in a copy of the project. Exit status 1 if a bug lives, if an old
text does not stand in its file exactly once, or if a test fails without any bug.
"""

import argparse
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("src", "tests", "tools", "tune", "recipes", "pyproject.toml", "dvc.yaml", "params.yaml")
PACKAGE = Path("src/latentops")
PASSED, FAILED = 0, 1  # pytest's exit statuses; others mean that it could not run the test
_OPTIONS = ("-q", "-x", "--no-header", "-p", "no:cacheprovider", "--timeout=120")
_IGNORED = shutil.ignore_patterns("__pycache__")
_VERDICTS = {FAILED: "caught", PASSED: "LIVES"}


class Break(NamedTuple):
    """A bug, and the test that must notice it."""

    file: str
    old: str
    new: str
    test: str

    def __str__(self) -> str:
        return f"{self.file}: {self.old.strip()!r} -> {self.new.strip()!r}  ({self.test})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="SUBJECT", help="a file of tests/breaks")
    breaks = collected(parser.parse_args().only)
    if misplaced := [str(planned) for planned in breaks if not _stands_once(planned)]:
        sys.exit("error: not exactly once in its file:\n" + "\n".join(misplaced))
    with tempfile.TemporaryDirectory() as folder:
        verdicts = _verdicts(breaks, Path(folder))
    for verdict, planned in sorted(zip(verdicts, breaks, strict=True)):
        print(f"{verdict:7} {planned}")
    if missed := len(breaks) - verdicts.count("caught"):
        sys.exit(f"error: {missed} of {len(breaks)} breaks were not caught.")


def collected(subject: str | None) -> list[Break]:
    files = sorted((ROOT / "tests/breaks").glob(f"{subject or '*'}.py"))
    if not files:
        sys.exit(f"error: tests/breaks/{subject or '*'}.py is not there.")
    return [Break(*entry) for file in files for entry in runpy.run_path(str(file))["BREAKS"]]


def _stands_once(planned: Break) -> bool:
    file = ROOT / PACKAGE / planned.file
    return file.exists() and file.read_text(encoding="utf-8").count(planned.old) == 1


def _verdicts(breaks: list[Break], folder: Path) -> list[str]:
    """Of each break, after its test has passed without it."""
    tests = sorted({planned.test for planned in breaks})
    print(f"{len(breaks)} breaks; first their {len(tests)} tests without any", flush=True)
    sound = _run(_copied(folder / "sound"), tests)
    if sound.returncode != PASSED:
        sys.exit(f"{sound.stdout}\nerror: a test fails without any break.")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        folders = (folder / str(number) for number in range(len(breaks)))
        return list(pool.map(_verdict, breaks, folders))


def _verdict(planned: Break, folder: Path) -> str:
    file = _copied(folder) / PACKAGE / planned.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(planned.old, planned.new), encoding="utf-8")
    status = _run(folder, [planned.test]).returncode
    shutil.rmtree(folder)
    return _VERDICTS.get(status, f"error {status}")


def _copied(folder: Path) -> Path:
    folder.mkdir()
    for path in (ROOT / name for name in COPIED):
        if path.is_dir():
            shutil.copytree(path, folder / path.name, ignore=_IGNORED)
        else:
            shutil.copy(path, folder)
    return folder


def _run(folder: Path, tests: Iterable[str]) -> "subprocess.CompletedProcess[str]":
    """Run tests of the copy on the package of the copy, wherever else it is installed."""
    environment = {
        "LATENTOPS_MIRROR": str(ROOT.parent / "shared" / "datasets"),
        **os.environ,
        "PYTHONPATH": str(folder / "src"),
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", *_OPTIONS, *tests],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


if __name__ == "__main__":
    main()
