"""One-line bugs in the report, and the test that catches each."""

BREAKS = [
    (
        "report/html.py",
        "return escape(cell)",
        "return cell",
        "tests/test_report.py::test_text_that_is_code_elsewhere_is_only_text_here",
    ),
    (
        "report/markdown.py",
        "[\\\\`*_\\[\\]|~$#]",
        "[\\\\`*_\\[\\]~$#]",
        "tests/test_report.py::test_markdown_tables_have_as_many_cells_in_each_row_as_in_their_header",
    ),
    (
        "report/finding.py",
        "'gains' if points > 0 else 'loses'",
        "'gains' if points < 0 else 'loses'",
        "tests/test_report.py::test_the_finding_is_honest_about_each_rival",
    ),
    (
        "report/sections.py",
        "    if found.collapse:",
        "    if not found.collapse:",
        "tests/test_report.py::test_synthetic_data_and_a_collapse_are_said_before_any_section",
    ),
    (
        "report/canvas.py",
        '    "text.parse_math": False,  # a label may hold dollar signs\n',
        "",
        "tests/test_pictures.py::test_any_name_can_be_drawn",
    ),
    (
        "report/canvas.py",
        'metadata={"Software": None}',
        "metadata={}",
        "tests/test_pictures.py::test_a_picture_has_the_same_bytes_each_time_whatever_the_matplotlibrc",
    ),
    (
        "report/pictures.py",
        "counts.div(counts.sum(axis=1).clip(lower=1), axis=0)",
        "counts.div(counts.sum(axis=0).clip(lower=1), axis=1)",
        "tests/test_pictures.py::test_a_confusion_matrix_of_any_size_shows_shares_of_the_actual_class",
    ),
]
