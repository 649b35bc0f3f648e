"""The examples run, and the two ways of saying job 0 give byte-identical plans."""
import shutil
import subprocess

from checkpoints import load_atoms, load_safetensors
from conftest import BIN, DATA, ROOT, recast


def test_text_and_cpp_give_the_same_plan(workdir):
    shutil.copytree(DATA / "z3_fp32_dp4_subgroups" / "native", workdir / "runs" / "z3")
    (workdir / "runs" / "z3" / "config.json").write_text("{}")
    recast("plan", ROOT / "examples" / "job0.ucl", "-o", "text.rplan", cwd=workdir)
    subprocess.run([BIN.parent / "examples" / "example_job0", "cpp.rplan"], cwd=workdir, check=True)
    assert (workdir / "text.rplan").read_bytes() == (workdir / "cpp.rplan").read_bytes()
    recast("run", "cpp.rplan", cwd=workdir)
    assert (workdir / "export" / "config.json").read_text() == "{}"
    assert len(load_atoms(workdir / "runs" / "z3-uni")) == len(load_safetensors(workdir / "export"))


def test_a_let_can_be_given_another_value(workdir):
    shutil.copytree(DATA / "z1_bf16_dp2" / "native", workdir / "mine")
    recast("convert", ROOT / "examples" / "job0.ucl", "-D", "checkpoint=mine", "-D", "resumable=u", "-D", "model=m", cwd=workdir)
    assert (workdir / "u" / "latest_universal").exists() and (workdir / "m" / "model.safetensors").exists()


def test_init_writes_a_job_that_passes_check_unedited(zero_case, workdir):
    for target in ("deepspeed-universal", "safetensors"):
        job = workdir / f"{target}.ucl"
        recast("init", zero_case / "native", "--to", target, "--out-dir", workdir / target, "-o", job)
        recast("check", job)
        assert recast("fmt", "--check", job).code == 0


def test_plans_are_deterministic_and_output_does_not_depend_on_threads(workdir):
    source = DATA / "z2_fp32_dp3" / "native"
    trees = []
    for threads in (1, 4):
        recast("convert", source, "-o", "out", "--to", "deepspeed-universal", "--threads", threads, cwd=workdir)
        trees.append({str(p.relative_to(workdir)): p.read_bytes() for p in (workdir / "out").rglob("*") if p.is_file()})
        shutil.rmtree(workdir / "out")
    assert trees[0] == trees[1]


def test_declared_ir_prints_as_the_text_it_came_from(workdir):
    shutil.copytree(DATA / "z1_bf16_dp2" / "native", workdir / "runs" / "z3")
    shown = recast("explain", ROOT / "examples" / "job0.ucl", "--ir", cwd=workdir).out
    (workdir / "job.mlir").write_text(shown.split("// ---- declared\n")[1].split("// ---- bound")[0])
    (workdir / "back.ucl").write_text(recast("fmt", "--from-mlir", "job.mlir", cwd=workdir).out)
    recast("plan", "back.ucl", "-o", "back.rplan", cwd=workdir)
    again = recast("explain", "back.ucl", "--ir", cwd=workdir).out
    for part in ("ckpt.role", "ckpt.drop", "ckpt.objects", "ckpt.files", "ckpt.budget"):
        assert shown.count(part) == again.count(part) > 0
    (workdir / "bad.mlir").write_text("ckpt.job @x")
    done = recast("fmt", "--from-mlir", "bad.mlir", check=False, cwd=workdir)
    assert done.code == 2 and "bad.mlir" in done.err
