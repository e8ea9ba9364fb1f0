"""`latentops registry`: the versions of a registered model."""

import sys

import click

from latentops.cli import project, tables

_name_option = click.option(
    "--name", help="Of the registered model; that of params.yaml if left out."
)


@click.group()
def registry() -> None:
    """Versions of the registered model, and which of them is the champion."""


@registry.command("list")
@_name_option
@tables.as_json_option
def registry_list(name: str | None, as_json: bool) -> None:
    """The registered versions, newest first."""
    policy = project.policy()
    import pandas as pd

    from latentops.registry import versions

    rows = [
        {
            "version": version.number,
            "aliases": ", ".join(version.aliases),
            "elbo_nats": _number(version.tags.get("elbo_nats")),
            "active_units": _number(version.tags.get("active_units")),
            "run_id": version.tags.get("run_id", ""),
        }
        for version in versions.list_versions(name or policy.name)
    ]
    tables.show(pd.DataFrame(rows), as_json)


@registry.command("promote")
@click.argument("version", type=click.IntRange(min=1), required=False)
@_name_option
def registry_promote(version: int | None, name: str | None) -> None:
    """Make VERSION, or the challenger, the champion, if the rule agrees; exit status 1 if not."""
    policy = project.policy()
    from latentops.registry import versions

    decision = versions.promote(name or policy.name, policy, version)
    click.echo(f"{'promoted' if decision.promote else 'refused'}: {'; '.join(decision.reasons)}")
    if not decision.promote:
        sys.exit(1)


@registry.command("rollback")
@_name_option
def registry_rollback(name: str | None) -> None:
    """Make the champion before this one the champion again."""
    policy = project.policy()
    from latentops.registry import versions

    version = versions.rollback(name or policy.name)
    click.echo(f"version {version.number} of {version.name} is the champion again")


def _number(tag: str | None) -> float | None:
    """None where somebody else registered the version."""
    return None if tag is None else float(tag)
