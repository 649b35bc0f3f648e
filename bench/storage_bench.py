"""The same conversion (ZeRO-1 -> universal) on several storages, each beside `cp -r` of what it writes on the same
storage: tmpfs, the disk's file system, an overlay over it (as containers have; needs root), and reads
throttled to a rate, beside bytes / rate.
"""
import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from convert_bench import Bench, make_checkpoint
from measure import CORES, median, memcpy_rate, remove, tree_size


@contextlib.contextmanager
def overlay(base):
    """A folder on an overlay whose layers lie in `base`; None where it cannot be mounted."""
    lower, upper, work, merged = (base / name for name in ("lower", "upper", "work", "merged"))
    for folder in (lower, upper, work, merged):
        folder.mkdir(parents=True, exist_ok=True)
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, merged], capture_output=True)
    try:
        yield merged if mounted.returncode == 0 else None
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", merged], check=True)


def measure(name, folder, run, rounds):
    print(f"{name} ({folder})", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "source"
    shutil.copytree(run, source)
    bench = Bench(source, folder, rounds, memcpy_rate(CORES))
    for flush in (False, True):
        bench.compare("flushed" if flush else "unflushed", flush, "--to", "deepspeed-universal")
    shutil.rmtree(source)
    shutil.rmtree(folder / "removed")


def throttled(folder, run, rounds, rate):
    print(f"reads at {rate} MiB/s ({folder})", flush=True)
    bench = Bench(run, folder, rounds, memcpy_rate(CORES))
    convert = bench.recast("--to", "deepspeed-universal", "--no-sync", "--read-rate", f"{rate}MiB")
    results = [convert() for _ in range(rounds)]
    bound = results[0][1]["bytes_read"] / 2**20 / rate
    print(f"  {median([took.seconds for took, _ in results]):.2f} s, bytes / rate {bound:.2f} s", flush=True)
    remove(bench.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, help="on the disk to measure (default: a temporary folder)")
    parser.add_argument("--run", type=pathlib.Path, help="a ZeRO-1 run (default: one of 1.6 GB is made)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=400, help="MiB per second of the throttled reads")
    options = parser.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="recast-storage-"))
    run = options.run
    if not run:
        run = folder / "run"
        make_checkpoint(run, 1, 4, 1024, 8)
    print(f"{tree_size(run) / 1e9:.2f} GB", flush=True)
    if os.path.isdir("/dev/shm"):
        memory = pathlib.Path(tempfile.mkdtemp(prefix="recast-storage-", dir="/dev/shm"))
        measure("tmpfs", memory, run, options.rounds)
        shutil.rmtree(memory)
    measure("disk", folder / "disk", run, options.rounds)
    with overlay(folder / "overlay") as merged:
        if merged:
            measure("overlay", merged / "bench", run, options.rounds)
        else:
            print("overlay: cannot be mounted here")
    throttled(folder, run, min(options.rounds, 3), options.rate)
    shutil.rmtree(folder / "removed" if options.folder else folder)


if __name__ == "__main__":
    main()
