"""A restore of a real DeepSpeed run into memory on throttled storage (`--read-rate`), in the order of a pipeline's
deadlines, of names and of files, side by side: when the first stage can run its first forward, when the weights of
all stages are there (the first microbatch can pass), when the state of the stage that updates first is, and when
everything is. Beside them the bound of a simulation of storage alone: bytes that must be read by then / rate.

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
  objects {{ else : drop }}   deadline p
}}
"""
RUNS = ("weight", "frozen", "buffer")
ORDERS = ("deadlines", "names", "files")


def bytes_of(size):
    for unit, factor in (("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)):
        if size.endswith(unit):
            return float(size.removesuffix(unit)) * factor
    return float(size)


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
        text = JOB.format(run=folder / "run", ranks=options.ranks, first=", ".join(first), last=", ".join(last))
        (folder / "job.ucl").write_text(text.replace('"blocks.**", "layers.**"', f'"{rules}"'))
        plan = folder / "job.rplan"
        run("plan", folder / "job.ucl", "-o", plan)
        due = json.loads(run("explain", plan, "--json"))["deadlines"]
        updates = sorted(d["time"] for d in due if not set(d["roles"]) & set(RUNS))
        # Each moment: the last deadline that must be met for it.
        moments = {"first forward": min(d["time"] for d in due),
                   "first microbatch": max(d["time"] for d in due if set(d["roles"]) & set(RUNS)),
                   "first update": updates[0], "everything": updates[-1]}
        rate = bytes_of(options.rate)
        bound = [sum(d["bytes"] for d in due if d["time"] <= until) / rate for until in moments.values()]
        print(f"read: {bound[1] * rate / 1e6:.0f} MB for what runs, {bound[3] * rate / 1e6:.0f} MB in all; {options.rate}/s")
        times = {order: [] for order in ORDERS}
        for _ in range(options.rounds):
            for order in ORDERS:
                lines = run("run", plan, "--order", order, "--events", "-", "--read-rate", options.rate).splitlines()
                ready = [e for e in map(json.loads, lines) if e["event"] == "ready"]
                assert all(e["deadline"] is not None for e in ready)
                times[order].append([max(e["seconds"] for e in ready if e["deadline"] <= until)
                                     for until in moments.values()])
        print(f"{'seconds until':<12}" + "".join(f"{name:>18}" for name in moments))
        for order, rounds in [*times.items(), ("bound", [bound])]:
            print(f"{order:<12}" + "".join(f"{statistics.median(column):18.2f}" for column in zip(*rounds)))
        print("\n".join(line for line in run("explain", plan).splitlines() if "T_first" in line and "one source" in line))


if __name__ == "__main__":
    main()
