"""`latentops monitor`: whether a window of use still looks like what a model was validated on."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from latentops.cli import files, numbers, project, tables
from latentops.errors import CHANGED, ArtifactError, DataError, SettingsError

if TYPE_CHECKING:
    from latentops.monitor.profile import Profile
    from latentops.monitor.results import Comparison
    from latentops.monitor.watch import Window
    from latentops.observations import About
    from latentops.report.document import Section

_FILE = click.Path(path_type=Path)


class _Subject(NamedTuple):
    """A version: its folder, what validation looked like to it, and its name."""

    folder: Path
    known: "Profile"
    about: "About"


class _Hook(NamedTuple):
    url: str
    key: bytes


@click.command()
@click.argument("window", type=_FILE)
@click.option(
    "--model",
    metavar="REFERENCE",
    help="NAME, NAME@alias, NAME/version or an exported folder; the champion if left out.",
)
@files.text_column
@click.option(
    "--level",
    type=numbers.FloatRange(0.001, 1, max_open=True),  # five corrected p-values: none below 0.0005
    default=0.01,
    show_default=True,
    help="Of false alarms: the share of unchanged windows for which a change may be told.",
)
@click.option("--html", type=_FILE, metavar="FILE", help="Write the page there too.")
@click.option(
    "--prometheus", type=_FILE, metavar="FILE", help="Write Prometheus text there too (*.prom)."
)
@click.option("--no-texts", is_flag=True, help="Tell no text and no word of the window.")
@click.option("--webhook", metavar="URL", help="Told, without any text, where something changed.")
@click.option(
    "--webhook-secret-file", type=_FILE, metavar="FILE", help="whsec_... to sign what is told."
)
@tables.as_json_option
def monitor(
    window: Path,
    model: str | None,
    text_column: str,
    level: float,
    html: Path | None,
    prometheus: Path | None,
    no_texts: bool,
    webhook: str | None,
    webhook_secret_file: Path | None,
    as_json: bool,
) -> None:
    """Whether a window of use still looks like what a model was validated on.

    WINDOW holds texts (.csv, .tsv, .jsonl or .parquet), images (.npz or .npy), or what `latentops
    serve --window` counted. Tested are unknown words, nats per word, predicted classes, the share
    out of scope, and codes; the level is of all tests together. Exit status 5 where something
    changed.
    """
    window = window.absolute()  # before the project is entered
    html, prometheus = (path.absolute() if path else None for path in (html, prometheus))
    files.require_no_folder(html, prometheus)
    hook = _hook(webhook, webhook_secret_file)
    from latentops.monitor import watch

    subject = _subject(model)
    found = watch.watch(subject.known, _window(window, subject, text_column, no_texts), level)
    _write(found, html, prometheus)
    _print(found, as_json)
    if found.changed and hook:
        _tell(found, hook)
    if found.changed:
        sys.exit(CHANGED)


def _hook(url: str | None, secret_file: Path | None) -> _Hook | None:
    """Checked before anything is computed."""
    if url is None and secret_file is None:
        return None
    if url is None or secret_file is None:
        raise SettingsError("--webhook and --webhook-secret-file go together: give both.")
    from latentops.monitor import webhook

    webhook.check(url)
    return _Hook(url, webhook.secret(secret_file))


def _subject(model: str | None) -> _Subject:
    from latentops.observations import About

    if model is not None and (folder := Path(model)).is_dir():
        return _exported(folder)
    asked = project.reference(model)
    from latentops.monitor import profile
    from latentops.registry import fetch, versions

    version = versions.find(asked)
    about = About(
        name=version.name,
        version=str(version.number),
        lineage_key=version.tags.get("lineage_key", ""),
        rows_seen=0,
    )
    known = _profile(fetch.card(version, profile.FILE))
    return _Subject(fetch.folder(version), known, about)


def _exported(folder: Path) -> _Subject:
    from latentops.monitor import profile
    from latentops.observations import About
    from latentops.release import Release
    from latentops.runtime import loading

    if not (folder / profile.FILE).is_file():
        raise ArtifactError(
            f"{folder} holds no {profile.FILE}. Export a version that has one: `latentops export`."
        )
    told = Release.of_folder(folder)
    loading.require_unaltered(folder, told.sha256s)
    about = About(name=told.name, version=told.version, lineage_key=told.lineage_key, rows_seen=0)
    return _Subject(folder, _profile(folder / profile.FILE), about)


def _profile(path: Path) -> "Profile":
    from latentops import artifacts
    from latentops.monitor.profile import Profile

    return artifacts.read_schema(Profile, path)


def _window(path: Path, subject: _Subject, text_column: str, no_texts: bool) -> "Window":
    from latentops import observations
    from latentops.monitor import watch

    if observations.is_window(path):
        seen, counted = observations.read(path)
        watch.require_same(subject.about, counted)
        return watch.Window(path.name, seen, counted)
    from latentops.runtime import loading
    from latentops.scoring import window

    model = loading.load(subject.folder)
    return window.read(path, model, subject.about, text_column, not no_texts)


def _write(found: "Comparison", html: Path | None, prometheus: Path | None) -> None:
    from latentops import artifacts

    if html:
        from latentops.report import html as pages
        from latentops.report import window

        artifacts.write_text(pages.render(window.compose(found)), html)
    if prometheus:
        from latentops.monitor import prometheus as metrics

        artifacts.write_text(metrics.text(found), prometheus)


def _print(found: "Comparison", as_json: bool) -> None:
    from latentops.report import window

    if as_json:
        told = found.model_dump(mode="json")
        tables.as_json({"changed": [one.test for one in found.changed], **told})
        return
    lead = window.lead(found)
    click.echo(f"{lead.answer} {lead.text}\n")
    tables.report_table(window.table(found))
    for section in window.compose(found).sections[1:]:
        _print_section(section)


def _print_section(section: "Section") -> None:
    from latentops.report.document import Points, Table

    click.echo(f"\n{section.title}")
    for block in section.blocks:
        if isinstance(block, Table):
            tables.report_table(block)
        elif isinstance(block, Points):
            tables.facts("", dict(block.lines))


def _tell(found: "Comparison", hook: _Hook) -> None:
    """What was found stands whether or not somebody could be told."""
    from latentops.monitor import webhook

    try:
        webhook.send(found, hook.url, hook.key)
    except DataError as error:
        tables.note(f"warning: {error}")
