#!/usr/bin/env python3
"""Writes docs/dialects/: the reference of our dialects and passes, generated from their .td files.

With --check it writes nothing, shows what is out of date and exits 1 if anything is.
"""
import argparse
import difflib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LLVM = pathlib.Path("/usr/lib/llvm-22")
PAGES = {  # page -> (td file, generator and its options)
    "ckpt.md": ("dialect/Ckpt/Ckpt.td", ["-gen-dialect-doc", "-dialect=ckpt"]),
    "pipe.md": ("dialect/Pipe/Pipe.td", ["-gen-dialect-doc", "-dialect=pipe"]),
    "schedules.md": ("compiler/Pipe/Passes.td", ["-gen-pass-doc"]),
    "plan.md": ("dialect/Plan/Plan.td", ["-gen-dialect-doc", "-dialect=plan"]),
    "transforms.md": ("compiler/Transforms/Passes.td", ["-gen-pass-doc"]),
    "conversion.md": ("compiler/Conversion/Passes.td", ["-gen-pass-doc"]),
}


def page(td: str, generator: list[str]) -> str:
    done = subprocess.run([LLVM / "bin/mlir-tblgen", *generator, "-I", ROOT, "-I", LLVM / "include", ROOT / td],
                          check=True, capture_output=True, text=True)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return "\n".join(lines).strip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    folder = ROOT / "docs/dialects"
    folder.mkdir(exist_ok=True)
    stale = 0
    for name, source in PAGES.items():
        wanted, path = page(*source), folder / name
        known = path.read_text() if path.exists() else ""
        if wanted == known:
            continue
        stale += 1
        if check:
            sys.stdout.writelines(difflib.unified_diff(known.splitlines(True), wanted.splitlines(True),
                                                       f"docs/dialects/{name}", "as generated"))
        else:
            path.write_text(wanted)
            print(f"wrote docs/dialects/{name}")
    if check:
        print(f"dialect reference: {stale} of {len(PAGES)} pages out of date"
              + ("; run tools/dev docs" if stale else ""))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
