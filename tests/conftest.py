"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The offline mirror of the public data sets; tests on real data skip where it is absent."""
    folder = Path(os.environ.get("LATENTOPS_MIRROR") or ROOT.parent / "shared" / "datasets")
    if not (folder / "MANIFEST.json").is_file():
        pytest.skip("no mirror of the public data sets: set LATENTOPS_MIRROR to one")
    return folder
