"""The job templates, as far as they run without a cluster."""

import os
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from latentops.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
JOBS = ROOT / "jobs"
ADDRESS = "grpc://head:13000"

# What Kubernetes 1.37 (by kubernetes-validate) and SkyPilot 0.14 (by its own Task) take, of which
# the templates were checked as a whole when they were written.
JOB_SPEC = {
    *("parallelism", "completions", "backoffLimit", "podFailurePolicy"),
    *("ttlSecondsAfterFinished", "template"),
}
POD_SPEC = {
    *("restartPolicy", "automountServiceAccountToken", "terminationGracePeriodSeconds"),
    "containers",
}
CONTAINER = {
    *("name", "image", "workingDir", "command", "envFrom", "env", "resources"),
    "securityContext",
}
SKYPILOT = {
    *("name", "num_nodes", "workdir", "file_mounts", "resources", "secrets", "setup", "run"),
}


def text_of(name: str) -> str:
    return (JOBS / name).read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `latentops` says where it runs, with what, and fails where it is told to."""
    program = tmp_path / "a project/.venv/bin/latentops"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\n"
        'echo "$PWD|$*|$LATENTOPS_STUDY_STORAGE|$OMP_NUM_THREADS" >> "$PWD/../ran"\n'
        'exit "${STATUS:-0}"\n'
    )
    program.chmod(0o755)
    srun = tmp_path / "bin/srun"
    srun.parent.mkdir()
    srun.write_text('#!/bin/sh\nexec "$@"\n')
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{srun.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LATENTOPS_STUDY_STORAGE", ADDRESS)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return tmp_path / "a project"


def ran(project: Path) -> list[str]:
    return (project.parent / "ran").read_text().splitlines()


def test_every_template_calls_a_command_that_there_is() -> None:
    assert sorted(file.name for file in JOBS.iterdir() if file.is_file()) == [
        "kubernetes.yaml",
        "ray_launch.py",
        "skypilot.yaml",
        "slurm.sh",
    ]
    worker = CliRunner().invoke(cli, ["tune", "worker", "--help"])
    assert worker.exit_code == 0
    assert "LATENTOPS_STUDY_STORAGE" in worker.output
    container = yaml.safe_load(text_of("kubernetes.yaml"))["spec"]["template"]["spec"]["containers"]
    for command in (
        container[0]["command"],
        shlex.split(text_of("slurm.sh").splitlines()[-1])[1:],
        shlex.split(yaml.safe_load(text_of("skypilot.yaml"))["run"].splitlines()[-1])[1:],
    ):
        assert command == [".venv/bin/latentops", "tune", "worker"]


class TestCommands:
    def test_a_worker_without_an_address_is_told_what_to_give(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("LATENTOPS_STUDY_STORAGE", raising=False)
        found = CliRunner().invoke(cli, ["tune", "worker"])
        assert found.exit_code == 2
        assert "Give --storage grpc://host:port, or set LATENTOPS_STUDY_STORAGE" in found.output

    @pytest.mark.parametrize("port", ["0", "65536", "http"])
    def test_a_port_that_is_none_is_wrong_usage(self, port: str) -> None:
        assert CliRunner().invoke(cli, ["tune", "storage", "--port", port]).exit_code == 2


class TestSlurm:
    def test_it_runs_a_worker_with_the_cores_of_its_task(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SLURM_SUBMIT_DIR", str(project))
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
        subprocess.run(["bash", JOBS / "slurm.sh"], check=True)
        assert ran(project) == [f"{project}|tune worker|{ADDRESS}|4"]

    def test_it_fails_with_its_worker_and_without_an_address(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SLURM_SUBMIT_DIR", str(project))
        monkeypatch.setenv("STATUS", "1")
        assert subprocess.run(["bash", JOBS / "slurm.sh"]).returncode == 1
        monkeypatch.delenv("LATENTOPS_STUDY_STORAGE")
        found = subprocess.run(["bash", JOBS / "slurm.sh"], stderr=subprocess.PIPE, text=True)
        assert found.returncode != 0
        assert "set it to the address of the study storage" in found.stderr

    def test_its_options_stand_before_the_first_command(self) -> None:
        lines = text_of("slurm.sh").splitlines()
        options = [i for i, line in enumerate(lines) if line.startswith("#SBATCH --")]
        commands = [i for i, line in enumerate(lines) if line and not line.startswith("#")]
        assert len(options) == 9
        assert max(options) < min(commands)


class TestKubernetes:
    def test_it_has_the_fields_that_a_job_has(self) -> None:
        job = yaml.safe_load(text_of("kubernetes.yaml"))
        assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
        assert set(job["spec"]) == JOB_SPEC
        pod = job["spec"]["template"]["spec"]
        assert set(pod) == POD_SPEC
        assert [set(container) for container in pod["containers"]] == [CONTAINER]

    def test_each_pod_has_one_worker_that_knows_the_address_and_its_cores(self) -> None:
        spec = yaml.safe_load(text_of("kubernetes.yaml"))["spec"]
        assert spec["parallelism"] == spec["completions"]
        assert spec["template"]["spec"]["restartPolicy"] == "Never"  # podFailurePolicy asks for it
        (container,) = spec["template"]["spec"]["containers"]
        assert container["image"] == "${IMAGE}"
        secret = container["envFrom"][0]["secretRef"]["name"]
        assert f"create secret generic {secret} " in text_of("kubernetes.yaml")
        (threads,) = container["env"]
        assert threads["name"] == "OMP_NUM_THREADS"
        assert threads["valueFrom"] == {"resourceFieldRef": {"resource": "limits.cpu"}}
        assert "cpu" in container["resources"]["limits"]


class TestSkypilot:
    def test_it_has_the_fields_that_a_task_has(self) -> None:
        task = yaml.safe_load(text_of("skypilot.yaml"))
        assert set(task) == SKYPILOT
        assert task["secrets"] == {"LATENTOPS_STUDY_STORAGE": None}  # asked for by the launch

    def test_it_runs_a_worker_on_the_data_that_was_copied(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = project.parent / "home"
        (home / "latentops-data").mkdir(parents=True)
        (home / "latentops-data/spec.json").write_text("{}")
        (project / "data").mkdir()
        monkeypatch.setenv("HOME", str(home))
        task = yaml.safe_load(text_of("skypilot.yaml"))
        assert list(task["file_mounts"].items()) == [("~/latentops-data", "data")]
        subprocess.run(["bash", "-c", task["run"]], cwd=project, check=True)
        assert (project / "data/spec.json").exists()
        (line,) = ran(project)
        assert line.startswith(f"{project}|tune worker|{ADDRESS}|")
        assert int(line.rpartition("|")[2]) >= 1


class Ray:
    """Runs a task where it was called."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    def init(self, address: str) -> None:
        assert address == "auto"

    def remote(self, function: Any) -> Any:
        def with_options(**options: Any) -> Any:
            self.options = options
            return SimpleNamespace(remote=function)

        return SimpleNamespace(options=with_options)

    def get(self, values: list[int]) -> list[int]:
        return values


class TestRay:
    @pytest.fixture
    def ray(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> Ray:
        found = Ray()
        monkeypatch.setitem(sys.modules, "ray", found)  # type: ignore[arg-type]
        command = f"ray_launch.py --workers 2 --cpus 3 --project {shlex.quote(str(project))}"
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        return found

    def test_it_runs_as_many_workers_as_were_asked_for(self, ray: Ray, project: Path) -> None:
        runpy.run_path(str(JOBS / "ray_launch.py"), run_name="__main__")
        assert ran(project) == [f"{project}|tune worker|{ADDRESS}|3"] * 2
        assert ray.options["num_cpus"] == 3

    def test_it_fails_with_its_workers_and_without_an_address(
        self, ray: Ray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STATUS", "1")
        with pytest.raises(SystemExit, match="2 of 2 workers failed"):
            runpy.run_path(str(JOBS / "ray_launch.py"), run_name="__main__")
        monkeypatch.delenv("LATENTOPS_STUDY_STORAGE")
        with pytest.raises(SystemExit) as raised:
            runpy.run_path(str(JOBS / "ray_launch.py"), run_name="__main__")
        assert raised.value.code == 2
