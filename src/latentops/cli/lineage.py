"""`latentops lineage | card | reproduce | relocate`: what made a version, and making it again."""

import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from latentops.cli import project, tables, versions
from latentops.errors import CHECK_FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from latentops.registry.checks import Check
    from latentops.registry.events import Event
    from latentops.registry.versions import Version
    from latentops.report.card import CardFacts
    from latentops.report.document import Graph, Section

_DURATION = "this takes as long as training, its classifier and evaluation"
_DONE = {"promoted": "Promoted", "rolled_back": "Champion again by rollback", "refused": "Refused"}
_reference = click.argument("reference", required=False)


@click.command()
@_reference
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "mermaid", "svg"]),
    default="text",
    show_default=True,
    help="Mermaid and SVG draw it.",
)
@tables.as_json_option
def lineage(reference: str | None, form: str, as_json: bool) -> None:
    """What made a version, each link checked.

    REFERENCE is NAME, NAME@alias or NAME/3; the champion if left out. Exit status 4 where a link
    is broken. What is absent was deleted, or never was: no failure.
    """
    if as_json and form in ("mermaid", "svg"):
        raise click.UsageError(f"--json and --format {form} are two forms: leave one out.")
    asked = project.reference(reference)
    from latentops.registry import trace
    from latentops.registry import versions as registered

    version = registered.find(asked)
    found = trace.trace(version)
    failed = any(check.state == "failed" for check in found)
    if as_json or form == "json":
        told = {"name": version.name, "version": version.number, "ok": not failed}
        tables.as_json({**told, "checks": tables.plain_checks(found)})
    elif form == "text":
        click.echo(f"{version}\n")
        tables.checks(found)
    else:
        click.echo(_drawn(form, version, found))
    if failed:
        sys.exit(CHECK_FAILED)


@click.command()
@_reference
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the page there instead of printing the text.",
)
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@tables.as_json_option
def card(reference: str | None, html: Path | None, opened: bool, as_json: bool) -> None:
    """The model card of a version, as Markdown.

    What it is for, what it can do and cannot, its data, scores and lineage, and where it stands.
    REFERENCE is as in `lineage`.
    """
    target = html.absolute() if html else None  # before the project is entered
    asked = project.reference(reference)
    from latentops import artifacts
    from latentops.registry import trace
    from latentops.registry import versions as registered
    from latentops.report import card as cards
    from latentops.report import html as pages
    from latentops.report import markdown

    version = registered.find(asked)
    facts = _card_facts(version)
    document = cards.compose(facts, (_standing(version),), _graph(version, trace.trace(version)))
    if opened and target is None:
        name = f"{version.name}-{version.number}.html"
        target = Path(tempfile.mkdtemp(prefix="latentops-card-"), name)
    if target:
        artifacts.write_text(pages.render(document), target)
        tables.note(str(target))
    if as_json:
        tables.as_json(facts.model_dump(mode="json"))
    elif not target:
        click.echo(markdown.render(document, PurePosixPath()), nl=False)
    if opened:
        click.launch(str(target))


@click.command()
@_reference
@tables.as_json_option
def reproduce(reference: str | None, as_json: bool) -> None:
    """Make a version again from its commit, and compare.

    It is checked out elsewhere, with the data from DVC's cache or remote, trained and scored there;
    the proof is kept on the version. REFERENCE is as in `lineage`. Exit status 3 where the version
    is not sealed, 4 where what comes out is not the version.
    """
    asked = project.reference(reference)
    from latentops.registry import reproduce as making
    from latentops.registry import versions as registered

    version = registered.find(asked)
    if version.sealed_commit:
        tables.note(f"making {version} again elsewhere; {_DURATION} ...")
    proof = making.reproduce(version)
    if as_json:
        named = {"name": version.name, "version": version.number}
        tables.as_json({**named, **proof.model_dump(mode="json")})
    else:
        click.echo(f"{version}: {proof}")
    if not proof.passed:
        sys.exit(CHECK_FAILED)


@click.command()
@tables.as_json_option
def relocate(as_json: bool) -> None:
    """Lead the store's records to this folder.

    For a project that was moved or copied.
    """
    project.enter()
    from latentops import store

    moved = store.relocate()
    if as_json:
        tables.as_json({"from": moved.there, "to": moved.here, "rows": moved.rows})
    elif moved.rows:
        click.echo(f"{moved.rows} records that led to {moved.there} lead to {moved.here}")
    else:
        click.echo(f"Every record leads to {moved.here} already.")


def _drawn(form: str, version: "Version", found: "Sequence[Check]") -> str:
    from latentops.report import graph

    drawing = _graph(version, found)
    return graph.mermaid(drawing) if form == "mermaid" else graph.svg(drawing)


def _graph(version: "Version", found: "Sequence[Check]") -> "Graph":
    from latentops.report.document import Graph, Node

    said = ", ".join(f"{check.name} {check.state}" for check in found)
    return Graph(
        nodes=tuple(Node(check.name, check.found, check.state) for check in found),
        name=f"Lineage of {version}",
        alt=f"Lineage of {version}: {said}",
        caption="Each link was checked when this was drawn.",
    )


def _card_facts(version: "Version") -> "CardFacts":
    from latentops import artifacts
    from latentops.registry import fetch
    from latentops.report import card as cards

    fetch.folder(version)  # a card of a model that was changed describes nothing
    return artifacts.read_schema(cards.CardFacts, fetch.card(version, cards.FACTS))


def _standing(version: "Version") -> "Section":
    """What the registry says of it today."""
    from latentops.report.document import Points, Section

    return Section("In the registry", (Points(tuple(_standing_lines(version))),))


def _standing_lines(version: "Version") -> "Iterator[tuple[str, str]]":
    from latentops.registry import audit

    aliases = f", {' and '.join(version.aliases)}" if version.aliases else ""
    yield "Version", f"{version.number} of {version.name}{aliases}."
    yield "Registered", f"{_spoken(versions.registered_at(version))}."
    commit = version.sealed_commit
    yield "Sealed", f"by commit {commit}." if commit else "by no commit: it cannot be promoted."
    events = [event for event in audit.events(version.name) if event.version == version.number]
    for event in events:
        if event.kind in _DONE:
            forced = ", by force" if event.forced else ""
            why = f": {event.reason}" if event.reason else "."
            yield _DONE[event.kind], f"{_spoken(event.at)} by {event.by}{forced}{why}"
    if proofs := [event for event in events if event.kind == "reproduced"]:
        yield _proved(proofs[-1])


def _proved(proof: "Event") -> tuple[str, str]:
    """As `registry.reproduce` wrote it into the log."""
    made = f"on {_spoken(proof.at)} from commit {proof.facts['commit'][: tables.SHORT]}"
    if proof.facts["weights"] == "same":
        return "Reproduced", f"bit for bit {made}."
    title = "Reproduced" if proof.facts["passed"] == "true" else "Not reproduced"
    return title, f"{made}: {proof.reason}"


def _spoken(at: str) -> str:
    """2026-01-02T03:04:05+00:00 -> 2026-01-02 03:04 UTC"""
    return f"{at[:16].replace('T', ' ')} UTC"
