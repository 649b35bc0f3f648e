"""State dicts: torch, safetensors and transformers write what Recast reads, and load what it writes, bit for bit."""
import collections
import io
import json
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from checkpoints import assert_same_bits, load_safetensors
from conftest import recast

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.float8_e5m2,
          torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu]
INTEGERS = [torch.bool, torch.uint8, torch.int8, torch.uint16, torch.int16, torch.uint32, torch.int32, torch.uint64, torch.int64]
STORABLE = FLOATS + INTEGERS + [torch.complex64]  # By safetensors and torch alike.


def stamped(name, shape, dtype):
    """A tensor whose every byte is a function of its name and index: a wrong permutation cannot hide."""
    width = torch.empty(0, dtype=dtype).element_size()
    count = 1
    for extent in shape:
        count *= extent
    seed = sum((i + 1) * byte for i, byte in enumerate(name.encode())) % 65521
    mixed = (torch.arange(count * width, dtype=torch.int64) + 1) * 2654435761 + seed * 40503
    raw = ((mixed >> 7) % 251).to(torch.uint8)
    if dtype == torch.bool:
        raw %= 2
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    return raw.view(dtype).reshape(shape)


def every_dtype(dtypes):
    tensors = collections.OrderedDict()
    for dtype in dtypes:
        short = str(dtype)[6:]
        for shape in [(5, 3), (7,), (1, 2, 3), (0, 4)]:
            name = f"{short}.{'x'.join(map(str, shape))}"
            tensors[name] = stamped(name, shape, dtype)
        tensors[f"{short}.scalar"] = stamped(short, (1,), dtype)[0]
    return tensors


def views():
    """Views whose elements lie apart from each other, those of one storage too."""
    def base(name):
        return stamped(name, (6, 8), torch.float32)

    def cube(name):
        return stamped(name, (3, 4, 5), torch.bfloat16)

    shared = base("shared")
    return collections.OrderedDict(
        whole=base("a"), transposed=base("b").t(), rows=shared[1:4], last=shared[4:, 2:5], columns=base("c")[:, 2:5],
        steps=base("d")[::2, ::3], one=shared[0, 3], middle=base("e")[1:5, 1:2], permuted=cube("f").permute(2, 0, 1),
        narrowed=cube("g").permute(1, 2, 0)[1:3], diagonal=stamped("d", (5, 5), torch.float64).diagonal(),
        channels_last=stamped("cl", (2, 3, 4, 5), torch.float32).to(memory_format=torch.channels_last), empty=shared[:0].t())


OVERLAPPING = {
    "expanded": lambda: {"w": stamped("e", (1, 5), torch.float32).expand(4, 5)},
    "windows": lambda: {"w": torch.as_strided(stamped("w", (20,), torch.int32), (6, 4), (2, 1))},
    "two": lambda: (lambda base: {"w": base, "t": base.t()})(stamped("t", (3, 4), torch.float32)),
}


@pytest.mark.parametrize("kind", sorted(OVERLAPPING))
def test_views_that_share_elements_are_compared_and_not_converted(kind, workdir):
    tensors = OVERLAPPING[kind]()
    torch.save(tensors, workdir / "views.pt")
    torch.save({name: value.clone().contiguous() for name, value in tensors.items()}, workdir / "clones.pt")
    assert recast("diff", workdir / "views.pt", workdir / "clones.pt").code == 0
    done = recast("convert", workdir / "views.pt", "-o", workdir / "out", "--to", "torch", check=False)
    assert done.code == 3 and "share bytes of one file" in done.err and not (workdir / "out").exists()


def expect(actual, expected):
    assert set(actual) == set(expected)
    for name, value in expected.items():
        assert_same_bits(actual[name], value, name)


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
    tensors = {"z": stamped("z", (4, 3), torch.complex128), "w": stamped("w", (3,), torch.float32)}
    torch.save(tensors, workdir / "model.pt")
    recast("convert", workdir / "model.pt", "-o", workdir / "out", "--to", "torch")
    expect(torch.load(workdir / "out" / "model.pt", weights_only=True), tensors)
    done = recast("convert", workdir / "model.pt", "-o", workdir / "st", "--to", "safetensors", check=False)
    assert done.code == 3 and "c128" in done.err and not (workdir / "st").exists()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("target", ["safetensors", "torch"])
def test_views_become_the_tensors_they_show(zipped, target, workdir):
    tensors = views()
    torch.save(tensors, workdir / "model.pt", _use_new_zipfile_serialization=zipped)
    recast("convert", workdir / "model.pt", "-o", workdir / "out", "--to", target)
    loaded = load_safetensors(workdir / "out") if target == "safetensors" else torch.load(
        workdir / "out" / "model.pt", weights_only=True)
    expect(loaded, tensors)
    assert recast("diff", workdir / "model.pt", workdir / "out").code == 0


def test_a_wrong_permutation_is_seen(workdir):
    tensors = views()
    torch.save(tensors, workdir / "a.pt")
    torch.save({**tensors, "transposed": tensors["transposed"].reshape(6, 8).t().contiguous()}, workdir / "b.pt")
    done = recast("diff", workdir / "a.pt", workdir / "b.pt", check=False)
    assert done.code == 1 and "transposed" in done.out


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


def refused_states():
    dense = torch.arange(6.0).reshape(2, 3)

    class Other(torch.Tensor):
        pass

    globals()["Other"] = Other
    Other.__qualname__ = "Other"
    return {
        "sparse": (dense.to_sparse(), "to_dense"), "csr": (dense.to_sparse_csr(), "to_dense"),
        "quantized": (torch.quantize_per_tensor(dense, 0.1, 0, torch.quint8), "dequantize"),
        "conj": (stamped("c", (3,), torch.complex64).conj(), "resolve_conj"),
        "neg": (stamped("c", (3,), torch.complex64).conj().imag, "resolve_neg"),
        "bits": (torch.zeros(4, dtype=torch.uint8).view(torch.bits8), "bits8"),
        "meta": (torch.empty(3, device="meta"), "meta"),
        "subclass": (dense.as_subclass(Other), "Other"),
        "storage": (dense.untyped_storage(), "storage"),
        "half complex": (torch.zeros(2, dtype=torch.complex32), "complex32"),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", sorted(refused_states()))
def test_what_is_no_plain_tensor_is_refused_with_the_way_out(kind, workdir):
    value, hint = refused_states()[kind]
    torch.save({"good": torch.ones(2), "odd": value}, workdir / "model.pt")
    done = recast("convert", workdir / "model.pt", "-o", workdir / "out", "--to", "torch", check=False)
    assert done.code == 3 and "tensor: odd" in done.err and hint in done.err, done.err
    assert not (workdir / "out").exists()
    assert "odd" in recast("inspect", workdir / "model.pt", check=False).out


@pytest.mark.filterwarnings("ignore")
def test_programs_and_whole_modules_are_refused(workdir):
    module = torch.nn.Linear(2, 3)
    torch.jit.script(module).save(str(workdir / "script.pt"))
    done = recast("inspect", workdir / "script.pt", check=False)
    assert done.code == 3 and "TorchScript" in done.err and "state_dict" in done.err
    for zipped in (True, False):
        torch.save(module, workdir / "module.pt", _use_new_zipfile_serialization=zipped)
        done = recast("inspect", workdir / "module.pt", check=False)
        assert done.code == 3 and "state_dict" in done.err
    (workdir / "old.pt").write_bytes(b"storages".ljust(257, b"\0") + b"ustar\x0000".ljust(600, b"\0"))
    done = recast("inspect", workdir / "old.pt", check=False)
    assert done.code == 3 and "tar archive" in done.err


@pytest.mark.filterwarnings("ignore")
def test_shards_of_other_ranks_are_refused(workdir):
    import torch.distributed as dist
    from torch.distributed.tensor import Shard, distribute_tensor, init_device_mesh
    dist.init_process_group("gloo", init_method=f"file://{workdir}/rendezvous", rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        torch.save({"w": distribute_tensor(torch.ones(4, 2), mesh, [Shard(0)])}, workdir / "model.pt")
    finally:
        dist.destroy_process_group()
    done = recast("convert", workdir / "model.pt", "-o", workdir / "out", "--to", "torch", check=False)
    assert done.code == 3 and "DTensor" in done.err and "full_tensor" in done.err


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


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(vocab_size=64, n_positions=16, n_embd=16, n_layer=2, n_head=2)
    torch.manual_seed(7)
    model = transformers.GPT2LMHeadModel(config).eval()
    folder = tmp_path_factory.mktemp("hub")
    model.save_pretrained(folder)
    return transformers, model, folder


@pytest.mark.parametrize("to, shard", [("torch", None), ("torch", "20KB"), ("safetensors", "20KB"), ("safetensors", None)])
def test_transformers_loads_what_was_converted(tiny_model, to, shard, workdir):
    transformers, model, folder = tiny_model
    recast("convert", folder, "-o", workdir / "out", "--to", to, *(["--max-shard-size", shard] if shard else []))
    assert (workdir / "out" / "config.json").read_bytes() == (folder / "config.json").read_bytes()
    assert (workdir / "out" / "generation_config.json").exists()
    loaded = transformers.AutoModelForCausalLM.from_pretrained(workdir / "out")
    expect(loaded.state_dict(), model.state_dict())
    tokens = torch.tensor([[1, 5, 9, 2]])
    with torch.no_grad():
        assert_same_bits(loaded.eval()(tokens).logits, model(tokens).logits, "logits")
    recast("convert", workdir / "out", "-o", workdir / "back", "--to", "safetensors" if to == "torch" else "torch")
    assert recast("diff", folder, workdir / "back").code == 0


def test_every_truncation_is_one_error(workdir):
    tensors = {"a": stamped("a", (3, 2), torch.float32), "t": stamped("t", (2, 3), torch.float32).t()}
    for zipped in (True, False):
        buffer = io.BytesIO()
        torch.save(tensors, buffer, _use_new_zipfile_serialization=zipped)
        data = buffer.getvalue()
        for size in list(range(0, len(data), 97)) + [len(data) - 1]:
            (workdir / "cut.pt").write_bytes(data[:size])
            done = recast("inspect", workdir / "cut.pt", check=False)
            assert done.code == 3 and done.err.startswith("error: "), (zipped, size, done.err)
