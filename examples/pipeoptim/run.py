#!/usr/bin/env python3
"""Runs the study of docs/pipeoptim.md: every method in every cell, over all learning rates and seeds.

  python examples/pipeoptim/run.py --all -o DIR           everything; about an hour of one core
  python examples/pipeoptim/run.py --cells mlp/sgdm/4,mlp/adam/8 --methods sync,2bw -o DIR

Results are appended to DIR/results.jsonl, one line per method and cell; what is there is not run
again, so an interrupted study goes on where it was. When all is done, DIR/report holds the tables and
plots of what is complete (report.py makes them anew at any time). The schedules come from
`recast pipe export` (RECAST_BIN, or build/bin), or from files with --schedules."""
import argparse
import concurrent.futures
import dataclasses
import json
import multiprocessing
import pathlib
import sys

import torch

import judge
import matrix
import methods
import report
import schedules
import tasks
import training


# What the decision rule and most plots need is run first, in all cells.
FIRST = ("sync", *judge.NEEDED, "pipeoptim-code")


def work(cell, name, folder):
    training.deterministic()
    return training.train(cell.model, cell.optimizer, cell.depth, name, cell.rates, matrix.SEEDS, matrix.LISTS, folder)


def wanted(arguments):
    cells = matrix.CELLS if arguments.all else [matrix.cell(c) for c in arguments.cells.split(",") if c]
    names = list(methods.METHODS) if arguments.all or not arguments.methods else arguments.methods.split(",")
    for name in names:
        if name not in methods.METHODS:
            raise ValueError(f"no method '{name}'; there are {', '.join(methods.METHODS)}")
    todo = [(c, n) for c in cells for n in names if methods.METHODS[n].only in ("", c.optimizer)]
    return sorted(todo, key=lambda item: 0 if item[1] in FIRST else names.index(item[1]))


def is_result(line, cell, name, folder):
    """Whether a line is what running would give; not if the schedule, the rates or the length changed."""
    if (line["model"], line["optimizer"], line["depth"], line["method"]) != (*dataclasses.astuple(cell), name):
        return False
    schedule = methods.schedule_of(name, cell.depth, tasks.task(cell.model).updates_per_list, folder)
    return (line["schedule"], line["rates"], line["seeds"], line["lists"], line["torch"]) == \
        (methods.digest(schedule), list(cell.rates), list(matrix.SEEDS), matrix.LISTS, torch.__version__)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every method in every cell")
    parser.add_argument("--cells", default="", help="MODEL/OPTIMIZER/DEPTH, separated by commas")
    parser.add_argument("--methods", default="", help="separated by commas; default: all")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with one thread; default 1")
    parser.add_argument("--schedules", help="folder with KIND_pD_mM.json in place of `recast pipe export`")
    parser.add_argument("-o", "--output", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        todo = wanted(arguments)
    except ValueError as error:
        parser.error(str(error))
    if not todo:
        parser.error("nothing to run: give --all or --cells")
    arguments.output.mkdir(parents=True, exist_ok=True)
    results = arguments.output / "results.jsonl"
    done = report.read(results)
    try:
        todo = [(c, n) for c, n in todo if not any(is_result(r, c, n, arguments.schedules) for r in done)]
    except (schedules.ScheduleError, OSError) as error:
        sys.exit(str(error))

    # Fresh processes: threads of a parent that has run PyTorch do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool, open(results, "a") as log:
        running = {pool.submit(work, c, n, arguments.schedules): (c, n) for c, n in todo}
        for count, future in enumerate(concurrent.futures.as_completed(running), 1):
            cell, name = running[future]
            try:
                result = future.result()
            except (schedules.ScheduleError, RuntimeError, OSError) as error:
                pool.shutdown(cancel_futures=True)
                sys.exit(f"{cell} {name}: {error}")
            log.write(json.dumps(result) + "\n")
            log.flush()
            print(f"[{count}/{len(todo)}] {cell} {name}  {result['seconds']} s", flush=True)
    report.write(results, arguments.output / "report")


if __name__ == "__main__":
    main()
