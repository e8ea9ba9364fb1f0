"""`latentops doctor`: whether the trained model uses its latent, and what to try next."""

import sys
from typing import TYPE_CHECKING

import click

from latentops.cli import project, tables
from latentops.errors import CHECK_FAILED

if TYPE_CHECKING:
    from latentops.evaluation.diagnosis import Use


@click.command()
@tables.as_json_option
def doctor(as_json: bool) -> None:
    """Whether the trained model uses its latent, and the setting to try next where it does not.

    On the validation rows of model/, right after stage train; test is not looked at. Exit status 4
    where the latent is ignored: no dimension is active, the rate is nothing, or the decoder does
    as well with the code of another example.
    """
    project.enter()
    from latentops import artifacts, config
    from latentops.evaluation import diagnosis
    from latentops.report import latent_use

    use = _use()
    settings = config.flat(artifacts.read_json(artifacts.MODEL_SETTINGS))
    found = diagnosis.diagnose(use, settings)
    if as_json:
        told = {"state": found.state, "finding": found.finding, "advice": found.advice}
        tables.as_json(told | latent_use.numbers(use))
    else:
        tables.facts(found.finding, latent_use.numbers(use))
        if found.advice:
            click.echo(f"\n{found.advice}")
    if found.state == "ignored":
        sys.exit(CHECK_FAILED)


def _use() -> "Use":
    """Of the validation rows in scope."""
    from latentops import artifacts, build, config, portion
    from latentops.evaluation import latent_use
    from latentops.evaluation.settings import Settings

    class Read(config.Section):
        evaluate: Settings

    settings = config.load(Read).evaluate
    spec = artifacts.read_schema(artifacts.Spec, artifacts.SPEC)
    vocabulary = artifacts.read_schema(artifacts.Vocabulary, artifacts.VOCABULARY)
    model = build.read_settings(artifacts.MODEL_SETTINGS)
    vae = build.load_model(spec, vocabulary, model, artifacts.read_tensors(artifacts.WEIGHTS))
    prepared = portion.Prepared(
        arrays=artifacts.read_tensors(artifacts.tensors_path("valid")),
        table=artifacts.read_table(artifacts.table_path("valid")),
    )
    valid = portion.in_scope("valid", prepared, spec, vocabulary, model, settings.seed)
    return latent_use.measure(vae, valid.examples, "validation", settings)
