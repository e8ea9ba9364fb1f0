#!/bin/bash
# Workers of a study as a Slurm job array: each task takes trials until the study has its total.
#
#   export LATENTOPS_STUDY_STORAGE=grpc://login1:13000    # or postgresql://..., see docs/jobs.md
#   sbatch jobs/slurm.sh                                  # from the project, before or after `make tune`
#
# Needs the project on a file system that the nodes share: one clone, with `make .venv` done and the
# data prepared (`dvc pull` or `dvc repro prepare`). `make tune` itself, with DVC and MLflow, runs
# where the study was asked for, not here; with `tune.workers: 0` in params.yaml only these work.
# To change: the lines #SBATCH. A GPU for each worker: --gpus-per-task=1.
#
#SBATCH --job-name=latentops-worker
#SBATCH --array=1-8
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@60
#SBATCH --output=slurm-%A_%a.log

set -euo pipefail
: "${LATENTOPS_STUDY_STORAGE:?set it to the address of the study storage before sbatch}"

cd "${SLURM_SUBMIT_DIR:?run this by sbatch}"
export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"

# A worker that is told to end (time limit, scancel, preemption) gives its trial back.
srun .venv/bin/latentops tune worker
