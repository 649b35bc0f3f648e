"""Digests of logical tensors: what a third party computes from the values that the frameworks load, whatever the
format and the sharding; and what `verify` and `diff` do with them."""
import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from checkpoints import load_atoms, load_safetensors, universal_tag
from conftest import DATA, recast


# docs/artifact.md, "Digests", word for word.
def mix(x):
    x = (x + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def digest(data):
    words = np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(np.uint64)
    i = np.arange(len(words), dtype=np.uint64)
    lanes = []
    for lane in (0, 1):
        block = mix(np.uint64(2**32 + lane) + np.uint64(2) * (i // np.uint64(1024))) | np.uint64(1)
        word = mix(np.uint64(lane) + np.uint64(2) * (i % np.uint64(1024))) >> np.uint64(32)
        lanes.append(int((block * word * words).sum(dtype=np.uint64)))
    return "%016x%016x" % tuple(lanes)


def digest_of(tensor):
    return digest(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())


def test_the_definition_in_the_docs_is_the_one_above():
    docs = (DATA.parent.parent.parent / "docs" / "artifact.md").read_text()
    code = docs.split("```python\n")[1].split("```")[0]
    scope = {}
    exec(code, scope)
    for size in (0, 1, 7, 4096, 12345):
        data = np.random.default_rng(size).bytes(size)
        assert scope["digest"](data) == digest(data)


def manifest(folder):
    return json.loads((folder / ".recast" / "manifest.json").read_text())


def digests(folder):
    """{(role, name): (dtype, shape, digest)} as the manifest says."""
    parsed = manifest(folder)
    assert parsed["digest"] == "keyed-sum-1"
    return {(t["role"], t["name"]): (t["dtype"], tuple(t["shape"]), t["digest"]) for t in parsed["tensors"]}


DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16, "i64": torch.int64, "bool": torch.bool}


def assert_matches(found, tensor, what):
    dtype, shape, text = found
    assert (DTYPES[dtype], shape, text) == (tensor.dtype, tuple(tensor.shape), digest_of(tensor)), what


def test_recomputed_from_what_the_frameworks_load(zero_case, workdir):
    run = zero_case / "native"
    recast("convert", run, "-o", workdir / "uni", "--to", "deepspeed-universal")
    recast("convert", run, "-o", workdir / "hub", "--to", "safetensors", "--max-shard-size", "20000")
    recast("convert", workdir / "hub", "-o", workdir / "pt", "--to", "torch")
    universal = digests(universal_tag(workdir / "uni"))
    count = 0
    for name, states in load_atoms(workdir / "uni").items():
        for state, value in states.items():
            if isinstance(value, torch.Tensor) and value.dim():
                key = next(k for k in (state, "master", "frozen", "buffer") if (k, name) in universal)
                assert_matches(universal[key, name], value, (key, name))
                count += 1
    assert count > 10
    hub = {name: found for (_, name), found in digests(workdir / "hub").items()}
    tensors = load_safetensors(workdir / "hub")
    assert hub.keys() == tensors.keys()
    for name, value in tensors.items():
        assert_matches(hub[name], value, name)
    pt = torch.load(next((workdir / "pt").glob("*.bin*"), None) or next((workdir / "pt").glob("*.pt")), weights_only=True)
    for (_, name), found in digests(workdir / "pt").items():
        assert found == hub[name]
        assert_matches(found, pt[name], name)
    for folder in ("uni", "hub", "pt"):
        out = recast("verify", workdir / folder).out
        assert "have their digest" in out and " 0 have" not in out


def test_equal_on_any_number_of_ranks(workdir):
    """Masters in another format, one file or one per tensor, have the digests that they have elsewhere."""
    for case in ("z1_bf16_dp2", "z2_fp32_dp3", "z3_fp32_dp1"):
        recast("convert", DATA / case / "native", "-o", workdir / case, "--to", "deepspeed-universal")
        recast("convert", DATA / case / "native", "-o", workdir / (case + "f32"), "--to", "safetensors", "--dtype", "f32")
        masters = {name: value for (role, name), value in digests(universal_tag(workdir / case)).items() if role == "master"}
        weights = {name: value for (_, name), value in digests(workdir / (case + "f32")).items()}
        assert masters and all(weights[name] == value for name, value in masters.items())


def test_inspect_says_digests_of_any_checkpoint(workdir):
    run = DATA / "z3_fp32_dp1" / "native"

    def inspected(path, *options):
        return {(t["role"], t["name"]): t["digest"] for t in json.loads(recast("inspect", path, "--json", *options).out)["tensors"]
                if "digest" in t}

    recast("convert", run, "-o", workdir / "uni", "--to", "deepspeed-universal")
    assert inspected(run) == {}
    computed, stored = inspected(run, "--digests"), inspected(workdir / "uni")
    assert len(stored) > 10 and stored == inspected(workdir / "uni", "--digests")
    assert all(computed[key] == value for key, value in stored.items())
    text = recast("inspect", run, "--digests").out
    assert all(value in text for value in computed.values())


def forget_time(path, change):
    """Changes a file so that its size and times do not tell."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_diff_reads_no_tensor_where_both_have_digests(workdir):
    run = DATA / "z1_bf16_dp2" / "native"
    recast("convert", run, "-o", workdir / "uni", "--to", "deepspeed-universal")
    recast("convert", run, "-o", workdir / "hub", "--to", "safetensors", "--dtype", "f32")
    recast("convert", workdir / "hub", "-o", workdir / "pt", "--to", "torch")
    for left, right in (("uni", "hub"), ("hub", "pt"), ("uni", "pt")):
        report = json.loads(recast("diff", workdir / left, workdir / right, "--json").out)
        assert report["equal"] and report["bytes_read"] == 0 and report["by_digest"] == report["compared"] > 10
        report = json.loads(recast("diff", workdir / left, workdir / right, "--json", "--values").out)
        assert report["equal"] and report["bytes_read"] > 0 and report["by_digest"] == 0
    report = json.loads(recast("convert", run, "-o", workdir / "plain", "--to", "safetensors", "--dtype", "f32",
                               "--no-digests", "--json").out)
    assert "tensors" not in manifest(workdir / "plain")
    report = json.loads(recast("diff", workdir / "plain", workdir / "hub", "--json").out)  # One side has none.
    assert report["equal"] and report["by_digest"] == 0
    report = json.loads(recast("diff", run, workdir / "hub", "--json").out)
    assert report["equal"] and report["by_digest"] == 0 and report["bytes_read"] > 0

    # The proof: other bytes in the file make no difference, as long as nothing says that it changed.
    file = workdir / "hub" / "model.safetensors"

    def flip(data):
        data[-1] ^= 1

    forget_time(file, flip)
    assert recast("diff", workdir / "uni", workdir / "hub").code == 0
    assert recast("diff", workdir / "uni", workdir / "hub", "--values", check=False).code == 1
    assert recast("verify", workdir / "hub", check=False).code == 1
    os.utime(file)  # Changed after its manifest: the digests count no more.
    done = recast("diff", workdir / "uni", workdir / "hub", check=False)
    assert done.code == 1 and "1 of " in done.out and "ulp" in done.out


def test_verify_finds_wrong_values_behind_right_hashes(workdir):
    """Every byte range has its hash, but the tensors are not what the manifest calls by their names."""
    (workdir / "in").mkdir()
    save_file({"a": torch.arange(6000.0), "b": torch.arange(6000.0) + 1}, workdir / "in" / "model.safetensors")
    recast("convert", workdir / "in", "-o", workdir / "out", "--to", "safetensors")
    path = workdir / "out" / ".recast" / "manifest.json"
    recast("verify", workdir / "out")
    text = path.read_text()
    one, two = (t["digest"] for t in json.loads(text)["tensors"])
    assert one != two
    path.write_text(text.replace(one, "?").replace(two, one).replace("?", two))
    done = recast("verify", workdir / "out", check=False)
    assert done.code == 1 and "values changed" in done.err, done.err


def test_diff_says_how_much_differs(workdir):
    def folder(name, **tensors):
        (workdir / name).mkdir()
        save_file(tensors, workdir / name / "model.safetensors")
        return workdir / name

    x = torch.arange(1, 1001, dtype=torch.float32)
    y = x.clone()
    y[700] += 0.5
    y[900] = torch.nextafter(y[900], torch.tensor(1e9))
    report = json.loads(recast("diff", folder("a", x=x), folder("b", x=y), "--json", check=False).out)
    (finding,) = report["findings"]
    steps = abs(int(x[700].view(torch.int32)) - int(y[700].view(torch.int32)))
    assert (finding["first"], finding["count"], finding["max_abs"], finding["max_ulps"]) == (700, 2, 0.5, steps)
    one, two = torch.tensor([1.0, -0.0]).bfloat16(), torch.tensor([1.0078125, 0.0]).bfloat16()
    done = recast("diff", folder("c", x=one), folder("d", x=two), check=False)
    assert "2 of 2 elements differ, by at most 0.0078125 (1 ulp)" in done.out
    wide = torch.tensor([1 + 2j, 3 + 4j])
    done = recast("diff", folder("e", x=wide), folder("f", x=wide + 1j), check=False)
    assert done.code == 1 and "2 of 2 elements differ" in done.out
    done = recast("diff", folder("g", x=torch.tensor([1, 2**40])), folder("h", x=torch.tensor([1, 2**40 + 3])), check=False)
    assert "by at most 3" in done.out and "ulp" not in done.out


@pytest.mark.parametrize("strides", [(1, 700), (700, 1)])
def test_tensors_that_lie_transposed(workdir, strides):
    """Reading them costs no system call per element, and gives the values of torch."""
    base = torch.arange(500 * 700, dtype=torch.float32)
    view = base.reshape(500, 700).t() if strides == (1, 700) else base.reshape(700, 500)
    torch.save({"w": view}, workdir / "view.pt")
    save_file({"w": view.contiguous()}, workdir / "plain.safetensors")
    assert recast("diff", workdir / "view.pt", workdir / "plain.safetensors").code == 0
    recast("convert", workdir / "view.pt", "-o", workdir / "out", "--to", "safetensors")
    assert_matches(digests(workdir / "out")["weight", "w"], view, "w")
