"""Which dimensions are used, at the threshold."""

import torch

from latentops.metrics import latent


def test_a_dimension_is_active_above_a_variance_of_a_hundredth() -> None:
    signs = torch.tensor([-1.0, 1.0]).repeat(100)
    mean_NZ = signs[:, None] * torch.tensor([0.0, 0.0999, 0.1001, 3.0]) + 7
    assert latent.active(mean_NZ).tolist() == [False, False, True, True]
    assert latent.active_units(mean_NZ) == 2


def test_a_constant_code_has_no_active_unit() -> None:
    assert latent.active_units(torch.full((64, 3), 2.0)) == 0
