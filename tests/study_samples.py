"""Studies as stage tune leaves them, simulated: distortion is a convex function of the rate."""

import numpy as np
import pandas as pd

BETA, LATENT = "objective.beta", "model.latent"


def trials(count: int = 40, pruned: float = 0.2, failed: int = 2, seed: int = 0) -> pd.DataFrame:
    """Beta and latent searched; a larger beta lowers the rate, a larger latent helps a little."""
    rng = np.random.default_rng(seed)
    beta = np.exp(rng.uniform(np.log(0.05), np.log(20), count)).round(4)
    latent = np.exp(rng.uniform(np.log(4), np.log(128), count)).astype(int)
    rate = 28 * np.log1p(2 / beta) * (1 - np.exp(-latent / 14)) / (1 + 0.05 * beta)
    distortion = 62 + 150 * np.exp(-rate / 30) + 8 / latent + rng.gamma(2.0, 0.7, count)
    state = np.where(rng.random(count) < pruned, "pruned", "complete")
    state[count - failed :] = "failed"
    state[0] = "complete"
    lost = state == "failed"
    table = pd.DataFrame(
        {
            "trial": np.arange(count),
            "state": state,
            BETA: beta,
            LATENT: latent,
            "rate_nats": rate,
            "distortion_nats": distortion + np.where(state == "pruned", 12, 0),
            "active_units": pd.array(np.minimum(latent, 2 + rate / 2.2).astype(int), "Int64"),
            "accuracy": 0.5 + 0.4 * np.exp(-(((rate - 40) / 40) ** 2)),
            "seconds": rng.gamma(4.0, 2.0, count),
            "epochs": pd.array(np.where(state == "pruned", 3, 10), "Int64"),
            "worker": "host-1:77:123",
            "error": np.where(lost, "The loss became nan at step 40 (beta 20). Try less.", ""),
        }
    )
    table["elbo_nats"] = -table["rate_nats"] - table["distortion_nats"]
    table["score"] = table["elbo_nats"].where(state == "complete")
    scores = ["rate_nats", "distortion_nats", "elbo_nats", "active_units", "accuracy", "epochs"]
    table.loc[lost, scores] = pd.NA
    table.loc[state == "pruned", scores[:-1]] = pd.NA
    return table


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each epoch that a trial was trained."""
    rows = []
    for one in table[table["state"] != "failed"].to_dict("records"):
        pruned = one["state"] == "pruned"
        elbo, rate = (
            (-190 - one["trial"] % 7, 6.0) if pruned else (one["elbo_nats"], one["rate_nats"])
        )
        for epoch in range(1, int(one["epochs"]) + 1):
            reached = elbo - 260 * np.exp(-epoch / 1.6)
            rows.append((one["trial"], one["state"], epoch, reached, rate))
    names = ["trial", "state", "epoch", "valid_elbo_nats", "valid_rate_nats"]
    made = pd.DataFrame(rows, columns=pd.Index(names))
    return made.assign(valid_distortion_nats=-made["valid_elbo_nats"] - made["valid_rate_nats"])


def importance() -> pd.DataFrame:
    return pd.DataFrame({"setting": [BETA, LATENT], "importance": [0.83, 0.17]})


def chosen(table: pd.DataFrame) -> int:
    return int(table.loc[table["score"].idxmax(), "trial"])
