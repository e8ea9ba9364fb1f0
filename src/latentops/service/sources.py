"""Where the service learns which version it is to serve."""

from pathlib import Path
from typing import Protocol

from latentops.release import Release


class Source(Protocol):
    """Asked every few seconds: an answer that is what it was before should cost little."""

    def current(self) -> Release:
        """The version that is to be served now. LatentOpsError where that cannot be said."""


class Folder:
    """A model folder, exported or not, whose files may be exchanged while it is served."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def current(self) -> Release:
        return Release.of_folder(self._folder)
