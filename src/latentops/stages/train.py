"""Stage train: prepared data -> weights, the run that made them, the curve.

A killed training goes on from its last whole epoch, in the same MLflow run. torchrun makes it one
training by several processes, of which only the first writes.
"""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from latentops import artifacts, build, config, objectives, provenance, tracking
from latentops.artifacts import Spec, Split, Vocabulary
from latentops.data.batches import Examples
from latentops.errors import exit_on_known_error
from latentops.model import VAE
from latentops.training import checkpoint, distributed, loop
from latentops.training.distributed import Ranks
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
    with distributed.ranks(loop.choose_device(settings.train.device)) as ranks:
        _train(settings, ranks)


def _train(settings: Settings, ranks: Ranks) -> None:
    spec = artifacts.read_schema(Spec, artifacts.SPEC)
    vocabulary = artifacts.read_schema(Vocabulary, artifacts.VOCABULARY)
    train, valid = (_in_scope(split, spec, vocabulary, settings) for split in SPLITS)
    vae = build.model(spec, vocabulary, settings.model, settings.train.seed, build.unigram(train))
    kept = checkpoint.Checkpoint(CHECKPOINT, _fingerprint(vae, settings, ranks))
    ranks.require_same(kept.fingerprint)
    fit = partial(loop.fit, vae, train, valid, settings.objective, settings.train)
    fit = partial(fit, checkpoint=kept, progress=True, ranks=ranks)
    if not ranks.first:
        fit()
        return
    resumed = kept.notes.get("run_id")
    with tracking.run(Path(spec.source).stem, settings, INPUTS, run_id=resumed) as run:
        kept.note(run_id=run.id)
        _write(vae, settings, fit(log=run.log), run.id, ranks)
    kept.remove()


def _fingerprint(vae: VAE, settings: Settings, ranks: Ranks) -> str:
    """Other numbers of ranks draw other noise, so that none goes on where another stopped."""
    data = map(artifacts.md5, (artifacts.SPEC, artifacts.VOCABULARY, *INPUTS.values()))
    digests = (*data, provenance.code_sha256(["train"]), f"ranks {ranks.number}")
    return checkpoint.fingerprint(vae, [settings], digests)


def _in_scope(split: Split, spec: Spec, vocabulary: Vocabulary, settings: Settings) -> Examples:
    arrays = artifacts.read_tensors(artifacts.tensors_path(split))
    rows = torch.from_numpy(np.flatnonzero(arrays["in_scope"]))
    return build.examples(spec, vocabulary, arrays, settings.model).subset(rows)


def _write(vae: VAE, settings: Settings, fit: loop.Fit, run_id: str, ranks: Ranks) -> None:
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
    made_on = {"cpu": _processor(settings.train, ranks), "torch": str(torch.__version__)}
    artifacts.write_json(identity | made_on, artifacts.RUN)


def _processor(settings: TrainSettings, ranks: Ranks) -> str:
    """What did the arithmetic: only where it is the same are results the same bit for bit."""
    shared = f", ranks {ranks.number}" if ranks.number > 1 else ""
    if loop.choose_device(settings.device).type == "cuda":
        return f"cuda: {torch.cuda.get_device_name()}{shared}"
    instructions = torch.backends.cpu.get_cpu_capability()
    threads = ranks.threads(settings.threads)
    return f"{provenance.cpu()}, {instructions}, threads {threads}{shared}"


if __name__ == "__main__":
    with exit_on_known_error():
        main()
