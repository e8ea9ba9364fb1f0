"""What a killed training needs to go on: one folder, written whole after each epoch.

state.pt   fingerprint and state: tensors, numbers and text only, read with pickle refused
notes.json fingerprint and notes: what the caller must remember, such as the id of its run
"""

import hashlib
import json
import pickle
import shutil
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from latentops import artifacts
from latentops.config import Section
from latentops.errors import ArtifactError

State = dict[str, Any]

_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


class _Notes(artifacts.Schema):
    fingerprint: str
    notes: dict[str, str]


class Checkpoint:
    """The folder of one experiment. What another experiment left there is replaced, not read."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.fingerprint = fingerprint

    @property
    def notes(self) -> dict[str, str]:
        """What `note` kept, in this process or in one that was killed."""
        try:
            kept = artifacts.read_schema(_Notes, self._notes)
        except ArtifactError:
            return {}
        return dict(kept.notes) if kept.fingerprint == self.fingerprint else {}

    def note(self, **notes: str) -> None:
        """Keep `notes` from now on, beside those that are there."""
        kept = _Notes(fingerprint=self.fingerprint, notes=self.notes | notes)
        artifacts.write_json(kept, self._notes)

    def load(self) -> State | None:
        """The state saved last; none, said in one line, where it cannot be used."""
        if not self._state.exists():
            return None
        try:
            fingerprint, state = _read(self._state)
        except _DAMAGE:
            _start_afresh(f"{self._state} is damaged")
            return None
        if fingerprint != self.fingerprint:
            _start_afresh(f"{self._state} belongs to another experiment")
            return None
        return state

    def save(self, state: State) -> None:
        """Replace the saved state in one step."""
        with artifacts.whole_file(self._state) as partial:
            _write({"fingerprint": self.fingerprint, "state": state}, partial)

    def remove(self) -> None:
        """Forget everything. For when the outputs of the training stand elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _state(self) -> Path:
        return self.folder / "state.pt"

    @property
    def _notes(self) -> Path:
        return self.folder / "notes.json"


def fingerprint(network: nn.Module, settings: Iterable[Section], digests: Iterable[str]) -> str:
    """What must be equal for a state to be continued.

    `settings` are the sections that the training reads, `digests` stand for its data and code.
    """
    identity = {
        "settings": [section.model_dump(mode="json") for section in settings],
        "weights": {name: list(value.shape) for name, value in network.state_dict().items()},
        "digests": list(digests),
        "torch": torch.__version__,
    }
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _read(path: Path) -> tuple[str, State]:
    """Fingerprint and state, checked against the sums in the file: torch does not look at them."""
    with zipfile.ZipFile(path) as file:
        if broken := file.testzip():
            raise ValueError(f"{broken} differs from its sum")
    content = torch.load(path, map_location="cpu", weights_only=True)
    return content["fingerprint"], content["state"]


def _write(content: State, path: Path) -> None:
    """Raises OSError where the disk is full: torch hides that behind a RuntimeError of its own."""
    try:
        with path.open("wb") as file:
            torch.save(content, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise


def _start_afresh(reason: str) -> None:
    print(f"{reason}: training starts from the beginning.", file=sys.stderr)
