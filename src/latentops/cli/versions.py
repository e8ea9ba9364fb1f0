"""`latentops registry list | show | diff`: looking at versions."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from latentops.cli import project, tables
from latentops.errors import IntegrityError, StoreError, printable

if TYPE_CHECKING:
    from latentops.registry.reference import Reference
    from latentops.registry.versions import Version

_SEALED = 7  # characters of a commit, as git shortens it


@click.command("list")
@click.argument("name", required=False)
@tables.as_json_option
def list_(name: str | None, as_json: bool) -> None:
    """The versions of NAME, newest first."""
    model = project.model(name)
    from latentops.registry import versions

    found = [_summary(version) for version in versions.list_versions(model)]
    _warn_of_alias(model)
    if as_json:
        tables.as_json(found)
        return
    header = ["version", "aliases", "sealed", "accuracy", "elbo_nats", "units", "source"]
    tables.columns([*header, "registered (UTC)", "reproduced"], map(_line, found), {0, 3, 4, 5})


@click.command()
@click.argument("reference", required=False)
@tables.as_json_option
def show(reference: str | None, as_json: bool) -> None:
    """Everything that one version says.

    REFERENCE is NAME, NAME@alias or NAME/3; the champion if left out.
    """
    asked = project.reference(reference)
    from latentops import config
    from latentops.registry import compare, versions

    version = versions.find(asked)
    summary = _summary(version)
    kept = ("name", "version", "aliases", "registered_at", "sealed_commit", "reproduced")
    told = {"name": version.name, **summary}
    head = {key: told[key] for key in kept}
    groups = {"settings": _settings(version), **compare.by_subject(version.tags)}
    verdict = version.tags.get("verdict")
    if as_json:
        tables.as_json({**head, **groups, "verdict": verdict, "mlflow_source": version.source})
        return
    tables.facts(f"{version}", {**head, "mlflow_source": version.source})
    for title, group in groups.items():
        if group:
            click.echo()
            tables.facts(title, config.flat(group))
    if verdict:
        click.echo("\nverdict\n")
        for line in verdict.splitlines():
            click.echo(printable(line))


@click.command()
@click.argument("first", metavar="V1")
@click.argument("second", metavar="V2")
@click.option("--name", help="Of the registered model; that of params.yaml if left out.")
@click.option("--all", "everything", is_flag=True, help="What is the same, too.")
@tables.as_json_option
def diff(first: str, second: str, name: str | None, everything: bool, as_json: bool) -> None:
    """What differs between two versions.

    Each is a number, an alias, NAME@alias or NAME/3.
    """
    asked = [_reference(text, name) for text in (first, second)]
    from latentops.registry import compare, versions

    old, new = (versions.find(reference) for reference in asked)
    found = [row for row in compare.rows(old, new) if everything or row.differs]
    if as_json:
        tables.as_json([_difference(row) for row in found])
    elif not found:
        click.echo(f"{old} and {new} do not differ.")
    else:
        header = ["subject", "name", _title(old), _title(new), "change"]
        rows = [[row.subject, row.name, row.first, row.second, row.change] for row in found]
        tables.columns(header, rows, {4})


def registered_at(version: "Version") -> str:
    """ISO 8601, UTC, to the second."""
    at = datetime.fromtimestamp(version.registered_at_ms / 1000, UTC)
    return at.isoformat(timespec="seconds")


def _summary(version: "Version") -> dict[str, Any]:
    from latentops.registry import compare

    groups = compare.by_subject(version.tags)
    proof = compare.read(version.tags.get("reproduced", ""))
    return {
        "version": version.number,
        "aliases": list(version.aliases),
        "sealed_commit": version.sealed_commit,
        **{name: groups["scores"].get(name) for name in ("accuracy", "elbo_nats", "active_units")},
        "source": groups["data"].get("source"),
        "registered_at": registered_at(version),
        "reproduced": proof if isinstance(proof, dict) else None,
    }


def _warn_of_alias(model: str) -> None:
    """Where `champion` is not the version that the log says, or the log cannot say."""
    from latentops.registry import audit
    from latentops.store import connect, one_line_errors

    store = connect()
    try:
        with one_line_errors(store.uri):
            if log := audit.find(store, model):
                chain = log.read()
                audit.require_sound(model, chain)
                log.require_alias(chain)
    except IntegrityError as error:
        tables.note(f"warning: {error}")


def _line(summary: dict[str, Any]) -> list[Any]:
    commit = summary["sealed_commit"]
    return [
        *(summary["version"], summary["aliases"], commit[:_SEALED] if commit else "-"),
        *(summary[name] for name in ("accuracy", "elbo_nats", "active_units", "source")),
        summary["registered_at"][:16].replace("T", " "),
        _proof(summary["reproduced"]),
    ]


def _proof(reproduced: dict[str, Any] | None) -> str:
    """In a word, whether the version could be made again."""
    if not reproduced:
        return "-"
    if not reproduced.get("passed"):
        return "FAILED"
    return "exactly" if reproduced.get("weights") == "same" else "nearly"


def _settings(version: "Version") -> dict[str, Any] | None:
    """None, with the reason on stderr, where what is stored cannot be read or believed."""
    from latentops.registry import compare

    try:
        return compare.settings(version)
    except StoreError as error:
        tables.note(f"note: settings are not shown. {error}")
        return None


def _reference(text: str, name: str | None) -> "Reference":
    from latentops.registry import reference

    if "@" in text or "/" in text:
        return project.reference(text)
    return reference.parse(f"{project.model(name)}{'/' if text.isdecimal() else '@'}{text}")


def _title(version: "Version") -> str:
    """1 @champion"""
    return " ".join([str(version.number), *(f"@{alias}" for alias in version.aliases)])


def _difference(row: Any) -> dict[str, Any]:
    kept = ("subject", "name", "first", "second", "differs", "change")
    return {name: getattr(row, name) for name in kept}
