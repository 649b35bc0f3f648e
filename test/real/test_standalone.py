"""`recast` with MLIR and LLVM inside: it needs neither of them, and does what the program does that shares them."""
import subprocess

import pytest
from conftest import BIN, DATA, recast

PROGRAMS = {"shared": BIN / "recast", "standalone": BIN.parent / "standalone" / "recast"}
JOB = """source run = deepspeed("{run}") as same
target hub = safetensors("{out}") as same
convert run -> hub {{
  weight: master | cast(bf16) | cast(f16)  frozen: keep  buffer: keep
  drop master, exp_avg, exp_avg_sq, step  objects {{ else: drop }}
}}
"""


@pytest.fixture(scope="module", autouse=True)
def built():
    assert PROGRAMS["standalone"].exists(), "build it first: tools/dev standalone"


def test_needs_no_llvm():
    needs = subprocess.run(["ldd", PROGRAMS["standalone"]], capture_output=True, text=True, check=True).stdout
    assert "libstdc++" in needs and "LLVM" not in needs and "MLIR" not in needs, needs


def test_converts_as_the_shared_build(workdir):
    run = DATA / "z3_bf16_dp2" / "native"
    files = {}
    for name, program in PROGRAMS.items():
        (workdir / "job.ucl").write_text(JOB.format(run=run, out=workdir / name))
        done = recast("convert", workdir / "job.ucl", program=program, env={"XDG_CACHE_HOME": str(workdir / f"cache-{name}")})
        assert "note" not in done.err, done.err
        files[name] = [(workdir / name / "model.safetensors").read_bytes(),
                       [path.name for path in sorted((workdir / f"cache-{name}").rglob("*")) if path.is_file()]]
    assert files["shared"] == files["standalone"] and files["shared"][1], files["shared"][1]  # The kernel was compiled.


@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3", "x86-64-v4", "aarch64", "nvptx"])
def test_compiles_for_every_target_as_the_shared_build(workdir, target):
    (workdir / "job.ucl").write_text(JOB.format(run=DATA / "z3_bf16_dp2" / "native", out=workdir / "out"))
    for name, program in PROGRAMS.items():
        recast("compile", workdir / "job.ucl", "--target", target, "-o", workdir / name, program=program)
    assert (workdir / "shared").read_bytes() == (workdir / "standalone").read_bytes() != b""
