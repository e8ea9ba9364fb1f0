"""`latentops tune`: what the last study found, and taking it."""

from pathlib import Path

import click

from latentops.cli import project, tables


@click.group()
def tune() -> None:
    """The last study (`make tune`): look at it, take what it chose."""


@tune.command("show")
@tables.as_json_option
def tune_show(as_json: bool) -> None:
    """The trials of the last study, best first."""
    project.enter()
    from latentops import artifacts
    from latentops.tuning.choice import Best

    best = artifacts.read_schema(Best, artifacts.STUDY_BEST)
    trials = artifacts.read_table(artifacts.STUDY_TRIALS).sort_values("score", ascending=False)
    if not as_json:
        click.echo(
            f"study {best.study} of {best.source}: {best.trials} complete trials, "
            f"best by {best.score_name}: trial {best.trial}\n"
        )
    tables.frame(trials, as_json)


@tune.command("apply")
@click.option("--trial", type=int, help="Another trial than the best one.")
def tune_apply(trial: int | None) -> None:
    """Write the choice into params.yaml, comments kept, and print what changed."""
    project.enter()
    from latentops import artifacts, config
    from latentops.stages import prepare
    from latentops.stages import tune as stage
    from latentops.tuning import choice

    best = artifacts.read_schema(choice.Best, artifacts.STUDY_BEST)
    source = Path(config.load(prepare.Settings).data.source)
    settings = config.load(stage.Settings)
    choice.check_fits(best, stage.shared(str(source), settings))
    chosen = choice.pick(best, artifacts.read_table(artifacts.STUDY_TRIALS), trial)
    before = config.PARAMS.read_bytes().decode()
    after = choice.edited(before, chosen)
    if before == after:
        click.echo(f"{config.PARAMS} holds this choice already.")
        return
    with artifacts.whole_file(config.PARAMS) as partial:
        partial.write_bytes(after.encode())
    click.echo(choice.difference(before, after))
    click.echo("Now `dvc repro` trains with it.")
