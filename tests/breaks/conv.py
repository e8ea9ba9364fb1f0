"""One-line bugs in convolutional networks, and the test that each must turn red."""

BREAKS = [
    (
        "networks/conv.py",
        "last.weight.data.mul_(_FIRST_RESIDUE)",
        "last.weight.data.mul_(1 / _FIRST_RESIDUE)",
        "tests/test_conv.py::TestLayers::test_a_deep_network_starts_as_a_shallow_one",
    ),
    (
        "networks/conv.py",
        "doubled[..., :height, :width]",
        "doubled[..., -height:, -width:]",
        "tests/test_conv.py::TestLayers::test_what_is_too_much_of_a_doubled_map_is_cut_at_the_end",
    ),
    (
        "networks/conv.py",
        "return x + residue",
        "return residue",
        "tests/test_conv.py::TestLayers::test_a_block_adds_what_two_activated_convolutions_make",
    ),
    (
        "networks/conv.py",
        "self.maps(_channels_last(started)).flatten(1)",
        "self.maps(_channels_last(started)).movedim(1, -1).flatten(1)",
        "tests/test_conv.py::TestSizes::test_mixtures_keep_their_parts_apart",
    ),
    (
        "networks/conv.py",
        "_channels_last(self.seen(x, generator))",
        "_channels_last(x)",
        "tests/test_conv.py::TestSettings::test_the_twin_reads_damaged_pixels",
    ),
]
