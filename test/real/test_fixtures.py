"""Checkpoints that DeepSpeed 0.19.8 saved, with the logical tensors of the live run beside them:
every tensor, moment and step must come out bit for bit."""
import json
import zipfile

import pytest
import torch

from checkpoints import assert_same_bits, load_atoms, load_safetensors, truth_of, universal_tag
from conftest import DATA, ODD_CASES, REFUSED_CASES, recast


def expect_atoms(case, output):
    truth, description = truth_of(case)
    atoms = load_atoms(output)
    trained = sorted(name for role, name in truth if role == "master")
    aliases = description["aliases"]
    for name in trained:
        if name in aliases:
            continue
        assert_same_bits(atoms[name]["fp32"], truth["master", name], f"master {name}")
        for state in ("exp_avg", "exp_avg_sq"):
            assert_same_bits(atoms[name][state], truth[state, name], f"{state} {name}")
        assert float(atoms[name]["step"]) == description["step"][0], f"step {name}"
    others = {name for role, name in truth if role == "module"} - set(trained) - set(aliases)
    for name in others:  # Frozen parameters and buffers, widened exactly as upstream does.
        assert_same_bits(atoms[name]["fp32"], truth["module", name].float(), f"frozen or buffer {name}")
    assert set(atoms) == (set(trained) | others) - set(aliases)


def expect_export(case, output, dtype):
    truth, description = truth_of(case)
    tensors = load_safetensors(output)
    expected = {name for role, name in truth if role == "module"} - set(description["aliases"])
    assert set(tensors) == expected
    for name in expected:
        master = truth.get(("master", name))
        source = truth["module", name] if master is None else master
        keeps_dtype = name == "pos"  # A buffer.
        assert_same_bits(tensors[name], source if keeps_dtype else source.to(dtype), name)


def test_universal_is_bit_equal(zero_case, workdir):
    recast("convert", zero_case / "native", "-o", workdir / "uni", "--to", "deepspeed-universal")
    expect_atoms(zero_case, workdir / "uni")
    for archive in universal_tag(workdir / "uni").rglob("*.pt"):
        with zipfile.ZipFile(archive) as file:
            assert file.testzip() is None, archive


def test_without_zero_the_frozen_parameters_must_be_said(workdir):
    case = DATA / "z0_fp32_dp2"
    recast("convert", case / "native", "-o", workdir / "uni", "--to", "deepspeed-universal", "--frozen", "frozen_*")
    expect_atoms(case, workdir / "uni")
    recast("convert", case / "native", "-o", workdir / "export", "--to", "safetensors", "--frozen", "frozen_scale")
    expect_export(case, workdir / "export", torch.float32)


@pytest.mark.parametrize("dtype", ["bf16", "f32", "f16"])
def test_safetensors_is_bit_equal(zero_case, dtype, workdir):
    torch_dtype = {"bf16": torch.bfloat16, "f32": torch.float32, "f16": torch.float16}[dtype]
    recast("convert", zero_case / "native", "-o", workdir / "export", "--to", "safetensors", "--dtype", dtype)
    expect_export(zero_case, workdir / "export", torch_dtype)


def test_both_targets_from_one_read(zero_case, workdir):
    (workdir / "job.ucl").write_text(f"""
source run = deepspeed("{zero_case / 'native'}") as same
target uni = deepspeed_universal("uni") as same
target hub = safetensors("export") as same
convert run -> uni, hub {{
  for uni {{ else: keep  objects {{ else: keep }} }}
  for hub {{
    weight: master | cast(bf16)  frozen: keep | cast(bf16)  buffer: keep
    drop master, exp_avg, exp_avg_sq, step
    objects {{ else: drop }}
  }}
  budget 64MiB
}}
""")
    done = recast("convert", "job.ucl", "--json", cwd=workdir)
    report = json.loads(done.out)
    assert report["read_over_unique"] == 1.0
    expect_atoms(zero_case, workdir / "uni")
    expect_export(zero_case, workdir / "export", torch.bfloat16)
    # Every byte of the output is the source's bytes or literals: nothing was written twice.
    written = sum(f.stat().st_size for root in ("uni", "export") for f in (workdir / root).rglob("*")
                  if f.is_file() and f.stat().st_nlink == 1 and ".recast" not in f.parts)
    assert report["bytes_written"] >= written


@pytest.mark.parametrize("case", sorted(REFUSED_CASES))
def test_other_kinds_are_refused_with_the_reason(case, workdir):
    done = recast("convert", DATA / case / "native", "-o", workdir / "out", "--to", "deepspeed-universal", check=False)
    assert done.code == 3, done.err
    assert REFUSED_CASES[case].lower() in done.err.lower(), done.err
    assert not (workdir / "out").exists()


def test_inspect_names_roles_and_finds_no_problems(zero_case):
    report = json.loads(recast("inspect", zero_case / "native", "--json").out)
    assert report["problems"] == []
    text = recast("inspect", zero_case / "native").out
    assert "problems: none" in text and "exp_avg_sq" in text and "recast convert" in text


def test_diff_tells_equal_from_different(workdir):
    native = DATA / "z3_fp32_dp4_subgroups" / "native"
    recast("convert", native, "-o", workdir / "uni", "--to", "deepspeed-universal")
    assert recast("diff", native, workdir / "uni").code == 0
    for dtype in ("bf16", "f16", "f32"):  # An export is compared with what it was rounded from.
        mixed = DATA / "z1_bf16_dp2" / "native"
        recast("convert", mixed, "-o", workdir / dtype, "--to", "safetensors", "--dtype", dtype)
        assert recast("diff", mixed, workdir / dtype).code == 0
    other = DATA / "z3_fp32_dp1" / "native"
    done = recast("diff", native, other, check=False)
    assert done.code == 1 and "differ" in done.out


def test_verify_accepts_and_finds_one_flipped_bit(workdir):
    native = DATA / "z1_bf16_dp2" / "native"
    recast("convert", native, "-o", workdir / "uni", "--to", "deepspeed-universal")
    recast("verify", workdir / "uni")
    victim = universal_tag(workdir / "uni") / "zero" / "embed.weight" / "exp_avg.pt"
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    done = recast("verify", workdir / "uni", check=False)
    assert done.code in (1, 3) and "exp_avg.pt" in done.err


@pytest.mark.parametrize("case", ODD_CASES)
def test_rare_kinds_agree_with_the_module(case, workdir):
    """No accessor is a witness for all of these; the weights that the model computes with are."""
    native = DATA / case / "native"
    recast("convert", native, "-o", workdir / "uni", "--to", "deepspeed-universal")
    atoms = load_atoms(workdir / "uni")
    states = sorted(native.glob("global_step*/*model_states.pt"))
    module = torch.load(states[0], weights_only=False)["module"]
    compared = 0
    for name, weight in module.items():
        if name not in atoms or weight.numel() == 0:
            continue
        assert_same_bits(atoms[name]["fp32"].to(weight.dtype), weight, name)
        compared += 1
    assert compared > 0 or case.startswith("odd_z3")  # ZeRO-3 stores no weights.
    assert recast("diff", native, workdir / "uni").code == 0
