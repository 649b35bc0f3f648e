"""What each rewrite of the compiler saves on its best workload: the same job compiled with it and without (`--no-fuse`), run in
turn. Ratios of seconds, of processor time and of bytes read; docs/performance.md keeps what was measured.

Sources and outputs lie in memory (/dev/shm), so the device is not measured. Medians over the rounds, the order reversed each round.
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

ONE_READ = """source s = {format}("{source}") as same
target one = safetensors("{out}/one") as same
target two = safetensors("{out}/two") as same
convert s -> one, two {{
  for one {{ weight: keep {rest} }}
  for two {{ weight: keep | cast(bf16) {rest} }}
}}
"""
CASTS = """source s = safetensors("{source}") as same
target one = safetensors("{out}/one") as same
convert s -> one {{ weight: keep {chain} }}
"""


class Variant:
    """A plan of a job, with the rewrites or without."""

    def __init__(self, folder, name, job, fuse, cache):
        self.out = folder / f"{name}-{'on' if fuse else 'off'}"
        self.cache = cache
        spec = folder / "job.ucl"
        spec.write_text(job.format(out=self.out))
        self.plan = self.out.with_suffix(".rplan")
        self.seconds, self.processor, self.reads = [], [], []
        subprocess.run([BIN / "recast", "plan", spec, "-o", self.plan, "-q", *([] if fuse else ["--no-fuse"])], check=True)

    def run(self):
        shutil.rmtree(self.out, ignore_errors=True)
        # Without the cache, what is not built in is interpreted, as on a machine without the compiler.
        environment = dict(os.environ) if self.cache else {**os.environ, "XDG_CACHE_HOME": str(self.out.parent / "none")}
        start = time.perf_counter()
        process = subprocess.Popen([BIN / "recast-run", self.plan, "--no-sync", "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        report = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        self.seconds.append(time.perf_counter() - start)
        self.processor.append(usage.ru_utime + usage.ru_stime)
        self.reads.append(report["bytes_read"])


def row(folder, name, job, rounds, cache=False):
    on, off = (Variant(folder, name.replace(" ", "-"), job, fuse, cache) for fuse in (True, False))
    for number in range(rounds):
        for variant in (on, off)[::-1 if number % 2 else 1]:
            variant.run()
    for path in on.out.rglob("*.safetensors"):
        assert path.read_bytes() == (off.out / path.relative_to(on.out)).read_bytes(), path

    def ratio(values):
        return statistics.median(b / a for a, b in zip(values(on), values(off)))
    print(f"{name:<34} without / with: seconds {ratio(lambda v: v.seconds):5.2f}   processor {ratio(lambda v: v.processor):5.2f}   "
          f"bytes read {ratio(lambda v: v.reads):5.2f}   ({statistics.median(on.seconds):.3f} s with)", flush=True)
    shutil.rmtree(on.out), shutil.rmtree(off.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="recast-rewrites-", dir="/dev/shm"))
    try:
        tensors = {f"w{i}": torch.randn(options.mib * 2**18 // 8) for i in range(8)}
        (folder / "in").mkdir()
        save_file(tensors, folder / "in" / "model.safetensors")
        torch.save(tensors, folder / "in.pt")
        (folder / "half").mkdir()
        save_file({name: value.bfloat16() for name, value in tensors.items()}, folder / "half" / "model.safetensors")
        del tensors
        print(f"{options.mib} MiB of f32, half as much of bf16; {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
        for name, format, source, rest in (("one read, two targets", "safetensors", folder / "in", ""),
                                           ("one read, source with CRC-32", "torch", folder / "in.pt", " objects {{ else: drop }}")):
            job = ONE_READ.replace("{format}", format).replace("{source}", str(source)).replace("{rest}", rest)
            row(folder, name, job, options.rounds)
        for over in ("f32", "f64"):
            job = CASTS.replace("{source}", str(folder / "half")).replace("{chain}", f"| cast({over}) | cast(f16)")
            for cache in (False, True):
                row(folder, f"casts as one over {over}{', compiled' if cache else ''}", job, options.rounds, cache)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
