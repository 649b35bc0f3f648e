"""`recast explain --why`: what it says was done or refused is true, and its bytes are those of the plan."""
import json

import pytest
import torch
from conftest import ROOT, recast
from fused_jobs import RUN, run_and_weights, three_targets
from safetensors.torch import load_file, save_file


def explain(path, *options):
    return json.loads(recast("explain", path, "--why", "--json", *options).out)


def reasons(why, rewrite, applied=True):
    every = [reason for family in why["why"]["families"] for reason in family["reasons"]] + why["why"]["plan"]
    return [r for r in every if r["rewrite"] == rewrite and r["applied"] == applied]


def total(found, what="read_bytes"):
    return sum(reason[what] for reason in found)


def job(folder, text, name="job.ucl"):
    (folder / name).write_text(text)
    return folder / name


def safetensors_of(folder, **tensors):
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    return folder


@pytest.fixture
def three_files(workdir):
    source = safetensors_of(workdir / "in", a=torch.randn(300, 70), xb=torch.randn(1000), xc=torch.randn(64, 64))
    return job(workdir, three_targets(source).format(out=workdir))


def test_one_read_saves_what_reading_apart_costs(three_files):
    fused, apart = explain(three_files), explain(three_files, "--no-fuse")
    saved = reasons(fused, "one read")
    assert total(saved) == apart["bytes_read"] - fused["bytes_read"] == 4 * (2 * 300 * 70 + 1000 + 64 * 64)
    assert not reasons(fused, "one read", applied=False)
    again = reasons(apart, "one read", applied=False)
    assert total(again) == total(saved) and all("--no-fuse" in r["text"] for r in again)
    assert not reasons(apart, "one read")


def test_a_run_with_checks_and_checksums(workdir):
    spec = job(workdir, run_and_weights("f16").format(out=workdir))
    fused, apart = explain(spec), explain(spec, "--no-fuse")
    saved, again = total(reasons(fused, "one read")), total(reasons(apart, "one read", applied=False))
    assert saved == again > 0
    assert not reasons(fused, "checksums in the same read", applied=False)
    sums = total(reasons(apart, "checksums in the same read", applied=False))
    assert apart["bytes_read"] - fused["bytes_read"] == again + sums and sums > 0
    # cast(master) for the comparison is a value that exists in slots only.
    assert fused["elements_checked"] > 0
    assert total(reasons(fused, "no temporaries"), "temporary_bytes") >= 2 * fused["elements_checked"]
    # All of the flat buffers is gathered from two ranks in place.
    masters = [r for r in reasons(fused, "layouts as addresses") if "flat dp" in r["text"]]
    assert masters and total(masters, "temporary_bytes") > 0
    # Bytes that are copied into zip files pass under checksums on both sides.
    refused = [r["text"] for r in reasons(fused, "copy_file_range", applied=False) if "uni exp_avg" in r["text"]]
    assert refused and all("verified on the way" in t and "checksums of the target" in t for t in refused)
    assert any("Ways to move bytes" in r["text"] for r in fused["why"]["plan"])
    assert "Ways to move bytes" in (ROOT / "docs" / "performance.md").read_text()
    # The model-states files are kept as they are; the weights in them are read for the comparison, too.
    files = sum(path.stat().st_size for path in RUN.rglob("*model_states.pt"))
    kept = reasons(fused, "kept files")
    assert len(kept) == 1 and f"{files / 1024:.2f} KiB are copied byte for byte" in kept[0]["text"]
    assert 2 * fused["elements_checked"] <= kept[0]["read_bytes"] < files


SIGNALLING = torch.tensor([0x7F81, 0x3F80], dtype=torch.int16).view(torch.bfloat16)
ROUNDED_TWICE = torch.tensor([1 + 2**-8 + 2**-9, 3.0])


@pytest.mark.parametrize("values, chain, once, recipe, why", [
    (SIGNALLING, "cast(f32) | cast(bf16)", torch.bfloat16, "load 0 bf16; cast %0 f32; cast %1 bf16; store %2 0", "signalling NaNs"),
    (ROUNDED_TWICE, "cast(bf16) | cast(f16)", torch.float16, "load 0 f32; cast %0 bf16; cast %1 f16; store %2 0", "f32 -> bf16 rounds"),
])
def test_casts_that_stay(workdir, values, chain, once, recipe, why):
    source = safetensors_of(workdir / "in", w=values)
    spec = job(workdir, f'source s = safetensors("{source}") as same\ntarget t = safetensors("{workdir}/t") as same\n'
                        f"convert s -> t {{ weight: keep | {chain} }}\n")
    why_of = explain(spec)
    stays = reasons(why_of, "CastOfExactCast", applied=False)
    assert why_of["why"]["families"][0]["recipe"] == recipe
    assert len(stays) == 1 and why in stays[0]["text"]
    assert not reasons(why_of, "CastOfExactCast")
    # And so it is: one cast, or none, would have given other bits.
    recast("convert", spec, "--no-sync", "-q")
    bits = load_file(workdir / "t" / "model.safetensors")["w"].view(torch.int16)
    assert not torch.equal(bits, values.to(once).view(torch.int16))
    # A plan says it too.
    recast("plan", spec, "-o", workdir / "job.rplan", "-q")
    assert reasons(explain(workdir / "job.rplan"), "CastOfExactCast", applied=False) == stays


def test_casts_that_are_one(workdir):
    source = safetensors_of(workdir / "in", w=torch.randn(1000).bfloat16())
    spec = job(workdir, f'source s = safetensors("{source}") as same\ntarget t = safetensors("{workdir}/t") as same\n'
                        "convert s -> t { weight: keep | cast(f32) | cast(f16) }\n")
    fused, apart = explain(spec), explain(spec, "--no-fuse")
    assert [r["text"] for r in reasons(fused, "CastOfExactCast")] == ["bf16 -> f32 -> f16 is one cast: the first rounds nothing"]
    assert not reasons(fused, "CastOfExactCast", applied=False) and not reasons(fused, "no temporaries")
    assert not reasons(apart, "CastOfExactCast")
    assert "--no-fuse" in reasons(apart, "CastOfExactCast", applied=False)[0]["text"]
    assert total(reasons(apart, "no temporaries"), "temporary_bytes") == 4000  # The f32 in between.


def test_views_of_a_torch_file(workdir):
    base = torch.randn(64, 48)
    torch.save({"whole": base, "rows": base[:10], "turned": torch.randn(32, 16).t()}, workdir / "in.pt")
    spec = job(workdir, f'source s = torch("{workdir}/in.pt") as same\ntarget t = safetensors("{workdir}/t") as same\n'
                        "convert s -> t { weight: keep  objects { else: drop } }\n")
    why = explain(spec)
    boxes = reasons(why, "boxes")
    assert len(boxes) == 1 and "1 strided box instead of 512 pieces" in boxes[0]["text"] and boxes[0]["table_bytes"] > 511 * 100
    again = reasons(why, "one read", applied=False)
    assert len(again) == 1 and again[0]["read_bytes"] == 4 * 10 * 48
    assert "their shapes differ" in again[0]["text"] and "(10, 48)" in again[0]["text"] and "(64, 48)" in again[0]["text"]
    sums = reasons(why, "checksums in the same read", applied=False)
    assert why["read_over_unique"] > 1 or total(sums) > 0
    assert total(sums) == 4 * 64 * 48


def test_why_bytes_pass_through_memory(workdir):
    values = torch.randn(5000)
    source = safetensors_of(workdir / "in", w=values)
    torch.save({"w": values}, workdir / "in.pt")

    def refused(endpoint, target):
        spec = job(workdir, f'source s = {endpoint} as same\ntarget t = {target}("{workdir}/t") as same\n'
                            f'convert s -> t {{ weight: keep {"objects { else: drop }" if "torch" in endpoint else ""} }}\n')
        why = explain(spec)
        assert reasons(why, "copy") and not reasons(why, "copy", applied=False)
        return reasons(why, "copy_file_range", applied=False)[0]["text"]

    plain = refused(f'safetensors("{source}")', "safetensors")
    assert "all hashed for the manifest" in plain and "checksums of the" not in plain
    assert "19.53 KiB under checksums of the target" in refused(f'safetensors("{source}")', "torch")
    from_torch = refused(f'torch("{workdir}/in.pt")', "safetensors")
    assert "19.53 KiB under checksums of the source" in from_torch and "of the target" not in from_torch


def test_tiles_and_the_budget(workdir):
    source = safetensors_of(workdir / "in", w=torch.randn(1 << 20))
    text = (f'source s = safetensors("{source}") as same\ntarget t = safetensors("{workdir}/t") as same\n'
            "convert s -> t {{ {budget} weight: keep | cast(bf16) }}\n")
    free = explain(job(workdir, text.format(budget="")))
    assert "256.00 KiB per operand" in reasons(free, "tiles")[0]["text"] and not reasons(free, "tiles", applied=False)
    tight = explain(job(workdir, text.format(budget="budget 640KiB")))
    assert "256.00 KiB per operand" not in reasons(tight, "tiles")[0]["text"]
    assert "the budget of 640.00 KiB" in reasons(tight, "tiles", applied=False)[0]["text"]
    computed = reasons(free, "copy", applied=False)
    assert len(computed) == 1 and "cast %0 bf16" in computed[0]["text"] and "by f32_bf16." in computed[0]["text"] and "(built in)" in computed[0]["text"]


def test_a_plan_says_what_its_job_says(three_files, workdir):
    recast("plan", three_files, "-o", workdir / "job.rplan", "-q")
    assert explain(three_files)["why"] == explain(workdir / "job.rplan")["why"]
    text = recast("explain", workdir / "job.rplan", "--why").out
    assert "why: + was done, - was not" in text
    assert "input 0 (f32) is read once for one weight, two weight, three weight  [saves 164.06 KiB of reads]" in text
