"""The loop: tensors stay on the device, batches are rows of a permutation, one hook logs.

Nothing here waits for the device inside an epoch, and nothing touches the global generators.
The same settings, data, thread count and number of processes give the same weights bit for bit
on one machine.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from latentops import elbo, objectives
from latentops.data.batches import Batch, Examples, Images, in_batches
from latentops.errors import NumericalError, SettingsError
from latentops.model import VAE
from latentops.priors import Mixture
from latentops.training.average import Average
from latentops.training.checkpoint import Checkpoint, State
from latentops.training.cost import Costs
from latentops.training.distributed import ALONE, Ranks
from latentops.training.lead import Lead, information_nats
from latentops.training.progress import Progress
from latentops.training.schedule import Moment, learning_rate_at, moment
from latentops.training.settings import Settings

Row = dict[str, float]
Log = Callable[[int, Row], None]

COLUMNS = (
    "epoch",
    "step",
    "beta",
    "train_rate_nats",
    "train_distortion_nats",
    "train_elbo_nats",
    "valid_rate_nats",
    "valid_distortion_nats",
    "valid_elbo_nats",
)
_STEPS_BETWEEN_LOOKS = 100


@dataclass(frozen=True)
class Fit:
    """What a training did. `history` has a row of `COLUMNS` for each epoch."""

    history: list[Row]
    best_epoch: int  # counted from 1; the weights are those of its end
    seconds: float  # training and validation, without the log and the checkpoint
    examples_per_second: float

    @property
    def epochs(self) -> int:
        return len(self.history)

    @property
    def valid_elbo_nats(self) -> float:
        """Of the best epoch: one sample, beta = 1, the mean over the validation split."""
        return self.history[self.best_epoch - 1]["valid_elbo_nats"]


def fit(
    vae: VAE,
    train: Examples,
    valid: Examples,
    objective: objectives.Settings,
    settings: Settings,
    log: Log | None = None,
    checkpoint: Checkpoint | None = None,
    progress: bool = False,
    ranks: Ranks = ALONE,
) -> Fit:
    """Train `vae` in place; it comes back with the best weights, on the device it came from.

    The best epoch is the one with the highest validation ELBO of those that have `settled`, or the
    last where none has. `log(step, row)` is called once per epoch and may raise to stop.
    With a checkpoint the training goes on where the last whole epoch ended, and `log` is not
    called again for the epochs before. Raises SettingsError before the first step, and
    NumericalError before the update that a non-finite loss would have made.

    Among several ranks each calls this with the same data and settings; only rank 0 logs, shows
    progress and writes the checkpoint, and an error of the numbers is raised on all.
    """
    _check_sizes(train, valid, settings)
    _check_free_nats(objective, vae)
    _check_codes(objective, settings)
    _check_spread(vae, settings)
    _check_lengths(objective, train)
    _check_ranks(vae, objective, ranks)
    device = ranks.device(choose_device(settings.device))
    with _placed(vae, device), _arithmetic(settings, ranks), ranks.normalised_together(vae):
        loop = _Loop(vae, train.to(device), valid.to(device), objective, settings, device, ranks)
        if checkpoint and (state := ranks.from_first(checkpoint.load)):
            loop.restore(state)
        with Progress(settings.epochs, shown=progress and ranks.first) as shown:
            while not loop.done:
                row = loop.epoch()
                shown.show(row)
                if log and ranks.first:
                    with loop.scored_weights():
                        log(int(row["step"]), row)
                if checkpoint:
                    _save(checkpoint, loop.state(), ranks)
        return loop.finish()


def _save(checkpoint: Checkpoint, state: State, ranks: Ranks) -> None:
    if ranks.first:
        checkpoint.save(state)


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA where torch finds it."""
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise SettingsError(
            f"train.device: cuda was asked for, but torch {torch.__version__} finds no CUDA "
            "device here. Set it to auto or cpu."
        )
    return torch.device("cuda" if found and name != "cpu" else "cpu")


def settled(row: Row, examples: int, objective: objectives.Settings, settings: Settings) -> bool:
    """Whether the ELBO at the end of this epoch compares with that of later ones.

    It does after the pretraining and the last warm-up; where a rate is to be held, while it is.
    """
    if row["epoch"] <= settings.pretrain_epochs:
        return False
    now = moment(int(row["step"]), examples, settings)
    risen = objectives.settled(now.step, now.steps, objective)
    return risen and objectives.rate_is_held(row["valid_rate_nats"], objective)


class _Loop:
    """One training between two epochs: all that a checkpoint must hold, and how to go on."""

    def __init__(
        self,
        vae: VAE,
        train: Examples,
        valid: Examples,
        objective: objectives.Settings,
        settings: Settings,
        device: torch.device,
        ranks: Ranks,
    ) -> None:
        self.vae = vae
        self.train = train
        self.valid = ranks.portion(valid.frozen(settings.seed))
        self.valid_examples = len(valid)
        self.objective = objective
        self.settings = settings
        self.device = device
        self.ranks = ranks
        self.optimizer = _optimizer(vae, settings)
        self.order = torch.Generator().manual_seed(settings.seed)
        noise_seed = int(torch.randint(2**62, (), generator=self.order))
        self.noise = torch.Generator(device).manual_seed(noise_seed + ranks.rank)
        self.costs = Costs(vae, objective, len(train), ranks, self.noise, self._precision)
        self.first = _copied(vae) if settings.pretrain_epochs else {}
        self.average = Average(vae, settings.average) if settings.average else None
        self.log_multiplier = torch.tensor(math.log(objective.beta or 1.0), device=device)
        self.lead = Lead(settings.encoder_updates)
        self.step = 0
        self.history: list[Row] = []
        self.best_epoch = 0  # 0 until the objective has settled
        self.best_weights: dict[str, Tensor] = {}
        self.seconds = 0.0

    @property
    def moment(self) -> Moment:
        """Of the update that is made next."""
        return moment(self.step, len(self.train), self.settings)

    @property
    def done(self) -> bool:
        epoch, patience = len(self.history), self.settings.patience
        patience_is_over = patience and self.best_epoch and epoch - self.best_epoch >= patience
        return epoch == self.settings.epochs or bool(patience_is_over)

    def epoch(self) -> Row:
        """Train on every example once, then score the validation split."""
        started = time.perf_counter()
        if 0 < self.settings.pretrain_epochs == len(self.history):
            self._start_the_decoder_anew()
        rate_nats, distortion_nats = self._train_once()
        with self.scored_weights():
            row: Row = {
                "epoch": len(self.history) + 1,
                "step": self.step,
                "beta": self._beta(self.step - 1),
                **_named("train", rate_nats, distortion_nats),
                **_named("valid", *self._score()),
            }
            self._keep(row)
        if self.lead.updates and len(self.history) > self.settings.pretrain_epochs:
            self._look_at_the_lead()
        self.seconds += time.perf_counter() - started
        return row

    def scored_weights(self) -> AbstractContextManager[object]:
        """In which the model holds the weights that the row tells of: averaged ones, if any."""
        return self.average.in_place() if self.average else nullcontext()

    def finish(self) -> Fit:
        """Put the best weights in place."""
        self.vae.load_state_dict(self.best_weights)
        examples = len(self.train) * len(self.history)
        return Fit(
            history=self.history,
            best_epoch=self.best_epoch,
            seconds=self.seconds,
            examples_per_second=examples / self.seconds,
        )

    def state(self) -> State:
        """The same on every rank; each must ask for it."""
        return {
            "weights": self.vae.state_dict(),
            "best_weights": self.best_weights,
            "best_epoch": self.best_epoch,
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.get_state(),
            "noise": self.ranks.each(self.noise.get_state()),
            "step": self.step,
            "history": self.history,
            "seconds": self.seconds,
            "average": self.average.state() if self.average else {},
            "log_multiplier": self.log_multiplier,
            "lead": self.lead.state(),
        }

    def restore(self, state: State) -> None:
        self.vae.load_state_dict(state["weights"])
        self.best_weights = state["best_weights"]
        self.best_epoch = state["best_epoch"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        self.noise.set_state(state["noise"][self.ranks.rank])
        self.step = state["step"]
        self.history = state["history"]
        self.seconds = state["seconds"]
        if self.average:
            self.average.restore(state["average"])
        self.log_multiplier = state["log_multiplier"].to(self.device)
        self.lead.restore(state["lead"])

    def _train_once(self) -> tuple[float, float]:
        """Rate and distortion in nats, means over the examples as each was met."""
        self.vae.train()
        guard = _Guard(self.optimizer, self.device)
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        batches = self.train.passes(self.settings.batch_size, self.order)
        for start in range(0, len(batches), _STEPS_BETWEEN_LOOKS):
            window = batches[start : start + _STEPS_BETWEEN_LOOKS]
            terms = [self._update(rows, batches, guard) for rows in window]
            self._stop_where_refused(guard)
            sums += _sums(terms)
        rate_nats, distortion_nats = (sums / len(self.train)).tolist()
        return rate_nats, distortion_nats

    def _batch(self, rows: Tensor) -> Batch:
        return self.train.batch(self.ranks.share(rows), self.noise)

    def _update(self, rows: Tensor, batches: Sequence[Tensor], guard: "_Guard") -> elbo.Terms:
        """One step of the training, on `rows`; those of the encoder ahead are on other batches."""
        encoder, rest = _parted(self.vae) if self._encoder_ahead else (None, None)
        for _ in range(self._encoder_ahead):
            drawn = int(torch.randint(len(batches), (), generator=self.order))
            self._descend(self._batch(batches[drawn]), guard, encoder)
        terms = self._descend(self._batch(rows), guard, rest)
        self._follow_the_rate(terms)
        if self.average:
            self.average.add()
        self.step += 1
        return terms

    def _descend(
        self, batch: Batch, guard: "_Guard", parameters: list[nn.Parameter] | None
    ) -> elbo.Terms:
        """One step of the optimizer, of those parameters (None: of all).

        The guard makes it harmless where the loss is not finite.
        """
        now = self.moment
        cost = self.costs.of(batch, now, self._multiplier())
        self.optimizer.zero_grad()
        cost.loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]
        self.ranks.add_gradients(self.vae)
        watched = cost.loss.detach()
        if self.settings.clip_norm is not None:
            watched = watched + nn.utils.clip_grad_norm_(
                self.vae.parameters(), self.settings.clip_norm
            )
        guard.watch(watched)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(now.step, now.steps, self.settings)
        self.optimizer.step()
        return elbo.Terms(cost.terms.rate_BZ.detach(), cost.terms.distortion_B.detach())

    @property
    def _encoder_ahead(self) -> int:
        return 0 if self.moment.pretraining else self.lead.updates

    def _multiplier(self) -> Tensor | None:
        """The weight of the rate where a rate is held."""
        held = self.objective.rate_nats is not None and not self.moment.pretraining
        return self.log_multiplier.exp() if held else None

    def _follow_the_rate(self, terms: elbo.Terms) -> None:
        if self.objective.rate_nats is not None and not self.moment.pretraining:
            self.log_multiplier = objectives.next_log_multiplier(
                self.log_multiplier, terms.rate_B.mean(), self.objective
            )

    def _beta(self, step: int) -> float:
        """The weight of the rate in the update `step`; a multiplier's is the present one."""
        now = moment(step, len(self.train), self.settings)
        if now.pretraining:
            return 0.0
        if self.objective.rate_nats is not None:
            return float(self.log_multiplier.exp())
        return objectives.beta_at(now.step, now.steps, self.objective)

    def _start_the_decoder_anew(self) -> None:
        """What follows the pretraining inherits the encoder alone (Li et al. 2019)."""
        anew = {name: it for name, it in self.first.items() if not name.startswith("encoder.")}
        self.vae.load_state_dict(anew, strict=False)
        self.optimizer = _optimizer(self.vae, self.settings)
        if self.settings.average:
            self.average = Average(self.vae, self.settings.average)

    def _look_at_the_lead(self) -> None:
        """On the same noise after each epoch."""
        noise = torch.Generator(self.device).manual_seed(self.settings.seed + self.ranks.rank)
        own = information_nats(
            self.vae, self.valid, self.valid_examples, self.settings.batch_size, noise
        )
        total = self.ranks.sum(torch.tensor(own, dtype=torch.float64, device=self.device))
        self.lead.look(float(total) / self.valid_examples)

    def _precision(self) -> AbstractContextManager[object]:
        """Of the networks in training; they give the parameters of distributions in float32."""
        if self.settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    @torch.no_grad()
    def _score(self) -> tuple[float, float]:
        """Rate and distortion in nats of the whole validation split, with the same noise always."""
        self.vae.eval()
        noise = torch.Generator(self.device).manual_seed(self.settings.seed + self.ranks.rank)
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        for batch in in_batches(self.valid, self.settings.batch_size):
            output = self.vae(batch.input, noise)
            sums += _sums([elbo.terms(output.rate_BZ, output.likelihood, batch.target)])
        rate_nats, distortion_nats = (self.ranks.sum(sums) / self.valid_examples).tolist()
        return rate_nats, distortion_nats

    def _keep(self, row: Row) -> None:
        """Add the row to the history, and the weights to the best where they are."""
        elbo_nats = row["valid_elbo_nats"]
        if not math.isfinite(elbo_nats):
            raise NumericalError(
                f"The validation ELBO is {elbo_nats} after epoch {row['epoch']}. "
                + _next_thing_to_try(self.settings)
            )
        self.history.append(row)
        last = row["epoch"] == self.settings.epochs and not self.best_epoch
        if not last and not settled(row, len(self.train), self.objective, self.settings):
            return
        if not self.best_epoch or elbo_nats > self.history[self.best_epoch - 1]["valid_elbo_nats"]:
            self.best_epoch = len(self.history)
            self.best_weights = _copied(self.vae)

    def _stop_where_refused(self, guard: "_Guard") -> None:
        if refused := guard.refused():
            step = self.step - math.ceil(refused / (1 + self._encoder_ahead))
            raise NumericalError(
                f"The loss stopped being finite at step {step + 1} (beta {self._beta(step):.3g}); "
                "that update "
                "was not made. " + _next_thing_to_try(self.settings)
            )


class _Guard:
    """Refuses every update from the first value on that is not finite, without waiting for it.

    The fused optimizers skip an update on the device where `found_inf` is 1: the way in which
    torch's own GradScaler does it.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
        self._poison = torch.zeros((), device=device)  # NaN from that value on
        self._refusing = torch.zeros((), device=device)
        self._values: list[Tensor] = []
        optimizer.found_inf = self._refusing  # type: ignore[attr-defined]

    def watch(self, value: Tensor) -> None:
        """For each update: 0 x is 0 for a finite x and NaN for every other."""
        self._values.append(value)
        self._poison.add_(value, alpha=0)
        torch.ne(self._poison, 0, out=self._refusing)

    def refused(self) -> int:
        """How many of the updates since the last look were refused; waits for the device."""
        fine = torch.stack(self._values).isfinite()
        self._values.clear()
        return len(fine) - int(fine.cumprod(0).sum())


def _parted(vae: VAE) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The parameters of the encoder, and those that are not also its."""
    encoder = list(vae.encoder.parameters())
    own = set(map(id, encoder))
    return encoder, [each for each in vae.parameters() if id(each) not in own]


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def _sums(terms: Sequence[elbo.Terms]) -> Tensor:
    """Rate and distortion in nats, summed over all examples; float64 [2]."""
    rates = torch.cat([each.rate_BZ for each in terms])
    distortions = torch.cat([each.distortion_B for each in terms])
    return torch.stack([rates.sum(dtype=torch.float64), distortions.sum(dtype=torch.float64)])


def _optimizer(vae: VAE, settings: Settings) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            vae.parameters(), lr=rate, momentum=0.9, weight_decay=decay, fused=True
        )
    return torch.optim.AdamW(vae.parameters(), lr=rate, weight_decay=decay, fused=True)


def _named(split: str, rate_nats: float, distortion_nats: float) -> Row:
    return {
        f"{split}_rate_nats": rate_nats,
        f"{split}_distortion_nats": distortion_nats,
        f"{split}_elbo_nats": -(rate_nats + distortion_nats),
    }


def _check_sizes(train: Examples, valid: Examples, settings: Settings) -> None:
    if settings.batch_size > len(train):
        raise SettingsError(
            f"train.batch_size is {settings.batch_size}, more than the {len(train)} training "
            f"examples. Set it to {len(train)} or less."
        )
    if not len(valid):
        raise SettingsError(
            "The validation split is empty, so no epoch could be called the best. "
            "Raise data.valid_fraction."
        )


def _check_codes(objective: objectives.Settings, settings: Settings) -> None:
    if objectives.needs_codes(objective) and settings.batch_size == 1:
        raise SettingsError(
            "objective weighs the parts of the rate unlike, which are estimated from the other "
            "examples of a batch, but train.batch_size is 1. Raise it, say to 128, or set "
            "mutual_information, total_correlation and dimension_wise to 1."
        )


def _check_spread(vae: VAE, settings: Settings) -> None:
    if settings.batch_size == 1 and _normalises(vae):
        raise SettingsError(
            "train.batch_size is 1, of which BatchNorm (model.mean_scale, or decoder topics) "
            "learns no spread. Raise it, say to 128."
        )


def _check_ranks(vae: VAE, objective: objectives.Settings, ranks: Ranks) -> None:
    if ranks.number > 1 and objective.samples > 1 and _normalises(vae.decoder):
        raise SettingsError(
            f"objective.samples is {objective.samples}, but the BatchNorm of decoder topics is not "
            "shared among processes for more than one. Set it to 1, or train by one process."
        )


def _normalises(network: nn.Module) -> bool:
    return any(isinstance(module, nn.BatchNorm1d) for module in network.modules())


def _check_free_nats(objective: objectives.Settings, vae: VAE) -> None:
    if objective.free_nats > 0 and isinstance(vae.prior, Mixture):
        raise SettingsError(
            f"objective.free_nats {objective.free_nats:g} is free in each latent dimension, but "
            "the rate to a mixture has none. Set it to 0, or model.prior to normal."
        )


def _check_lengths(objective: objectives.Settings, train: Examples) -> None:
    if objective.length_power > 0 and isinstance(train, Images):
        raise SettingsError(
            f"objective.length_power {objective.length_power:g} weighs documents by their words, "
            "but the examples are images. Set it to 0."
        )


def _next_thing_to_try(settings: Settings) -> str:
    clip = "" if settings.clip_norm else ", or clip_norm: 1.0"
    return f"Try a learning_rate below {settings.learning_rate:g}{clip}."


@contextmanager
def _placed(vae: VAE, device: torch.device) -> Iterator[None]:
    """Have the model on `device`, then back where it was, in the mode in which it was."""
    home, training = next(vae.parameters()).device, vae.training
    try:
        vae.to(device)
        yield
    finally:
        vae.to(home).train(training)


@contextmanager
def _arithmetic(settings: Settings, ranks: Ranks) -> Iterator[None]:
    """Torch's threads and precision as the settings say, then as they were."""
    precision, threads = torch.get_float32_matmul_precision(), torch.get_num_threads()
    torch.set_float32_matmul_precision(settings.matmul_precision)
    torch.set_num_threads(ranks.threads(settings.threads))
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.set_num_threads(threads)
