"""Writes the odd files of torch.save that the reader is tested with, and what they hold.

    python generate.py        (torch 2.13; overwrites the .pt files beside this script)

Every tensor of NAME.pt is in NAME.json under its path: dtype, shape, whether a plain reader may take
its bytes ("whole": contiguous in its storage), and the hexadecimal bytes of its row-major value.
"""
import collections
import json
import pathlib

import torch

HERE = pathlib.Path(__file__).parent


def odd():
    base = torch.arange(24, dtype=torch.float32)
    shared = base.reshape(4, 6)
    parameter = torch.nn.Parameter(torch.tensor([1.0, -0.0, float("nan"), float("inf")]))
    return collections.OrderedDict(
        rows=shared[1:3],
        columns=shared[:, 1:3],
        transposed=shared.t(),
        every_second=base[::2],
        one_column=shared[:, 2:3][1:2],
        expanded=torch.tensor([7.0]).expand(3),
        scalar=torch.tensor(3.5, dtype=torch.float64),
        scalar_view=base[5],
        empty=torch.empty(0, 3),
        empty_middle=torch.empty(2, 0, 5, dtype=torch.int64),
        ones=torch.ones(1, 1, 4, 1, dtype=torch.bfloat16),
        parameter=parameter,
        alias=parameter,
        half=torch.tensor([1.5, 65504.0], dtype=torch.float16),
        ints=torch.tensor([-1, 2**40], dtype=torch.int64),
        short=torch.tensor([-2, 3], dtype=torch.int16),
        byte=torch.tensor([0, 255], dtype=torch.uint8),
        flags=torch.tensor([True, False, True]),
        unsigned=torch.tensor([1, 65535], dtype=torch.int32).to(torch.uint16),
        float8=torch.tensor([1.0, -2.0, 448.0]).to(torch.float8_e4m3fn),
        float8_tail=torch.tensor([1.0, -2.0, 448.0]).to(torch.float8_e5m2)[1:],
        complex=torch.tensor([1 + 2j]),
        nested=[dict(inner=(torch.tensor([9], dtype=torch.int32),)), {3: base[20:]}],
    )


def objects():
    return dict(
        none=None, yes=True, no=False, zero=0, byte=255, short=65535, negative=-1, wide=-(2**31),
        wider=2**31, widest=2**63 - 1, lowest=-(2**63), big=2**63, big_negative=-(2**200), pi=3.141592653589793,
        minus_zero=-0.0, infinity=float("inf"), text="näme \u2028", empty="", data=b"\x00\xff", pair=(1, 2),
        triple=(1, 2, 3), many=tuple(range(5)), nothing=(), names={"a", "b"}, frozen=frozenset({1}),
        size=torch.Size([2, 3]), dtype=torch.bfloat16, device=torch.device("cpu"), value=1 + 2j,
        ordered=collections.OrderedDict(a=1), default=collections.defaultdict(list, k=[1]), deep=[[[[1]]]],
        shared=[[1, 2]] * 3)


def record(tree, path=""):
    if isinstance(tree, torch.Tensor):
        value = tree.detach()
        contiguous = value.is_contiguous()
        raw = value.contiguous().view(-1)
        raw = raw.view(torch.uint8) if raw.numel() else raw
        return {path: dict(dtype=str(value.dtype)[6:], shape=list(value.shape), whole=contiguous,
                           bytes=bytes(raw.tolist()).hex() if raw.numel() else "")}
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, (list, tuple)):
        items = enumerate(tree)
    else:
        return {}
    out = {}
    for key, value in items:
        out.update(record(value, f"{path}.{key}" if path else str(key)))
    return out


def save(name, tree, **options):
    torch.save(tree, HERE / f"{name}.pt", **options)


def main():
    tree = odd()
    (HERE / "odd.json").write_text(json.dumps(record(tree), indent=1) + "\n")
    save("odd", tree)
    for protocol in (3, 4, 5):
        save(f"odd_protocol{protocol}", tree, pickle_protocol=protocol)
    save("objects", objects())
    for protocol in (4, 5):
        save(f"objects_protocol{protocol}", objects(), pickle_protocol=protocol)
    save("tiny", dict(a=torch.tensor([1.0, 2.0]), n=3))
    save("legacy", dict(a=torch.tensor([1.0, 2.0])), _use_new_zipfile_serialization=False)
    torch.serialization.set_crc32_options(False)
    save("without_crc", dict(a=torch.tensor([1.0, 2.0])))
    torch.serialization.set_crc32_options(True)


main()
