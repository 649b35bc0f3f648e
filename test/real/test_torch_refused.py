"""Torch files that are no state dict of plain tensors: one error, with the way out."""
import io

import pytest
import torch

from checkpoints import stamped
from conftest import recast


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
