"""Bugs of what keeps a latent in use, and of the training around it; see tools/break.py."""

_CURES = "tests/test_cures.py"
_OBJECTIVES = "tests/test_objectives.py"

BREAKS = [
    (
        "training/average.py",
        "share = (1 - self._kept) / (1 - self._kept**self._steps)",
        "share = 1 - self._kept",
        f"{_CURES}::test_the_average_is_the_weighted_mean_of_the_weights_of_every_step",
    ),
    (
        "training/loop.py",
        "self.vae.load_state_dict(anew, strict=False)",
        "self.vae.decoder.train()",
        f"{_CURES}::test_pretraining_keeps_the_encoder_and_resets_the_decoder",
    ),
    (
        "training/loop.py",
        "return risen and objectives.rate_is_held(",
        "return risen or objectives.rate_is_held(",
        f"{_CURES}::test_epochs_whose_rate_is_not_held_do_not_count",
    ),
    (
        "training/loop.py",
        'self.log_multiplier = state["log_multiplier"].to(self.device)',
        'state["log_multiplier"].to(self.device)',
        f"{_CURES}::test_a_training_goes_on_where_the_last_whole_epoch_ended[multiplier]",
    ),
    (
        "training/loop.py",
        "self._descend(self._batch(batches[drawn]), guard, encoder)",
        "self._descend(self._batch(batches[drawn]), guard, None)",
        f"{_CURES}::test_the_encoder_is_ahead_by_so_many_updates_and_the_decoder_moves_once",
    ),
    (
        "training/cost.py",
        "words = target if target.is_floating_point() else target != PAD",
        "words = target",
        f"{_CURES}::test_the_length_of_a_document_is_its_number_of_words",
    ),
    (
        "objectives.py",
        "excess = (rate_nats / settings.rate_nats - 1)",
        "excess = (1 - rate_nats / settings.rate_nats)",
        f"{_OBJECTIVES}::test_the_multiplier_rises_while_the_rate_is_too_high",
    ),
    (
        "objectives.py",
        "return math.log(len(log_weight_KB)) - log_weight_KB.logsumexp(0)",
        "return -log_weight_KB.mean(0)",
        f"{_OBJECTIVES}::test_the_bound_rises_with_the_samples_from_the_elbo_to_the_evidence",
    ),
]
