"""`python -m benchmarks [rounds]`: every ratio in one table."""

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from benchmarks import compression, pipeline, registry, sequences, step, tuning

RECIPE = "intents"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else step.ROUNDS
    print(f"python -m benchmarks {rounds}\n{machine()}\n")
    print(f"training step, batch {step.BATCH}     ours, ms   bare / ours   pythae / ours")
    for result in step.measure(rounds):
        pythae = f"{result.pythae_ratio:.2f}" if result.pythae_ratio else "-"
        print(f"{result.name:24} {result.ours_ms:12.2f} {result.bare_ratio:13.2f} {pythae:>15}")
    if not step.pythae_is_here():
        print("pythae is not installed: `pip install -e '.[bench]'` adds its column.")
    sequences.report()
    compression.report()
    with pipeline.copied(RECIPE) as project:
        whole = pipeline.measure(project, RECIPE)
        print_pipeline(whole)
        print_registry(registry.measure(project))
    tuning.report()


def print_pipeline(whole: pipeline.Result) -> None:
    print(
        f"\ndvc repro, {whole.recipe}: {whole.repro_seconds:.1f} s, training "
        f"{whole.training_seconds:.1f} s; {whole.other_share:.0%} is not training"
    )
    print_costs(whole)


def print_costs(whole: pipeline.Result) -> None:
    """One thread, in turns, at all labels; microseconds from counts to class in a batch."""
    print(f"\n{'features, ' + whole.recipe:24} accuracy  fit, s  head, s  µs each        bytes")
    for cost in whole.costs:
        fit = "-" if cost.fit_seconds is None else f"{cost.fit_seconds:.2f}"
        print(
            f"{cost.features:24} {cost.accuracy:8.3f} {fit:>7} {cost.head_seconds:8.2f} "
            f"{cost.microseconds_per_example:8.2f} {cost.bytes:12,}"
        )


def print_registry(seconds: Mapping[str, float]) -> None:
    """Of each command, without the imports of its process and the scoring of a promotion."""
    print("\nregistry, the model of that run   seconds")
    for command, taken in seconds.items():
        print(f"{command:32} {taken:8.2f}")


def machine() -> str:
    cores = f"{torch.get_num_threads()} of {os.cpu_count()} cores"
    return f"{processor()}, {cores}, Python {platform.python_version()}, torch {torch.__version__}"


def processor() -> str:
    """As Linux names it; elsewhere the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
