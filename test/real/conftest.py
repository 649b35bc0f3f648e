"""The finished binaries against the real frameworks: PyTorch, DeepSpeed and safetensors write what
Recast reads and load what it writes."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "test" / "data" / "deepspeed"
BIN = pathlib.Path(os.environ.get("RECAST_BIN", ROOT / "build" / "bin"))
DEMO = ROOT / "examples" / "demo"
sys.path.append(str(DEMO))

import launch  # noqa: E402

# Data-parallel ZeRO runs, which must convert, and what must be refused; `odd_` are rare but real.
CASES = sorted(p.name for p in DATA.iterdir() if p.is_dir())
ZERO_CASES = [name for name in CASES if name.startswith(("z1", "z2", "z3"))]
REFUSED_CASES = {"z0_fp32_dp2": "ZeRO-0", "tp2_dp2_z1_bf16": "model-parallel", "pp2_dp2_z1_bf16": "pipeline"}
ODD_CASES = [name for name in CASES if name.startswith("odd_") and name not in REFUSED_CASES]


class Done:
    def __init__(self, process):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr


def recast(*arguments, check=True, cwd=None, env=None, program="recast", preexec=None):
    process = subprocess.run([BIN / program, *map(str, arguments)], capture_output=True, text=True, cwd=cwd,
                             env={**os.environ, **(env or {})}, preexec_fn=preexec, timeout=300)
    if check and process.returncode != 0:
        raise AssertionError(f"recast {' '.join(map(str, arguments))} ended with {process.returncode}:\n"
                             f"{process.stdout}\n{process.stderr}")
    return Done(process)


def deepspeed_run(ranks, folder, script=DEMO / "run.py", **options):
    """Runs `script` on `ranks` processes; returns the result that it leaves, a dict."""
    result = pathlib.Path(folder) / "result.json"
    result.unlink(missing_ok=True)
    words = ["--result", result]
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None:
            words += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
    launch.start(ranks, script, *words)
    return json.loads(result.read_text())


@pytest.fixture(params=ZERO_CASES)
def zero_case(request):
    return DATA / request.param


@pytest.fixture
def workdir(tmp_path):
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)
