"""Views of tensors in torch files, those that share elements too: each becomes the tensor that it shows."""
import collections
import json
import shutil
import zipfile

import pytest
import torch

from checkpoints import assert_same_bits, expect, load_safetensors, stamped
from conftest import DATA, recast


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


def test_checksums_of_which_little_is_read_are_not_remembered(workdir):
    """Heads of large storages: their checksums cannot be verified, and nothing is kept for them."""
    peaks = {}
    for sums in (True, False):
        source, out = workdir / f"{sums}.pt", workdir / f"out-{sums}"
        try:
            torch.serialization.set_crc32_options(sums)
            torch.save({f"w{i}": torch.full((17920,), float(i))[:256] for i in range(1500)}, source)
        finally:
            torch.serialization.set_crc32_options(True)
        report = json.loads(recast("convert", source, "-o", out, "--to", "safetensors", "--json", "--no-sync").out)
        assert report["records_skipped"] == (1500 if sums else 0) and report["records_verified"] == 0
        peaks[sums] = report["peak_resident_bytes"]
        assert all(torch.equal(value, torch.full((256,), float(name[1:]))) for name, value in load_safetensors(out).items())
    assert peaks[True] < peaks[False] + 2**20
