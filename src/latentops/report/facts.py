"""Everything that a report is made from, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from latentops.applications.results import Applications
from latentops.artifacts import Arrays, Spec
from latentops.classifier import HeadFile
from latentops.evaluation.results import Evaluation
from latentops.verdict.results import Verdict


@dataclass(frozen=True)
class Facts:
    """What was asked for, what came out of it, and what identifies the run."""

    spec: Spec
    settings: Mapping[str, Any]  # of params.yaml, nested or not
    evaluation: Evaluation
    curve: pd.DataFrame  # plots/training.csv
    training: Mapping[str, Any]  # metrics/train.json, which holds best_epoch
    data: Mapping[str, Any]  # data/report.json
    verdict: Verdict  # metrics/verdict.json
    head: HeadFile  # model/head.json
    applications: Applications = field(default_factory=Applications)  # metrics/applications.json
    images: Arrays = field(default_factory=dict)  # that applications show, [..., C, H, W] in [0, 1]
    lineage: Mapping[str, Any] = field(default_factory=dict)  # digests, commits, ids
    data_picture: bytes = b""  # data/report.png
