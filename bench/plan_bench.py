"""From metadata to a proved plan, for states of up to 10^6 pieces: `bench_plan` of ZeRO-1 runs with many small parameters, and `recast
inspect` of as many tensors.

One run is written by DeepSpeed; bench/spread_run.py gives its parameters several times under other names and cuts its buffers as many
ranks would have. Processor seconds of one core, by phase.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

from convert_bench import make_checkpoint
from measure import BIN, ENVIRONMENT, HERE, run

UNIVERSAL = """source run = deepspeed("{run}") as same
target out = deepspeed_universal("out") as same
convert run -> out {{ else: keep  objects {{ else: keep }} }}
"""
WEIGHTS = """source run = deepspeed("{run}") as same
target out = safetensors("out") as same
convert run -> out {{ weight: keep  frozen: keep  buffer: keep  drop master, exp_avg, exp_avg_sq, step  objects {{ else: drop }} }}
"""
RUNS = {(2, 1): [UNIVERSAL], (8, 10): [UNIVERSAL, WEIGHTS], (512, 10): [UNIVERSAL], (8, 25): [UNIVERSAL]}  # (ranks, repeats)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where some GB are free (default: a temporary folder)")
    parser.add_argument("--layers", type=int, default=800, help="of 12 parameters each, before they are repeated")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="recast-plan-", dir=options.folder))
    try:
        one, job = folder / "one", folder / "job.ucl"
        make_checkpoint(one, stage=1, ranks=1, hidden=16, layers=options.layers)
        for (ranks, repeats), texts in RUNS.items():
            spread = folder / "run"
            subprocess.run([sys.executable, HERE / "spread_run.py", one, spread, "--ranks", str(ranks), "--repeat", str(repeats)],
                           check=True, env=ENVIRONMENT)
            for text in texts:
                job.write_text(text.format(run=spread))
                print(f"{ranks} ranks, parameters x {repeats}, to {text.split('target out = ')[1].split('(')[0]}")
                subprocess.run([BIN / "bench_plan", job, str(options.rounds)], check=True)
            print(f"  recast inspect                   {min(run([BIN / 'recast', 'inspect', spread]).processor() for _ in range(3)):9.4f} s\n")
            shutil.rmtree(spread)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
