"""Networks in bfloat16: what stays in float32, and that they learn."""

import pytest
import torch
from test_distributed import assert_close
from test_training import NEUTRAL, copied, real

from latentops import elbo, objectives
from latentops.data.batches import Examples
from latentops.model import VAE
from latentops.training import loop
from latentops.training.settings import Settings

KINDS = ["mlp", "bow", "mlp-norm", "bow-norm"]
cuda = pytest.param(
    "cuda",
    marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
)


def trained(
    kind: str, precision: str, device: str = "cpu", epochs: int = 5
) -> tuple[VAE, Examples, loop.Fit]:
    vae, examples = real(kind)
    settings = Settings.model_validate(
        {"epochs": epochs, "batch_size": 16, "learning_rate": 0.01, "patience": 0}
        | {"precision": precision, "device": device}
    )
    return vae, examples, loop.fit(vae, examples, examples, NEUTRAL, settings)


@pytest.mark.parametrize("kind", KINDS)
def test_distributions_get_float32_from_networks_in_bfloat16(kind: str) -> None:
    vae, examples = real(kind)
    batch = examples.batch(torch.arange(16), torch.Generator().manual_seed(0))
    products: list[torch.dtype] = []
    for part in vae.modules():
        if isinstance(part, torch.nn.Linear):
            part.register_forward_hook(lambda *seen: products.append(seen[-1].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        output = vae(batch.input, torch.Generator().manual_seed(0))
    assert set(products) == {torch.bfloat16}
    terms = elbo.terms(output.rate_BZ, output.likelihood, batch.target)
    of_distributions = (*vars(output.posterior).values(), *vars(output.likelihood).values())
    tensors = [value for value in of_distributions if isinstance(value, torch.Tensor)]
    assert {each.dtype for each in (*tensors, output.z)} == {torch.float32}
    assert terms.rate_BZ.dtype == terms.distortion_B.dtype == torch.float32
    objectives.loss(terms, 0, 1, NEUTRAL).backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in vae.parameters())


@pytest.mark.parametrize("device", ["cpu", cuda])
@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_learns_what_float32_learns(kind: str, device: str) -> None:
    _, _, rough = trained(kind, "bfloat16", device, epochs=15)
    _, _, exact = trained(kind, "float32", device, epochs=15)
    gain = exact.valid_elbo_nats - exact.history[0]["valid_elbo_nats"]
    assert gain > 0
    assert rough.valid_elbo_nats == pytest.approx(exact.valid_elbo_nats, abs=0.2 * gain)


def test_bfloat16_is_used_in_training_and_nowhere_else() -> None:
    """One process, one epoch: other weights than in float32, scored in float32."""
    vae, examples, fit = trained("bow", "bfloat16", epochs=1)
    other, _, exact = trained("bow", "float32", epochs=1)
    assert any(not torch.equal(copied(vae)[name], copied(other)[name]) for name in copied(vae))
    assert {value.dtype for value in vae.parameters()} == {torch.float32}
    assert fit.history[0]["train_distortion_nats"] == pytest.approx(
        exact.history[0]["train_distortion_nats"], rel=1e-2
    )
    vae.eval()
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        batches = [examples.batch(rows) for rows in torch.arange(len(examples)).split(16)]
        outputs = [(vae(batch.input, noise), batch.target) for batch in batches]
        scored = [elbo.terms(out.rate_BZ, out.likelihood, target) for out, target in outputs]
    mean = torch.cat([terms.elbo_B for terms in scored]).mean()
    assert_close(torch.tensor(fit.valid_elbo_nats), mean)
