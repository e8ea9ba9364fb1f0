"""Bugs of seal, trace, reproduce and the git tags; see tools/break.py."""

BREAKS = [
    (
        "registry/commit.py",
        "if path in at.md5 and md5 not in at.md5[path]",
        "if False",
        "tests/test_seal.py::test_source_that_was_changed_and_not_committed_is_named",
    ),
    (
        "registry/commit.py",
        "if (recorded := recorded_md5(at, path)) != {md5}",
        "if md5 not in (recorded := recorded_md5(at, path))",
        "tests/test_seal.py::test_a_lock_of_stages_that_did_not_run_together_is_no_proof",
    ),
    (
        "registry/commit.py",
        "        *settings_differences(at),\n",
        "",
        "tests/test_seal.py::test_a_setting_that_was_changed_since_is_named",
    ),
    (
        "registry/seal.py",
        "if log.settle().sealed(version.number) != tags[COMMIT]:",
        "if version.sealed_commit != tags[COMMIT]:",
        "tests/test_seal.py::test_killed_at_a_write_sealing_again_completes_it",
    ),
    (
        "registry/trace.py",
        "if made_of.key != traced.tags.get",
        "if False and made_of.key != traced.tags.get",
        "tests/test_trace.py::test_a_tag_that_was_changed_breaks_its_link",
    ),
    (
        "registry/trace.py",
        "run.info.lifecycle_stage == LifecycleStage.ACTIVE",
        "True",
        "tests/test_trace.py::test_a_run_that_mlflow_gc_removed_is_absent_and_all_else_holds",
    ),
    (
        "registry/trace.py",
        "if chain.sealed(version.number) != version.sealed_commit:",
        "if False:",
        "tests/test_trace.py::test_another_commit_in_the_tag_is_not_the_one_that_was_proved",
    ),
    (
        "registry/trial.py",
        'best.get("fixed") != fixed or ',
        "",
        "tests/test_trace.py::test_no_other_study_is",
    ),
    (
        "registry/reproduce.py",
        "cpu.startswith(_CUDA) or made.cpu.startswith(_CUDA)",
        "cpu.startswith(_CUDA)",
        "tests/test_reproduce.py::test_a_gpu_adds_in_any_order",
    ),
    (
        "registry/reproduce.py",
        "max(self.absolute, self.relative * abs(recorded))",
        "max(self.absolute, self.relative * recorded)",
        "tests/test_reproduce.py::test_elsewhere_scores_may_differ_by_the_tolerance",
    ),
    (
        "provenance.py",
        '            _git(folder, "worktree", "remove", "--force", str(at))',
        "            pass",
        "tests/test_reproduce.py::test_nothing_is_left_of_what_did_not_end_well",
    ),
    (
        "registry/reproduce.py",
        "                os.killpg(process.pid, sign)\n",
        "",
        "tests/test_reproduce.py::test_ctrl_c_ends_the_stage_and_removes_the_copy",
    ),
    (
        "registry/git_tags.py",
        "last = max(last + 2,",
        "last = max(last,",
        "tests/test_git_tags.py::test_many_moves_within_a_second_are_read_in_their_order",
    ),
]
