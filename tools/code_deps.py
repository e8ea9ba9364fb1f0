"""Hold the code deps and params of every DVC stage to what its script imports and reads.

DVC does not follow Python imports. Here an import edge is a cache edge: `deps` under src/ are the
import closure of `latentops.stages.<script>` and `params` the fields of its `Settings`. Tracking
is the one observer: no output depends on it, so neither it nor what only it reaches is a dep.

    python tools/code_deps.py            rewrite dvc.yaml and tune/dvc.yaml, comments kept
    python tools/code_deps.py --check    print what would change; exit status 1 if anything would
"""

import argparse
import difflib
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import grimp
import ruamel.yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCE = Path("src")
PIPELINES = (Path("dvc.yaml"), Path("tune/dvc.yaml"))
OBSERVER = "latentops.tracking"


def code_deps(graph: grimp.ImportGraph, script: str) -> list[str]:
    """Files under src/ whose text can change what the module `script` does."""
    closure = {script, *graph.find_upstream_modules(script)}
    return sorted(_file(module).as_posix() for module in _with_parents(graph, closure))


def observed_graph() -> grimp.ImportGraph:
    """Imports within the package, function-level and type-checking ones too, without the observer."""
    graph = grimp.build_graph("latentops", cache_dir=None)
    for module in sorted(graph.modules):
        if module == OBSERVER or module.startswith(OBSERVER + "."):
            graph.remove_module(module)
    return graph


def _with_parents(graph: grimp.ImportGraph, modules: set[str]) -> set[str]:
    """Importing a.b runs a/__init__.py first, and whatever that imports."""
    parents = {
        ".".join(module.split(".")[:depth])
        for module in modules
        for depth in range(1, module.count(".") + 1)
    }
    if parents <= modules:
        return modules
    reached = {below for parent in parents for below in graph.find_upstream_modules(parent)}
    return _with_parents(graph, modules | parents | reached)


def _file(module: str) -> Path:
    stem = SOURCE.joinpath(*module.split("."))
    return stem / "__init__.py" if (ROOT / stem).is_dir() else stem.with_suffix(".py")


def params(script: str) -> list[str]:
    """The sections of params.yaml that the module `script` reads."""
    return list(importlib.import_module(script).Settings.model_fields)


def rewritten(text: str, graph: grimp.ImportGraph) -> str:
    """The text of a dvc.yaml with its code deps and params as they should be."""
    stages = ruamel.yaml.YAML().load(text)["stages"]
    lines = text.splitlines(keepends=True)
    for name, stage in reversed(stages.items()):  # from the end, so that line numbers stay true
        found = re.search(r"latentops\.stages\.\w+", str(stage["cmd"]))
        if not found:
            continue
        for key in sorted(("deps", "params"), key=lambda key: -_line(stage, key, name)):
            if key == "deps":
                wanted = code_deps(graph, found[0])
                _replace(lines, stage[key], wanted, lambda entry: entry.startswith("src/"))
            else:
                _replace(lines, stage[key], params(found[0]), lambda entry: True)
    return "".join(lines)


def _line(stage: Any, key: str, name: str) -> int:
    entries = stage.get(key)
    if not entries or entries.fa.flow_style():
        sys.exit(f"error: stage {name!r} needs `{key}:` with one entry a line, any entry.")
    return int(stage.lc.key(key)[0])


def _replace(lines: list[str], entries: Any, wanted: list[str], ours: Any) -> None:
    """Put `wanted` where our entries of the list were; a line that stays keeps its comment."""
    places = {
        entry: entries.lc.item(index)[0]
        for index, entry in enumerate(entries)
        if isinstance(entry, str) and ours(entry)
    }
    first, column = entries.lc.item(0)
    at = min(places.values(), default=_end(entries))
    indent = " " * (column - 2)
    new = [lines[places[e]] if e in places else f"{indent}- {e}\n" for e in wanted]
    removed = set(places.values())
    before = [line for number, line in enumerate(lines[:at]) if number not in removed]
    after = [line for number, line in enumerate(lines[at:], at) if number not in removed]
    lines[:] = before + new + after


def _end(entries: Any) -> int:
    return int(entries.lc.item(len(entries) - 1)[0]) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only print what would change")
    check = parser.parse_args().check
    sys.path.insert(0, str(ROOT / SOURCE))  # this tree, wherever else the package is installed
    graph = observed_graph()
    changed = False
    for pipeline in PIPELINES:
        path = ROOT / pipeline
        old = path.read_text(encoding="utf-8")
        new = rewritten(old, graph)
        changed |= old != new
        names = f"{pipeline} as it is", f"{pipeline} as the imports are"
        print("".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), *names)), end="")
        if not check:
            path.write_text(new, encoding="utf-8")
    if check and changed:
        sys.exit("error: dvc.yaml is not what the imports say. Run `make deps`.")


if __name__ == "__main__":
    main()
