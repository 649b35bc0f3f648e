"""State dicts: torch and safetensors write what Recast reads, and load what it writes, bit for bit."""
import collections
import json
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from checkpoints import assert_same_bits, expect, load_safetensors, stamped
from conftest import recast

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2,
          torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu]
INTEGERS = [torch.bool, torch.uint8, torch.int8, torch.uint16, torch.int16, torch.uint32, torch.int32, torch.uint64, torch.int64]
STORABLE = FLOATS + INTEGERS + [torch.complex64]  # By safetensors and torch alike.


def every_dtype(dtypes):
    tensors = collections.OrderedDict()
    for dtype in dtypes:
        short = str(dtype)[6:]
        for shape in [(5, 3), (7,), (1, 2, 3), (0, 4)]:
            name = f"{short}.{'x'.join(map(str, shape))}"
            tensors[name] = stamped(name, shape, dtype)
        tensors[f"{short}.scalar"] = stamped(short, (1,), dtype)[0]
    return tensors


def test_every_dtype_goes_both_ways(workdir):
    tensors = every_dtype(STORABLE)
    torch.save(tensors, workdir / "model.pt")
    recast("convert", workdir / "model.pt", "-o", workdir / "st", "--to", "safetensors")
    expect(load_safetensors(workdir / "st"), tensors)
    recast("convert", workdir / "st", "-o", workdir / "back", "--to", "torch")
    expect(torch.load(workdir / "back" / "model.pt", weights_only=True), tensors)
    assert recast("diff", workdir / "model.pt", workdir / "back").code == 0
    save_file(tensors, workdir / "own.safetensors")
    assert recast("diff", workdir / "own.safetensors", workdir / "back").code == 0


def test_what_only_torch_holds_stays_in_torch(workdir):
    for name, dtype in {"c128": torch.complex128, "c32": torch.complex32}.items():
        tensors = {"z": stamped("z", (4, 3), dtype), "t": stamped("t", (4, 3), dtype).t(), "w": stamped("w", (3,), torch.float32)}
        torch.save(tensors, workdir / "model.pt")
        recast("convert", workdir / "model.pt", "-o", workdir / name, "--to", "torch")
        expect(torch.load(workdir / name / "model.pt", weights_only=True), tensors)
        assert recast("diff", workdir / "model.pt", workdir / name).code == 0
        done = recast("convert", workdir / "model.pt", "-o", workdir / "st", "--to", "safetensors", check=False)
        assert done.code == 3 and name in done.err and "torch" in done.err and not (workdir / "st").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_tied_names_share_one_storage(zipped, workdir):
    weight = torch.nn.Parameter(stamped("embed", (16, 4), torch.bfloat16))
    state = collections.OrderedDict([("embed.weight", weight), ("norm.weight", stamped("n", (4,), torch.float32)),
                                     ("head.weight", weight)])
    torch.save(state, workdir / "model.pt", _use_new_zipfile_serialization=zipped)
    report = json.loads(recast("inspect", workdir / "model.pt", "--json").out)
    assert report["tied"] == {"head.weight": "embed.weight"} and len(report["tensors"]) == 2
    recast("convert", workdir / "model.pt", "-o", workdir / "out", "--to", "torch")
    path = workdir / "out" / "model.pt"
    for options in ({}, {"mmap": True}):
        loaded = torch.load(path, weights_only=True, **options)
        expect(loaded, {name: value.detach() for name, value in state.items()})
        assert loaded["head.weight"].data_ptr() == loaded["embed.weight"].data_ptr()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert sum("/data/" in name for name in archive.namelist()) == 2
    offsets = [loaded[name].data_ptr() % 64 for name in loaded]
    assert offsets == [0] * 3  # mmap gives what the file aligns.


def test_a_training_file_gives_its_model_and_keeps_what_is_plain(workdir):
    model = collections.OrderedDict(w=stamped("w", (8, 3), torch.float32), b=stamped("b", (8,), torch.float32))
    other = {"w": stamped("ema", (8, 3), torch.float32)}
    file = {"model": model, "ema": other, "epoch": 3, "lr": 0.1, "tags": ["a", ("b", None)], "raw": b"\x00\xff",
            "dtype": torch.bfloat16, "big": 2**80, "optimizer": {"state": {0: {"step": torch.tensor(4.0)}}}}
    torch.save(file, workdir / "train.pt")
    report = json.loads(recast("inspect", workdir / "train.pt", "--json").out)
    assert {t["name"] for t in report["tensors"]} == {"w", "b"} and any("'ema'" in note for note in report["notes"])
    recast("convert", workdir / "train.pt", "-o", workdir / "st", "--to", "safetensors")
    expect(load_safetensors(workdir / "st"), model)
    recast("convert", workdir / "train.pt", "--key", "ema", "-o", workdir / "ema", "--to", "safetensors")
    expect(load_safetensors(workdir / "ema"), other)
    done = recast("convert", workdir / "train.pt", "--key", "emma", "-o", workdir / "x", "--to", "torch", check=False)
    assert done.code == 2 and "Did you mean `ema`?" in done.err

    (workdir / "job.ucl").write_text("""
source run = torch("train.pt", key = "model") as same
target out = torch("out", key = "model", file = "train.pt") as same
convert run -> out { weight: keep  objects { else: keep } }
""")
    recast("convert", "job.ucl", cwd=workdir)
    loaded = torch.load(workdir / "out" / "train.pt", weights_only=True)
    expect(loaded["model"], model)
    expect(loaded["ema"], other)
    for name in ("epoch", "lr", "tags", "raw", "dtype", "big"):
        assert loaded[name] == file[name]
    assert_same_bits(loaded["optimizer"]["state"][0]["step"], torch.tensor(4.0), "step")


def test_several_state_dicts_are_no_choice_of_ours(workdir):
    torch.save({"encoder": {"w": torch.ones(2)}, "decoder": {"w": torch.ones(3)}}, workdir / "two.pt")
    done = recast("inspect", workdir / "two.pt", check=False)
    assert done.code == 3 and "encoder, decoder" in done.err and "key = " in done.err


def test_sizes_that_are_cut_into_shards(workdir):
    tensors = {f"layer.{i}.w": stamped(f"l{i}", (64, 16), torch.float32) for i in range(9)}
    save_file(tensors, workdir / "own.safetensors", metadata={"format": "pt", "trained_on": "prose"})
    recast("convert", workdir / "own.safetensors", "-o", workdir / "pt", "--to", "torch", "--max-shard-size", "10KB")
    index = json.loads((workdir / "pt" / "pytorch_model.bin.index.json").read_text())
    assert set(index["weight_map"]) == set(tensors) and index["metadata"]["total_size"] == 9 * 4096
    loaded = {}
    for name in sorted(set(index["weight_map"].values())):
        part = torch.load(workdir / "pt" / name, weights_only=True)
        assert all(index["weight_map"][key] == name for key in part)
        loaded.update(part)
    expect(loaded, tensors)
    recast("convert", workdir / "pt", "-o", workdir / "st", "--to", "safetensors", "--max-shard-size", "10KB")
    expect(load_safetensors(workdir / "st"), tensors)
    (workdir / "pt" / "pytorch_model-00002-of-00005.bin").unlink()
    done = recast("inspect", workdir / "pt", check=False)
    assert done.code == 3 and "pytorch_model-00002-of-00005.bin" in done.out


def test_metadata_of_safetensors_is_kept_or_dropped(workdir):
    save_file({"w": torch.ones(2)}, workdir / "a.safetensors", metadata={"format": "pt", "license": "mit"})
    recast("convert", workdir / "a.safetensors", "-o", workdir / "kept", "--to", "safetensors")
    from safetensors import safe_open
    with safe_open(workdir / "kept" / "model.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt", "license": "mit"}
    (workdir / "job.ucl").write_text("""
source a = safetensors("a.safetensors") as same
target out = safetensors("dropped") as same
convert a -> out { weight: keep  objects { metadata: drop } }
""")
    recast("convert", "job.ucl", cwd=workdir)
    with safe_open(workdir / "dropped" / "model.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
