"""`latentops tune`: what the last study found, taking it, and whether it helped."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentops.cli import project, tables, tune_cluster
from latentops.errors import LatentOpsError, StudyError

if TYPE_CHECKING:
    import pandas as pd

    from latentops.tuning.choice import Best
    from latentops.tuning.prepared import Settings
    from latentops.tuning.settings import Pick


@click.group()
def tune() -> None:
    """The last study (`make tune`): look at it, take what it chose."""


tune.add_command(tune_cluster.storage)
tune.add_command(tune_cluster.worker)


@tune.command("show")
@tables.as_json_option
def tune_show(as_json: bool) -> None:
    """The last study, its trials, best first, and what `apply` would write."""
    project.enter()
    best, trials = _last_study()
    ordered = trials.sort_values("score", ascending=False, kind="stable")
    if as_json:
        rows = [_row(row) for row in ordered.astype(object).to_dict("records")]
        told = {"apply": _told(best), "table": rows}
        tables.as_json(best.model_dump(mode="json", exclude={"fixed"}) | told)
        return
    click.echo(
        f"study {best.study} of {best.source}, mode {best.mode}: {best.trials} complete, "
        f"{best.pruned} pruned, {best.failed} failed; score: {best.score_name}\n"
    )
    tables.frame(_for_people(ordered, best), as_json=False)
    scores = {name: getattr(best, name) for name in _SCORES}
    measured = {name: value for name, value in scores.items() if value is not None}
    tables.facts(f"\nchoice: trial {best.trial}, by pick {best.pick}", best.settings | measured)
    click.echo(f"\n{_told(best)}")


@tune.command("apply")
@click.option("--trial", type=int, help="Another trial than the chosen one.")
@click.option(
    "--pick",
    type=click.Choice(["best", "knee", "budget"]),
    help="The highest score, the knee of rate against distortion, or the least distortion whose "
    "rate is at most tune.rate_nats.",
)
def tune_apply(trial: int | None, pick: "Pick | None") -> None:
    """Write the choice into params.yaml, comments kept, and print what changed."""
    if trial is not None and pick is not None:
        raise click.UsageError("--trial and --pick both say which trial: leave one out.")
    project.enter()
    from latentops import artifacts, config
    from latentops.tuning import choice, prepared

    best, trials = _last_study()
    settings = config.load(prepared.Settings).tune
    chosen = choice.pick(best, trials, trial, pick, settings.rate_nats)
    before, after = _edited(_changes(best, chosen))
    if before == after:
        click.echo(_HELD)
        return
    with artifacts.whole_file(config.PARAMS) as partial:
        partial.write_bytes(after.encode())
    click.echo(choice.difference(before, after))
    click.echo("Now `dvc repro` trains with it.")


@tune.command("compare")
@click.option(
    "--seeds", type=click.IntRange(2, 1000), default=5, show_default=True, help="Trainings of each."
)
def tune_compare(seeds: int) -> None:
    """Whether tuning helped: the chosen settings beside the former ones, with new seeds.

    Both are trained for all of train.epochs and scored on the validation split. Running it again
    goes on where it was stopped, and adds what a larger --seeds asks for.
    """
    project.enter()
    from latentops.stages import tune_compare
    from latentops.tuning import compare

    best, trials = _last_study()
    _fitting(best)
    if compare.nothing_to_compare(best):
        click.echo(
            f"Study {best.study} chose what params.yaml held before: there is nothing to compare."
        )
        return
    found = tune_compare.main(best, trials, seeds)
    tables.frame(compare.summary(found), as_json=False)
    for line in compare.failures(found):
        tables.note(line)
    click.echo(f"\n{found.sentence}\n{found.caveat}")


_HELD = "params.yaml holds this choice already."
_SCORES = (
    "score",
    "elbo_nats",
    "rate_nats",
    "distortion_nats",
    "active_units",
    "accuracy",
    "macro_recall",
)


def _last_study() -> "tuple[Best, pd.DataFrame]":
    from latentops import artifacts
    from latentops.tuning.choice import Best

    if not artifacts.STUDY_BEST.exists() and artifacts.STUDY_TRIALS.exists():
        raise StudyError(
            f"The last study chose nothing: {artifacts.STUDY_TRIALS} has its trials. `make tune` "
            "says why."
        )
    if not artifacts.STUDY_BEST.exists():
        raise StudyError(
            f"No study has ended here: {artifacts.STUDY_BEST} is missing. `make tune` runs one, or "
            "goes on with one that was stopped."
        )
    best = artifacts.read_schema(Best, artifacts.STUDY_BEST)
    return best, artifacts.read_table(artifacts.STUDY_TRIALS)


def _for_people(trials: "pd.DataFrame", best: "Best") -> "pd.DataFrame":
    """Without what nobody measured; the last column says which was chosen, and why one failed."""
    notes = trials["error"].mask(trials["trial"] == best.trial, "chosen")
    told = trials.drop(columns=["error", "worker"], errors="ignore").dropna(axis=1, how="all")
    return told.assign(note=notes)


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A trial, for JSON."""
    import pandas as pd

    from latentops.tuning import cells

    known = {str(name): None if pd.isna(cell) else cell for name, cell in row.items()}
    return {name: cells.value(cell) if "." in name else cell for name, cell in known.items()}


def _told(best: "Best") -> str:
    """What `apply` would do."""
    from latentops.tuning import choice

    try:
        before, after = _edited(_changes(best, best.settings))
    except LatentOpsError as error:
        return f"`latentops tune apply` is refused: {error}"
    if before == after:
        return _HELD
    return f"`latentops tune apply` would write:\n{choice.difference(before, after)}"


def _edited(changes: dict[str, Any]) -> tuple[str, str]:
    """params.yaml before and after."""
    from latentops import config
    from latentops.tuning import choice

    before = config.PARAMS.read_bytes().decode()
    return before, choice.edited(before, changes)


def _changes(best: "Best", chosen: dict[str, Any]) -> dict[str, Any]:
    """What params.yaml needs to hold; StudyError where the study does not fit it."""
    from latentops import config
    from latentops.tuning import choice

    sections = _fitting(best).sections
    present = {name: section.model_dump(mode="json") for name, section in sections.items()}
    return choice.changes(best, chosen, config.flat(present))


def _fitting(best: "Best") -> "Settings":
    """The settings of params.yaml; StudyError where the study is of another experiment."""
    from latentops import config
    from latentops.stages import prepare
    from latentops.tuning import choice, prepared

    source = Path(config.load(prepare.Settings).data.source)
    settings = config.load(prepared.Settings)
    choice.check_fits(best, prepared.experiment(str(source), settings))
    return settings
