"""Whole conversions, side by side in one run: Recast, `cp -r` of the output tree, and the
framework's own converters. Prints ratios, writes no file of its own; docs/performance.md keeps what was measured.

Page cache warm, output deleted between runs, unflushed unless said; each variant runs next to a `cp`
and its ratio is taken against that one, medians over the rounds.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(os.environ.get("RECAST_BIN", HERE.parent / "build" / "bin"))
CPU = {**os.environ, "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_checkpoint(folder, stage, ranks, hidden, layers):
    subprocess.run([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(ranks), "--master-port",
                    str(free_port()), str(HERE / "make_checkpoint.py"), "--stage", str(stage), "--hidden", str(hidden),
                    "--layers", str(layers), "--save", str(folder)], check=True, capture_output=True, env=CPU)


def timed(command):
    """(seconds, peak MiB of the largest process, output) of one command."""
    os.sync()  # What earlier runs left dirty is not billed to this one.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.time()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=CPU)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.time() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}\n{out.read()}\n{err.read()}")
        return elapsed, usage.ru_maxrss / 1024, out.read()


def tree_size(folder):
    return sum(f.stat().st_size for f in pathlib.Path(folder).rglob("*") if f.is_file())


class Bench:
    def __init__(self, folder, rounds):
        self.folder, self.rounds = folder, rounds
        self.rows = []

    def clean(self, *names):
        for name in names:
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def cp(self, tree, flush=False):
        self.clean("cp")
        command = f"cp -r {tree} {self.folder / 'cp'}" + (f" && sync -f {self.folder / 'cp'}" if flush else "")
        seconds, _, _ = timed(["sh", "-c", command])
        self.clean("cp")
        return seconds

    def recast(self, source, arguments):
        self.clean("out")
        seconds, _, out = timed([BIN / "recast", "convert", source, "-o", self.folder / "out", "--json", *arguments])
        return seconds, json.loads(out)

    def compare(self, label, source, arguments, flush=False):
        arguments = arguments + ([] if flush else ["--no-sync"])
        _, report = self.recast(source, arguments)  # Warms the cache, makes the tree that cp copies.
        tree = self.folder / "tree"
        self.clean("tree")
        (self.folder / "out").rename(tree)
        ratios, times = [], []
        for number in range(self.rounds):
            # Who runs second finds warmer memory: the order is reversed each round.
            if number % 2 == 0:
                reference = self.cp(tree, flush)
            seconds, report = self.recast(source, arguments)
            self.clean("out")
            if number % 2 == 1:
                reference = self.cp(tree, flush)
            ratios.append(seconds / reference)
            times.append(seconds)
        self.row(label, statistics.median(times), statistics.median(ratios), tree_size(tree),
                 f"read/unique {report['read_over_unique']:.2f}, peak {report['peak_resident_bytes'] / 2**20:.0f} MiB, "
                 f"kernels: {', '.join(report['kernels']) or 'none needed'}")
        self.clean("tree", "out")

    def digests(self, label, source, arguments):
        """The same conversion with and without digests of tensors, in turn."""
        ratios, times = [], []
        self.recast(source, arguments + ["--no-sync"])
        for number in range(self.rounds):
            seconds = {}
            for extra in ([], ["--no-digests"])[::1 if number % 2 else -1]:
                seconds[len(extra)], _ = self.recast(source, arguments + ["--no-sync"] + extra)
            ratios.append(seconds[0] / seconds[1])
            times.append(seconds[0])
        self.clean("out")
        print(f"  {label:<44} {statistics.median(times):7.2f} s   {statistics.median(ratios):6.2f} x the same without digests",
              flush=True)

    def framework(self, label, command, output, tree_of):
        """A framework's converter, once, against `cp -r` of what it wrote."""
        self.clean(output)
        seconds, peak, _ = timed(command)
        tree = self.folder / tree_of
        reference = statistics.median(self.cp(tree) for _ in range(3))
        self.row(label, seconds, seconds / reference, tree_size(tree), f"peak {peak:.0f} MiB")
        self.clean(output)

    def row(self, label, seconds, ratio, size, remark):
        self.rows.append((label, seconds, ratio))
        print(f"  {label:<44} {seconds:7.2f} s   {ratio:6.2f} x cp   {size / seconds / 1e9:5.2f} GB/s   {remark}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stages", type=int, nargs="+", default=[1, 3])
    options = parser.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="recast-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    for stage in options.stages:
        source = folder / f"z{stage}"
        if not source.exists():
            make_checkpoint(source, stage, options.ranks, options.hidden, options.layers)
        tag = (source / "latest").read_text()
        print(f"ZeRO-{stage}, {options.ranks} ranks, {tree_size(source) / 1e9:.2f} GB", flush=True)
        bench = Bench(folder, options.rounds)
        bench.compare("recast -> universal", source, ["--to", "deepspeed-universal"])
        bench.digests("recast -> universal", source, ["--to", "deepspeed-universal"])
        bench.compare("recast -> universal, flushed", source, ["--to", "deepspeed-universal"], flush=True)
        bench.compare("recast -> universal, interpreter", source, ["--to", "deepspeed-universal", "--no-kernels"])
        bench.compare("recast -> safetensors bf16", source, ["--to", "safetensors", "--dtype", "bf16"])
        bench.compare("recast -> safetensors bf16, interpreter", source, ["--to", "safetensors", "--dtype", "bf16", "--no-kernels"])
        bench.compare("recast -> safetensors f32", source, ["--to", "safetensors", "--dtype", "f32"])
        bench.framework("ds_to_universal (2 workers)",
                        [sys.executable, "-m", "deepspeed.checkpoint.ds_to_universal", "--input_folder", source / tag,
                         "--output_folder", folder / "upstream", "--num_extract_workers", "2", "--num_merge_workers", "2",
                         "--inject_missing_state"], "upstream", "upstream")
        unsharded = ("import sys; from deepspeed.utils.zero_to_fp32 import convert_zero_checkpoint_to_fp32_state_dict as convert; "
                     "convert(sys.argv[1], sys.argv[2], max_shard_size=None, safe_serialization=True)")
        bench.framework("zero_to_fp32 (safetensors)", [sys.executable, "-c", unsharded, source, folder / "fp32"], "fp32", "fp32")
    if not options.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
