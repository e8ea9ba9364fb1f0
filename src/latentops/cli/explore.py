"""`latentops explore`: a page in which a person looks into a version."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from latentops.cli import files, project, tables
from latentops.errors import ArtifactError

if TYPE_CHECKING:
    from latentops.explorer.payload import Payload
    from latentops.registry.versions import Version

_SHOWN = (
    "spec.json",
    "vocabulary.json",
    "valid.safetensors",
)  # of the data, what a page is made of


@click.command()
@click.argument("reference", required=False)
@click.option(
    "--against",
    multiple=True,
    metavar="REFERENCE",
    help="Another version beside it. May be given again: a slider then goes from the least beta to "
    "the greatest.",
)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="To write.  [default: NAME-VERSION.html]",
)
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
def explore(
    reference: str | None, against: tuple[str, ...], target: Path | None, opened: bool
) -> None:
    """A page in which you look into a version: one file, no server, no network.

    A map of its validation rows, what it says of a text that you type and why, sliders for its
    units, ways between two examples. REFERENCE is NAME, NAME@alias or NAME/3; the champion if left
    out. The page was made when the version was registered; where it was not, it is made of the
    project's validation rows. No example of the test split is shown.
    """
    here = Path.cwd()  # before the project is entered
    files.require_no_folder(target)
    asked = [project.reference(each) for each in (reference, *against)]
    from latentops import artifacts
    from latentops.explorer import page
    from latentops.registry import versions

    found = [versions.find(each) for each in asked]
    target = here / (target or f"{found[0].name}-{found[0].number}.html")
    text = page.render([_payload(version) for version in found])
    artifacts.write_text(text, target)
    tables.note(f"{target}: {len(text) / 1e6:.1f} MB")
    if opened:
        click.launch(str(target))


def _payload(version: "Version") -> "Payload":
    """Of the page that was logged with the version."""
    from latentops.explorer import page
    from latentops.registry import fetch

    folder = fetch.folder(version)  # a page of a model that was changed describes nothing
    if page.NAME not in fetch.card_digests(version):
        return _made(version, folder)
    logged = page.models_of(fetch.card(version, page.NAME).read_text(encoding="utf-8"))
    return logged[0].of_version(version.number)


def _made(version: "Version", folder: Path) -> "Payload":
    """Of the version's folder and the project's validation rows."""
    from latentops import artifacts
    from latentops.explorer import page, payload
    from latentops.inference.predictor import Predictor

    _require_its_data(version)
    settings = artifacts.read_json(folder / artifacts.MODEL_SETTINGS.name)
    origin = payload.Origin.of(version.name, version.tags, settings, version.number)
    return payload.of_project(Predictor.from_folder(folder), origin, page.room(1))


def _require_its_data(version: "Version") -> None:
    """ArtifactError where the project's data are not those that the version was made of."""
    from latentops import artifacts

    known = json.loads(version.tags.get("data_md5", "{}"))
    for name in _SHOWN:
        path = Path("data", name)
        if known.get(path.as_posix()) != artifacts.md5(path):
            raise ArtifactError(
                f"{version} was registered without a page, and {path} is not what it was made of, "
                "so that none can be made here. Check its commit out and run `dvc repro`."
            )
