"""One-line bugs in what the lossy curve rests on, and the test that each must turn red."""

BREAKS = [
    (
        "applications/quantiser.py",
        "self.low_Z + (cell_NZ + 0.5) * self.step_Z",
        "self.low_Z + cell_NZ * self.step_Z",
        "tests/test_lossy.py::TestQuantiser"
        "::test_a_uniform_variable_is_off_by_a_twelfth_of_the_step_squared",
    ),
    (
        "applications/quantiser.py",
        "np.ptp(train_NZ, axis=0) / spread_Z",
        "np.ptp(train_NZ, axis=0)",
        "tests/test_lossy.py::TestAllocated::test_a_wide_spread_needs_fewer_bits",
    ),
    (
        "applications/decoding.py",
        "@ projection.components_DK.T + mean_D)",
        "@ projection.components_DK.T)",
        "tests/test_lossy.py::TestImages::test_pca_loses_what_that_of_scikit_learn_does",
    ),
    (
        "applications/decoding.py",
        "(1 - weight) * share + weight",
        "share + weight",
        "tests/test_lossy.py::TestTexts::test_the_shares_of_words_are_those_of_linear_regression",
    ),
    (
        "applications/lossy.py",
        "key=lambda place: (scored[place].point.bytes, place)",
        "key=lambda place: (-scored[place].point.bytes, place)",
        "tests/test_lossy.py::TestChoice"
        "::test_is_the_fewest_bytes_at_next_to_no_price_on_validation",
    ),
    (
        "applications/lossy.py",
        "code_NZ.astype(np.float16).astype(np.float32)",
        "code_NZ",
        "tests/test_lossy.py::TestImages::test_half_precision_is_that_of_numpy",
    ),
]
