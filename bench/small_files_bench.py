"""Many small files: a ZeRO-1 run of thousands of small parameters -> universal, one file per parameter and state, beside `cp -r` of
what it writes. The number of files counts, not their bytes.

Every output has a folder of its own and nothing is deleted before the end: ext4 does not take the inodes of files that were deleted
within the last minutes, and looking for others is billed to whoever creates files next (ten times the time, here). Not flushed; medians
over the rounds, the order reversed each round.
"""
import argparse
import os
import pathlib
import shutil
import tempfile

from convert_bench import make_checkpoint
from measure import BIN, alternate, median, ratio, run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="on the disk to measure (default: a temporary folder)")
    parser.add_argument("--layers", type=int, default=800, help="of 12 parameters each")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="recast-small-", dir=options.folder))
    made = []

    def fresh():
        made.append(folder / str(len(made)))
        return made[-1]
    try:
        source, tree = folder / "run", folder / "tree"
        make_checkpoint(source, stage=1, ranks=2, hidden=16, layers=options.layers)

        def convert(*arguments):
            return lambda: run([BIN / "recast", "convert", source, "-o", fresh(), "--to", "deepspeed-universal", "--no-sync", "-q", *arguments])
        run([BIN / "recast", "convert", source, "-o", tree, "--to", "deepspeed-universal", "-q"])
        files = sum(len(names) for _, _, names in os.walk(tree))
        results = alternate(options.rounds, {
            "cp -r of the output": lambda: run(["cp", "-r", "--preserve=links", tree, fresh()]),
            "recast": convert(), "recast, 1 thread": convert("--threads", "1"), "recast, no digests": convert("--no-digests")})
        print(f"{files} files; load of the machine {os.getloadavg()[0]:.1f}")
        copies = [took.seconds for took in results["cp -r of the output"]]
        for name, runs in results.items():
            seconds = [took.seconds for took in runs]
            print(f"{name:<22} {median(seconds):7.2f} s   {ratio(seconds, copies):5.2f} x cp   {1e6 * median(seconds) / files:5.0f} us a file   "
                  f"processor {median([took.user for took in runs]):.2f} + {median([took.system for took in runs]):.2f} s of the system")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
