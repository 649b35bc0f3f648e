"""Loading outputs with the frameworks' own code, and comparing bits."""
import json
import pathlib

import torch
from safetensors import safe_open
from safetensors.torch import load_file


def truth_of(case):
    """{(role, name): tensor} and the case's description."""
    tensors = {}
    with safe_open(case / "truth.safetensors", framework="pt") as file:
        for key in file.keys():
            role, name = key.split("/", 1)
            tensors[role, name] = file.get_tensor(key)
    description = case / "truth.json"
    return tensors, json.loads(description.read_text()) if description.exists() else {}


def bits(tensor):
    """The tensor's bytes, for comparisons that know nothing of NaN or -0."""
    return tensor.detach().clone(memory_format=torch.contiguous_format).view(torch.uint8).flatten() if tensor.dim() else tensor.reshape(1).view(torch.uint8)


def assert_same_bits(actual, expected, what):
    assert actual.dtype == expected.dtype, f"{what}: {actual.dtype} instead of {expected.dtype}"
    assert tuple(actual.shape) == tuple(expected.shape), f"{what}: {tuple(actual.shape)} instead of {tuple(expected.shape)}"
    assert torch.equal(bits(actual), bits(expected)), f"{what}: values differ"


def universal_tag(folder):
    return pathlib.Path(folder) / (pathlib.Path(folder) / "latest_universal").read_text()


def load_atoms(folder, weights_only=True):
    """{name: {state: tensor or number}} of a universal folder, by torch.load with weights_only."""
    atoms = {}
    for entry in (universal_tag(folder) / "zero").iterdir():
        if not entry.is_dir():
            continue
        atoms[entry.name] = {}
        for file in entry.glob("*.pt"):
            value = torch.load(file, weights_only=weights_only)
            atoms[entry.name][file.stem] = value["param"] if isinstance(value, dict) else value
    return atoms


def load_safetensors(folder):
    folder = pathlib.Path(folder)
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return load_file(folder / "model.safetensors")
    tensors = {}
    for name in sorted(set(json.loads(index.read_text())["weight_map"].values())):
        tensors.update(load_file(folder / name))
    return tensors


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


def expect(actual, expected):
    """The same names, the same bits."""
    assert set(actual) == set(expected)
    for name, value in expected.items():
        assert_same_bits(actual[name], value, name)
