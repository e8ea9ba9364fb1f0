"""Bugs of the training loop and its checkpoint; see tools/break.py."""

BREAKS = [
    (
        "training/loop.py",
        "torch.ne(self._poison, 0, out=self._refusing)",
        "torch.ne(self._poison, 0)",
        "tests/test_training.py::test_a_loss_that_is_not_finite_changes_no_weight",
    ),
    (
        "training/loop.py",
        "self._poison.add_(value, alpha=0)",
        "self._poison = value - value",
        "tests/test_training.py::test_a_loss_that_is_not_finite_changes_no_weight",
    ),
    (
        "training/loop.py",
        "name: value.clone() for name, value in",
        "name: value for name, value in",
        "tests/test_training.py::test_training_stops_when_patience_is_over_and_the_best_weights_come_back",
    ),
    (
        "training/loop.py",
        "if not last and not settled(row, len(self.train), self.objective, self.settings):",
        "if False:",
        "tests/test_training.py::test_epochs_before_the_objective_settles_do_not_count",
    ),
    (
        "training/loop.py",
        'self.noise.set_state(state["noise"][self.ranks.rank])',
        "self.noise.get_state()",
        "tests/test_checkpoint.py::test_a_training_goes_on_where_the_last_whole_epoch_ended",
    ),
    (
        "training/cost.py",
        "output = self.vae(batch.input, self.noise)",
        "output = self.vae(batch.input)",
        "tests/test_training.py::test_the_global_generator_is_neither_used_nor_moved",
    ),
    (
        "training/loop.py",
        "self.vae.eval()\n        noise = torch.Generator(self.device).manual_seed("
        "self.settings.seed + self.ranks.rank)",
        "self.vae.eval()\n        noise = self.noise",
        "tests/test_training.py::test_the_validation_noise_is_the_same_after_every_epoch",
    ),
    (
        "training/checkpoint.py",
        "if fingerprint != self.fingerprint:",
        "if False:",
        "tests/test_checkpoint.py::test_a_state_of_another_experiment_is_left_aside_in_one_line",
    ),
    (
        "training/loop.py",
        "        torch.set_num_threads(threads)",
        "        pass",
        "tests/test_training.py::test_a_log_that_raises_leaves_everything_as_it_was",
    ),
]
