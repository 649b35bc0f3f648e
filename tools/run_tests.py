#!/usr/bin/env python3
"""Runs every test of the project and prints totals: 'N passed, N failed' is the last line.

Unit programs (GoogleTest) run from BUILD/test and, with sanitizers, from BUILD-asan/test; IR tests
through lit, and the tests against real frameworks through pytest. A program that crashes or runs no test counts as one failure.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIT = "/usr/lib/llvm-22/bin/lit"


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, label, passed, failed, skipped, seconds):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        mark = "ok  " if failed == 0 else "FAIL"
        tail = f", {skipped} skipped" if skipped else ""
        print(f"  {mark} {label:<34} {passed:5d} passed, {failed} failed{tail}   {seconds:6.1f} s", flush=True)


def unit_programs(build, names=()):
    programs = [build / "test" / name for name in names] or (build / "test").glob("test_*")
    return [path for path in sorted(programs) if names or (os.access(path, os.X_OK) and not path.is_dir())]


def run_program(program, environment):
    """(passed, failed, skipped, seconds, what it printed) of one GoogleTest program, in a folder of its own."""
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        done = subprocess.run([program, f"--gtest_output=json:{report}"], capture_output=True, text=True,
                              errors="replace", env=environment, cwd=folder,
                              timeout=7200 if "RECAST_EXHAUSTIVE" in environment else 1200)
        passed = failed = skipped = 0
        if report.exists():
            for suite in json.loads(report.read_text())["testsuites"]:
                for case in suite["testsuite"]:
                    if case.get("result") == "SKIPPED":
                        skipped += 1
                    elif case.get("failures"):
                        failed += 1
                    else:
                        passed += 1
        if (done.returncode != 0 and failed == 0) or passed + failed == 0:
            failed += 1
    return passed, failed, skipped, time.time() - start, done.stdout[-6000:] + done.stderr[-3000:]


def run_unit(programs, totals):
    """`programs`: (kind, path, environment) each. As many at once as there are processors; most use one thread."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda entry: run_program(entry[1], entry[2]), programs)
        for (kind, program, _), (passed, failed, skipped, seconds, printed) in zip(programs, results):
            if failed:
                print(printed)
            totals.add(f"{kind} {program.name[5:]}", passed, failed, skipped, seconds)


def run_lit(build, totals):
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        done = subprocess.run([LIT, "-q", "-o", str(report), str(build / "test" / "lit")], capture_output=True, text=True)
        codes = [test["code"] for test in json.loads(report.read_text())["tests"]] if report.exists() else []
    passed = sum(code in ("PASS", "XFAIL") for code in codes)
    skipped = sum(code == "UNSUPPORTED" for code in codes)
    failed = len(codes) - passed - skipped
    if not codes or (done.returncode and not failed):
        failed += 1
    if failed:
        print(done.stdout[-8000:], done.stderr[-4000:])
    totals.add("IR (lit)", passed, failed, skipped, time.time() - start)


def run_pytest(build, totals, python, environment, arguments):
    start = time.time()
    environment = dict(environment, RECAST_BIN=str(build / "bin"), PYTHONDONTWRITEBYTECODE="1")
    # Files side by side: what a file's tests share (a training run, a model) is made once.
    done = subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(os.cpu_count()),
                           "--dist", "loadfile", str(ROOT / "test" / "real"), *arguments],
                          capture_output=True, text=True, env=environment)
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error|errors|skipped)", done.stdout[-400:])}
    failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    passed = counts.get("passed", 0)
    if (done.returncode and not failed) or passed + failed == 0:
        failed += 1
    if failed:
        print(done.stdout[-12000:], done.stderr[-4000:])
    totals.add("real frameworks (pytest)", passed, failed, counts.get("skipped", 0), time.time() - start)


def sanitized(build):
    """The build of `tools/dev test` with RECAST_SANITIZE, beside the other."""
    return build.with_name(build.name + "-asan")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--python", default=sys.executable, help="interpreter with the real frameworks")
    parser.add_argument("--only", choices=["unit", "lit", "real", "asan"], action="append", help="run these kinds only")
    parser.add_argument("--sanitized", default="", help="sanitized programs to run, default: all that are built")
    parser.add_argument("--exhaustive", action="store_true", help="also sweeps over every f32, many minutes")
    parser.add_argument("pytest", nargs="*", help="further arguments for pytest")
    options = parser.parse_args()
    kinds = options.only or ["unit", "asan", "lit", "real"]
    environment = dict(os.environ, **({"RECAST_EXHAUSTIVE": "1"} if options.exhaustive else {}))
    totals = Totals()
    programs = []
    if "unit" in kinds:
        programs += [("unit", path, environment) for path in unit_programs(options.build)]
    if "asan" in kinds:
        named = options.sanitized.split()
        programs += [("asan", path, dict(os.environ)) for path in unit_programs(sanitized(options.build), named)]
    run_unit(programs, totals)
    if "lit" in kinds:
        run_lit(options.build, totals)
    if "real" in kinds:
        run_pytest(options.build, totals, options.python, environment, options.pytest)
    tail = f", {totals.skipped} skipped" if totals.skipped else ""
    print(f"{totals.passed} passed, {totals.failed} failed{tail}")
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main())
