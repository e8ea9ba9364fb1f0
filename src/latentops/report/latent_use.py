"""The section on whether the model uses its latent, and what to try next where it does not."""

from latentops import config
from latentops.evaluation.diagnosis import Diagnosis, Use, diagnose
from latentops.report import measured
from latentops.report.document import Block, Section, Table, Text
from latentops.report.facts import Facts

NOTE = (
    "On validation rows, so that whoever changes a setting after reading this has not looked at "
    "test. The command latentops doctor says the same before the verdict is reached."
)


def latent_use(facts: Facts) -> Section:
    """What the codes are worth to the decoder."""
    found = _diagnosis(facts)
    blocks: list[Block] = [Text(found.finding)]
    if found.advice:
        blocks.append(Text(found.advice))
    return Section("Use of the latent", (*blocks, Text(NOTE), table(facts.evaluation.use)))


def ignored(facts: Facts) -> str:
    """Finding and advice where the latent is ignored; else empty."""
    found = _diagnosis(facts)
    return f"{found.finding} {found.advice}" if found.state == "ignored" else ""


def table(use: Use) -> Table:
    """Its numbers, each with what it means."""
    return measured.table("Measure", numbers(use))


def numbers(use: Use) -> dict[str, float]:
    """By the names of metrics/eval.json."""
    return {
        "rate_nats": use.rate_nats,
        "mutual_information_nats": use.mutual_information_nats,
        "active_units": use.active_units,
        "distortion_nats": use.distortion_nats,
        "distortion_shuffled_nats": use.distortion_shuffled_nats,
        "code_gain_nats": use.gain_nats,
    }


def _diagnosis(facts: Facts) -> Diagnosis:
    return diagnose(facts.evaluation.use, config.flat(facts.settings))
