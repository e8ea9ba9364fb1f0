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
    (
        "explorer/map.js",
        'addEventListener("keydown", (event) => this.dismiss(event));',
        'frame.addEventListener("keydown", (event) => this.dismiss(event));',
        _PAGE + "test_escape_dismisses_the_tip_wherever_the_focus_is",
    ),
    (
        "explorer/map.js",
        "    if (this.isHeld(event)) return;\n",
        "",
        _PAGE + "test_the_pointer_can_go_onto_the_tip_without_losing_it[560]",
    ),
    (
        "explorer/map.js",
        "if (byKeys === this.byKeys) this.point",
        "this.point",
        _PAGE + "test_the_tip_stays_till_what_brought_it_is_gone",
    ),
    (
        "explorer/panel.js",
        "if (held) this.answer.focus();",
        "",
        _PAGE + "test_the_focus_goes_to_the_answer_after_a_neighbour_and_stays_on_the_map",
    ),
    (
        "explorer/app.js",
        "clamp(value, ...ranges[z])",
        "value",
        _PAGE + "test_the_address_moves_no_unit_out_of_its_slider[-77]",
    ),
    (
        "explorer/app.js",
        "units.includes(z) && value",
        "value",
        _PAGE + "test_the_address_moves_no_unit_that_has_no_slider",
    ),
    (
        "explorer/payload.py",
        "gzip.compress(saved, mtime=0)",
        "gzip.compress(saved, mtime=__import__('time').time_ns() % 2**31)",
        _FILE + "test_registering_again_logs_no_second_page",
    ),
    (
        "explorer/payload.py",
        "if len(_with_terms(live, 0.0).packed()) > most_bytes:",
        "if not live.tensors:",
        _PAGE + "test_a_model_that_has_no_room_in_the_page_is_shown_and_not_run",
    ),
    (
        "explorer/panel.js",
        "model.facts.live ? null : this.imageOf(row)",
        "null",
        _PAGE + "test_a_model_that_the_page_does_not_run_has_its_map_and_says_so[conv]",
    ),
]
