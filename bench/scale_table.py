"""What large states cost, by calculation and by plans of the real size: for each model a run with as many
tensors (of small shapes) is spread over the ranks, planned and proved; bytes are those of the real model, seconds
those bytes at measured rates. Prints the table of docs/performance.md.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from convert_bench import make_checkpoint
from measure import BIN, ENVIRONMENT, HERE

# (name, parameters, tensors): Llama 2 7B and 70B, Llama 3.1 405B, and a dense model of 10^12 parameters with 128 layers.
MODELS = [("7B", 6.74e9, 291), ("70B", 69.0e9, 723), ("405B", 405.9e9, 1137), ("1T", 1.0e12, 1155)]
RANKS = [8, 64, 512, 4096]
PER_NODE = 8  # Ranks that share a node, and so one process that converts.
BYTES = 14  # Of a parameter: bf16 weight, f32 master and two f32 moments.
TENSORS_PER_LAYER = 12  # Of the model that stands in (examples/demo/gpt.py).
PAPERS = (0.28e9, 0.53e9)  # Universal Checkpointing's conversion, bytes per second and node.


def number(pattern, text):
    return float(re.search(pattern, text).group(1))


def plan(folder, source):
    """(seconds of planning, pieces, bytes of the plan, peak of running it in MiB) of source -> universal."""
    job = folder / "job.ucl"
    job.unlink(missing_ok=True)
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run([BIN / "recast", "init", source, "--to", "deepspeed-universal", "--out-dir", out, "-o", job],
                   check=True, capture_output=True)
    text = subprocess.run([BIN / "bench_plan", job, "5"], check=True, capture_output=True, text=True).stdout
    artifact = folder / "job.rplan"
    subprocess.run([BIN / "recast", "plan", job, "-o", artifact], check=True, capture_output=True)
    run = subprocess.run([BIN / "recast-run", artifact, "--json", "--no-sync", "--memory", "64MiB"], check=True,
                         capture_output=True, text=True)
    shutil.rmtree(out)
    peak = number(r'"peak_resident_bytes": ?(\d+)', run.stdout) / 2**20
    return (number(r"bind, prove, plan alone\s+(-?[\d.]+)", text), int(number(r"(\d+) pieces", text)),
            artifact.stat().st_size, peak)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=2.6,
                        help="GB of output per second of one converting process, as convert_bench.py measured it")
    parser.add_argument("--storage", type=float, default=2.0, help="GB per second that the storage of a node writes")
    parser.add_argument("--models", nargs="+", default=[name for name, _, _ in MODELS])
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="recast-scale-"))
    print("| state | ranks (nodes) | bytes | a node | pieces | plan | planned in | memory | moved at "
          f"{options.rate} GB/s a node | storage of {options.storage} GB/s a node | papers' rates |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, parameters, tensors in MODELS:
        if name not in options.models:
            continue
        whole = folder / name
        make_checkpoint(whole, 1, 1, 16, tensors // TENSORS_PER_LAYER)
        for ranks in RANKS:
            source = folder / f"{name}-{ranks}"
            subprocess.run([sys.executable, HERE / "spread_run.py", whole, source, "--ranks", str(ranks)], check=True,
                           capture_output=True, env=ENVIRONMENT)
            seconds, pieces, size, peak = plan(folder, source)
            shutil.rmtree(source)
            total = parameters * BYTES
            share = total / (ranks / PER_NODE)
            print(f"| {name} | {ranks} ({ranks // PER_NODE}) | {total / 1e9:,.0f} GB | {share / 1e9:,.1f} GB | {pieces:,} | "
                  f"{size / 1024:,.0f} KiB | {seconds * 1e3:,.0f} ms | {peak:.0f} MiB | {share / options.rate / 1e9:,.1f} s | "
                  f"{share / options.storage / 1e9:,.1f} s | {share / PAPERS[1]:,.0f}-{share / PAPERS[0]:,.0f} s |", flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
