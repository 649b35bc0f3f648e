"""A restore of a real DeepSpeed run into memory on throttled storage (`--read-rate`), in the order of a pipeline's
deadlines and in file order: when the weights of all stages are there (the first microbatch can pass), when
everything is (the first update), and what `recast explain` bounds.

    python bench/deadline_bench.py --rate 50MiB
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

from convert_bench import BIN, make_checkpoint

JOB = """source run = deepspeed("{run}") as same
pipeline p {{
  ranks = {ranks}  microbatches = 32  schedule = "1f1b"  cost = (f = 1, b = 2)
  assign {{ "blocks.**", "layers.**" : by_cost(params)   {first} : first   {last} : last }}
}}
target live = memory() as same stages p
restore run -> live {{
  master, exp_avg, exp_avg_sq, step : keep   weight : master | cast(bf16)   frozen, buffer : keep
  objects {{ else : drop }}   {deadline}
}}
"""
RUNS = ("weight", "frozen", "buffer")


def run(*command):
    done = subprocess.run([BIN / "recast", *map(str, command)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", default="50MiB", help="what the storage gives per second")
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make_checkpoint(folder / "run", 3, 2, options.hidden, options.layers)
        names = {t["name"] for t in json.loads(run("inspect", folder / "run", "--json"))["tensors"]}
        ends = sorted(n for n in names if not n.startswith(("blocks.", "layers.")))
        first = [f'"{n}"' for n in ends if "emb" in n or "pos" in n or "frozen" in n]
        last = [f'"{n}"' for n in ends if f'"{n}"' not in first]
        rules = "blocks.**" if any(n.startswith("blocks.") for n in names) else "layers.**"
        plans = {}
        for order, deadline in (("deadline", "deadline p"), ("file", "")):
            text = JOB.format(run=folder / "run", ranks=options.ranks, first=", ".join(first), last=", ".join(last),
                              deadline=deadline).replace('"blocks.**", "layers.**"', f'"{rules}"')
            (folder / f"{order}.ucl").write_text(text)
            plans[order] = folder / f"{order}.rplan"
            run("plan", folder / f"{order}.ucl", "-o", plans[order])
        due = json.loads(run("explain", plans["deadline"], "--json"))["deadlines"]
        weights = sum(d["bytes"] for d in due if set(d["roles"]) & set(RUNS))
        print(f"read: {weights / 1e6:.0f} MB for what runs, {sum(d['bytes'] for d in due) / 1e6:.0f} MB in all; {options.rate}/s")
        times = {order: ([], []) for order in plans}
        for _ in range(options.rounds):
            for order, plan in plans.items():
                lines = run("run", plan, "--events", "-", "--read-rate", options.rate).splitlines()
                ready = [e for e in map(json.loads, lines) if e["event"] == "ready"]
                times[order][0].append(max(e["seconds"] for e in ready if e["role"] in RUNS))
                times[order][1].append(max(e["seconds"] for e in ready))
        for order, (microbatch, update) in times.items():
            print(f"{order:<9} weights of all stages {statistics.median(microbatch):6.2f} s   everything {statistics.median(update):6.2f} s")
        print("\n".join(line for line in run("explain", plans["deadline"]).splitlines() if "T_first" in line and "one source" in line))


if __name__ == "__main__":
    main()
