"""Bugs of the task classify and of files through a model; see tools/break.py."""

BREAKS = [
    (
        "inference/predictor.py",
        "None if counts is None else counts[start:stop],",
        "None if counts is None else counts[: stop - start],",
        "tests/test_inference.py::test_the_other_rows_change_nothing",
    ),
    (
        "portion.py",
        'if counts is not None and "terms" in needs',
        "if False",
        "tests/test_inference.py::test_the_label_is_that_of_the_linear_map_of_terms_and_means",
    ),
    (
        "portion.py",
        "read(vae, examples) if classifier.needs_encoder else None",
        "read(vae, examples)",
        "tests/test_inference.py::test_a_head_on_terms_alone_asks_nothing_of_the_encoder",
    ),
    (
        "portion.py",
        "build.examples(spec, vocabulary, arrays, model).frozen(seed)",
        "build.examples(spec, vocabulary, arrays, model)",
        "tests/test_portion.py::test_the_rows_in_scope_are_those_of_the_whole",
    ),
    (
        "registry/lineage.py",
        "return _sha256(tensors + json.dumps(facts, sort_keys=True))",
        "return _sha256(json.dumps(facts, sort_keys=True))",
        "tests/test_register.py::test_what_made_the_model_is_its_lineage",
    ),
    (
        "scoring/run.py",
        "return found.take(pyarrow.array(places, pyarrow.int64()))",
        "return found",
        "tests/test_scoring.py::test_every_row_comes_back_with_its_answer",
    ),
    (
        "scoring/readers.py",
        "block := list(islice(remaining, size))",
        "block := list(remaining)",
        "tests/test_scoring.py::test_memory_does_not_grow_with_the_file",
    ),
    (
        "scoring/readers.py",
        'promote_options="permissive"',
        'promote_options="default"',
        "tests/test_scoring.py::test_columns_of_json_lines_may_begin_late_and_widen",
    ),
    (
        "cli/models.py",
        "source, target = source.absolute(), target.absolute()",
        "source, target = source, target",
        "tests/test_cli.py::TestPredict::test_files_are_found_from_where_the_person_is",
    ),
]
