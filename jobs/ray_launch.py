"""Workers of a study on a Ray cluster: each takes trials until the study has its total.

    pip install --constraint constraints.txt -e '.[ray]'  # Ray itself, the same on all nodes
    export LATENTOPS_STUDY_STORAGE=grpc://head:13000      # or postgresql://..., see docs/jobs.md
    python jobs/ray_launch.py --workers 8 --cpus 4        # on a node of the cluster

Needs the project at the same path on every node, with `make .venv` done and the data prepared
(`dvc pull` or `dvc repro prepare`); --project where it is not the working directory. `make tune`
itself, with DVC and MLflow, runs where the study was asked for; with `tune.workers: 0` in
params.yaml only these work. A GPU for each: --gpus 1.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import ray

_ADDRESS = "LATENTOPS_STUDY_STORAGE"


def main() -> None:
    arguments = _parsed()
    ray.init(address=arguments.cluster)
    remote = ray.remote(worker).options(
        num_cpus=arguments.cpus,
        num_gpus=arguments.gpus,
        scheduling_strategy="SPREAD",
        max_retries=3,  # where its node dies
    )
    project, address = str(arguments.project.resolve()), os.environ[_ADDRESS]
    running = [remote.remote(project, address, arguments.cpus) for _ in range(arguments.workers)]
    statuses = ray.get(running)
    if failed := len(statuses) - statuses.count(0):
        sys.exit(f"error: {failed} of {len(statuses)} workers failed; Ray shows what they said.")


def worker(project: str, address: str, threads: int) -> int:
    """The exit status of a worker that ran on the node where Ray runs this."""
    variables = {_ADDRESS: address, "OMP_NUM_THREADS": str(threads)}
    command = [f"{project}/.venv/bin/latentops", "tune", "worker"]
    return subprocess.run(command, cwd=project, env=os.environ | variables).returncode


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--cpus", type=int, default=1, help="of each worker")
    parser.add_argument("--gpus", type=float, default=0, help="of each worker")
    parser.add_argument("--project", type=Path, default=Path.cwd())
    parser.add_argument("--cluster", default="auto", help="Ray's address, found out by default")
    arguments = parser.parse_args()
    if not os.environ.get(_ADDRESS):
        parser.error(f"set {_ADDRESS} to the address of the study's storage")
    return arguments


if __name__ == "__main__":
    main()
