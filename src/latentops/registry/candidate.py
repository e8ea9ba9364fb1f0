"""The trained and scored model that stands in the project's files, about to be registered."""

from dataclasses import asdict, dataclass
from pathlib import Path

from latentops import artifacts, build, provenance
from latentops.artifacts import Spec, Vocabulary
from latentops.registry import lineage
from latentops.registry.lineage import Lineage


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

    @property
    def experiment(self) -> str:
        return Path(self.spec.source).stem

    def tags(self) -> dict[str, str]:
        return {
            "lineage_key": self.lineage.key,
            **asdict(self.lineage),
            **provenance.facts(Path()),
            **self.score_tags(),
            "source": self.spec.source,
            "synthetic": str(self.spec.synthetic).lower(),
        }

    def score_tags(self) -> dict[str, str]:
        scores = {name: str(value) for name, value in self.scores.items()}
        return {**scores, "test_md5": self.test_md5}


def read() -> Candidate:
    """Of the folder that holds dvc.yaml."""
    return Candidate(
        lineage=lineage.read(),
        spec=artifacts.read_schema(Spec, artifacts.SPEC),
        vocabulary=artifacts.read_schema(Vocabulary, artifacts.VOCABULARY),
        latent=build.read_settings(artifacts.MODEL_SETTINGS).latent,
        scores=artifacts.read_json(artifacts.EVAL_METRICS),
        test_md5=artifacts.md5(artifacts.tensors_path("test")),
        run_id=artifacts.read_json(artifacts.RUN)["run_id"],
    )
