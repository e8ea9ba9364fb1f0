"""Stage train: prepared data -> weights, the run that made them, the curve.

A killed training goes on from its last whole epoch, in the same MLflow run.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from latentops import artifacts, build, config, objectives, provenance, tracking
from latentops.artifacts import Spec, Split, Vocabulary
from latentops.data.batches import Examples
from latentops.errors import exit_on_known_error
from latentops.model import VAE
from latentops.training import checkpoint, loop
from latentops.training.settings import Settings as TrainSettings

CHECKPOINT = Path(".latentops/checkpoint")
SPLITS: tuple[Split, Split] = ("train", "valid")
INPUTS: dict[str, Path] = {split: artifacts.tensors_path(split) for split in SPLITS}


class Settings(config.Section):
    """Equals `params:` of the stage in dvc.yaml."""

    model: build.Model
    objective: objectives.Settings
    train: TrainSettings


def main() -> None:
    settings = config.load(Settings)
    spec = artifacts.read_schema(Spec, artifacts.SPEC)
    vocabulary = artifacts.read_schema(Vocabulary, artifacts.VOCABULARY)
    train, valid = (_in_scope(split, spec, vocabulary, settings) for split in SPLITS)
    vae = build.model(spec, vocabulary, settings.model, settings.train.seed, build.unigram(train))
    data = map(artifacts.md5, (artifacts.SPEC, artifacts.VOCABULARY, *INPUTS.values()))
    digests = (*data, provenance.code_sha256(["train"]))
    kept = checkpoint.Checkpoint(CHECKPOINT, checkpoint.fingerprint(vae, [settings], digests))
    resumed = kept.notes.get("run_id")
    with tracking.run(Path(spec.source).stem, settings, INPUTS, run_id=resumed) as run:
        kept.note(run_id=run.id)
        sections = settings.objective, settings.train
        fit = loop.fit(vae, train, valid, *sections, log=run.log, checkpoint=kept, progress=True)
        _write(vae, settings, fit, run.id)
    kept.remove()


def _in_scope(split: Split, spec: Spec, vocabulary: Vocabulary, settings: Settings) -> Examples:
    arrays = artifacts.read_tensors(artifacts.tensors_path(split))
    rows = torch.from_numpy(np.flatnonzero(arrays["in_scope"]))
    return build.examples(spec, vocabulary, arrays, settings.model).subset(rows)


def _write(vae: VAE, settings: Settings, fit: loop.Fit, run_id: str) -> None:
    weights = build.weights(vae)
    best = fit.history[fit.best_epoch - 1]
    artifacts.write_tensors(weights, artifacts.WEIGHTS)
    artifacts.write_json(settings, artifacts.MODEL_SETTINGS)
    artifacts.write_table(pd.DataFrame(fit.history), artifacts.TRAINING_CURVE)
    scores = {name: value for name, value in best.items() if name.startswith("valid_")}
    speed = {"train_seconds": fit.seconds, "examples_per_second": fit.examples_per_second}
    epochs = {"epochs": fit.epochs, "best_epoch": fit.best_epoch}
    artifacts.write_json(scores | epochs | speed, artifacts.TRAIN_METRICS)
    identity = {"run_id": run_id, "weights_sha256": artifacts.tensors_sha256(weights)}
    made_on = {"cpu": _processor(settings.train), "torch": str(torch.__version__)}
    artifacts.write_json(identity | made_on, artifacts.RUN)


def _processor(settings: TrainSettings) -> str:
    """What did the arithmetic: only where it is the same are results the same bit for bit."""
    if loop.choose_device(settings.device).type == "cuda":
        return f"cuda: {torch.cuda.get_device_name()}"
    instructions = torch.backends.cpu.get_cpu_capability()
    threads = settings.threads or torch.get_num_threads()
    return f"{provenance.cpu()}, {instructions}, threads {threads}"


if __name__ == "__main__":
    with exit_on_known_error():
        main()
