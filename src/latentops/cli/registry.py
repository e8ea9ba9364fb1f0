"""`latentops registry`: the versions of a registered model, and moving its champion."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentops.cli import project, tables, versions
from latentops.errors import CHECK_FAILED, REFUSED, ArtifactError, LatentOpsError

if TYPE_CHECKING:
    from latentops.registry.events import Event
    from latentops.registry.measure import Pair
    from latentops.registry.promotion import Outcome
    from latentops.registry.settings import Settings

_Number = click.IntRange(min=1)
_name = click.argument("name", required=False)
_version = click.argument("version", type=_Number, required=False)
_reason = click.option("--reason", default="", metavar="TEXT", help="Written into the log.")


@click.group()
def registry() -> None:
    """The versions of a model, and its champion.

    NAME is the registered model; where it is left out, that of params.yaml.
    """


for _command in (versions.list_, versions.show, versions.diff):
    registry.add_command(_command)


@registry.command()
@_name
@_version
@click.option(
    "--commit", "rev", default="HEAD", show_default=True, help="Another that holds its dvc.lock."
)
@tables.as_json_option
def seal(name: str | None, version: int | None, rev: str, as_json: bool) -> None:
    """Tie a version to the git commit that makes it.

    It is VERSION, or the challenger; NAME/2 and NAME@alias name it, too. Exit status 3 where that
    commit makes another model; it says what to commit.
    """
    policy = project.policy()
    model, number = project.version(name, version)
    from latentops.registry import seal as sealing

    sealed = sealing.seal(model, number, rev)
    _write_git_tags(model, policy)
    if as_json:
        facts = {"name": model, "version": sealed.number, "sealed_commit": sealed.sealed_commit}
        tables.as_json(facts)
    else:
        click.echo(f"{sealed} is sealed by commit {sealed.sealed_commit}")


@registry.command()
@_name
@_version
@click.option("--dry-run", is_flag=True, help="Say what would happen, and write nothing.")
@click.option(
    "--expect", type=_Number, metavar="VERSION", help="Refuse if another version is champion."
)
@click.option("--force", is_flag=True, help="Against the gates; the log says so.")
@_reason
@tables.as_json_option
def promote(
    name: str | None,
    version: int | None,
    dry_run: bool,
    expect: int | None,
    force: bool,
    reason: str,
    as_json: bool,
) -> None:
    """Make a version the champion, if the gates allow it.

    It is VERSION, or the challenger; NAME/2 and NAME@alias name it, too. It and the champion are
    scored side by side on the test split of the project. Exit status 3 where a gate refuses or
    somebody else was first: nothing is moved.
    """
    policy = project.policy()
    model, number = project.version(name, version)
    from latentops.registry import promotion

    outcome = promotion.promote(
        model,
        policy,
        _scored,
        _verdict,
        number,
        expect=expect,
        force=force,
        dry_run=dry_run,
        reason=reason,
    )
    if outcome.event and outcome.promoted:
        _write_git_tags(model, policy)
    if as_json:
        tables.as_json(_outcome(outcome, dry_run))
    else:
        _tell(outcome, dry_run)
    if not outcome.promoted:
        sys.exit(REFUSED)


@registry.command()
@_name
@click.option(
    "--to", type=_Number, metavar="VERSION", help="One that was champion; the one before if absent."
)
@_reason
@tables.as_json_option
def rollback(name: str | None, to: int | None, reason: str, as_json: bool) -> None:
    """Make the champion before it the champion again.

    Its stored files are checked first; exit status 4 where they are not what was registered.
    """
    policy, model = project.policy(), project.model(name)
    from latentops.registry import audit, promotion

    before = audit.read(model).champion
    version = promotion.rollback(model, to, reason)
    already = version.number == before
    _write_git_tags(model, policy)
    if as_json:
        tables.as_json({"name": model, "champion": version.number, "already": already})
    else:
        click.echo(f"{version} is the champion {'already' if already else 'again'}")


@registry.command()
@_name
@click.option(
    "--export",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it as JSON Lines, by which `verify --against` finds what changes later.",
)
@tables.as_json_option
def audit(name: str | None, export: Path | None, as_json: bool) -> None:
    """What happened to it, when, by whom and why.

    Exit status 4 where an event was altered, deleted or inserted: the first is named, and nothing
    is exported.
    """
    target = export.absolute() if export else None  # before the project is entered
    model = project.model(name)
    from latentops import artifacts
    from latentops.registry import audit as log

    chain = log.read(model)
    events, fault = chain.events, chain.fault
    if fault:
        tables.note(f"warning: {fault}; what follows is what is left")
    if target and not fault:
        artifacts.write_text("".join(f"{event.text}\n" for event in events), target)
        tables.note(f"{target}: {len(events)} events")
    if as_json:
        tables.as_json(
            [{**event.model_dump(mode="json"), "sha256": event.sha256} for event in events]
        )
    elif not target:
        header = ["number", "at (UTC)", "by", "event", "version", "champion", "reason"]
        tables.columns(header, map(_event, events), {0, 4})
    if fault:
        sys.exit(CHECK_FAILED)


@registry.command()
@_name
@click.option("--heal", is_flag=True, help="First mend what can be mended; the log says so.")
@click.option(
    "--new-log",
    is_flag=True,
    help="With --heal: leave a log behind that was altered, and begin another that says so.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A log that `audit --export` wrote: the log may have grown since, and nothing else.",
)
@tables.as_json_option
def verify(
    name: str | None, heal: bool, new_log: bool, against: Path | None, as_json: bool
) -> None:
    """Check the log, the champion and all stored files.

    Exit status 4 where a check fails; it names the first event that was altered, deleted or
    inserted, and the files that are not what was registered.
    """
    source = against.absolute() if against else None  # before the project is entered
    policy = project.policy()
    model = policy.name if name is None else name
    from latentops.registry import verify as verifying

    exported = _exported(source) if source else None
    if new_log and not heal:
        raise click.UsageError("--new-log goes with --heal.")
    healed = _healed(model, policy, new_log) if heal else []
    found = verifying.verify(model, exported)
    failed = any(check.state == "failed" for check in found)
    if as_json:
        told = {"name": model, "ok": not failed, "healed": healed}
        tables.as_json({**told, "checks": tables.plain_checks(found)})
    else:
        for done in healed:
            click.echo(f"healed: {done}")
        tables.checks(found)
    if failed:
        sys.exit(CHECK_FAILED)


def _scored(challenger: Path, champion: Path | None) -> "Pair":
    from latentops import config
    from latentops.evaluation.settings import Settings as EvaluateSettings
    from latentops.registry import measure

    class Read(config.Section):
        evaluate: EvaluateSettings

    seed = config.load(Read).evaluate.seed
    both = " and the champion" if champion else ""
    tables.note(f"scoring the challenger{both} on the test split ...")
    return measure.pair(challenger, champion, seed)


def _verdict(outcome: "Outcome") -> str:
    """As it stands on the version."""
    from latentops.report import markdown, promotion

    gates = outcome.decision.gates if outcome.decision else ()
    shown = markdown.table(promotion.table([gate.plain() for gate in gates]))
    return "\n\n".join([shown, *map(markdown.escaped, outcome.notes)])


def _tell(outcome: "Outcome", dry_run: bool) -> None:
    if outcome.decision is None:
        click.echo(f"{outcome.version} is the champion already")
        return
    from latentops.report import promotion

    tables.report_table(promotion.table([gate.plain() for gate in outcome.decision.gates]))
    for note in outcome.notes:
        click.echo(f"Note: {note}")
    done = "promoted" if outcome.promoted else "refused"
    said = f"would be {done}" if dry_run else done
    against = " by force, against" if outcome.forced else ""
    click.echo(f"\n{said}{against}: {outcome.version}: {'; '.join(outcome.decision.reasons)}")


def _outcome(outcome: "Outcome", dry_run: bool) -> dict[str, Any]:
    decision, champion = outcome.decision, outcome.champion
    return {
        "name": outcome.version.name,
        "version": outcome.version.number,
        "champion_before": champion.number if champion else None,
        "promoted": outcome.promoted,
        "already": decision is None,
        "dry_run": dry_run,
        "forced": outcome.forced,
        "reasons": list(decision.reasons) if decision else [],
        "gates": [gate.plain() for gate in decision.gates] if decision else [],
        "notes": list(outcome.notes),
        "event": outcome.event.number if outcome.event else None,
    }


def _event(event: "Event") -> list[Any]:
    before, after = (number or "-" for number in (event.champion_before, event.champion_after))
    return [
        event.number,
        event.at[:19].replace("T", " "),
        event.by,
        event.kind.replace("_", " ") + (", forced" if event.forced else ""),
        event.version,
        f"{before} -> {after}" if event.moves_champion else f"{after}",
        event.reason,
    ]


def _exported(file: Path) -> list["Event"]:
    """Raises ArtifactError where the file is not one that `audit --export` wrote."""
    from latentops.registry import events

    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{file} cannot be read: {error}.") from error
    found = [events.parse(line) for line in lines if line]
    if not found:
        raise ArtifactError(f"{file} holds no event: it is no export of a log.")
    if None in found:
        raise ArtifactError(
            f"Line {found.index(None) + 1} of {file} is no event. Name a file that "
            "`latentops registry audit --export` wrote, as it was written."
        )
    return [event for event in found if event]


def _healed(model: str, policy: "Settings", new_log: bool) -> list[str]:
    """Also where the whole store was lost: what the project holds is registered again."""
    from latentops.registry import verify as verifying
    from latentops.registry import versions as registered
    from latentops.stages import register

    if model == policy.name and model not in registered.names():
        register.main()
        return [
            f"registered {model} again from the project's files: numbers begin at 1, what happened "
            "before is lost, and the version is to be sealed again"
        ]
    return verifying.heal(model, new_log)


def _write_git_tags(model: str, policy: "Settings") -> None:
    """Where params.yaml asks for them. What was done stands, whatever git says."""
    if not policy.git_tags:
        return
    from latentops.registry import git_tags

    try:
        for tag in git_tags.sync(model):
            tables.note(f"git tag {tag}")
    except LatentOpsError as error:
        tables.note(f"warning: git tags are not up to date; all else is done. {error}")
