"""Bugs of the scores of disentanglement and of what is made of them; see tools/break.py."""

_SCORES = "tests/test_disentanglement.py::"
_MEANING = "tests/test_meaning.py::"

BREAKS = [
    (
        "metrics/disentanglement.py",
        "return importance_FU[:, place_Z], float",
        "return importance_FU[:, place_Z] * (np.arange(len(place_Z)) < len(times_U)), float",
        _SCORES + "test_a_duplicated_code_is_disentangled_and_half_as_complete",
    ),
    (
        "metrics/disentanglement.py",
        "squares_FZ = np.square(information_FZ[:, information_FZ.max(axis=0) > 0])",
        "squares_FZ = np.square(information_FZ[:, information_FZ.max(axis=0) >= 0] + 1e-12)",
        _SCORES + "test_modularity_of_a_known_table",
    ),
    (
        "metrics/disentanglement.py",
        "return np.where(np.ptp(code_NZ, axis=0) > 0, code_NZ.var(axis=0), 0)",
        "return code_NZ.var(axis=0)",
        _SCORES + "test_a_constant_code_tells_nothing",
    ),
    (
        "metrics/disentanglement.py",
        "found = sum(map(_entropy, parts)) - _entropy(counts_BK.ravel())",
        "found = _entropy(counts_BK.sum(axis=0)) - _entropy(counts_BK.ravel())",
        _SCORES + "test_mutual_information_is_that_of_scikit_learn",
    ),
    (
        "applications/meaning.py",
        "scored = self.known.scored",
        "scored = list(range(len(self.known.names)))",
        _MEANING + "TestMeasure::test_a_factor_that_another_says_changes_no_score",
    ),
    (
        "applications/meaning.py",
        "mean_NZ = portion.encode(vae, subject.valid.examples)",
        "mean_NZ = portion.encode(vae, subject.test.examples)",
        _MEANING + "TestMeasure::test_ends_are_those_of_validation_codes",
    ),
    (
        "metrics/over_seeds.py",
        "each = 1 - (1 - confidence) / max(1, len(ours))",
        "each = confidence",
        _MEANING + "TestOverSeeds::test_gains_are_paired_and_hold_together",
    ),
    (
        "applications/codes.py",
        "mean_NZ.double().numpy() * alive_Z for",
        "mean_NZ.double().numpy() for",
        _MEANING + "TestMeasure::test_dimensions_that_hardly_vary_say_nothing",
    ),
]
