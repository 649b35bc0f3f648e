"""Elements narrower than a byte: judged by torch, which has F4 two to a byte, and by safetensors, which also reads F6."""
import json

import pytest
import safetensors
import torch
from safetensors.torch import load_file, save_file

from checkpoints import stamped
from conftest import recast

F4 = torch.float4_e2m1fn_x2


def packed(name, shape):
    return stamped(name, shape, torch.uint8).view(F4)


def state():
    base = packed("base", (6, 8))
    return {"whole": packed("w", (5, 3)), "flat": packed("f", (7,)), "cube": packed("c", (2, 3, 4)), "empty": packed("e", (0, 4)),
            "rows": base[1:4], "columns": base[:, 2:5], "overlapping": base[2:6], "blocks": packed("p", (2, 3, 4)).permute(1, 0, 2),
            "scale": stamped("s", (5, 1), torch.float8_e8m0fnu), "plain": stamped("x", (3, 3), torch.float32)}


def expect(actual, expected):
    assert set(actual) == set(expected)
    for name, value in expected.items():
        assert actual[name].dtype == value.dtype and actual[name].shape == value.shape, name
        assert torch.equal(actual[name].view(torch.uint8), value.contiguous().view(torch.uint8)), name


def write_safetensors(path, tensors):
    """What the format's definition says; the library itself writes no F6."""
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


@pytest.mark.parametrize("zipped", [True, False])
def test_fours_go_both_ways(zipped, workdir):
    tensors = state()
    torch.save(tensors, workdir / "model.pt", _use_new_zipfile_serialization=zipped)
    recast("convert", workdir / "model.pt", "-o", workdir / "st", "--to", "safetensors")
    expect(load_file(workdir / "st" / "model.safetensors"), tensors)
    recast("convert", workdir / "st", "-o", workdir / "back", "--to", "torch")
    expect(torch.load(workdir / "back" / "model.pt", weights_only=True), tensors)
    for one, other in (("model.pt", "back"), ("st", "back"), ("model.pt", "st")):
        assert recast("diff", workdir / one, workdir / other).code == 0


def test_what_safetensors_writes_is_read(workdir):
    tensors = {name: value.contiguous().view(torch.uint8).clone().view(value.dtype) for name, value in state().items()}
    save_file(tensors, workdir / "own.safetensors")
    shapes = {t["name"]: t["shape"] for t in json.loads(recast("inspect", workdir / "own.safetensors", "--json").out)["tensors"]}
    assert shapes["whole"] == [5, 6], "logical elements, as the header says"
    recast("convert", workdir / "own.safetensors", "-o", workdir / "pt", "--to", "torch")
    expect(torch.load(workdir / "pt" / "model.pt", weights_only=True), tensors)


def test_sixes_stay_as_they_are(workdir):
    tensors = {"a": ("F6_E2M3", [3, 4], bytes(range(9))), "b": ("F6_E3M2", [2, 2, 2], bytes(range(90, 96))),
               "c": ("F4", [2, 6], bytes(range(6))), "z": ("F6_E3M2", [0, 5], b"")}
    write_safetensors(workdir / "own.safetensors", tensors)
    recast("convert", workdir / "own.safetensors", "-o", workdir / "out", "--to", "safetensors")
    loaded = dict(safetensors.deserialize((workdir / "out" / "model.safetensors").read_bytes()))
    assert {name: (v["dtype"], v["shape"], bytes(v["data"])) for name, v in loaded.items()} == tensors
    assert recast("diff", workdir / "own.safetensors", workdir / "out").code == 0
    done = recast("convert", workdir / "own.safetensors", "-o", workdir / "pt", "--to", "torch", check=False)
    assert done.code == 3 and "f6e2m3" in done.err and "safetensors" in done.err and not (workdir / "pt").exists()


def test_one_other_nibble_is_seen(workdir):
    content = bytes(range(6))
    write_safetensors(workdir / "a.safetensors", {"w": ("F4", [2, 6], content)})
    write_safetensors(workdir / "b.safetensors", {"w": ("F4", [2, 6], content[:4] + b"\x54" + content[5:])})
    done = recast("diff", workdir / "a.safetensors", workdir / "b.safetensors", check=False)
    assert done.code == 1 and "w: element 9 is 0x00 and 0x05; 1 of 12 elements differ" in done.out, done.out


def test_casts_of_packed_elements_are_refused(workdir):
    write_safetensors(workdir / "own.safetensors", {"w": ("F4", [2, 6], bytes(range(6)))})
    (workdir / "job.ucl").write_text("""
source run = safetensors("own.safetensors") as same
target out = safetensors("out") as same
convert run -> out { weight: keep | cast(f32) }
""")
    done = recast("convert", "job.ucl", cwd=workdir, check=False)
    assert done.code in (2, 3) and "f4e2m1" in done.err and "f32" in done.err and not (workdir / "out").exists()


def test_elements_that_share_bytes_are_not_torn_apart(workdir):
    write_safetensors(workdir / "own.safetensors", {"w": ("F4", [4, 2], bytes(range(4)))})
    (workdir / "job.ucl").write_text("""
model m(c) {
  dims a = c, b = 2
  w (a, b)
}
view plain of m { w = "w" }
view turned of m { w = "w": "b a" }
source run = safetensors("own.safetensors") as plain(m(4))
target out = safetensors("out") as turned(m(4))
convert run -> out { weight: keep }
""")
    done = recast("convert", "job.ucl", cwd=workdir, check=False)
    assert done.code == 3 and "tensor: w" in done.err and "f4e2m1" in done.err and not (workdir / "out").exists(), done.err
