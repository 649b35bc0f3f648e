"""The finished binaries against the real frameworks: PyTorch, DeepSpeed and safetensors write what
Recast reads and load what it writes."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "test" / "data" / "deepspeed"
BIN = pathlib.Path(os.environ.get("RECAST_BIN", ROOT / "build" / "bin"))
DEMO = ROOT / "examples" / "demo"

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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def deepspeed_run(ranks, folder, **options):
    """Runs examples/demo/run.py on `ranks` processes; returns its result as a dict."""
    result = pathlib.Path(folder) / "result.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(ranks),
               "--master-port", str(free_port()), str(DEMO / "run.py"), "--result", str(result)]
    for name, value in options.items():
        if value is True:
            command.append(f"--{name}")
        elif value is not None:
            command += [f"--{name}", value if isinstance(value, str) else json.dumps(value)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300,
                             env={**os.environ, "DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"})
    if process.returncode != 0 or not result.exists():
        raise AssertionError(f"DeepSpeed failed:\n{process.stdout[-3000:]}\n{process.stderr[-5000:]}")
    return json.loads(result.read_text())


@pytest.fixture(params=ZERO_CASES)
def zero_case(request):
    return DATA / request.param


@pytest.fixture
def workdir(tmp_path):
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)
