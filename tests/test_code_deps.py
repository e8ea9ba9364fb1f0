"""dvc.yaml against the imports, and tools/code_deps.py on a small package."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]

PACKAGE = {
    "__init__.py": "",
    "config.py": """
import pydantic

class Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
""",
    "maths/__init__.py": "",
    "maths/sums.py": "",
    "maths/products.py": "from latentops.maths import sums\n",
    "pictures.py": "",
    "tracking.py": "from latentops import store\n",
    "store.py": "",
    "stages/__init__.py": "",
    "stages/train.py": """
from latentops import config, tracking
from latentops.maths import products

class Settings(config.Section):
    model: dict
    train: dict
""",
    "stages/tune.py": """
from latentops import config

class Settings(config.Section):
    tune: dict
""",
}
PIPELINE = """\
# The pipeline.
stages:
  fetch:
    cmd: curl example.org
    deps: [list.txt]
  train:   # the long one
    cmd: python -m latentops.stages.train
    params:
      - old
      - train   # the loop
    deps:
      # data first
      - data/train.safetensors
      - src/latentops/gone.py
      - src/latentops/config.py  # kept
    # what comes out

    outs:
      - model/weights
"""
STUDY = """\
stages:
  tune:
    wdir: ..
    cmd: python -m latentops.stages.tune
    deps:
    - data/spec.json
    params:
    - any
"""
EXPECTED = """\
# The pipeline.
stages:
  fetch:
    cmd: curl example.org
    deps: [list.txt]
  train:   # the long one
    cmd: python -m latentops.stages.train
    params:
      - model
      - train   # the loop
    deps:
      # data first
      - data/train.safetensors
      - src/latentops/__init__.py
      - src/latentops/config.py  # kept
      - src/latentops/maths/__init__.py
      - src/latentops/maths/products.py
      - src/latentops/maths/sums.py
      - src/latentops/stages/__init__.py
      - src/latentops/stages/train.py
    # what comes out

    outs:
      - model/weights
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {f"src/latentops/{name}": text for name, text in PACKAGE.items()}
    for name, text in (files | {"dvc.yaml": PIPELINE, "tune/dvc.yaml": STUDY}).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/code_deps.py", tmp_path / "tools")
    return tmp_path


def run(project: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(project / "tools/code_deps.py"), *options]
    return subprocess.run(command, cwd="/", capture_output=True, text=True)


def code_deps(project: Path, stage: str = "train") -> list[str]:
    stages = yaml.safe_load((project / "dvc.yaml").read_text())["stages"]
    return [dep for dep in stages[stage]["deps"] if dep.startswith("src/")]


def test_dvc_yaml_is_what_the_imports_say() -> None:
    checked = run(ROOT, "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_rewriting_keeps_comments_data_and_everything_else(project: Path) -> None:
    assert run(project).returncode == 0
    assert (project / "dvc.yaml").read_text() == EXPECTED
    study = yaml.safe_load((project / "tune/dvc.yaml").read_text())["stages"]["tune"]
    assert study["params"] == ["tune"]
    assert study["deps"] == [
        "data/spec.json",
        "src/latentops/__init__.py",
        "src/latentops/config.py",
        "src/latentops/stages/__init__.py",
        "src/latentops/stages/tune.py",
    ]


def test_of_a_section_that_ignores_the_rest_only_its_settings_are_params(project: Path) -> None:
    (project / "src/latentops/stages/tune.py").write_text("""
from latentops import config

class Depth(config.Section):
    model_config = {"extra": "ignore"}
    depth: str
    seed: int

class Settings(config.Section):
    evaluate: Depth
    tune: dict
""")
    run(project)
    study = yaml.safe_load((project / "tune/dvc.yaml").read_text())["stages"]["tune"]
    assert study["params"] == ["evaluate.depth", "evaluate.seed", "tune"]


def test_check_writes_nothing_and_is_silent_once_all_is_well(project: Path) -> None:
    checked = run(project, "--check")
    assert checked.returncode == 1
    assert "+      - src/latentops/maths/sums.py" in checked.stdout
    assert "make deps" in checked.stderr
    assert (project / "dvc.yaml").read_text() == PIPELINE
    run(project)
    again = run(project, "--check")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "planted",
    [
        "import latentops.pictures\n",
        "def late():\n    from latentops import pictures\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from latentops import pictures\n",
    ],
    ids=["plain", "in a function", "for types"],
)
@pytest.mark.parametrize("module", ["stages/train.py", "maths/sums.py", "maths/__init__.py"])
def test_a_planted_import_becomes_a_dep(project: Path, module: str, planted: str) -> None:
    with (project / "src/latentops" / module).open("a") as file:
        file.write(planted)
    run(project)
    assert "src/latentops/pictures.py" in code_deps(project)


def test_the_observer_and_what_only_it_reaches_are_no_deps(project: Path) -> None:
    run(project)
    assert not {"src/latentops/tracking.py", "src/latentops/store.py"} & set(code_deps(project))
    with (project / "src/latentops/maths/sums.py").open("a") as file:
        file.write("from latentops import store\n")
    run(project)
    assert "src/latentops/store.py" in code_deps(project)


def test_a_list_that_cannot_be_edited_is_named(project: Path) -> None:
    (project / "dvc.yaml").write_text(PIPELINE.replace("params:\n      - old\n", "other:\n"))
    refused = run(project)
    assert refused.returncode == 1
    assert refused.stderr == (
        "error: stage 'train' needs `params:` with one entry a line, any entry.\n"
    )


def test_a_script_that_does_not_exist_is_named(project: Path) -> None:
    (project / "dvc.yaml").write_text(PIPELINE.replace("stages.train", "stages.trian"))
    refused = run(project)
    assert refused.returncode == 1
    assert refused.stderr == (
        "error: stage 'train' runs latentops.stages.trian, which does not exist.\n"
    )
