"""The trained and scored model that stands in the project's files, about to be registered."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from latentops import artifacts, build, provenance
from latentops.artifacts import Spec, Vocabulary
from latentops.inference.folder import MODEL_FILES
from latentops.registry import lineage, trial
from latentops.registry.lineage import Lineage

_TRAINED = (artifacts.WEIGHTS, artifacts.MODEL_SETTINGS, artifacts.HEAD, artifacts.HEAD_FACTS)


@dataclass(frozen=True)
class Candidate:
    """All that a version will say of itself."""

    lineage: Lineage
    spec: Spec
    vocabulary: Vocabulary
    latent: int
    scores: dict[str, float]  # metrics/eval.json
    test_md5: str
    run_id: str  # of its training; this store need not hold it
    made_on: Mapping[str, str] = field(default_factory=dict)  # cpu, torch
    study: Mapping[str, str] = field(default_factory=dict)  # study, trial: where one chose it
    card: Mapping[str, bytes] = field(default_factory=dict)  # file name -> contents

    @property
    def experiment(self) -> str:
        return Path(self.spec.source).stem

    def tags(self) -> dict[str, str]:
        return {
            "lineage_key": self.lineage.key,
            **asdict(self.lineage),
            "files_sha256": files_sha256(),
            "model_md5": provenance.md5_of_each(_TRAINED),
            **provenance.facts(Path()),
            **self.made_on,
            **self.study,
            **self.score_tags(),
            "source": self.spec.source,
            "licence": self.spec.licence,
            "synthetic": str(self.spec.synthetic).lower(),
        }

    def score_tags(self) -> dict[str, str]:
        scores = {name: str(value) for name, value in self.scores.items()}
        return {**scores, "test_md5": self.test_md5, "card_sha256": self._card_sha256()}

    def _card_sha256(self) -> str:
        digests = {name: hashlib.sha256(text).hexdigest() for name, text in self.card.items()}
        return json.dumps(digests, sort_keys=True)


def read() -> Candidate:
    """Of the folder that holds dvc.yaml."""
    made_of = lineage.read()
    trained = artifacts.read_json(artifacts.RUN)
    sections = artifacts.read_json(artifacts.MODEL_SETTINGS)
    return Candidate(
        lineage=made_of,
        spec=artifacts.read_schema(Spec, artifacts.SPEC),
        vocabulary=artifacts.read_schema(Vocabulary, artifacts.VOCABULARY),
        latent=build.read_settings(artifacts.MODEL_SETTINGS).latent,
        scores=artifacts.read_json(artifacts.EVAL_METRICS),
        test_md5=artifacts.md5(artifacts.tensors_path("test")),
        run_id=trained["run_id"],
        made_on={name: trained[name] for name in ("cpu", "torch") if name in trained},
        study=trial.study_and_trial(sections, made_of.data_md5),
    )


def files_sha256() -> str:
    """A tag: of each file of the model folder."""
    return json.dumps({path.name: artifacts.sha256(path) for path in sorted(MODEL_FILES)})
