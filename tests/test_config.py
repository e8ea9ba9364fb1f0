"""params.yaml is read strictly."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
import pytest
import yaml

from latentops import config
from latentops.config import Section
from latentops.errors import SettingsError


class Bow(Section):
    kind: Literal["bow"] = "bow"
    latent: int = pydantic.Field(32, ge=1)
    characters: tuple[int, int] | None = None


class Mlp(Section):
    kind: Literal["mlp"] = "mlp"
    latent: int = pydantic.Field(32, ge=1)
    likelihood: Literal["auto", "bernoulli"] = "auto"


class Objective(Section):
    beta: float = pydantic.Field(1.0, ge=0)
    low: float = 0.0
    high: float = 1.0

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class Settings(Section):
    model: Annotated[Bow | Mlp, pydantic.Field(discriminator="kind")]
    objective: Objective


GOOD = "model: {kind: mlp, latent: 4}\nobjective: {beta: 2}\ntrain: {anything: 1}\n"


def load(text: str, folder: Path) -> Settings:
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return config.load(Settings, path)


def refusal(text: str, folder: Path) -> str:
    with pytest.raises(SettingsError) as refused:
        load(text, folder)
    return str(refused.value).replace(f"{folder}/", "")


def test_a_stage_gets_its_own_sections(tmp_path: Path) -> None:
    settings = load(GOOD, tmp_path)
    assert settings == Settings(model=Mlp(latent=4), objective=Objective(beta=2))


def test_settings_cannot_change_once_read(tmp_path: Path) -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        load(GOOD, tmp_path).objective.beta = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("kind: mlp, latnt: 4", "model.latnt: no such setting. Did you mean 'latent'?"),
        ("kind: bow, charcters: 4", "model.charcters: no such setting. Did you mean 'characters'?"),
        ("kind: bow, likelihood: auto", "model.likelihood: no such setting."),
        ("kind: mlp, zzz: 4", "model.zzz: no such setting."),
        (
            "kind: mlp, latent: 0",
            "model.latent: Input should be greater than or equal to 1.",
        ),
        ("kind: mlp, likelihood: x", "model.likelihood: Input should be 'auto' or 'bernoulli'."),
        ("kind: bow, characters: [2, x]", "model.characters.1: Input should be a valid integer"),
        ("kind: cnn", "model: Input tag 'cnn' found using 'kind' does not match"),
        ("latent: 4", "model: Unable to extract tag using discriminator 'kind'."),
    ],
)
def test_a_problem_is_named_by_its_place_in_the_file(tmp_path: Path, model: str, said: str) -> None:
    problem = refusal(f"model: {{{model}}}\nobjective: {{}}\n", tmp_path)
    head, line = problem.splitlines()
    assert head == "params.yaml cannot be used:"
    assert line.strip().startswith(said)


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("{beta: -1}", "objective.beta: Input should be greater than or equal to 0. Got -1."),
        ("{beta: .nan}", "objective.beta: Input should be a finite number. Got nan."),
        ("{beta: .inf}", "objective.beta: Input should be a finite number. Got inf."),
        ("{beta: [1]}", "objective.beta: Input should be a valid number. Got [1]."),
        ("{beta: strong}", "objective.beta: Input should be a valid number, unable to parse"),
        ("{low: 2, high: 1}", "objective: low is above high."),
        ("", "objective: Input should be a valid dictionary or instance of Objective. Got None."),
        ("[1]", "objective: Input should be a valid dictionary or instance of Objective. Got [1]."),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, objective: str, said: str) -> None:
    problem = refusal(f"model: {{kind: bow}}\nobjective: {objective}\n", tmp_path)
    assert problem.splitlines()[1].strip().startswith(said)


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    text = "model: {kind: mlp, latnt: 4, latent: 0}\nobjective: {beta: -1, warm: 1}\n"
    assert len(refusal(text, tmp_path).splitlines()) == 1 + 4


def test_a_section_that_is_needed_and_not_there(tmp_path: Path) -> None:
    assert refusal("model: {kind: bow}\n", tmp_path).splitlines()[1] == "  objective: missing."


def test_a_misspelt_section_is_refused_whoever_reads(tmp_path: Path) -> None:
    problem = refusal(GOOD + "tunes: {}\n2: {}\n", tmp_path)
    assert problem.splitlines()[1:] == [
        "  tunes: no such setting. Did you mean 'tune'?",
        "  2: no such setting.",
    ]


@pytest.mark.parametrize(
    "text", [GOOD + "objective: {beta: 4}\n", GOOD.replace("beta: 2", "beta: 2, beta: 4")]
)
def test_a_name_that_stands_twice_is_refused(tmp_path: Path, text: str) -> None:
    problem = refusal(text, tmp_path)
    assert "params.yaml is not YAML: " in problem
    assert "stands twice" in problem
    assert "\n" not in problem


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- 1\n", "42\n"])
def test_a_file_without_sections(tmp_path: Path, text: str) -> None:
    assert refusal(text, tmp_path).startswith("params.yaml should hold the sections data, model, ")


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\ta: 1", "a: !!python/object:os.x 1"])
def test_what_is_not_yaml_is_one_line(tmp_path: Path, text: str) -> None:
    problem = refusal(text, tmp_path)
    assert problem.startswith("params.yaml is not YAML: ")
    assert "\n" not in problem


def test_binary_junk_is_not_yaml(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"\x89PNG\xff\x00")
    with pytest.raises(SettingsError, match=r"params\.yaml is not YAML: "):
        config.load(Settings, path)


def test_a_file_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing in .* Take one: `cp recipes/intents\.yaml"):
        config.load(Settings, tmp_path / "params.yaml")
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        config.load(Settings, tmp_path)


def test_numbers_as_people_write_them(tmp_path: Path) -> None:
    """YAML 1.1 takes 1e-3, without a point, for text."""
    assert load(GOOD.replace("beta: 2", "beta: 1e-3"), tmp_path).objective.beta == 0.001


def test_settings_of_another_origin_are_named_by_it() -> None:
    values: dict[str, Any] = {"model": {"kind": "bow"}, "objective": {"beta": -1}}
    with pytest.raises(SettingsError, match=r"^the version's settings cannot be used:"):
        config.parse(Settings, values, "the version's settings")
    values["objective"] = {}
    assert config.parse(Settings, values, "x").objective == Objective()


def test_the_sections_are_those_of_params_yaml() -> None:
    root = Path(__file__).resolve().parents[1]
    assert tuple(yaml.safe_load((root / "params.yaml").read_text())) == config.SECTIONS


def test_reading_settings_needs_no_heavy_import() -> None:
    text = "import sys, latentops.config; print({'torch', 'mlflow', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
