"""Bugs of the lossless coder, and the test that catches each; see tools/break.py."""

BREAKS = [
    (
        "codec/bits_back.py",
        "            number_P = numbers.pop(stack, _normals(mean_BZ, sd_BZ), mean_BZ.size)",
        "            number_P = prior(FINE_BITS).nearest(mean_BZ.reshape(-1) / 2**FINE_BITS)",
        "tests/test_codec.py::test_noise_comes_back",
    ),
    (
        "codec/bits_back.py",
        "bits - _WORD_BITS, side",
        "bits + 9 * _WORD_BITS, side",
        "tests/test_codec.py::test_the_stack_is_never_emptied_by_a_draw",
    ),
    (
        "codec/numbers.py",
        "FLOOR = 2.0**-20",
        "FLOOR = 2.0**-9",
        "tests/test_codec.py::test_the_rate_is_that_of_a_model_whose_evidence_is_known",
    ),
    (
        "codec/pixels.py",
        "(level_P - 0.5) - self.location_KP",
        "level_P - self.location_KP",
        "tests/test_codec.py::test_the_rounded_levels_are_those_of_the_likelihood",
    ),
    (
        "codec/pixels.py",
        "location_KP=_steps(location * top) / STEPS,",
        "location_KP=_flat(location * top),",
        "tests/test_codec.py::test_what_is_near_rounds_to_the_same",
    ),
    (
        "codec/container.py",
        "crc != zlib.crc32(words, zlib.crc32(data[: _HEADER.size]))",
        "False",
        "tests/test_codec.py::test_a_flipped_bit_is_found_wherever_it_is",
    ),
    (
        "inference/coding.py",
        '        "settings": told,\n',
        "",
        "tests/test_compression.py::test_only_the_same_weights_and_settings_read_a_file",
    ),
]
