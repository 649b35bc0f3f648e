"""The main job, from beginning to end, on checkpoints that DeepSpeed writes now:

train under ZeRO-3 (and ZeRO-1), convert with Recast, resume on other ranks, load the export.
Run by `tools/dev demo`; prints what a user would see.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import launch

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = pathlib.Path(os.environ.get("RECAST_BIN", ROOT / "build" / "bin"))
MODEL = {"hidden": 192, "layers": 4, "heads": 6, "vocabulary": 1031}
STARTED = time.time()


def say(text=""):
    print(text, flush=True)


def heading(number, text):
    say(f"\n--- {number}. {text}  ({time.time() - STARTED:.0f} s so far)")


def recast(*arguments, show=True):
    words = ["recast", *map(str, arguments)]
    if show:
        say(f"$ {' '.join(words)}")
    start = time.time()
    done = subprocess.run([BIN / "recast", *words[1:]], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}{done.stderr}\nrecast ended with {done.returncode}")
    if show:
        say(done.stdout.rstrip())
    return done.stdout, time.time() - start


def deepspeed(ranks, **options):
    """One DeepSpeed run (run.py) on `ranks` processes; returns what it reports."""
    with tempfile.TemporaryDirectory() as folder:
        result = pathlib.Path(folder) / "result.json"
        words = ["--result", result, "--model", json.dumps(MODEL)]
        for name, value in options.items():
            words += [f"--{name}"] if value is True else [f"--{name}", value]
        try:
            launch.start(ranks, HERE / "run.py", *words)
        except RuntimeError as error:
            sys.exit(str(error))
        return json.loads(result.read_text())


def copy_time(folder):
    """`cp -r` of the same output: the yardstick."""
    copy = folder.parent / "copy"
    start = time.time()
    subprocess.run(["cp", "-r", folder, copy], check=True)
    elapsed = time.time() - start
    shutil.rmtree(copy)
    return elapsed


def compare(before, after, what):
    same = before["loss_bits"] == after["loss_bits"]
    say(f"  loss of the run that saved ({before['ranks']} ranks)    0x{before['loss_bits']}  {before['loss']:.6f}")
    say(f"  loss after {what} ({after['ranks']} ranks)    0x{after['loss_bits']}  {after['loss']:.6f}")
    say(f"  {'EQUAL, bit for bit' if same else 'DIFFERENT'}")
    if not same:
        sys.exit("the resumed run differs")


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="recast-demo-"))
    os.chdir(folder)
    runs = pathlib.Path("runs")

    heading(1, "DeepSpeed trains a small GPT and saves: ZeRO-3 on 4 ranks, ZeRO-1 on 2")
    zero3 = deepspeed(4, stage=3, save=runs / "z3")
    zero1 = deepspeed(2, stage=1, save=runs / "z1")
    (runs / "z3" / "config.json").write_text(json.dumps({"model_type": "demo-gpt", **MODEL}, indent=2))
    size = sum(f.stat().st_size for f in (runs / "z3").rglob("*") if f.is_file())
    say(f"runs/z3: {size / 1e6:.1f} MB, loss {zero3['loss']:.6f};  runs/z1: loss {zero1['loss']:.6f}")

    heading(2, "What is in there?")
    recast("inspect", "runs/z3")

    heading(3, "The job: resume folder and bf16 export from one read (examples/job0.ucl)")
    shutil.copy(ROOT / "examples" / "job0.ucl", "job.ucl")
    say(pathlib.Path("job.ucl").read_text().rstrip())
    recast("check", "job.ucl")

    heading(4, "Convert")
    _, seconds = recast("convert", "job.ucl", "--no-sync")
    say(f"  whole command {seconds:.2f} s; cp -r of the same output {copy_time(pathlib.Path('runs/z3-uni')):.2f} s")
    recast("convert", "runs/z1", "-o", "runs/z1-uni", "--to", "deepspeed-universal")

    heading(5, "DeepSpeed resumes on other rank counts and stages")
    compare(zero3, deepspeed(2, stage=3, load=runs / "z3-uni", universal=True, steps=0), "ZeRO-3 -> ZeRO-3")
    compare(zero3, deepspeed(3, stage=1, load=runs / "z3-uni", universal=True, steps=0), "ZeRO-3 -> ZeRO-1")
    compare(zero1, deepspeed(3, stage=2, load=runs / "z1-uni", universal=True, steps=0), "ZeRO-1 -> ZeRO-2")

    heading(6, "safetensors loads the export; Recast checks its own work")
    from safetensors.torch import load_file

    tensors = load_file("export/model.safetensors")
    say(f"  export/model.safetensors: {len(tensors)} tensors, {sorted({str(t.dtype) for t in tensors.values()})}")
    recast("diff", "runs/z3", "runs/z3-uni")
    recast("verify", "runs/z3-uni")

    say(f"\nAll of it lies in {folder}. Three commands to try next:")
    say(f"  cd {folder} && export PATH={BIN}:$PATH")
    say("  recast explain job.ucl --ir                                  # families, reads, proofs, and the IR itself")
    say("  recast convert runs/z1 -o f32 --to safetensors --dtype f32   # masters as they are")
    say("  recast plan job.ucl -o job.rplan && recast run job.rplan --overwrite --memory 64MiB")
    say(f"\ndone in {time.time() - STARTED:.0f} s")


if __name__ == "__main__":
    main()
