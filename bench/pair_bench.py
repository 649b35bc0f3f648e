"""One conversion in two ways, in turn: this build beside another one (--other FOLDER, its build/bin), or beside itself with an option
(--option=--no-digests). With two contestants alone and many rounds it tells differences apart that convert_bench.py cannot.

Seconds and processor time are medians, and the ratio is the median of those inside a round; page cache warm, order reversed each round.
"""
import argparse
import pathlib
import shutil
import tempfile

from convert_bench import make_checkpoint
from measure import BIN, alternate, median, ratio, read_once, remove, run


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=pathlib.Path, default=BIN, help="folder with another build's recast (default: this one's)")
    parser.add_argument("--option", action="append", default=[], help="an option of `recast convert` for the second way")
    parser.add_argument("--run", type=pathlib.Path, help="a DeepSpeed run (default: one of 1.6 GB is made)")
    parser.add_argument("--stage", type=int, default=1, help="of the run that is made")
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--flush", action="store_true", help="flushed (default: --no-sync)")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="recast-pair-"))
    try:
        source, out = options.run or folder / "run", folder / "out"
        if not options.run:
            make_checkpoint(source, options.stage, 4, 1024, 8)
        read_once(source)

        def convert(binaries, *more):
            def action():
                remove(out)
                return run([binaries / "recast", "convert", source, "-o", out, "--to", "deepspeed-universal", "-q",
                            *([] if options.flush else ["--no-sync"]), *more])
            return action
        results = alternate(options.rounds, {"this": convert(BIN), "other": convert(options.other, *options.option)})
        for name, took in results.items():
            print(f"{name:<6} {median([one.seconds for one in took]):6.3f} s (least {min(one.seconds for one in took):.3f})   processor "
                  f"{median([one.user for one in took]):.3f} + {median([one.system for one in took]):.3f} s of the system")
        print(f"this   {ratio(*([one.seconds for one in results[name]] for name in ('this', 'other'))):.3f} x other")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
