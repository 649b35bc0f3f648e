"""Damaged files: an error, or the values that the sound files have; never other numbers."""
import random
import shutil

import pytest

from checkpoints import load_atoms
from conftest import recast
from refusals import SHARD, SOURCE, assert_nothing_visible, convert, refused, run, tag_folder  # noqa: F401


def test_truncated_shard(run, workdir):
    victim = tag_folder(run) / SHARD
    victim.write_bytes(victim.read_bytes()[:-1000])
    done = convert(run, workdir / "out")
    refused(done, SHARD)
    assert_nothing_visible(workdir / "out")


def test_flipped_bit_in_tensor_data_is_found_by_the_checksum(run, workdir):
    victim = tag_folder(run) / SHARD
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 0x10  # Inside a flat buffer: no parser looks at it.
    victim.write_bytes(data)
    done = convert(run, workdir / "out")
    refused(done, SHARD, "bytes:")
    assert_nothing_visible(workdir / "out")


def test_random_flips_never_give_other_numbers(run, workdir):
    """200 single-bit flips: an error, or an output equal to the one without the flip."""
    convert(SOURCE, workdir / "good")
    good = load_atoms(workdir / "good")
    victims = sorted(tag_folder(run).glob("*.pt"))
    generator = random.Random(5)
    for round_number in range(200):
        victim = generator.choice(victims)
        original = victim.read_bytes()
        data = bytearray(original)
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        victim.write_bytes(data)
        output = workdir / f"out{round_number}"
        done = convert(run, output, "--no-sync")
        if done.code == 0:
            atoms = load_atoms(output)
            assert atoms.keys() == good.keys()
            for name, states in good.items():
                for state, value in states.items():
                    other = atoms[name][state]
                    assert bool((value == other).all()) if hasattr(value, "all") else value == other, (victim, name)
        else:
            assert done.code in (1, 3), (done.code, done.err)
            assert_nothing_visible(output)
        shutil.rmtree(output, ignore_errors=True)
        victim.write_bytes(original)


def test_damaged_safetensors_never_give_other_numbers(workdir):
    """Header and file damage: an error, or what the reference reader says about the same bytes. (The
    format has no checksums: tensor data that was changed is, for every reader, the data.)"""
    import torch
    from safetensors.torch import load_file, save_file
    generator = random.Random(7)
    save_file({"a.weight": torch.arange(24, dtype=torch.float32).reshape(4, 6), "b": torch.arange(5, dtype=torch.int64),
               "c.weight": torch.ones(3, dtype=torch.bfloat16)}, workdir / "model.safetensors", metadata={"format": "pt"})
    good = (workdir / "model.safetensors").read_bytes()
    header = 8 + int.from_bytes(good[:8], "little")
    accepted = 0
    for round_number in range(120):
        data = bytearray(good)
        at = generator.randrange(header)
        match round_number % 4:
            case 0:
                data[at] ^= 1 << generator.randrange(8)
            case 1:
                data[at] = generator.choice(b'0123456789"[]{},: ')
            case 2:
                data = data[:generator.randrange(len(data))]
            case 3:
                data[at:at] = data[at:at + generator.randrange(1, 9)]
        victim = workdir / f"in{round_number}" / "model.safetensors"
        victim.parent.mkdir()
        victim.write_bytes(data)
        output = workdir / f"out{round_number}"
        done = recast("convert", victim.parent, "-o", output, "--to", "safetensors", "--no-sync", "-q", check=False)
        if done.code == 0:
            theirs, ours = load_file(victim), load_file(output / "model.safetensors")
            assert theirs.keys() == ours.keys()
            for name, value in theirs.items():
                assert value.dtype == ours[name].dtype and torch.equal(value, ours[name]), (round_number, name)
            accepted += 1
        else:
            assert done.code in (2, 3), (round_number, done.code, done.err)
            assert_nothing_visible(output)
    assert 0 < accepted < 120


def damage(data, generator):
    """One small thing goes wrong: a bit, a byte, the end, a hole, a surplus, a block of zeros."""
    at, length = generator.randrange(len(data)), generator.randrange(1, 65)
    match generator.randrange(6):
        case 0:
            data[at] ^= 1 << generator.randrange(8)
        case 1:
            data[at] = generator.randrange(256)
        case 2:
            del data[at:]
        case 3:
            del data[at:at + length]
        case 4:
            data[at:at] = data[at:at + length]
        case 5:
            data[at:at + length] = bytes(len(data[at:at + length]))
    return data


@pytest.mark.parametrize("what", ["deepspeed", "torch", "torch stream"])
def test_random_damage_never_gives_other_numbers(what, run, workdir):
    """Pickle-based files have a CRC-32 for each member, or a form in which little can go unseen: with
    damage anywhere in them there is an error, or the values are those of the sound files. The stream
    of old torch has no checksums: bytes of its storages are, for every reader, the data."""
    import torch
    generator = random.Random(5)
    if what == "deepspeed":
        source, files = run, sorted(run.rglob("*.pt")) + [run / "latest"]
    else:
        source = workdir / "model"
        source.mkdir()
        files = [source / "pytorch_model.bin"]
        torch.save({"a.weight": torch.arange(600, dtype=torch.float32).reshape(20, 30).t(), "b": torch.arange(7),
                    "c": torch.ones(65, dtype=torch.bfloat16)}, files[0],
                   _use_new_zipfile_serialization=what == "torch")
    more = ["--dtype", "f32"] if what == "deepspeed" else []

    def export(output):
        return recast("convert", source, "-o", output, "--to", "safetensors", "--no-sync", "-q", *more, check=False)
    sound = export(workdir / "sound")
    assert sound.code == 0, sound.err
    truth = (workdir / "sound" / "model.safetensors").read_bytes()
    accepted = 0
    for round_number in range(60):
        victim = generator.choice(files)
        good = victim.read_bytes()
        victim.write_bytes(damage(bytearray(good), generator))
        output = workdir / f"out{round_number}"
        done = export(output)
        if done.code == 0:
            ours = (output / "model.safetensors").read_bytes()
            if what == "torch stream":  # The reference reader sees the same.
                theirs = torch.load(victim, weights_only=True, map_location=lambda storage, _: storage)
                from safetensors.torch import load_file
                read = load_file(output / "model.safetensors")
                assert read.keys() == theirs.keys()
                for name, value in theirs.items():
                    assert value.dtype == read[name].dtype and torch.equal(value, read[name]), (round_number, name)
            else:
                assert ours == truth, (round_number, victim)
            accepted += 1
        else:
            assert done.code in (2, 3), (round_number, done.code, done.err)
            assert_nothing_visible(output)
        victim.write_bytes(good)
    assert accepted < 60
