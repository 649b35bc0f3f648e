"""Whole conversions of a checkpoint that DeepSpeed writes, side by side in one run: Recast, `cp -r`, a mover written by
hand (bench_mover), and the frameworks' own converters.

A row is one comparison: seconds, ratio and, where there is one, the goal that the ratio is to meet (from 1 GB on). Page cache warm: the run has been
read once (--as-written: it is as the framework left it there). Outputs deleted between runs, unflushed unless said; contestants take turns, the order
reversed each round; ratios are medians over the rounds. `cp` keeps hard links, as Recast makes some. Recast's time is that of the whole command
`recast convert`: start of the compiler, planning and proofs included ("before"); the mover's begins when it has its list of pieces and every header
ready. "limit" says what was measured: cores in use, their share of system time, bytes read and written beside what memcpy does on as many threads, the flush.

Writes a work folder and no other file; docs/performance.md keeps what was measured.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from measure import (BIN, CORES, HERE, Watch, alternate, median, memcpy_rate, ratio, read_once, remove, run, settle,
                     standalone, tree_size)

sys.path.append(str(HERE.parent / "examples" / "demo"))

import launch  # noqa: E402

SLACK_MIB = 16  # What a process may have beside what --memory allows.


def make_checkpoint(folder, stage, ranks, hidden, layers):
    launch.start(ranks, HERE / "make_checkpoint.py", "--stage", stage, "--hidden", hidden, "--layers", layers, "--save", folder, timeout=1800)


BOTH = """source run = deepspeed("{source}") as same
target uni = deepspeed_universal("{out}") as same
target hub = safetensors("{out}-hub") as same
convert run -> uni, hub {{
  for uni {{ else: keep  objects {{ else: keep }} }}
  for hub {{ weight: master | cast(bf16)  frozen: keep | cast(bf16)  buffer: keep
            drop master, exp_avg, exp_avg_sq, step  objects {{ else: drop }} }}
}}
"""


class Bench:
    def __init__(self, source, folder, rounds, memcpy):
        self.source, self.folder, self.rounds, self.memcpy = source, folder, rounds, memcpy
        self.out, self.large = folder / "out", tree_size(source) >= 1e9

    # ---- contestants

    def recast(self, *arguments, job=None, binaries=BIN):
        """A function that runs one conversion: (what it took, its report)."""
        what = [job] if job else [self.source, "-o", self.out]

        def action():
            remove(self.out, f"{self.out}-hub")
            took = run([binaries / "recast", "convert", *what, "--json", *arguments])
            return took, json.loads(took.output)
        return action

    def cp(self, tree, flush=False):
        copy = self.folder / "cp"

        def action():
            remove(copy)
            took = run(["sh", "-c", f"cp -r --preserve=links {tree} {copy}" + (f" && sync -f {copy}" if flush else "")])
            remove(copy)
            return took
        return action

    def mover(self, plan, *arguments):
        out = self.folder / "mover"

        def action():
            remove(out)
            report = json.loads(run([BIN / "bench_mover", plan, out, "--threads", CORES, *arguments]).output)
            remove(out)
            return report
        return action

    def tree(self, *arguments):
        """What a conversion writes, kept for `cp`; the run also warms the cache."""
        self.recast("--no-sync", *arguments)()
        tree = self.folder / "tree"
        remove(tree)
        self.out.rename(tree)
        return tree

    # ---- rows

    def row(self, label, seconds, value, to, goal=None, remark=""):
        # What a command costs whatever its work is says nothing of a small checkpoint.
        meets = "" if goal is None or not self.large else f"  goal {goal}: {'met' if self.meets(value, goal) else 'MISSED'}"
        print(f"  {label:<34} {seconds:7.2f} s  {value:6.2f} x {to}{meets}" + (f"\n{'':37}{remark}" if remark else ""), flush=True)

    @staticmethod
    def meets(value, goal):
        sign, number = goal.split()
        return value <= float(number) if sign == "<=" else value >= float(number)

    def limit(self, results):
        """What the median run of Recast used."""
        took, report = sorted(results, key=lambda r: r[0].seconds)[len(results) // 2]
        moved = (report["bytes_read"] + report["bytes_written"]) / 1e9
        inside = report["seconds"] - report["flush_seconds"]
        text = (f"before {took.seconds - report['seconds']:.2f} s, executing {inside:.2f} s, flush {report['flush_seconds']:.2f} s; "
                f"limit: {took.cores():.1f} of {CORES} cores, {took.system / took.processor():.0%} of it system; "
                f"{moved / inside:.1f} GB/s read + written ({moved / inside / self.memcpy:.0%} of memcpy)")
        if report["flush_seconds"] > took.seconds / 2:
            text += f"; the device: {report['bytes_written'] / 1e9 / took.seconds:.2f} GB/s"
        return text

    def universal(self):
        to = ["--to", "deepspeed-universal"]
        tree = self.tree(*to)
        job, plan = self.folder / "job.ucl", self.folder / "job.rplan"
        job.unlink(missing_ok=True), plan.unlink(missing_ok=True)
        run([BIN / "recast", "init", self.source, *to, "--out-dir", self.out, "-o", job])
        run([BIN / "recast", "plan", job, "-o", plan, "-q"])
        self.same_as_mover(tree, plan)
        for flush, goal in ((False, "<= 1.35"), (True, "<= 1.1")):
            sync = [] if flush else ["--no-sync"]
            kind = ", flushed" if flush else ""
            hand = ["--digests", "--sync"] if flush else ["--digests"]
            results = alternate(self.rounds, {"cp": self.cp(tree, flush), "recast": self.recast(*to, *sync),
                                              "mover": self.mover(plan, *hand), "bare": self.recast(*to, *sync, "--no-digests"),
                                              "bare mover": self.mover(plan, *hand[1:])})
            seconds = {name: [r[0].seconds for r in results[name]] for name in ("recast", "bare")}
            cp = [r.seconds for r in results["cp"]]
            for name, sums in (("recast", ""), ("bare", ", no digests")):
                self.row(f"-> universal{kind}{sums}", median(seconds[name]), ratio(seconds[name], cp), "cp -r of the output", goal,
                         self.limit(results[name]))
            inside = {name: [r[1]["seconds"] for r in results[name]] for name in ("recast", "bare")}
            for name, other, sums in (("recast", "mover", ""), ("bare", "bare mover", ", no digests")):
                hand = [r["seconds"] for r in results[other]]
                cpu = median([r["user_seconds"] + r["system_seconds"] for r in results[other]])
                self.row(f"-> universal{kind}{sums}", median(seconds[name]), ratio(seconds[name], hand), "the mover by hand",
                         None if flush else "<= 1.05", f"mover {median(hand):.2f} s; recast's executing alone {ratio(inside[name], hand):.2f} x; processor "
                         f"time {median([r[0].processor() for r in results[name]]):.2f} s, of the mover {cpu:.2f} s")
            self.row(f"-> universal{kind}, digests", median(seconds["recast"]), ratio(seconds["recast"], seconds["bare"]),
                     "the same without", "<= 1.05" if flush else "<= 1.20")
        remove(tree, self.out)

    def compare(self, label, flush, *to):
        """One conversion against `cp` of what it writes."""
        tree, sync = self.tree(*to), [] if flush else ["--no-sync"]
        results = alternate(self.rounds, {"cp": self.cp(tree, flush), "recast": self.recast(*to, *sync)})
        seconds = [r[0].seconds for r in results["recast"]]
        self.row(label, median(seconds), ratio(seconds, [r.seconds for r in results["cp"]]), "cp -r of the output",
                 remark=self.limit(results["recast"]))
        remove(tree, self.out)

    def same_as_mover(self, tree, plan):
        """Both write the same bytes (Recast its manifest, too), and the mover's hashes are those of its files."""
        mover = self.folder / "mover"
        remove(mover)
        run([BIN / "bench_mover", plan, mover, "--threads", CORES, "--digests", "--check"])
        run(["diff", "-r", "--exclude=.recast", tree, mover])
        remove(mover)

    def weights(self):
        for dtype in ("bf16", "f32"):
            to = ["--to", "safetensors", "--dtype", dtype]
            tree = self.tree(*to)
            results = alternate(self.rounds, {"source": self.cp(self.source), "recast": self.recast(*to, "--no-sync"),
                                              "cp": self.cp(tree), "interpreter": self.recast(*to, "--no-sync", "--no-kernels")})
            seconds = [r[0].seconds for r in results["recast"]]
            self.row(f"-> safetensors {dtype}", median(seconds), ratio(seconds, [r.seconds for r in results["source"]]),
                     "cp -r of the source", "<= 0.6" if dtype == "bf16" else None, self.limit(results["recast"]))
            self.row(f"-> safetensors {dtype}", median(seconds), ratio(seconds, [r.seconds for r in results["cp"]]),
                     "cp -r of the output")
            self.row(f"-> safetensors {dtype}, interpreter", median([r[0].seconds for r in results["interpreter"]]),
                     ratio([r[0].seconds for r in results["interpreter"]], seconds), "the same with kernels")
            remove(tree, self.out)

    def both(self):
        """Two targets from one read, against the first alone plus `cp` of what the second is."""
        job = self.folder / "both.ucl"
        job.write_text(BOTH.format(source=self.source, out=self.out))
        hub = self.tree("--to", "safetensors", "--dtype", "bf16")
        results = alternate(self.rounds, {"both": self.recast("--no-sync", job=job), "cp": self.cp(hub),
                                          "first": self.recast("--to", "deepspeed-universal", "--no-sync")})
        seconds = [r[0].seconds for r in results["both"]]
        apart = [first[0].seconds + cp.seconds for first, cp in zip(results["first"], results["cp"])]
        self.row("-> universal and safetensors", median(seconds), ratio(seconds, apart), "the first alone + cp of the second",
                 "<= 1.1", self.limit(results["both"]))
        read = {name: results[name][0][1]["bytes_read"] / 1e9 for name in ("both", "first")}
        print(f"{'':37}read {read['both']:.2f} GB for both, {read['first']:.2f} GB for the first alone", flush=True)
        remove(hub, self.out, f"{self.out}-hub")

    def frameworks(self):
        """Their converters and Recast, each on memory that was in use just before: Recast's first runs of a round warm it up for both."""
        tag, upstream = (self.source / "latest").read_text(), self.folder / "upstream"

        def ds_to_universal(workers):
            remove(upstream)
            return run([sys.executable, "-m", "deepspeed.checkpoint.ds_to_universal", "--input_folder", self.source / tag,
                        "--output_folder", upstream, "--num_extract_workers", workers, "--num_merge_workers", workers,
                        "--inject_missing_state"])

        def zero_to_fp32():
            remove(upstream)
            return run([sys.executable, "-c", "import sys; from deepspeed.utils.zero_to_fp32 import "
                        "convert_zero_checkpoint_to_fp32_state_dict as convert; "
                        "convert(sys.argv[1], sys.argv[2], max_shard_size=None, safe_serialization=True)", self.source, upstream])
        self.recast("--to", "deepspeed-universal", "--no-sync")()
        first = {workers: ds_to_universal(workers).seconds for workers in (1, 2, 4)}
        best = min(first, key=first.get)
        self.framework(f"ds_to_universal, {best} workers", lambda: ds_to_universal(best), ["--to", "deepspeed-universal"], ">= 18", settle,
                       "; first " + ", ".join(f"{workers} workers {seconds:.1f} s" for workers, seconds in first.items()))
        settle()
        self.framework("zero_to_fp32 (safetensors)", zero_to_fp32, ["--to", "safetensors", "--dtype", "f32"], ">= 15")
        remove(upstream, self.out)

    def framework(self, label, theirs, to, goal, before=lambda: None, remark=""):
        """Rounds of two conversions that warm up, three more by each build of Recast that there is, in turn, and at once one by the tool."""
        builds = {"recast": BIN}
        if standalone():
            builds["recast, standalone"] = standalone()
        convert = {name: self.recast(*to, "--no-sync", binaries=binaries) for name, binaries in builds.items()}
        ratios, mine, them = {name: [] for name in builds}, {name: [] for name in builds}, []
        for number in range(self.rounds):
            before()  # They may delete temporary files: who comes next would pay, themselves or Recast.
            convert["recast"](), convert["recast"]()
            ours = {name: [took for took, _ in runs] for name, runs in alternate(3, convert, number).items()}
            them.append(theirs())
            for name, runs in ours.items():
                mine[name] += runs
                ratios[name].append(them[-1].seconds / median([took.seconds for took in runs]))
        for name in builds:
            processor, cpu = (median([took.processor() for took in side]) for side in (them, mine[name]))
            least = [min(took.seconds for took in side) for side in (them, mine[name])]
            self.row(label, median([took.seconds for took in them]), median(ratios[name]), name, goal,
                     f"{min(ratios[name]):.1f} to {max(ratios[name]):.1f} in {self.rounds} rounds; recast {median([took.seconds for took in mine[name]]):.2f} s; least "
                     f"{least[0]:.2f} s, {least[0] / least[1]:.1f} x {least[1]:.2f} s; processor time {processor:.1f} s, {processor / cpu:.0f} x {cpu:.2f} s; "
                     f"peak {max(took.peak for took in them):.0f} MiB{remark}")
            remark = ""  # Of the tool: said once.

    def promises(self):
        """What is counted rather than timed: bytes, files that appear, memory under a hard limit."""
        job, plan = self.folder / "job.ucl", self.folder / "job.rplan"
        for label, to in (("-> universal", ["deepspeed-universal"]), ("-> safetensors bf16", ["safetensors", "--dtype", "bf16"])):
            job.unlink(missing_ok=True), plan.unlink(missing_ok=True)
            run([BIN / "recast", "init", self.source, "--to", *to, "--out-dir", self.out, "-o", job])
            run([BIN / "recast", "plan", job, "-o", plan, "-q"])
            remove(self.out)
            limit = (64 + SLACK_MIB) << 20
            with tempfile.TemporaryDirectory() as scratch, Watch(self.folder) as here, Watch(scratch) as there:
                took = run(["env", f"TMPDIR={scratch}", BIN / "recast-run", plan, "--memory", "64MiB", "--no-sync", "--json"],
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)))
            report = json.loads(took.output)
            beyond = max(0, here.most - tree_size(self.out))
            print(f"  {label:<34} read / unique {report['read_over_unique']:.2f}; peak {report['peak_resident_bytes'] / 2**20:.1f} MiB at "
                  f"--memory 64MiB and RLIMIT_DATA {limit >> 20} MiB; appeared: {', '.join(sorted(here.names | there.names))}; "
                  f"{beyond / 2**10:.0f} KiB beyond the output at most", flush=True)
            remove(self.out)


def startup(runs=20):
    """Least and median wall time of programs that have nothing to do: what every command pays."""
    programs = [(BIN / "recast", 60), (BIN / "recast-run", 5)]
    if standalone():
        programs.append((standalone() / "recast", 60))
    for program, goal in programs:
        took = []
        for _ in range(runs):
            start = time.perf_counter()
            subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL)
            took.append(1000 * (time.perf_counter() - start))
        print(f"start-up of {'/'.join(program.parts[-2:])} --help: {min(took):.1f} ms at least, {median(took):.1f} ms median; goal < {goal} ms: "
              f"{'met' if median(took) < goal else 'MISSED'}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, help="where to work; checkpoints in it are used again (default: a temporary folder)")
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stages", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--as-written", action="store_true", help="leave the run in the page cache as the framework wrote it")
    parser.add_argument("--parts", nargs="+", default=["promises", "universal", "weights", "both", "frameworks"])
    options = parser.parse_args()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="recast-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    rates = {threads: memcpy_rate(threads) for threads in sorted({1, CORES})}
    print("memcpy: " + ", ".join(f"{rate:.1f} GB/s read and written by {n} thread{'s' * (n > 1)}" for n, rate in rates.items()), flush=True)
    startup()
    for stage in options.stages:
        source = folder / f"z{stage}"
        if not source.exists():
            make_checkpoint(source, stage, options.ranks, options.hidden, options.layers)
        if not options.as_written:
            read_once(source)
        for part in options.parts:
            print(f"ZeRO-{stage}, {options.ranks} ranks, {tree_size(source) / 1e9:.2f} GB: {part} (load of the machine before: "
                  f"{os.getloadavg()[0]:.1f})", flush=True)
            getattr(Bench(source, folder, options.rounds, rates[CORES]), part)()
    shutil.rmtree(folder / "removed" if options.folder else folder)


if __name__ == "__main__":
    main()
