"""Writes the cast vectors of this folder with PyTorch (2.13) and ml_dtypes' published results.

    python generate.py                      torch_*.bin
    python generate.py CASTS.safetensors    also ml_dtypes_*.bin, from a file that holds tensors
                                            <format>.encode.1.{f32_bits,codes}

Every file is: u32 count, then one little-endian column after the other, `count` elements each.
    torch_f32.bin        f32 bits u32 | bf16 u16 | f16 u16 | f8e4m3fn u8 | f8e5m2 u8
    torch_f64.bin        f64 bits u64 | f32 u32
    torch_f8.bin         f8e4m3fn as f32 u32 | f8e5m2 as f32 u32     (256 codes in order)
    ml_dtypes_<fp8>.bin  f32 bits u32 | code u8                      (overflow of f8e4m3fn: NaN)
torch 2.13 saturates what is too large for f8e4m3fn, infinities included.
"""

import struct
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
SEED = 20240


def write(name, *columns):
    with open(HERE / name, "wb") as out:
        out.write(struct.pack("<I", columns[0].numel()))
        for column in columns:
            assert column.numel() == columns[0].numel()
            out.write(bytes(column.contiguous().view(torch.uint8).tolist()))


def f32_samples():
    """Every exponent with mantissas around every rounding boundary of the four targets, then noise."""
    generator = torch.Generator().manual_seed(SEED)
    drops = {"bf16": 16, "f16": 13, "e4m3": 20, "e5m2": 21}
    mantissas = {0, 1, 0x3FFFFF, 0x400000, 0x400001, 0x7FFFFE, 0x7FFFFF}
    for drop in drops.values():
        half = 1 << (drop - 1)
        for even in (0, 1 << drop, 0x7FFFFF & ~((1 << drop) - 1)):
            mantissas |= {even + half - 1, even + half, even + half + 1}
    bits = [(exponent << 23) | mantissa for exponent in range(256) for mantissa in sorted(mantissas)]
    # Denormals of f16 and fp8: the boundary moves with the exponent.
    for exponent in list(range(100, 125)) + [142, 143]:
        for position in range(1, 23):
            for low in (0, 1):
                bits.append((exponent << 23) | (0x7FFFFF & ~((1 << position) - 1)) | low)
                bits.append((exponent << 23) | (1 << position) | low)
    bits = torch.tensor(bits, dtype=torch.int64)
    near = torch.randint(100 << 23, 145 << 23, (3000,), generator=generator)
    wild = torch.randint(0, 1 << 31, (2000,), generator=generator)
    bits = torch.cat([bits, near, wild])
    sign = torch.randint(0, 2, bits.shape, generator=generator) << 31
    bits = bits | sign
    return torch.where(bits >= 1 << 31, bits - (1 << 32), bits).to(torch.int32)


def f64_samples():
    generator = torch.Generator().manual_seed(SEED)
    bits = []
    for exponent in list(range(860, 905)) + list(range(1020, 1026)) + [0, 1, 1149, 1150, 1151, 2046, 2047]:
        for mantissa in (0, 1, 1 << 28, (1 << 28) - 1, (1 << 28) + 1, 3 << 28, (3 << 28) - 1, (1 << 52) - 1, 1 << 51):
            bits.append((exponent << 52) | mantissa)
        for position in range(28, 52, 3):
            bits.append((exponent << 52) | (((1 << 52) - 1) & ~((1 << position) - 1)))
            bits.append((exponent << 52) | (1 << position) | 1)
    bits = torch.tensor(bits, dtype=torch.int64)
    bits = torch.cat([bits, torch.randint(860 << 52, 1160 << 52, (1500,), generator=generator)])
    sign = torch.randint(0, 2, bits.shape, generator=generator)
    return torch.where(sign == 1, bits | torch.tensor(-(1 << 63)), bits)


def main():
    f32 = f32_samples()
    value = f32.view(torch.float32)
    casts = [value.to(t) for t in (torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2)]
    write("torch_f32.bin", f32, *casts)
    f64 = f64_samples()
    write("torch_f64.bin", f64, f64.view(torch.float64).to(torch.float32))
    codes = torch.arange(256, dtype=torch.int32).to(torch.uint8)
    write("torch_f8.bin", *(codes.view(t).to(torch.float32) for t in (torch.float8_e4m3fn, torch.float8_e5m2)))
    if len(sys.argv) > 1:
        from safetensors.torch import load_file

        published = load_file(sys.argv[1])
        for name, source in (("f8e4m3fn", "e4m3fn"), ("f8e5m2", "e5m2")):
            write(f"ml_dtypes_{name}.bin", published[f"{source}.encode.1.f32_bits"], published[f"{source}.encode.1.codes"])


main()
