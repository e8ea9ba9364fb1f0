"""Hold the code deps and params of every DVC stage to what its script imports and reads.

DVC does not follow Python imports. Here an import edge is a cache edge: `deps` under src/ are the
import closure of `latentops.stages.<script>` and `params` the fields of its `Settings`, or of a
section that ignores what it does not name the settings of that section. Tracking is the one
observer: no output depends on it, so neither it nor what only it reaches is a dep.

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
    files = {_file(module) for module in _with_parents(graph, closure)}
    return sorted(path.as_posix() for path in files | _shipped(files))


def observed_graph() -> grimp.ImportGraph:
    """Every import within the package, in functions and for types too, without the observer."""
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


def _shipped(files: set[Path]) -> set[Path]:
    """What a package brings beside its code: a page, its styles, its scripts."""
    folders = {path.parent for path in files if path.name == "__init__.py"}
    found = (path for folder in folders for path in (ROOT / folder).iterdir())
    return {path.relative_to(ROOT) for path in found if path.suffix in (".css", ".html", ".js")}


def params(script: str) -> list[str]:
    """The sections of params.yaml that the module `script` reads; of some only a few settings."""
    fields = importlib.import_module(script).Settings.model_fields
    return [name for section, field in fields.items() for name in _read(section, field.annotation)]


def _read(name: str, section: Any) -> list[str]:
    """The section, or where its class ignores other settings only those that it names."""
    if getattr(section, "model_config", {}).get("extra") == "ignore":
        return [f"{name}.{setting}" for setting in section.model_fields]
    return [name]


def rewritten(text: str, graph: grimp.ImportGraph) -> str:
    """The text of a dvc.yaml with its code deps and params as they should be."""
    lines = text.splitlines(keepends=True)
    stages = ruamel.yaml.YAML().load(text)["stages"]
    for name, stage in reversed(
        list(stages.items())
    ):  # from the end, so that line numbers stay true
        if not (found := re.search(r"latentops\.stages\.\w+", str(stage["cmd"]))):
            continue
        if found[0] not in graph.modules:
            sys.exit(f"error: stage {name!r} runs {found[0]}, which does not exist.")
        wanted = {"deps": code_deps(graph, found[0]), "params": params(found[0])}
        for key in sorted(wanted, key=lambda key: _line(stage, key, name), reverse=True):
            _replace(lines, stage[key], wanted[key], "src/" if key == "deps" else "")
    return "".join(lines)


def _line(stage: Any, key: str, name: str) -> int:
    entries = stage.get(key)
    if not entries or entries.fa.flow_style():
        sys.exit(f"error: stage {name!r} needs `{key}:` with one entry a line, any entry.")
    return int(stage.lc.key(key)[0])


def _replace(lines: list[str], entries: Any, wanted: list[str], prefix: str) -> None:
    """Put `wanted` in place of the entries with `prefix`; a line that stays keeps its comment."""
    at = [int(entries.lc.item(index)[0]) for index in range(len(entries))]
    ours = {
        entry: line
        for entry, line in zip(entries, at, strict=True)
        if isinstance(entry, str) and entry.startswith(prefix)
    }
    indent = " " * (entries.lc.item(0)[1] - len("- "))
    new = [lines[ours[entry]] if entry in ours else f"{indent}- {entry}\n" for entry in wanted]
    start = min(ours.values(), default=at[-1] + 1)
    rest = [line for number, line in enumerate(lines[start:], start) if number not in ours.values()]
    lines[start:] = new + rest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only print what would change")
    check = parser.parse_args().check
    sys.path.insert(0, str(ROOT / SOURCE))  # this tree, wherever else the package is installed
    graph = observed_graph()
    changed = [pipeline for pipeline in PIPELINES if _update(pipeline, graph, write=not check)]
    if check and changed:
        sys.exit("error: the code deps above are not what the imports say. Run `make deps`.")


def _update(pipeline: Path, graph: grimp.ImportGraph, write: bool) -> bool:
    """Print what changes in one file, and write it if asked to. Whether anything did."""
    old = (ROOT / pipeline).read_text(encoding="utf-8")
    new = rewritten(old, graph)
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    sys.stdout.writelines(difflib.unified_diff(before, after, f"{pipeline}, now", "derived"))
    if write and old != new:
        (ROOT / pipeline).write_text(new, encoding="utf-8")
    return old != new


if __name__ == "__main__":
    main()
