"""Transposes and casts through the whole executor: read, checksums, kernel, digests, write. Beside them in the same
run, in memory: `cp` of the output, torch's own `.t().contiguous()` (and cast) of tensors that are loaded already, and torch
from file to file. Prints ratios; docs/performance.md keeps what was measured.

Sources and outputs lie in memory (/dev/shm), so the device is not measured. Medians over the rounds, interleaved.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("RECAST_BIN", HERE.parent / "build" / "bin"))


def views(kind, rows, columns, count):
    """A state dict of `count` tensors; what is stored is always one contiguous matrix each."""
    out = {}
    for i in range(count):
        base = torch.randn(rows, columns)
        if kind == "transposed":
            out[f"w{i}"] = base.t()
        elif kind == "columns":
            for k in range(4):
                out[f"w{i}.{k}"] = base[:, k * columns // 4:(k + 1) * columns // 4]
        else:
            out[f"w{i}"] = base
    return out


JOB = 'source a = torch("{source}") as same\ntarget b = safetensors("{out}") as same\nconvert a -> b {{ weight: {how}  objects {{ else: drop }} }}\n'


def timed(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


class Case:
    def __init__(self, folder, kind, cast, threads, sums=True):
        self.folder, self.kind, self.cast, self.threads = folder, kind, cast, threads
        self.source = folder / f"{kind}{'' if sums else '-nosums'}.pt"
        self.name = f"{kind}, {'f32 -> bf16' if cast else 'f32'}{'' if sums else ', source without CRC-32'}"
        job = folder / "job.ucl"
        job.write_text(JOB.format(source=self.source, out=folder / "out", how="keep | cast(bf16)" if cast else "keep"))
        self.plan = folder / f"{len(list(folder.glob('*.rplan')))}.rplan"
        subprocess.run([BIN / "recast", "plan", job, "-o", self.plan, "-q"], check=True)
        self.tensors = torch.load(self.source)
        self.seconds = {"recast": [], "cp": [], "torch in memory": [], "torch, file to file": []}

    def recast(self):
        shutil.rmtree(self.folder / "out", ignore_errors=True)
        out = subprocess.run([BIN / "recast-run", self.plan, "--no-sync", "--json", "--threads", str(self.threads)],
                             check=True, capture_output=True, text=True).stdout
        return json.loads(out)["seconds"]

    def result(self, tensor):
        return (tensor.to(torch.bfloat16) if self.cast else tensor).contiguous()

    def in_memory(self):
        for tensor in self.tensors.values():
            self.result(tensor)

    def file_to_file(self):
        tensors = {name: self.result(tensor) for name, tensor in torch.load(self.source).items()}
        save_file(tensors, self.folder / "torch.safetensors")

    def round(self):
        self.seconds["recast"].append(self.recast())
        copy = self.folder / "copy"
        self.seconds["cp"].append(timed(lambda: subprocess.run(["cp", self.folder / "out" / "model.safetensors", copy], check=True)))
        copy.unlink()
        self.seconds["torch in memory"].append(timed(self.in_memory))
        self.seconds["torch, file to file"].append(timed(self.file_to_file))
        (self.folder / "torch.safetensors").unlink()

    def line(self, plain):
        at = {name: statistics.median(values) for name, values in self.seconds.items()}
        print(f"  {self.name:<46} {at['recast']:6.3f} s   / contiguous {at['recast'] / (plain or at['recast']):5.2f}   "
              + "   ".join(f"/ {name} {at['recast'] / at[name]:5.2f}" for name in list(at)[1:]), flush=True)
        return at["recast"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--columns", type=int, default=3072)
    parser.add_argument("--tensors", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="recast-box-", dir="/dev/shm"))
    torch.manual_seed(1)
    try:
        kinds = ("contiguous", "transposed", "columns")
        for kind in kinds:
            tensors = views(kind, options.rows, options.columns, options.tensors)
            for sums in (True, False):
                torch.serialization.set_crc32_options(sums)
                torch.save(tensors, folder / f"{kind}{'' if sums else '-nosums'}.pt")
        print(f"{options.tensors} matrices of {options.rows} x {options.columns} f32, "
              f"{(folder / 'contiguous.pt').stat().st_size / 1e6:.0f} MB")
        for threads in options.threads:
            torch.set_num_threads(threads)
            print(f"{threads} thread{'s' if threads > 1 else ''}; seconds of recast-run, and its ratio to", flush=True)
            for cast, sums in ((False, True), (True, True), (True, False)):
                cases = [Case(folder, kind, cast, threads, sums) for kind in kinds]
                for _ in range(options.rounds):
                    for case in cases:
                        case.round()
                plain = None
                for case in cases:
                    seconds = case.line(plain)
                    plain = plain or seconds
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
