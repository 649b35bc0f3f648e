"""Files beyond what 32 and 16 bits count: ZIP64, judged by torch and by Python's own zip reader."""
import json
import os
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from checkpoints import assert_same_bits, stamped
from conftest import recast

BIG = 2**32 + 1000


def sparse_model(path):
    """A safetensors file with a tensor of more than 4 GiB that takes no room, one before and one behind it; the bytes
    around 4 GiB and at both ends are stamped. Returns those by offset."""
    stamps = {at: bytes((at * 31 + i * 7 + 1) % 256 for i in range(64)) for at in (0, 2**31 - 32, 2**32 - 32, BIG - 64)}
    shapes = {"a": ("F64", [3], 24), "big": ("U8", [BIG // 8, 8], BIG), "c": ("U8", [5], 5)}
    header, offset = {}, 0
    for name, (dtype, shape, size) in shapes.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    start = 8 + len(text)
    with open(path, "wb") as file:
        file.truncate(start + offset)
        file.write(len(text).to_bytes(8, "little") + text)
        file.write(stamped("a", (3,), torch.float64).view(torch.uint8).numpy().tobytes())
        for at, content in stamps.items():
            file.seek(start + 24 + at)
            file.write(content)
        file.seek(start + 24 + BIG)
        file.write(bytes(stamped("c", (5,), torch.uint8).tolist()))
    return stamps


@pytest.mark.skipif("RECAST_EXHAUSTIVE" not in os.environ, reason="moves 13 GB: set RECAST_EXHAUSTIVE=1")
def test_a_member_of_more_than_4_gib(workdir):
    stamps = sparse_model(workdir / "big.safetensors")
    recast("convert", workdir / "big.safetensors", "-o", workdir / "pt", "--to", "torch", "--no-sync")
    path = workdir / "pt" / "model.pt"

    def check(tensors):
        assert set(tensors) == {"a", "big", "c"} and tensors["big"].shape == (BIG // 8, 8)
        flat = tensors["big"].reshape(-1)
        for at, content in stamps.items():
            assert bytes(flat[at:at + 64].tolist()) == content, at
        assert_same_bits(tensors["a"], stamped("a", (3,), torch.float64), "a")
        assert_same_bits(tensors["c"], stamped("c", (5,), torch.uint8), "c")

    check(torch.load(path, weights_only=True, mmap=True))
    with zipfile.ZipFile(path) as archive:
        assert max(info.file_size for info in archive.infolist()) == BIG
        last = next(info for info in archive.infolist() if info.filename.endswith("/data/2"))
        assert archive.read(last) == bytes(stamped("c", (5,), torch.uint8).tolist()), "read, and its checksum compared"

    recast("convert", path, "-o", workdir / "st", "--to", "safetensors", "--no-sync")
    path.unlink()
    check(load_file(workdir / "st" / "model.safetensors"))


def test_more_members_than_16_bits_count(workdir):
    tensors = {f"t{i:05}": value for i, value in enumerate(stamped("many", (66000, 1), torch.int32))}
    save_file(tensors, workdir / "many.safetensors")
    recast("convert", workdir / "many.safetensors", "-o", workdir / "pt", "--to", "torch", "--no-sync")
    path = workdir / "pt" / "model.pt"
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) > 66000
    loaded = torch.load(path, weights_only=True)
    assert loaded.keys() == tensors.keys()
    assert torch.equal(torch.cat(list(loaded.values())), torch.cat(list(tensors.values())))
    recast("convert", path, "-o", workdir / "st", "--to", "safetensors", "--no-sync")
    assert (workdir / "st" / "model.safetensors").stat().st_size > 66000 * 4
    back = load_file(workdir / "st" / "model.safetensors")
    assert all(torch.equal(back[name], value) for name, value in tensors.items())
