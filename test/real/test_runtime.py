"""What happens around a conversion: the next step of a run, interruptions, progress, comparison."""
import json
import re
import shutil
import struct
import subprocess

import pytest
import torch
from safetensors.torch import save_file

from conftest import BIN, DATA, deepspeed_run, recast

JOB = """let from = "{run}"
source run = deepspeed(from) as same
target uni = deepspeed_universal("{out}/uni") as same
target hub = safetensors("{out}/hub") as same
convert run -> uni, hub {{
  for uni {{ else: keep  objects {{ else: keep }} }}
  for hub {{ weight: master | cast(bf16)  frozen: keep | cast(bf16)  buffer: keep
            drop master, exp_avg, exp_avg_sq, step  objects {{ else: drop }} }}
}}
"""


@pytest.fixture(scope="module", params=[(1, 2, "bf16"), (2, 3, "fp32"), (3, 2, "bf16")], ids=lambda p: f"z{p[0]}_dp{p[1]}_{p[2]}")
def two_steps(request, tmp_path_factory):
    """A run that saved step 3, planned then, and saved step 6 after it."""
    stage, ranks, dtype = request.param
    folder = tmp_path_factory.mktemp("rebind")
    run = folder / "run"
    deepspeed_run(ranks, folder, stage=str(stage), dtype=dtype, steps="3", save=str(run))
    (folder / "job.ucl").write_text(JOB.format(run=run, out=folder / "out"))
    recast("init", run, "--to", "safetensors", "--out-dir", folder / "plain", "-o", folder / "plain.ucl")
    for job in ("job", "plain"):
        recast("plan", folder / f"{job}.ucl", "-o", folder / f"{job}3.rplan")
    shutil.copytree(run, folder / "moved")
    deepspeed_run(ranks, folder, stage=str(stage), dtype=dtype, load=str(run), steps="3", save=str(run))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_rebind_gives_what_compiling_anew_gives(two_steps):
    run = two_steps / "run"
    assert (run / "latest").read_text() == "global_step6"
    for job in ("job", "plain"):
        old = two_steps / f"{job}3.rplan"
        before = old.read_bytes()
        recast("rebind", old, run, "-o", two_steps / "rebound.rplan")
        recast("plan", two_steps / f"{job}.ucl", "-o", two_steps / "anew.rplan")
        assert (two_steps / "rebound.rplan").read_bytes() == (two_steps / "anew.rplan").read_bytes()
        assert (two_steps / "rebound.rplan").read_bytes() != before == old.read_bytes()
        # Back again: the first plan.
        recast("rebind", two_steps / "rebound.rplan", run, "--tag", "global_step3", "-o", two_steps / "back.rplan")
        assert (two_steps / "back.rplan").read_bytes() == before
    recast("rebind", two_steps / "job3.rplan", run, "-o", two_steps / "job6.rplan")
    recast("run", two_steps / "job6.rplan", "--no-sync", "--overwrite")
    assert (two_steps / "out" / "uni" / "latest_universal").read_text() == "global_step6_universal"
    recast("verify", two_steps / "out" / "uni")
    assert recast("diff", run, two_steps / "out" / "uni").code == 0


def test_rebind_to_a_copy_elsewhere(two_steps):
    moved = two_steps / "moved"
    recast("rebind", two_steps / "job3.rplan", moved, "-o", two_steps / "rebound.rplan")
    (two_steps / "moved.ucl").write_text(JOB.format(run=moved, out=two_steps / "out"))
    recast("plan", two_steps / "moved.ucl", "-o", two_steps / "anew.rplan")
    assert (two_steps / "rebound.rplan").read_bytes() == (two_steps / "anew.rplan").read_bytes()


def refused(done, *words, code=3):
    assert done.code == code, done.out + done.err
    for word in words:
        assert word in done.err, done.err


def test_rebind_refuses_another_run(workdir):
    run = DATA / "z2_fp32_dp3" / "native"
    recast("init", run, "--to", "deepspeed-universal", "--out-dir", workdir / "out", "-o", workdir / "job.ucl")
    recast("plan", workdir / "job.ucl", "-o", workdir / "job.rplan")
    before = (workdir / "job.rplan").read_bytes()
    for other in ("z2_bf16_dp2", "z1_bf16_dp2", "z3_fp32_dp1", "odd_z1_fp32_dp5_tiny"):
        refused(recast("rebind", workdir / "job.rplan", DATA / other / "native", check=False), "not the same run")
    assert (workdir / "job.rplan").read_bytes() == before

    # One parameter grew by one row in every file that says so.
    shutil.copytree(run, workdir / "changed")
    tag = workdir / "changed" / (run / "latest").read_text()
    for file in tag.glob("*.pt"):
        state = torch.load(file, weights_only=False)
        for group in state.get("param_shapes") or []:
            for name in list(group)[:1]:
                group["renamed." + name] = group.pop(name)
        torch.save(state, file)
    done = recast("rebind", workdir / "job.rplan", workdir / "changed", check=False)
    assert done.code == 3, done.out + done.err

    text = (workdir / "job.ucl").read_text()
    lines = text.rstrip().rsplit("}", 1)
    (workdir / "step.ucl").write_text(lines[0] + "  expect run.iteration >= 0\n}\n")
    done = recast("plan", workdir / "step.ucl", "-o", workdir / "step.rplan", check=False)
    if done.code == 0:  # The source's name in the job is `run`.
        refused(recast("rebind", workdir / "step.rplan", run, check=False), "expects", code=2)


def changed_plan(folder, name, text):
    """Plan IR as an artifact, with the fingerprints that it now has."""
    path = folder / f"{name}.mlir"
    for _ in range(3):
        path.write_text(text)
        done = recast("--mlir-to-rplan", path, "-o", folder / f"{name}.rplan", program="recast-translate", check=False)
        if done.code == 0:
            return folder / f"{name}.rplan"
        which, now = re.search(r"its (\w+) fingerprint is \w+, but what it says hashes to (\w+)", done.err).groups()
        text = re.sub(rf" {which} 0x\w+", f" {which} 0x{now}", text)
    raise AssertionError(done.err)


def test_rebind_goes_by_what_a_plan_says_of_roles_not_by_its_words(workdir):
    """A plan without facts of its source: what the source holds beyond it must be what the job left out."""
    run = workdir / "run"
    shutil.copytree(DATA / "z2_bf16_dp2" / "native", run)
    recast("init", run, "--to", "safetensors", "--out-dir", workdir / "out", "-o", workdir / "job.ucl")
    recast("plan", workdir / "job.ucl", "-o", workdir / "job.rplan")
    text = recast("--rplan-to-mlir", workdir / "job.rplan", program="recast-translate").out
    text = re.sub(r" facts \{[^}]*\}", "", text)
    words, role = re.search(r'plan.left_out ("exp_avg of 25 tensors" because "[^"]*")( role "exp_avg" dropped of 25 for "\w+")', text).groups()
    other = changed_plan(workdir, "words", text.replace(words, '"moments" because "nobody asks for them"'))
    recast("rebind", other, run, "-o", workdir / "rebound.rplan")
    fewer = changed_plan(workdir, "fewer", text.replace(role, role.replace(" 25 ", " 24 ")))
    refused(recast("rebind", fewer, run, check=False), "25 exp_avg are not used, and the plan does not say so")
    silent = changed_plan(workdir, "silent", text.replace(role, ""))
    refused(recast("rebind", silent, run, check=False), "25 exp_avg are not used, and the plan does not say so")


def test_interrupted_run_says_how_to_go_on_and_goes_on(workdir):
    """A source large enough that SIGINT hits while bytes move."""
    source = workdir / "big"
    source.mkdir()
    tensors = {f"layer.{i}": torch.arange(4_000_000, dtype=torch.float32) + i for i in range(24)}
    save_file(tensors, source / "model.safetensors")
    job = workdir / "a job.ucl"
    job.write_text(f'source a = safetensors("{source}") as same\ntarget b = safetensors("{workdir / "out"}") as same\n'
                   "convert a -> b { weight: keep  objects { else: drop } }\n")
    kept = 0
    for delay in (0.15, 0.25, 0.1, 0.2, 0.3, 0.12, 0.18, 0.4):
        process = subprocess.Popen([BIN / "recast", "convert", job, "--json", "--threads", "1", "--overwrite"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.send_signal(2)
        out, err = process.communicate()
        if process.returncode != 130 or not (workdir / "out").exists():
            shutil.rmtree(workdir / "out", ignore_errors=True)
            continue
        assert f"To go on where it stopped: {BIN}/recast convert '{job}' --json --threads 1 --overwrite" in err
        assert not (workdir / "out" / "model.safetensors").exists()
        done = recast("convert", job, "--json")
        report = json.loads(done.out)
        kept += report["bytes_kept"]
        events = [json.loads(line) for line in done.err.splitlines()]
        assert events[-1]["event"] == "flush" and events[-2]["event"] == "progress"
        assert events[-2]["bytes_done"] == events[-2]["bytes_all"]
        assert report["bytes_kept"] + report["bytes_written"] >= 24 * 16_000_000
        recast("verify", workdir / "out")
        assert recast("diff", source, workdir / "out").code == 0
        shutil.rmtree(workdir / "out")
        if kept:
            return
    assert kept, "no run was interrupted in time"


def nan(bits):
    return torch.frombuffer(bytearray(struct.pack("<I", bits)), dtype=torch.float32)


def test_diff_compares_bits(workdir):
    def folder(name, **tensors):
        (workdir / name).mkdir()
        save_file(tensors, workdir / name / "model.safetensors")
        return workdir / name

    a = folder("a", x=nan(0x7FC00001), y=torch.zeros(3))
    b = folder("b", x=nan(0x7FC00002), y=torch.zeros(3))
    done = recast("diff", a, b, check=False)
    assert done.code == 1 and "0x7fc00001" in done.out and "0x7fc00002" in done.out
    done = recast("diff", a, folder("c", x=nan(0x7FC00001), y=-torch.zeros(3)), check=False)
    assert done.code == 1 and "0x80000000" in done.out
    half = folder("half", x=nan(0x3F800000).bfloat16(), y=torch.zeros(3))
    full = folder("full", x=nan(0x3F800000), y=torch.zeros(3))
    done = recast("diff", half, full)
    assert "bf16 weight in the first, f32 weight in the second" in done.out
    assert recast("diff", half, full, "--strict", check=False).code == 1
    done = recast("diff", a, folder("shape", x=torch.zeros(2), y=torch.zeros(3)), check=False)
    assert done.code == 1 and "shape (1) differs from (2)" in done.out


def test_verify_finds_what_a_manifest_cannot(workdir):
    run = DATA / "z1_bf16_dp2" / "native"
    recast("convert", run, "-o", workdir / "uni", "--to", "deepspeed-universal")
    recast("verify", workdir / "uni")
    tag = workdir / "uni" / (workdir / "uni" / "latest_universal").read_text()
    surplus = tag / "zero" / "stranger"
    surplus.mkdir()
    (surplus / "fp32.pt").write_bytes(b"x")
    refused(recast("verify", workdir / "uni", check=False), "surplus", "stranger/fp32.pt", code=1)


def test_verify_of_a_checkpoint_of_others(workdir):
    shutil.copytree(DATA / "z2_fp32_dp3" / "native", workdir / "run")
    assert "checksums of its own files hold" in recast("verify", workdir / "run").out
    victim = sorted((workdir / "run" / (workdir / "run" / "latest").read_text()).glob("*optim_states.pt"))[1]
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 4
    victim.write_bytes(data)
    done = recast("verify", workdir / "run", check=False)
    assert done.code in (1, 3) and victim.name in done.err and "bytes" in done.err
