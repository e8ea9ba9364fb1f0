"""One-line bugs in the explorer's page, and the test that catches each."""

_PAGE = "tests/test_explorer_page.py::"
_FILE = "tests/test_explorer.py::"

BREAKS = [
    (
        "explorer/model.js",
        "const said = read.reduce(",
        "const said = 0 * read.reduce(",
        _PAGE
        + "test_whatever_the_settings_the_page_computes_what_torch_does[evidence and lengths]",
    ),
    (
        "explorer/model.js",
        "const unknown = found.length + coupled.length - known;",
        "const unknown = 0;",
        _PAGE + "test_unknown_words_are_counted_and_make_a_text_stranger",
    ),
    (
        "explorer/terms.js",
        "this.casefold.get(character) ?? character.toLowerCase()",
        "character.toLowerCase()",
        _PAGE + "test_every_character_is_read_as_python_reads_it",
    ),
    (
        "explorer/dom.js",
        "  made.append(...children.filter((child) => child !== null && child !== undefined));",
        "  for (const child of children) {\n"
        "    if (typeof child === 'string') made.innerHTML += child;\n"
        "    else if (child) made.append(child);\n  }",
        _PAGE + "test_hostile_texts_are_texts",
    ),
    (
        "explorer/weights.py",
        "matters_V = frequency_V * np.linalg.norm(scaled, axis=1)",
        "matters_V = -frequency_V * np.linalg.norm(scaled, axis=1)",
        _FILE + "test_the_terms_that_matter_most_are_left",
    ),
    (
        "explorer/rows.py",
        'artifacts.tensors_path("valid")',
        'artifacts.tensors_path("test")',
        _FILE + "test_a_version_has_its_page_and_the_command_finds_it",
    ),
    (
        "explorer/page.py",
        "hashlib.sha256(text.encode())",
        "hashlib.sha256(text.strip().encode())",
        _FILE + "test_the_policy_allows_the_script_of_the_page_and_no_other",
    ),
]
