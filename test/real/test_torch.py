"""State dicts: torch, safetensors and transformers write what Recast reads, and load what it writes, bit for bit."""
import collections
import io
import json
import shutil
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from checkpoints import assert_same_bits, load_safetensors, stamped
from conftest import DATA, recast

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
        square=stamped("sq", (5, 5), torch.float32).t(), turned=stamped("tu", (3, 3, 3), torch.int16).permute(1, 2, 0),
        channels_last=stamped("cl", (2, 3, 4, 5), torch.float32).to(memory_format=torch.channels_last), empty=shared[:0].t())


def slices_of(base, *places):
    return {f"s{i}": base[place] for i, place in enumerate(places)}


def tied_slices():
    """A head that is the first rows of an embedding, which also stands there whole, twice."""
    embedding = torch.nn.Parameter(stamped("embed", (40, 8), torch.bfloat16))
    return {"embed": embedding, "head": embedding[:24], "again": embedding, "bias": stamped("b", (8,), torch.float32)}


OVERLAPPING = {
    "expanded": lambda: {"w": stamped("e", (1, 5), torch.float32).expand(4, 5)},
    "expanded inside": lambda: {"w": stamped("e", (3, 1, 5), torch.bfloat16).expand(3, 4, 5)},
    "one value": lambda: {"w": stamped("o", (1,), torch.float64).expand(700), "scalar": stamped("z", (1,), torch.float32)[0]},
    "windows": lambda: {"w": torch.as_strided(stamped("w", (20,), torch.int32), (6, 4), (2, 1))},
    "transposed": lambda: (lambda base: {"w": base, "t": base.t()})(stamped("t", (3, 4), torch.float32)),
    "rows": lambda: slices_of(stamped("r", (9, 7), torch.float32), slice(0, 4), slice(2, 6), slice(1, 3), slice(5, 9)),
    "columns": lambda: slices_of(stamped("c", (9, 7), torch.int16), (slice(None), slice(0, 4)), (slice(None), slice(2, 7)),
                                 (slice(3, 4), slice(None)), slice(None)),
    "large": lambda: slices_of(stamped("l", (700, 1001), torch.float32), slice(0, 600), slice(100, 700), slice(300, 301)),
    "tied": tied_slices,
}


@pytest.mark.parametrize("target", ["torch", "safetensors"])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", sorted(OVERLAPPING))
def test_views_that_share_elements_become_tensors_of_their_own(kind, zipped, target, workdir):
    tensors = OVERLAPPING[kind]()
    torch.save(tensors, workdir / "views.pt", _use_new_zipfile_serialization=zipped)
    recast("convert", workdir / "views.pt", "-o", workdir / "out", "--to", target)
    values = {name: value.detach() for name, value in tensors.items()}
    if target == "torch":
        expect(torch.load(workdir / "out" / "model.pt", weights_only=True), values)
    else:
        values.pop("again", None)  # A whole tensor under two names: safetensors keeps one.
        expect(load_safetensors(workdir / "out"), values)
    assert recast("diff", workdir / "views.pt", workdir / "out").code == 0


@pytest.mark.parametrize("kind", ["columns", "expanded", "large"])
def test_damage_is_seen_under_views_that_share_elements(kind, workdir):
    path = workdir / "views.pt"
    torch.save(OVERLAPPING[kind](), path)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        member, = [info for info in archive.infolist() if "/data/" in info.filename]
    payload = member.header_offset + 30
    payload += int.from_bytes(whole[payload - 4:payload - 2], "little") + int.from_bytes(whole[payload - 2:payload], "little")
    for at in (0, member.file_size // 2, member.file_size - 1):
        damaged = bytearray(whole)
        damaged[payload + at] ^= 4
        path.write_bytes(damaged)
        done = recast("convert", path, "-o", workdir / "out", "--to", "torch", check=False)
        assert done.code == 3 and "CRC-32" in done.err and not (workdir / "out").exists(), (at, done.err)


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
    for name, dtype in {"c128": torch.complex128, "c32": torch.complex32}.items():
        tensors = {"z": stamped("z", (4, 3), dtype), "t": stamped("t", (4, 3), dtype).t(), "w": stamped("w", (3,), torch.float32)}
        torch.save(tensors, workdir / "model.pt")
        recast("convert", workdir / "model.pt", "-o", workdir / name, "--to", "torch")
        expect(torch.load(workdir / name / "model.pt", weights_only=True), tensors)
        assert recast("diff", workdir / "model.pt", workdir / name).code == 0
        done = recast("convert", workdir / "model.pt", "-o", workdir / "st", "--to", "safetensors", check=False)
        assert done.code == 3 and name in done.err and "torch" in done.err and not (workdir / "st").exists()


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


def odd_files():
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    return {
        "optimizer": ("a.pt", optimizer.state_dict(), "state of an optimizer", "'model': model.state_dict()"),
        "list": ("a.pt", [torch.ones(2)], "no state dict", "model.state_dict()"),
        "tensor": ("a.pt", torch.ones(2), "bare tensor", "model.state_dict()"),
        "number": ("a.pt", {0: torch.ones(2), "w": torch.ones(1)}, "a key that is no text", "under a name"),
        "pointer": ("a.safetensors", pointer, "Git LFS pointer", "git lfs pull"),
        "pointer to zip": ("a.pt", pointer, "Git LFS pointer", "git lfs pull"),
        "pointer to bin": ("a.bin", pointer, "Git LFS pointer", "git lfs pull"),
        "page": ("a.pt", b"<!DOCTYPE html><title>404</title>", "not a file that torch.save wrote", "download"),
    }


@pytest.mark.parametrize("kind", sorted(odd_files()))
def test_what_is_no_state_dict_is_one_error_with_the_next_thing_to_try(kind, workdir):
    name, content, what, hint = odd_files()[kind]
    if isinstance(content, bytes):
        (workdir / name).write_bytes(content)
    else:
        torch.save(content, workdir / name)
    done = recast("convert", workdir / name, "-o", workdir / "out", "--to", "safetensors", check=False)
    assert done.code == 3 and what in done.err and hint in done.err, done.err
    assert done.err.count("error: ") == 1 and not (workdir / "out").exists()


def test_a_pointer_in_a_model_folder_is_named(tiny_model, workdir):
    _, _, folder = tiny_model
    (workdir / "hub").mkdir()
    (workdir / "hub" / "config.json").write_bytes((folder / "config.json").read_bytes())
    (workdir / "hub" / "model.safetensors").write_bytes(odd_files()["pointer"][1])
    done = recast("inspect", workdir / "hub", check=False)
    assert done.code == 3 and "model.safetensors" in done.err and "git lfs pull" in done.err


def test_what_is_copied_and_what_is_left_out_is_said(tiny_model, workdir):
    _, _, folder = tiny_model
    done = recast("convert", folder, "-o", workdir / "pt", "--to", "torch")
    assert "copied    config.json, generation_config.json" in done.out
    torch.save({"model": {"w": torch.ones(2)}, "epoch": 3, "args": {"lr": 0.1}}, workdir / "train.pt")
    done = recast("convert", workdir / "train.pt", "-o", workdir / "st", "--to", "safetensors")
    assert "left out  dropped for 'out': object 'args', object 'epoch'" in done.out, done.out


TINY = dict(vocab_size=64, num_hidden_layers=2, hidden_size=16, intermediate_size=24, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=32)
FAMILIES = {  # One that Recast has a model of, and ones that it has none of.
    "Llama": ("ForCausalLM", TINY), "Mistral": ("ForCausalLM", TINY), "Qwen2": ("ForCausalLM", {**TINY, "tie_word_embeddings": True}),
    "Qwen3": ("ForCausalLM", {**TINY, "head_dim": 8}),
    "GPT2": ("LMHeadModel", dict(vocab_size=64, n_positions=16, n_embd=16, n_layer=2, n_head=2)),
    "Bert": ("ForMaskedLM", dict(vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)),
    "T5": ("ForConditionalGeneration", dict(vocab_size=64, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2)),
}


@pytest.mark.parametrize("to", ["torch", "safetensors"])
@pytest.mark.parametrize("family", FAMILIES)
def test_stamped_models_of_transformers_keep_every_element_in_its_place(family, to, workdir):
    transformers = pytest.importorskip("transformers")
    head, options = FAMILIES[family]
    model = getattr(transformers, family + head)(getattr(transformers, family + "Config")(**options)).to(torch.bfloat16)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(stamped(name, tuple(value.shape), torch.int16).abs().view(torch.bfloat16).reshape(value.shape))
    model.save_pretrained(workdir / "hub", max_shard_size="4KB")
    recast("convert", workdir / "hub", "-o", workdir / "out", "--to", to, "--max-shard-size", "6KB")
    assert len(list((workdir / "out").glob("*-of-*"))) > 1 and recast("verify", workdir / "out").code == 0
    recast("convert", workdir / "hub", "-o", workdir / "whole", "--to", to)
    for folder in ("out", "whole"):
        loaded = getattr(transformers, family + head).from_pretrained(workdir / folder, dtype=torch.bfloat16)
        expect(loaded.state_dict(), model.state_dict())
        assert recast("diff", workdir / "hub", workdir / folder).code == 0


def test_files_that_are_kept_whole_may_hold_views_that_share_elements(workdir):
    """The model-states file is copied byte for byte while its buffers are read: each byte is written once."""
    shutil.copytree(DATA / "z1_bf16_dp2" / "native", workdir / "run")
    path, = (workdir / "run").rglob("mp_rank_00_model_states.pt")
    states = torch.load(path, weights_only=False)
    base = stamped("buffers", (40, 30), torch.float32)
    extra = {"rows": base[:25], "more": base[20:], "whole": base, "row": base[3]}
    states["module"].update(extra)
    states["buffer_names"] = list(states["buffer_names"]) + list(extra)
    torch.save(states, path)
    recast("convert", workdir / "run", "-o", workdir / "uni", "--to", "deepspeed-universal")
    assert any(file.read_bytes() == path.read_bytes() for file in (workdir / "uni").rglob("*model_states.pt"))
    for name, value in extra.items():
        atom, = (workdir / "uni").rglob(f"{name}/fp32.pt")
        assert_same_bits(torch.load(atom, weights_only=True)["param"], value.contiguous(), name)
    assert recast("verify", workdir / "uni").code == 0
