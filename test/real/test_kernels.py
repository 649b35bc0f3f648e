"""Casts against PyTorch and ml_dtypes through the finished binaries, and where their kernels come from."""
import json
import os
import subprocess

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from conftest import BIN, recast

FLOATS = {"f64": torch.float64, "f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16,
          "f8e4m3fn": torch.float8_e4m3fn, "f8e5m2": torch.float8_e5m2}
INTEGERS = {"bool": torch.bool, "u8": torch.uint8, "i8": torch.int8, "u16": torch.uint16, "i16": torch.int16,
            "u32": torch.uint32, "i32": torch.int32, "u64": torch.uint64, "i64": torch.int64}
CARRIER = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def patterns(dtype):
    """Every value of types up to 16 bits; boundaries and noise of wider ones."""
    width = torch.empty(0, dtype=dtype).element_size()
    if dtype == torch.bool:
        return torch.tensor([False, True] * 5)
    if width <= 2:
        bits = np.arange(1 << (8 * width), dtype=np.uint64)
    else:
        rng = np.random.default_rng(width)
        powers = np.uint64(1) << np.arange(8 * width, dtype=np.uint64)
        near = np.concatenate([powers + np.uint64(d) for d in (0, 1, 3)] + [powers - np.uint64(1), ~powers])
        noise = rng.integers(0, 1 << 63, 20000, dtype=np.uint64) >> rng.integers(0, 63, 20000, dtype=np.uint64)
        # Floats also need every exponent.
        bits = np.concatenate([near, noise, noise << np.uint64(1), rng.integers(0, 1 << 63, 20000, dtype=np.uint64) << np.uint64(1)])
    raw = bits.astype({1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[width])
    return torch.from_numpy(raw.view({1: np.uint8, 2: np.int16, 4: np.int32, 8: np.int64}[width])).view(dtype)


def job(folder, target, overflow):
    (folder / "job.ucl").write_text(
        f'source a = safetensors("{folder}/in") as same\n'
        f'target b = safetensors("{folder}/out") as same\n'
        f"convert a -> b {{ weight: keep | cast({target}{overflow}) }}\n")
    return folder / "job.ucl"


def same(got, expected):
    """Equal bits, or both NaN."""
    width = got.element_size()
    bits = got.view(CARRIER[width]) == expected.view(CARRIER[width])
    return bool((bits | (torch.isnan(got.to(torch.float64)) & torch.isnan(expected.to(torch.float64)))).all())


@pytest.fixture
def cache(workdir):
    (workdir / "in").mkdir()
    return {"XDG_CACHE_HOME": str(workdir / "cache")}


@pytest.mark.parametrize("target", FLOATS)
def test_casts_equal_torch(workdir, cache, target):
    sources = {name: patterns(dtype) for name, dtype in {**FLOATS, **INTEGERS}.items() if name != target}
    save_file(sources, workdir / "in" / "model.safetensors")
    overflow = ", overflow = saturate" if target == "f8e4m3fn" else ", overflow = ieee" if target == "f8e5m2" else ""
    done = recast("convert", job(workdir, target, overflow), "--no-sync", "--json", env=cache)
    assert "interpreter" not in json.loads(done.out[done.out.index("{"):])["kernels"]
    results = load_file(workdir / "out" / "model.safetensors")
    for name, source in sources.items():
        expected = source
        if name in ("i32", "u32", "i64", "u64", "f64") and target not in ("f32", "f64"):
            # torch goes through f32 or f64 and rounds twice; numpy's long double holds every value.
            continue
        if name in ("u16", "u32", "u64"):
            expected = torch.from_numpy(source.numpy().astype({"f64": np.float64}.get(target, np.float32)))
        assert same(results[name], expected.to(FLOATS[target])), f"{name} to {target}"


def test_casts_equal_ml_dtypes(workdir, cache):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    sources = {name: patterns(FLOATS[name]) for name in ("f32", "bf16", "f16")}
    save_file(sources, workdir / "in" / "model.safetensors")
    recast("convert", job(workdir, "f8e4m3fn", ", overflow = nan"), "--no-sync", env=cache)
    results = load_file(workdir / "out" / "model.safetensors")
    for name, source in sources.items():
        wide = source.to(torch.float32).numpy()
        with np.errstate(all="ignore"):
            expected = wide.astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
        assert same(results[name], torch.from_numpy(expected).view(torch.float8_e4m3fn)), name


def test_plan_fills_the_cache_and_the_runtime_uses_it(workdir, cache):
    save_file({"steps": torch.arange(1000)}, workdir / "in" / "model.safetensors")
    path = job(workdir, "bf16", "")
    recast("plan", path, "-o", workdir / "job.rplan", env=cache)
    entries = list((workdir / "cache" / "recast" / "kernels").iterdir())
    assert len(entries) == 1 and entries[0].parent.stat().st_mode & 0o777 == 0o700
    assert "(kernel cache)" in recast("explain", workdir / "job.rplan", env=cache).out
    done = recast(workdir / "job.rplan", "--no-sync", "--json", program="recast-run", env=cache)
    assert any("(kernel cache)" in name for name in json.loads(done.out)["kernels"])
    # Without the cache, and with one that is not ours to trust, the interpreter gives the same bytes.
    first = (workdir / "out" / "model.safetensors").read_bytes()
    entries[0].chmod(0o622)
    for environment, note in ((cache, "others may write it"), ({"XDG_CACHE_HOME": "/nonexistent"}, "")):
        done = recast(workdir / "job.rplan", "--no-sync", "--json", "--overwrite", program="recast-run", env=environment)
        report = json.loads(done.out)
        assert report["kernels"] == ["interpreter"]
        assert any(note in text for text in report["notes"]) if note else report["notes"] == []
        assert (workdir / "out" / "model.safetensors").read_bytes() == first


def test_a_pack_is_loaded_only_when_named_and_must_fit(workdir, cache):
    save_file({"steps": torch.arange(1000)}, workdir / "in" / "model.safetensors")
    nowhere = {"XDG_CACHE_HOME": "/nonexistent/cache"}
    recast("plan", job(workdir, "bf16", ""), "-o", workdir / "job.rplan", env=cache)
    recast("compile", workdir / "job.rplan", "-o", workdir / "job.rpack")
    done = recast("run", workdir / "job.rplan", "--no-sync", "--json", "--kernels", workdir / "job.rpack", env=nowhere)
    assert any("(kernel pack)" in name for name in json.loads(done.out)["kernels"])
    again = ("run", workdir / "job.rplan", "--no-sync", "--overwrite", "--json")
    assert json.loads(recast(*again, env=nowhere).out)["kernels"] == ["interpreter"]

    (workdir / "job.rpack").chmod(0o664)
    done = recast(*again, "--kernels", workdir / "job.rpack", check=False)
    assert done.code == 2 and "others may write it" in done.err
    (workdir / "job.rpack").chmod(0o644)
    recast("plan", job(workdir, "f16", ""), "-o", workdir / "other.rplan", env=cache)
    done = recast("run", workdir / "other.rplan", "--overwrite", "--kernels", workdir / "job.rpack", check=False)
    assert done.code == 3 and "does not fit the plan" in done.err and "recast compile" in done.err
    data = bytearray((workdir / "job.rpack").read_bytes())
    data[-100] ^= 1
    (workdir / "job.rpack").write_bytes(data)
    done = recast(*again, "--kernels", workdir / "job.rpack", check=False)
    assert done.code == 3 and "damaged kernel pack" in done.err


def test_what_executes_links_no_llvm(workdir, cache):
    """Neither recast-run nor the libraries in kernel packs need LLVM; the latter need nothing at all."""
    needed = subprocess.run(["ldd", BIN / "recast-run"], capture_output=True, text=True, check=True).stdout
    assert "LLVM" not in needed and "MLIR" not in needed
    save_file({"steps": torch.arange(10)}, workdir / "in" / "model.safetensors")
    recast("plan", job(workdir, "f32", ""), "-o", workdir / "job.rplan", env=cache)
    recast("compile", workdir / "job.rplan", "-o", workdir / "job.rpack")
    pack = (workdir / "job.rpack").read_bytes()
    (workdir / "kernels.so").write_bytes(pack[pack.index(b"\x7fELF"):])
    dynamic = subprocess.run(["readelf", "-d", workdir / "kernels.so"], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" not in dynamic and "INIT" not in dynamic
