"""Ways to move bytes that `recast explain --why` says are not used: copy_file_range and O_DIRECT beside read and write, all without
any checksum, and Recast's own copy with all of its own. Ratios to `cp`; docs/performance.md keeps what was measured.

A file of N MiB is copied into FILES ranges of as many files, in turn, the order reversed each round; medians of ratios to the `cp` of the same round.
"""
import argparse
import mmap
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

import torch
from safetensors.torch import save_file

from measure import BIN, CORES, remove


def in_threads(ranges, action):
    """`action(index, begin, end)` of all ranges, one thread per core."""
    left = list(enumerate(ranges))
    failed = []

    def work():
        while not failed:
            try:
                index, (begin, end) = left.pop()
            except IndexError:
                return
            try:
                action(index, begin, end)
            except OSError as error:
                failed.append(error)
    threads = [threading.Thread(target=work) for _ in range(CORES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def read_write(source, target, begin, end, size=256 << 10, flags=0, header=0, aligned=False, reserved=False):
    """`header`: bytes of the target before the first; `aligned`: writes end at multiples of `size`; `reserved`: fallocate before them."""
    buffer = mmap.mmap(-1, size)  # Page-aligned, as O_DIRECT wants it.
    fd_in, fd_out = os.open(source, os.O_RDONLY | flags), os.open(target, os.O_WRONLY | os.O_CREAT | flags)
    view = memoryview(buffer)
    try:
        if reserved:
            os.posix_fallocate(fd_out, 0, header + end - begin)
        at = begin
        while at < end:
            to = header + at - begin
            got = os.preadv(fd_in, [view[:min(size - (to % size if aligned else 0), end - at)]], at)
            os.pwrite(fd_out, view[:got], to)
            at += got
    finally:
        os.close(fd_in), os.close(fd_out)


def copy_range(source, target, begin, end):
    fd_in, fd_out = os.open(source, os.O_RDONLY), os.open(target, os.O_WRONLY | os.O_CREAT)
    try:
        at = begin
        while at < end:
            at += os.copy_file_range(fd_in, fd_out, end - at, at, at - begin)
    finally:
        os.close(fd_in), os.close(fd_out)


def copy_then_read(source, target, begin, end):
    """What checksums need: the bytes in memory once."""
    copy_range(source, target, begin, end)
    buffer = bytearray(256 << 10)
    fd = os.open(target, os.O_RDONLY)
    while os.readv(fd, [buffer]):
        pass
    os.close(fd)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--files", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", default=None, help="on the file system to be measured")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="recast-ways-", dir=options.folder))
    source, out = folder / "in" / "model.safetensors", folder / "out"
    step = options.mib * 2**20 // options.files // 4096 * 4096
    ranges = [(i * step, (i + 1) * step) for i in range(options.files)]

    def way(action, **more):
        return lambda: in_threads(ranges, lambda i, begin, end: action(source, out / str(i), begin, end, **more))
    job = folder / "job.ucl"
    job.write_text(f'source s = safetensors("{folder / "in"}") as same\ntarget t = safetensors("{out}/t") as same\n'
                   "convert s -> t { weight: keep }\n")
    plan = folder / "job.rplan"

    def recast():
        subprocess.run([BIN / "recast-run", plan, "--no-sync", "-q"], check=True)
    ways = {
        "cp": lambda: subprocess.run(["cp", source, out / "copy"], check=True),
        "recast, all checksums": recast,
        "pread, pwrite": way(read_write),
        "behind 576 bytes": way(read_write, header=576),
        "the same, cut at 256 KiB": way(read_write, header=576, aligned=True),
        "the same, room reserved": way(read_write, header=576, aligned=True, reserved=True),
        "copy_file_range": way(copy_range),
        "copy_file_range, then read": way(copy_then_read),
        "O_DIRECT, 4 MiB": way(read_write, size=4 << 20, flags=os.O_DIRECT),
    }
    try:
        source.parent.mkdir()
        save_file({f"w{i}": torch.randn(step // 4) for i in range(options.files)}, source)
        subprocess.run([BIN / "recast", "plan", job, "-o", plan, "-q"], check=True)
        seconds = {name: [] for name in ways}
        for number in range(options.rounds):
            for name in list(ways)[::-1 if number % 2 else 1]:
                remove(out)
                out.mkdir()
                os.sync()
                start = time.perf_counter()
                try:
                    ways[name]()
                except OSError as error:
                    seconds[name].append(float("nan"))
                    print(f"{name}: {error}")
                    continue
                seconds[name].append(time.perf_counter() - start)
        kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True).stdout.strip()
        print(f"{options.mib} MiB in {options.files} ranges, {CORES} threads, {kind}, page cache warm, not flushed; load {os.getloadavg()[0]:.1f}")
        for name, values in seconds.items():
            print(f"{name:<28} {statistics.median(values):7.3f} s   {statistics.median(v / c for v, c in zip(values, seconds['cp'])):5.2f} x cp")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
