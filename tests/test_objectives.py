"""What is minimized, against arithmetic by hand and the negative ELBO."""

import pytest
import torch

from latentops import config, objectives
from latentops.elbo import Terms
from latentops.errors import SettingsError
from latentops.objectives import Settings, beta_at, capacity_at, loss, settled


@pytest.fixture
def terms() -> Terms:
    generator = torch.Generator().manual_seed(0)
    rate_BZ = torch.randn(37, 5, generator=generator).square()
    return Terms(rate_BZ, 90 + 10 * torch.randn(37, generator=generator))


NEUTRAL = [
    Settings(),
    Settings(warmup=0.3),
    Settings(warmup=0.5, cycles=4),
]


@pytest.mark.parametrize("settings", NEUTRAL)
def test_neutral_settings_give_the_negative_elbo_itself(settings: Settings, terms: Terms) -> None:
    assert torch.equal(loss(terms, 100, 100, settings), -terms.elbo_B.mean())


def test_the_elbo_does_not_change_with_the_objective(terms: Terms) -> None:
    before = terms.elbo_B
    loss(terms, 5, 10, Settings(beta=4, warmup=1, free_nats=2))
    assert torch.equal(before, terms.elbo_B)


def test_beta_weighs_the_rate_alone(terms: Terms) -> None:
    found = loss(terms, 0, 1, Settings(beta=4))
    torch.testing.assert_close(found, terms.distortion_B.mean() + 4 * terms.rate_B.mean())
    assert torch.equal(loss(terms, 0, 1, Settings(beta=0)), terms.distortion_B.mean())


def test_linear_warm_up() -> None:
    settings = Settings(beta=2, warmup=0.4)
    found = [beta_at(step, 10, settings) for step in (0, 1, 2, 4, 5, 9, 10, 99)]
    assert found == pytest.approx([0, 0.5, 1, 2, 2, 2, 2, 2])


def test_cyclical_warm_up() -> None:
    """Two cycles of 10 steps: 5 rising, 5 level (Fu et al. 2019, figure 2)."""
    settings = Settings(warmup=0.5, cycles=2)
    cycle = [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]
    found = [beta_at(step, 20, settings) for step in range(21)]
    assert found == pytest.approx([*cycle, *cycle, 1])


def test_without_warm_up_beta_is_constant() -> None:
    assert {beta_at(step, 10, Settings(beta=0.3)) for step in range(12)} == {0.3}


def test_free_nats_cost_nothing_below_the_threshold() -> None:
    """The mean over the batch is what is compared, dimension by dimension."""
    rate_BZ = torch.tensor([[0.0, 3.0], [0.8, 5.0]], requires_grad=True)
    found = loss(Terms(rate_BZ, torch.tensor([7.0, 9.0])), 0, 1, Settings(free_nats=0.5, beta=2))
    found.backward()
    assert found.item() == pytest.approx(8 + 2 * (0.5 + 4.0))
    torch.testing.assert_close(rate_BZ.grad, torch.tensor([[0.0, 1.0], [0.0, 1.0]]))


def test_a_dimension_above_its_free_nats_costs_its_whole_rate(terms: Terms) -> None:
    found = loss(terms, 0, 1, Settings(free_nats=1e-6))
    torch.testing.assert_close(found, -terms.elbo_B.mean())


@pytest.mark.parametrize(("step", "aim"), [(0, 0.0), (2, 3.0), (4, 6.0), (9, 6.0)])
def test_capacity_pulls_the_rate_to_its_aim(step: int, aim: float, terms: Terms) -> None:
    settings = Settings(beta=10, warmup=0.4, capacity_nats=6)
    assert capacity_at(step, 10, settings) == pytest.approx(aim)
    assert beta_at(step, 10, settings) == 10
    expected = terms.distortion_B.mean() + 10 * abs(terms.rate_B.mean() - aim)
    torch.testing.assert_close(loss(terms, step, 10, settings), expected)


def test_capacity_pushes_a_rate_below_its_aim_up() -> None:
    rate_BZ = torch.full((2, 1), 1.0, requires_grad=True)
    loss(Terms(rate_BZ, torch.zeros(2)), 0, 1, Settings(capacity_nats=3)).backward()
    assert (rate_BZ.grad < 0).all()


def test_a_capacity_of_zero_is_beta_times_the_rate(terms: Terms) -> None:
    found = loss(terms, 0, 1, Settings(beta=3, capacity_nats=0))
    torch.testing.assert_close(found, loss(terms, 0, 1, Settings(beta=3)))


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        (Settings(), 0),
        (Settings(warmup=0.3), 30),
        (Settings(warmup=1), 100),
        (Settings(warmup=0.5, cycles=4), 88),
        (Settings(warmup=0.2, capacity_nats=5), 20),
    ],
)
def test_settled_from_the_end_of_the_last_warm_up(settings: Settings, first: int) -> None:
    assert [settled(step, 100, settings) for step in range(101)] == [
        step >= first for step in range(101)
    ]


@pytest.mark.parametrize("settings", [*NEUTRAL, Settings(warmup=0.2, capacity_nats=5)])
def test_nothing_moves_once_settled(settings: Settings) -> None:
    steps = 60
    values = {
        (beta_at(step, steps, settings), capacity_at(step, steps, settings))
        for step in range(steps + 1)
        if settled(step, steps, settings)
    }
    assert len(values) == 1


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"beta": -1}, "objective.beta"),
        ({"beta": float("nan")}, "objective.beta"),
        ({"warmup": 1.5}, "objective.warmup"),
        ({"cycles": 0}, "objective.cycles"),
        ({"free_nats": -0.1}, "objective.free_nats"),
        ({"capacity_nats": -3}, "objective.capacity_nats"),
        ({"capacity_nats": 3, "free_nats": 1}, "keep one of them"),
        ({"cycles": 4}, "set warmup"),
        ({"betta": 1}, "Did you mean 'beta'?"),
    ],
)
def test_settings_that_cannot_be_used(values: dict[str, float], part: str) -> None:
    class Stage(config.Section):
        objective: objectives.Settings

    with pytest.raises(SettingsError, match=part.replace("?", r"\?")):
        config.parse(Stage, {"objective": values}, origin="params.yaml")
