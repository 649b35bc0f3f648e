#!/usr/bin/env python3
"""Makes the seed corpora from test/data, small real files: test/fuzz/corpus/TARGET/good_*
(must be accepted) and seed_* (need not be).

    python3 test/fuzz/seeds.py [FOLDER]    FOLDER: default, the committed corpus

What fuzzers found (other names) is left alone.
"""
import io
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data"
BIN = pathlib.Path(os.environ.get("RECAST_BIN", HERE.parent.parent / "build" / "bin"))


def pickle_of(file):
    with zipfile.ZipFile(file) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
        return archive.read(name)


def packed(folder):
    """A folder as FolderTargets.cpp reads it: name, line feed, size, content (pickles of .pt)."""
    out = b""
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        if file.suffix in (".py", ".md"):
            continue
        content = pickle_of(file) if file.suffix == ".pt" else file.read_bytes()
        out += file.relative_to(folder).as_posix().encode() + b"\n" + struct.pack("<I", len(content)) + content
    return out


def planned(case):
    """The artifact of a conversion to two targets; paths are relative, times are fixed."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(DATA / "deepspeed" / case / "native", folder + "/run")
        for file in pathlib.Path(folder).rglob("*"):
            os.utime(file, (1e9, 1e9))
        (pathlib.Path(folder) / "job.ucl").write_text(
            'source run = deepspeed("run") as same\ntarget uni = deepspeed_universal("uni") as same\n'
            'target hub = safetensors("hub") as same\nconvert run -> uni, hub {\n'
            "  for uni { else: keep  objects { else: keep } }\n"
            "  for hub { weight: master | cast(bf16)  frozen, buffer: keep  drop master  objects { else: drop } }\n}\n")
        subprocess.run([BIN / "recast", "plan", "job.ucl", "-o", "job.rplan"], check=True, cwd=folder)
        return (pathlib.Path(folder) / "job.rplan").read_bytes()


def safetensors(header, data=0):
    return struct.pack("<QQ", data, len(header)) + header


def small_model(name="model"):
    """A safetensors file of two tensors, whole."""
    header = (b'{"__metadata__":{"format":"pt","by":"hand"},"%s.a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},'
              b'"%s.b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]}}' % (name.encode(), name.encode()))
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + bytes(range(22))


def files(contents):
    """The same as `packed`, from a dict."""
    return b"".join(name.encode() + b"\n" + struct.pack("<I", len(content)) + content for name, content in contents.items())


def zip64_file():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in ("a/data.pkl", "a/data/0", "a/version"):
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(name.encode())
    return stream.getvalue()


def journal(*entries):
    """Entries of (unit, extents, unhashed, pieces, digests), each with room for the hash that is made right."""
    words = []
    for unit, extents, unhashed, pieces, digests in entries:
        words += [unit, len(extents), len(unhashed), len(pieces), len(digests)]
        words += [word for row in extents + unhashed + pieces + digests for word in row] + [0]
    return struct.pack(f"<{len(words)}Q", *words)


def kernel_pack(*kernels, level=b""):
    pack = b"\x89RPACK\r\n" + struct.pack("<IIQQ", 1, len(kernels), 0, 0) + level.ljust(16, b"\0")
    for text, name in kernels:
        pack += struct.pack("<QHH", 1, len(text), len(name)) + text + name
    return pack + b"no library"


def seeds():
    for case in ("z1_bf16_dp2", "z3_fp32_dp3", "odd_z2_bf16_dp2_sgd", "odd_z1_fp32_dp5_tiny", "z3_fp32_dp4_subgroups"):
        if (DATA / "deepspeed" / case).exists():
            yield "deepspeed", case, packed(DATA / "deepspeed" / case / "native")
    for file in sorted((DATA / "deepspeed" / "z1_bf16_dp2" / "native").rglob("*.pt"))[1:]:
        yield "pickle", file.stem, pickle_of(file)
    for name in ("odd_protocol3", "odd_protocol5", "objects", "objects_protocol4", "objects_protocol5", "tiny"):
        yield "pickle", name, pickle_of(DATA / "torch" / f"{name}.pt")
    for name in ("tiny", "odd", "without_crc"):
        yield "torch_file", name, (DATA / "torch" / f"{name}.pt").read_bytes()
    for case in ("odd_z2_bf16_dp2_sgd", "odd_z1_fp32_dp5_tiny"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([BIN / "recast", "convert", DATA / "deepspeed" / case / "native", "-o", folder + "/out",
                            "--to", "deepspeed-universal", "-q", "--no-sync"], check=True)
            yield "universal", case, packed(pathlib.Path(folder) / "out")
    for version in ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"):  # Every field is used, but no writer would take it.
        yield "artifact", f"golden_{version}", (DATA / "plan" / f"v{version}.rplan").read_bytes()
    yield "artifact", "job", planned("odd_z2_bf16_dp2_sgd")
    yield "safetensors", "two", safetensors(
        b'{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},'
        b'"b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}}  ', 26)
    yield "safetensors", "many", safetensors(
        b"{" + b",".join(b'"t%d":{"dtype":"%s","shape":[%d,0],"data_offsets":[0,0]}' % (i, d, i) for i, d in
                         enumerate((b"F64", b"F16", b"I8", b"BOOL", b"U64", b"F8_E4M3", b"C64"))) + b"}")
    yield "safetensors_folder", "one", files({"model.safetensors": small_model()})
    index = json.dumps({"metadata": {"total_size": 44}, "weight_map": {
        f"{name}.{tensor}": f"model-0000{i}-of-00002.safetensors" for i, name in ((1, "x"), (2, "y")) for tensor in "ab"}})
    yield "safetensors_folder", "two", files({
        "model-00001-of-00002.safetensors": small_model("x"), "model-00002-of-00002.safetensors": small_model("y"),
        "model.safetensors.index.json": index.encode(), "config.json": b"{}"})
    tiny, odd = (pickle_of(DATA / "torch" / f"{name}.pt") for name in ("tiny", "odd"))
    yield "torch_folder", "zip", files({"model.pt": odd})
    yield "torch_folder", "seed_objects", files({"objects.pt": pickle_of(DATA / "torch" / "objects.pt")})
    yield "torch_folder", "stream", files({"pytorch_model.bin": (DATA / "torch" / "legacy.pt").read_bytes()})
    yield "torch_folder", "index", files({"x.pt": tiny, "pytorch_model.bin.index.json": json.dumps(
        {"metadata": {}, "weight_map": {"a": "x.pt"}}).encode()})
    yield "torch_stream", "legacy", (DATA / "torch" / "legacy.pt").read_bytes()
    yield "zip_directory", "tiny", (DATA / "torch" / "tiny.pt").read_bytes()
    yield "zip_directory", "zip64", zip64_file()
    for name in ("llama", "gpt2", "qwen3_biases_tied"):
        yield "config", name, (DATA / "std" / f"{name}.json").read_bytes()
    yield "config", "kinds", b'{"a": [1, -2, 0.5, true, null, {"b": {}}], "c\\u00e9": "d\\n", "e": 9223372036854775807}'
    yield "journal", "two", journal((0, [(0, 0, 4 << 20, 1, 2)], [], [(0, 0, 4 << 20, 3)], [(0, 4 << 20, 5, 6)]),
                                    (1, [(0, 4 << 20, 4 << 20, 1, 2)], [(0, 5)], [], []))
    yield "kernel_pack", "seed_two", kernel_pack((b"load 0 f32; store %0 0", b"copy"), (b"", b""))
    yield "shard_index", "two", (
        b'{"metadata":{"total_size":26},"weight_map":{"a":"model-00001-of-00002.safetensors",'
        b'"b":"model-00002-of-00002.safetensors"}}')
    layouts = ['4 6\nwhole', '4 6\non (dp = 2) map "d0 d1" {d0 = 4, d1 = 6} split d0 by dp',
               '4 2;2 2;2 2\non (tp = 2) map "((g r d) + (g d) + (g d)) h" {d = 1, g = 2, h = 2, r = 2} split g by tp',
               '7 3\non (dp = 4) flat dp per param', '7 3\non (dp = 4) flat dp per group',
               '7 3\non (pp = 2, dp = 2) stage pp at 1 chunk 0 by dp', '3\non (tp = 2) varying tp',
               '5 6\non (tp = 2) map "v h" {v = 5, h = 6} pad v to multiple of 4 split v by tp (widths 3 5)',
               '4\non (piece = 2) pieces {0->0[2:1:1]|2->0[2:1:1]}',
               '6 4\non (tp = 4) map "g r" {g = 6, r = 4} split g r by tp (balanced)']
    for i, text in enumerate(layouts):
        yield "layout", str(i), text.encode()
    maps = ["4 2;2 2;2 2\n((g r d) + (g d) + (g d)) h, g=2, r=2", "4 6\nh (n d), n=2", "\na b c",
            "4 6;2 6\n(n d) h + (n e) h -> h (n d + n e), n = 2", "\n"]
    for i, text in enumerate(maps):
        yield "map", str(i), text.encode()
    yield "recipe", "cast", b"load 0 f32; cast %0 bf16; store %1 0"
    yield "recipe", "check", b"load 0 f32; load 1 bf16; cast %0 bf16; check %2 %1; store %0 0; cast %0 f8e4m3fn saturate; store %5 1"
    yield "object_json", "kinds", (
        b'{"list": [null, true, -5, "text", {"float": 0.1}, {"float": "7ff8000000000000"}, {"bigint": "123456789012345678901"},'
        b'{"text": "ff00"}, {"bytes": "00ff"}, {"tuple": [1, 2]}, {"set": [3]}, {"dict": [["a", 1], [2, {"list": []}]]},'
        b'{"ordered": [["lr", {"float": 0.001}]]}, {"global": ["torch", "Size"]},'
        b'{"call": [[{"global": ["builtins", "set"]}, {"tuple": []}], []]},'
        b'{"tensor": ["f32", "", "cpu", 2, 0, [2], [1], false, false, "0000803f00000040"]}]}')
    yield "commit_marker", "two", (
        b'{"boot":"0f0e\\n","moves":[["global_step1","global_step1",false,77],["p/latest","latest",true,78]],"synced":true}')
    # The hashes are those of the two halves of what ExecTargets.cpp writes.
    yield "manifest", "two", (
        b'{"recast_manifest": 1,\n"fingerprint": "0123456789abcdef",\n"files": [\n{"path": "a", "size": 8, "extents": '
        b'[[0, 3, "404a763b3f4c8c9a"], [3, 5, "bd20f605d380fc50"]]},\n{"path": "d/b", "size": 0, "extents": []}\n],\n'
        b'"digest": "keyed-sum-1",\n"tensors": [\n{"name": "w", "role": "weight", "dtype": "f32", "shape": [2], "file": "a", "offset": 0, '
        b'"digest": "%s"}\n],\n"links": [\n["c", "a"]\n]}\n') % (b"0" * 32)
    for name in ("GPipe_p2_v1_m4.compute_only", "GPipe_p2_v1_m4.compute_comms", "DualPipeV_p4_v2_m8.compute_only",
                 "Interleaved1F1B_p4_v2_m3.compute_comms_defer", "ZBVZeroBubble_p4_v2_m4.compute_only"):
        yield "schedule_csv", name, (DATA / "schedules" / f"torch_{name}.csv").read_bytes()
    for name in ("deepspeed_TrainSchedule_p2_m4", "deepspeed_InferenceSchedule_p3_m4", "deepspeed_DualPipeVSchedule_p3_m7",
                 "megatron_p2_v2_m2_g2", "megatron_p4_v2_m8_g4"):
        yield "schedule_json", name, (DATA / "schedules" / f"{name}.json").read_bytes()
    yield "schedule_json", "weights", (
        b'{"format": "recast.schedule", "version": 1, "kind": "pipeoptim-paper", "ranks": 2, "chunks": 1, "microbatches": 2, '
        b'"rank_of": [0, 1], "update_every": 1, "weights": {"rule": "predict", "lag": "paper", "optimizer": "adam"}, "actions": '
        b'[["0F0", "0PREDICT1@1", "0F1", "0RESTORE@0", "0B0", "0OPT", "0B1", "0OPT"], '
        b'["1F0", "1B0", "1OPT", "1STASH@1", "1F1", "1B1", "1OPT"]]}')
    for file in sorted((HERE.parent.parent / "examples").glob("**/*.ucl")):
        yield "ucl", file.stem, file.read_bytes()
    for file in sorted((HERE.parent.parent / "lang" / "std").glob("*.ucl")):
        yield "models", file.stem, file.read_bytes()
    yield "models", "used", (
        b'use "std/llama.ucl"\nlet m = llama(config("a/config.json"))\nsource run = safetensors("a") as hf(m)\n'
        b'target out = safetensors("b") as fused(m)\nconvert run -> out {\n  weight: keep\n}\n')
    yield "define", "both", (
        b'place=a/b\nlet place = "x"\nlet size = 5MiB\nsource run = torch(place) as same\n'
        b'target out = safetensors("b", max_shard_size = size) as same\nconvert run -> out { weight: keep }\n')
    yield "define", "expression", (
        b'size=2 * 3GiB\nlet size = 5MiB\nsource run = torch("a") as same\n'
        b'target out = safetensors("b", max_shard_size = size) as same\nconvert run -> out { weight: keep }\n')
    # The text that has every production of the grammar.
    texts = (HERE.parent / "unit" / "lang" / "Texts.h").read_text()
    for i, text in enumerate(re.findall(r'R"\((.*?)\)"', texts, re.S)):
        yield "ucl", f"seed_grammar{i}", text.encode()


def main():
    corpus = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "corpus"
    for target, name, content in seeds():
        (corpus / target).mkdir(parents=True, exist_ok=True)
        (corpus / target / (name if name.startswith(("golden_", "seed_")) else f"good_{name}")).write_bytes(content)


if __name__ == "__main__":
    main()
