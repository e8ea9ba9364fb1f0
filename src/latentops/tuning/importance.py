"""Which of the searched settings moved the score: fANOVA (Hutter et al. 2014), by Optuna."""

import warnings

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from latentops.tuning.study import Study

_LEAST_TRIALS = 4  # of fewer a forest learns nothing
COLUMNS = ["setting", "importance"]


def table(study: Study, trials: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The shares of the score's variance, the largest first; empty where they cannot be had.

    `trials` is `study.table` of all records. A setting that some trials did not have is left out.
    """
    scores = trials.set_index("trial")["score"].dropna()
    if len(scores) < _LEAST_TRIALS or scores.nunique() < 2:
        return pd.DataFrame(columns=COLUMNS)
    scored = optuna.create_study(direction="maximize")
    for trial in study.trials(TrialState.COMPLETE):
        if trial.number in scores.index:
            scored.add_trial(_valued(trial, float(scores[trial.number])))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found = optuna.importance.get_param_importances(scored, evaluator=evaluator)
    return pd.DataFrame(found.items(), columns=COLUMNS)


def _valued(trial: FrozenTrial, score: float) -> FrozenTrial:
    return optuna.trial.create_trial(
        params=trial.params, distributions=trial.distributions, value=score
    )
