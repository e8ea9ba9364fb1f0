"""Whether the latent is used: true codes against shuffled ones, the diagnosis, the command."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner
from torch import Tensor, nn

from latentops import artifacts, build, config, objectives
from latentops.artifacts import Spec, Vocabulary
from latentops.cli.main import cli
from latentops.data.batches import Images
from latentops.elbo import Posterior
from latentops.evaluation import diagnosis, latent_use
from latentops.evaluation.diagnosis import Use, diagnose
from latentops.evaluation.settings import Settings
from latentops.likelihoods import Bernoulli
from latentops.model import VAE
from latentops.networks import bow, mlp, seq
from latentops.report import latent_use as section
from latentops.training.settings import Settings as TrainSettings

ROWS = 12
SURE = 5.0  # logit of a pixel that is told right


class OneHotEncoder(nn.Module):
    """The image itself is the mean; there is nearly no variance."""

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Posterior:
        mean_BZ = x.flatten(1)
        return Posterior(mean_BZ, torch.full_like(mean_BZ, -20.0))


class OneHotDecoder(nn.Module):
    def __init__(self, reads_codes: bool) -> None:
        super().__init__()
        self.reads_codes = reads_codes

    def forward(self, z: Tensor, generator: torch.Generator | None = None) -> Bernoulli:
        told = (2 * z - 1).sign() * SURE if self.reads_codes else torch.zeros_like(z)
        return Bernoulli(told.reshape(*z.shape[:-1], 1, 1, z.shape[-1]))


def one_hot_vae(reads_codes: bool) -> VAE:
    return VAE(OneHotEncoder(), OneHotDecoder(reads_codes), ROWS).eval()


ONE_HOT = Images(torch.eye(ROWS, dtype=torch.uint8)[:, None, None], levels=2)


class TestShuffledCodes:
    def test_each_row_is_told_by_the_code_of_another(self) -> None:
        """Two pixels of two different one-hot images differ, each at the cost of SURE nats more."""
        own = ROWS * math.log1p(math.exp(-SURE))
        found = latent_use.shuffled_distortion(one_hot_vae(reads_codes=True), ONE_HOT, seed=3)
        assert found == pytest.approx(own + 2 * SURE, rel=1e-5)

    def test_to_a_decoder_that_reads_no_code_it_makes_no_difference(self) -> None:
        use = latent_use.measure(one_hot_vae(reads_codes=False), ONE_HOT, "validation", Settings())
        assert use.gain_nats == 0
        assert use.distortion_nats == pytest.approx(ROWS * math.log(2))
        assert use.rate_nats > 1
        assert diagnose(use, {}).state == "ignored"
        assert "does not read" in diagnose(use, {}).finding

    def test_codes_that_are_read_are_used(self) -> None:
        use = latent_use.measure(one_hot_vae(reads_codes=True), ONE_HOT, "validation", Settings())
        assert use.gain_nats == pytest.approx(2 * SURE, rel=1e-5)
        assert use.mutual_information_nats == pytest.approx(math.log(ROWS), abs=1e-6)
        assert use.active_units == ROWS
        found = diagnose(use, {})
        assert found.state == "used"
        assert f"cannot pass ln {ROWS}" in found.finding

    @pytest.mark.parametrize("count", [2, 3, 10, 1000])
    def test_no_row_keeps_its_code_and_every_code_is_used_once(self, count: int) -> None:
        places = torch.arange(count)
        for seed in range(10):
            other = latent_use.another(count, torch.Generator().manual_seed(seed))
            assert not (other == places).any()
            assert torch.equal(other.sort().values, places)

    def test_a_single_row_has_no_other(self) -> None:
        single = ONE_HOT.subset(torch.tensor([0]))
        vae = one_hot_vae(reads_codes=True)
        assert latent_use.shuffled_scores(vae, single, Settings()) == {}
        use = latent_use.measure(vae, single, "validation", Settings())
        assert use.gain_nats == 0
        assert diagnose(use, {}).state == "unknown"


USED = Use(
    split="validation",
    rows=3370,
    latent=32,
    active_units=24,
    least_active_units=2,
    rate_nats=12.0,
    mutual_information_nats=7.0,
    distortion_nats=90.0,
    distortion_shuffled_nats=110.0,
)


class TestDiagnosis:
    @pytest.mark.parametrize(
        ("state", "change"),
        [
            ("used", {}),
            ("used", {"active_units": 2}),
            ("ignored", {"active_units": 1}),
            ("used", {"active_units": 1, "latent": 1}),
            ("ignored", {"rate_nats": 0.05}),
            ("ignored", {"distortion_shuffled_nats": 90.05}),
            ("ignored", {"distortion_shuffled_nats": 80.0}),
            ("weak", {"distortion_shuffled_nats": 90.5}),
            ("weak", {"mutual_information_nats": 0.4}),
            ("unknown", {"rows": 3}),
        ],
    )
    def test_the_state_follows_the_numbers(self, state: str, change: dict[str, Any]) -> None:
        found = diagnose(replace(USED, **change), flat())
        assert found.state == state
        assert bool(found.advice) == (state in ("weak", "ignored"))

    def test_it_says_its_numbers(self) -> None:
        finding = diagnose(USED, {}).finding
        for number in (
            "24 of 32",
            "12.00 nats",
            "7.00 nats",
            "20.00 of 110.00",
            "3,370 validation",
        ):
            assert number in finding

    @pytest.mark.parametrize(
        "objective",
        [
            {},
            {"samples": 5},
            {"total_correlation": 4.0},
            {"rate_nats": 3.0},
            {"capacity_nats": 3.0},
        ],
    )
    @pytest.mark.parametrize(
        "model",
        [
            seq.Settings(),
            bow.Settings(),
            bow.Settings(tied=True),
            bow.Settings(prior="mixture"),
            mlp.Settings(),
        ],
        ids=["seq", "bow", "tied", "mixture", "mlp"],
    )
    def test_each_advice_can_be_followed_and_leads_to_another(
        self, model: build.Model, objective: dict[str, Any]
    ) -> None:
        """Every setting that is named exists and takes the value; the last words name none."""
        given = flat(model) | {f"objective.{name}": value for name, value in objective.items()}
        said = []
        while advised := settings_of(diagnosis.next_thing(given)):
            said.append(diagnosis.next_thing(given))
            given |= advised
            if "objective.rate_nats" in advised:
                left_out = {"warmup": 0.0, "free_nats": 0.0, "capacity_nats": None}
                given |= {f"objective.{name}": value for name, value in left_out.items()}
            accepted(given, model)
        assert len(set(said)) == len(said) >= 1
        assert "docs/models.md" in diagnosis.next_thing(given)

    def test_cures_of_decoders_that_read_their_words_are_for_them_alone(self) -> None:
        assert "train.pretrain_epochs" in diagnosis.next_thing(flat(seq.Settings()))
        assert "train.pretrain_epochs" not in diagnosis.next_thing(flat(bow.Settings()))

    def test_a_large_weight_of_the_rate_is_lowered_first(self) -> None:
        strong = flat(seq.Settings()) | {"objective.beta": 4.0}
        assert diagnosis.next_thing(strong).startswith("Try objective.beta: 1,")

    def test_a_capacity_keeps_the_weight_that_holds_it(self) -> None:
        held = flat(mlp.Settings()) | {"objective.beta": 100.0, "objective.capacity_nats": 10.0}
        while advised := settings_of(diagnosis.next_thing(held)):
            assert "objective.beta" not in advised
            held |= advised

    def test_a_setting_that_the_model_does_not_have_is_not_advised(self) -> None:
        assert diagnosis.next_thing({"objective.free_nats": 0.0}).startswith(
            "Try objective.free_nats"
        )


def flat(model: build.Model | None = None) -> dict[str, Any]:
    sections = {
        "model": (model or seq.Settings()).model_dump(mode="json"),
        "objective": objectives.Settings().model_dump(mode="json"),
        "train": TrainSettings(epochs=30).model_dump(mode="json"),
    }
    return config.flat(sections)


def settings_of(advice: str) -> dict[str, Any]:
    """ "model.x: 0.6" of a sentence; a share of the epochs is ten of them."""
    named = re.findall(r"\b((?:model|objective|train)\.\w+): (a third|[0-9.]*[0-9])", advice)
    return {name: 10 if value == "a third" else float(value) for name, value in named}


def accepted(given: dict[str, Any], model: build.Model) -> None:
    sections: dict[str, dict[str, Any]] = {"model": {}, "objective": {}, "train": {}}
    for name, value in given.items():
        section, _, key = name.partition(".")
        sections[section][key] = value
    type(model).model_validate(sections["model"])
    free = sections["objective"]["free_nats"] > 0
    assert not (free and sections["model"].get("prior") == "mixture"), "training refuses it"
    objectives.Settings.model_validate(sections["objective"])
    TrainSettings.model_validate(sections["train"])


SPEC = Spec(source="bars", kind="image", shape=(1, 4, 4), levels=2)
MODEL = mlp.Settings(latent=4, hidden=(16,), decoder_hidden=(16,))


def bars(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Rows of pixels are black or white as a whole."""
    black_NR = np.random.default_rng(seed).integers(2, size=(rows, 4), dtype=np.uint8)
    x = np.repeat(black_NR[:, None, :, None], 4, axis=3)
    return {"x": x, "y": np.full(rows, -1), "in_scope": np.ones(rows, dtype=bool)}


def write_project(folder: Path, weights: artifacts.Arrays) -> None:
    """As prepare and train leave it: there is no verdict yet, and no test split."""
    (folder / "dvc.yaml").write_text("stages: {}")
    (folder / "params.yaml").write_text(yaml.safe_dump({"evaluate": {"min_active_units": 2}}))
    artifacts.write_json(SPEC, folder / artifacts.SPEC)
    artifacts.write_json(Vocabulary(), folder / artifacts.VOCABULARY)
    arrays = bars(200, seed=1)
    artifacts.write_tensors(arrays, folder / artifacts.tensors_path("valid"))
    table = pd.DataFrame({"row": np.arange(200)})
    artifacts.write_table(table, folder / artifacts.table_path("valid"))
    artifacts.write_tensors(weights, folder / artifacts.WEIGHTS)
    sections = {"model": MODEL, "objective": objectives.Settings(beta=4.0)}
    dumped = {name: section.model_dump(mode="json") for name, section in sections.items()}
    artifacts.write_json(dumped, folder / artifacts.MODEL_SETTINGS)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained() -> VAE:
    from latentops.training import loop

    train, valid = (build.examples(SPEC, Vocabulary(), bars(400, seed), MODEL) for seed in (2, 3))
    vae = build.model(SPEC, Vocabulary(), MODEL, seed=0)
    settings = TrainSettings(epochs=40, batch_size=50, learning_rate=0.01, device="cpu")
    loop.fit(vae, train, valid, objectives.Settings(), settings)
    return vae


class TestCommand:
    def test_a_used_latent_is_status_0(self, project: Path) -> None:
        """Four independent bars: 4 ln 2 nats, and each code tells all of them."""
        write_project(project, build.weights(trained()))
        done = CliRunner().invoke(cli, ["doctor", "--json"], catch_exceptions=False)
        told = json.loads(done.output)
        assert (done.exit_code, told["state"], told["advice"]) == (0, "used", "")
        assert told["mutual_information_nats"] == pytest.approx(4 * math.log(2), abs=0.3)
        assert told["code_gain_nats"] > 4 * math.log(2)

    def test_an_ignored_latent_is_status_4_with_the_next_thing_to_try(self, project: Path) -> None:
        vae = build.model(SPEC, Vocabulary(), MODEL, seed=0)
        for parameter in vae.encoder.parameters():
            nn.init.zeros_(parameter)
        write_project(project, build.weights(vae))
        done = CliRunner().invoke(cli, ["doctor"], catch_exceptions=False)
        assert done.exit_code == 4
        assert done.output.startswith("The latent is ignored")
        assert done.output.splitlines()[-1].startswith("Try objective.beta: 1,")

    def test_without_a_model_it_says_which_stage_writes_it(self, project: Path) -> None:
        write_project(project, {})
        (project / artifacts.WEIGHTS).unlink()
        found = CliRunner().invoke(cli, ["doctor"])
        assert isinstance(found.exception, artifacts.ArtifactError)
        assert "dvc repro train" in str(found.exception)


def test_the_section_of_the_report_has_the_numbers_of_the_command() -> None:
    numbers = section.numbers(USED)
    assert numbers["code_gain_nats"] == 20
    table = section.table(USED)
    assert len(table.rows) == len(numbers)
