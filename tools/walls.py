#!/usr/bin/env python3
"""Checks the walls of the house: which room may include which (docs/design.md, "The way through").

Prints every include that crosses a wall and exits 1 if there is one.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

RUNTIME_BASICS = {"runtime/base", "runtime/layout", "runtime/recipe"}
# Room -> rooms it may include besides itself. Longest prefix wins.
ALLOWED = {
    "runtime/base": set(),
    "runtime/layout": {"runtime/base"},
    "runtime/recipe": {"runtime/base"},
    "runtime/io": {"runtime/base"},
    "runtime/device": {"runtime/base", "runtime/io"},
    "runtime/codec": {"runtime/base"},
    "runtime/plan": {"runtime/base", "runtime/layout", "runtime/recipe"},
    "runtime/format": {"runtime/base", "runtime/layout", "runtime/io", "runtime/plan", "runtime/codec"},
    "runtime/comm": {"runtime/base", "runtime/device"},
    "runtime/exec": {"runtime/base", "runtime/layout", "runtime/recipe", "runtime/plan", "runtime/io",
                     "runtime/device", "runtime/codec", "runtime/comm"},
    "runtime/capi": {"runtime/base", "runtime/codec", "runtime/layout", "runtime/recipe", "runtime/exec", "runtime/format",
                     "runtime/plan", "runtime/io"},
    "lang/ast": set(),
    "lang/ucl": {"lang/ast", "runtime/base"},
    "lang/python": {"lang/ast"},
    "lang/import": {"lang/ast", "dialect", "runtime/base", "runtime/layout"},
    "dialect": RUNTIME_BASICS,
    "compiler": {"dialect", "runtime/base", "runtime/layout", "runtime/recipe",
                 "runtime/plan", "runtime/format", "runtime/codec", "runtime/io", "runtime/device"},
    "tools": None,  # everything
    "examples": None,
    "test": None,
    "bench": None,
}
# Header families that only some rooms may see.
MLIR_ROOMS = ("dialect", "compiler", "lang/import", "tools", "examples", "test", "bench", "cmake")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def room(path: str) -> str | None:
    best = None
    for name in ALLOWED:
        if path == name or path.startswith(name + "/"):
            if best is None or len(name) > len(best):
                best = name
    return best


def crossings():
    for top in ("runtime", "lang", "dialect", "compiler"):
        for source in sorted((ROOT / top).rglob("*")):
            if source.suffix not in (".h", ".cpp", ".td"):
                continue
            relative = source.relative_to(ROOT).as_posix()
            here = room(relative)
            if here is None:
                yield f"{relative}: a file outside every room"
                continue
            for kind, target in INCLUDE.findall(source.read_text(errors="replace")):
                if target.startswith(("mlir/", "llvm/", "mlir-c/", "llvm-c/")):
                    if not relative.startswith(MLIR_ROOMS):
                        yield f"{relative}: includes {target}, but {here} may not see MLIR or LLVM"
                    continue
                there = room(target)
                if there is None or there == here:
                    continue
                allowed = ALLOWED[here]
                if allowed is not None and there not in allowed:
                    yield f"{relative}: includes {target}, but {here} may not lean on {there}"


def main() -> int:
    found = list(crossings())
    for line in found:
        print(line)
    print(f"walls: {len(found)} crossings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
