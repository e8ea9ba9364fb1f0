# ruff: noqa: N815 - names end in their shape suffixes
"""How the next token is chosen: the commonest, a drawn one, or the best of several beginnings.

Shape suffixes: R rows, W beams of each, V kinds of token, T places.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from latentops.artifacts import END, LONGEST, PAD, START
from latentops.likelihoods import Autoregressive, Choose, State


def greedy(logits: Tensor) -> Tensor:
    """The most probable token of each row: a `Choose`."""
    return logits.argmax(-1)


def sampled(
    generator: torch.Generator | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
) -> Choose:
    """Tokens drawn by their probabilities, of logits divided by the temperature.

    Of the `top_k` commonest, and of the fewest that together have probability `top_p` (nucleus
    sampling, Holtzman et al. 2020), where these are given.
    """

    def choose(logits: Tensor) -> Tensor:
        kept = logits / temperature
        if top_k is not None:
            kept = _commonest(kept, top_k)
        if top_p < 1:
            kept = _nucleus(kept, top_p)
        return torch.multinomial(kept.softmax(-1), 1, generator=generator)[:, 0]

    return choose


def _commonest(logits: Tensor, count: int) -> Tensor:
    kept = logits.topk(min(count, logits.shape[-1])).indices
    return torch.full_like(logits, -torch.inf).scatter(-1, kept, logits.gather(-1, kept))


def _nucleus(logits: Tensor, share: float) -> Tensor:
    ranked = logits.sort(descending=True, stable=True)
    shares = ranked.values.softmax(-1)
    surplus = shares.cumsum(-1) - shares >= share  # those before it have the share already
    cut = ranked.values.masked_fill(surplus, -torch.inf)
    return torch.empty_like(logits).scatter(-1, ranked.indices, cut)


class _Beams(NamedTuple):
    """Beginnings of each row, best first."""

    log_prob_RW: Tensor
    tokens_RWT: Tensor
    ended_RW: Tensor


@torch.no_grad()
def beam(likelihood: Autoregressive, beams: int, longest: int = LONGEST) -> Tensor:
    """The most probable sentence that so many beams find, [..., B, T], as `write` gives it.

    What is compared is the probability of the whole, whatever its length. A finished sentence that
    is better than every beginning beside it stays so, for each token can only take from these.
    """
    z_RZ = likelihood.z.flatten(0, -2)
    rows = torch.arange(len(z_RZ), device=z_RZ.device).repeat_interleave(beams)
    state = _taken(likelihood.writer.begin(z_RZ), rows)
    found, last = _nothing_yet(len(z_RZ), beams, z_RZ), torch.full_like(rows, START)
    while found.tokens_RWT.shape[-1] < longest and not found.ended_RW[:, 0].all():
        logits, state = likelihood.writer.step(last, state)
        found, parents = _extended(found, logits.log_softmax(-1))
        state, last = _taken(state, parents), found.tokens_RWT[..., -1].flatten()
    best_RT = found.tokens_RWT[:, 0]
    return best_RT.reshape(*likelihood.z.shape[:-1], best_RT.shape[-1])


def _nothing_yet(rows: int, beams: int, like: Tensor) -> _Beams:
    """One beginning without a token; the others do not exist."""
    log_prob_RW = like.new_full((rows, beams), -torch.inf)
    log_prob_RW[:, 0] = 0
    none_RW0 = torch.zeros(rows, beams, 0, dtype=torch.int64, device=like.device)
    return _Beams(log_prob_RW, none_RW0, torch.zeros_like(log_prob_RW, dtype=torch.bool))


def _extended(found: _Beams, log_share: Tensor) -> tuple[_Beams, Tensor]:
    """The best of all ways to go on by a token; and the numbers [R W] of those they go on from.

    `log_share` is [R W, V]; a finished sentence goes on by PAD, at no cost.
    """
    rows, beams = found.log_prob_RW.shape
    after_RWV = log_share.reshape(rows, beams, -1).masked_fill(
        found.ended_RW.unsqueeze(-1), -torch.inf
    )
    after_RWV[..., PAD] = torch.where(found.ended_RW, 0.0, -torch.inf)
    total_RWV = found.log_prob_RW.unsqueeze(-1) + after_RWV
    best = total_RWV.flatten(1).topk(beams)
    parent_RW, token_RW = best.indices // log_share.shape[1], best.indices % log_share.shape[1]
    row_R1 = torch.arange(rows, device=log_share.device).unsqueeze(1)
    tokens = torch.cat([found.tokens_RWT[row_R1, parent_RW], token_RW.unsqueeze(-1)], dim=-1)
    ended = found.ended_RW[row_R1, parent_RW] | (token_RW == END)
    return _Beams(best.values, tokens, ended), (row_R1 * beams + parent_RW).flatten()


def _taken(state: State, rows: Tensor) -> State:
    return tuple(each.index_select(0, rows) for each in state)
