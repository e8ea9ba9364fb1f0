"""What a service asks of the registry: which version is to be served now."""

from latentops.errors import IntegrityError
from latentops.registry import fetch, versions
from latentops.registry.audit import CHAMPION
from latentops.registry.reference import Reference
from latentops.registry.versions import Version
from latentops.release import Release
from latentops.store import connect, one_line_errors


class Registered:
    """The version that NAME, NAME@alias or NAME/version stands for.

    Asking again costs one query for as long as the alias stays. What is wrong with a version is
    found once: the same error is raised until the alias moves.
    """

    def __init__(self, asked: Reference) -> None:
        self._asked = asked
        self._number: int | None = None
        self._found: Release | IntegrityError | None = None

    def current(self) -> Release:
        """Checked against what was registered. Raises StoreError where there is no such version,
        and IntegrityError, naming the file, where one is not what it was."""
        number = self._asked.version or self._aliased()
        if number != self._number or self._found is None:
            self._found = self._looked_up(number)
            self._number = number
        if isinstance(self._found, IntegrityError):
            raise self._found
        return self._found

    def _aliased(self) -> int | None:
        """None: the registry should say what is wrong with that alias."""
        store = connect()
        with one_line_errors(store.uri):
            model = store.client.get_registered_model(self._asked.name)
        number = model.aliases.get(self._asked.alias or CHAMPION)
        return None if number is None else int(number)

    def _looked_up(self, number: int | None) -> Release | IntegrityError:
        """A store that does not answer is another matter: it is asked again."""
        try:
            version = versions.find(self._asked)
            if self._asked.version is None and CHAMPION in version.aliases:
                fetch.require_alias(version)
            return release_of(version)
        except IntegrityError as error:
            return error


def release_of(version: Version) -> Release:
    return Release(
        name=version.name,
        version=str(version.number),
        lineage_key=version.tags.get("lineage_key", ""),
        folder=fetch.folder(version),
        sha256s=fetch.digests(version),
    )
