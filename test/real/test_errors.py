"""Bad input from the command line: one clear error, the right exit code, nothing that looks finished."""
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest

from checkpoints import load_atoms
from conftest import BIN, DATA, recast

SOURCE = DATA / "z2_fp32_dp3" / "native"
SHARD = "zero_pp_rank_1_mp_rank_00_optim_states.pt"


@pytest.fixture
def run(workdir):
    shutil.copytree(SOURCE, workdir / "run")
    return workdir / "run"


def tag_folder(run):
    return run / (run / "latest").read_text()


def convert(run, output, *more, **options):
    return recast("convert", run, "-o", output, "--to", "deepspeed-universal", *more, check=False, **options)


def assert_nothing_visible(output):
    """No tag and no pointer: what a loader would look for is not there."""
    assert not (output / "latest_universal").exists()
    assert not [p for p in output.glob("*") if not p.name.startswith(".")] if output.exists() else True


def refused(done, *words, code=3):
    assert done.code == code, f"{done.code}: {done.out}{done.err}"
    assert done.err.startswith("error: ")
    for word in words:
        assert word in done.err, done.err


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


def test_missing_rank_file_is_named(run, workdir):
    (tag_folder(run) / SHARD).unlink()
    refused(convert(run, workdir / "out"), SHARD)
    done = recast("inspect", run, check=False)
    assert done.code == 3 and SHARD in done.out + done.err


def test_surplus_rank_file(run, workdir):
    folder = tag_folder(run)
    shutil.copy(folder / SHARD, folder / SHARD.replace("rank_1", "rank_3"))
    refused(convert(run, workdir / "out"), "rank_3")


def test_mixed_steps(run, workdir):
    # The step of one rank's file, changed where the pickle's storage keeps it, with a right checksum.
    import torch
    victim = tag_folder(run) / SHARD
    state = torch.load(victim, weights_only=False)
    for group in state["optimizer_state_dict"]["base_optimizer_state"]["state"].values():
        group["step"] += 1
    torch.save(state, victim)
    done = convert(run, workdir / "out")
    refused(done, "step")


def test_weights_that_disagree_with_their_masters(workdir):
    """A file that is sound by itself (right checksums) but belongs to other masters."""
    import torch
    shutil.copytree(DATA / "z1_bf16_dp2" / "native", workdir / "run")
    victim = tag_folder(workdir / "run") / "mp_rank_00_model_states.pt"
    state = torch.load(victim, weights_only=False)
    state["module"]["layers.1.mlp.down_proj.weight"][3, 5] += 1
    torch.save(state, victim)
    done = convert(workdir / "run", workdir / "out")
    refused(done, "layers.1.mlp.down_proj.weight", "element 113", code=1)  # 3 x 36 + 5
    assert_nothing_visible(workdir / "out")
    # An export reads masters or weights, not both: the comparison costs bytes and is asked for.
    job = (f'source run = deepspeed("{workdir / "run"}") as same\ntarget a = safetensors("{workdir / "hub"}") as same\n'
           "convert run -> a { weight: master | cast(bf16)  frozen, buffer: keep  drop master, exp_avg, exp_avg_sq, step  "
           "objects { else: drop } %s }\n")
    (workdir / "plain.ucl").write_text(job % "")
    (workdir / "asked.ucl").write_text(job % "check weight == run.weight")
    refused(recast("convert", workdir / "asked.ucl", check=False), "layers.1.mlp.down_proj.weight", code=1)
    assert_nothing_visible(workdir / "hub")
    recast("convert", workdir / "plain.ucl")


def test_output_that_exists_is_refused_and_kept(run, workdir):
    assert convert(run, workdir / "out").code == 0
    before = {p: p.read_bytes() for p in (workdir / "out").rglob("*") if p.is_file()}
    refused(convert(run, workdir / "out"), "--overwrite", code=2)
    assert before == {p: p.read_bytes() for p in (workdir / "out").rglob("*") if p.is_file() and p in before}
    assert convert(run, workdir / "out", "--overwrite").code == 0
    assert recast("verify", workdir / "out").code == 0


def test_output_inside_the_source(run):
    done = convert(run, run / "out")
    refused(done, "inside", code=2)


def test_disk_full(run, workdir):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = convert(run, workdir / "out", preexec=limit)
    refused(done, code=4)
    assert_nothing_visible(workdir / "out")


def test_budget_too_small(run, workdir):
    done = convert(run, workdir / "out", "--memory", "1KiB")
    refused(done, "--memory", code=5)
    assert_nothing_visible(workdir / "out")


def test_check_refuses_a_budget_that_cannot_hold(run, workdir):
    (workdir / "job.ucl").write_text(f'source run = deepspeed("{run}") as same\ntarget a = deepspeed_universal("y") as same\n'
                                     "convert run -> a { else: keep  objects { else: keep }  budget 4KiB }\n")
    refused(recast("check", "job.ucl", check=False, cwd=workdir), "at least", code=5)


class Evil:
    """Unpickled, it would make a folder."""
    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_foreign_objects_need_permission(run, workdir):
    """A model-states file is kept byte for byte: what its pickle would run must not pass unseen."""
    import torch
    victim = next(tag_folder(run).glob("*model_states.pt"))
    state = torch.load(victim, weights_only=False)
    state["of_a_user"] = Evil()
    state["of_a_user"].path = workdir / "pwned"
    torch.save(state, victim)
    shown = recast("inspect", run).out
    assert "posix.mkdir" in shown and "never called" in shown
    refused(convert(run, workdir / "out"), "posix.mkdir", "--allow-foreign-objects")
    assert_nothing_visible(workdir / "out")
    # An export holds no objects, so there is nothing to refuse.
    recast("convert", run, "-o", workdir / "hub", "--to", "safetensors")
    done = convert(run, workdir / "out", "--allow-foreign-objects")
    assert done.code == 0, done.err
    kept = next(workdir.glob("out/*/mp_rank_00_model_states.pt"))
    assert kept.read_bytes() == victim.read_bytes()
    assert not (workdir / "pwned").exists()


def test_tag_is_named_on_the_command_line(run, workdir):
    tag = (run / "latest").read_text()
    (run / "latest").unlink()
    assert convert(run, workdir / "out", "--tag", tag).code == 0


def test_plan_that_others_may_write(run, workdir):
    job = workdir / "job.ucl"
    recast("init", run, "--to", "deepspeed-universal", "--out-dir", workdir / "out", "-o", job)
    recast("plan", job, "-o", workdir / "job.rplan")
    (workdir / "job.rplan").chmod(0o666)
    refused(recast("run", workdir / "job.rplan", check=False), "others may write", code=2)
    assert_nothing_visible(workdir / "out")
    (workdir / "job.rplan").chmod(0o644)
    recast("run", workdir / "job.rplan")


def test_plan_for_another_checkpoint(run, workdir):
    """Same names and shapes, other bytes: the plan is for the files that it has seen."""
    job = workdir / "job.ucl"
    recast("init", run, "--to", "deepspeed-universal", "--out-dir", workdir / "out", "-o", job)
    recast("plan", job, "-o", workdir / "job.rplan")
    shutil.rmtree(run)
    shutil.copytree(SOURCE, run, copy_function=shutil.copyfile)
    refused(recast("run", workdir / "job.rplan", check=False), "changed")
    assert_nothing_visible(workdir / "out")


def test_names_do_not_command_the_terminal(workdir):
    def model(folder, name, shape=(1,)):
        header = json.dumps({name: {"dtype": "F32", "shape": list(shape), "data_offsets": [0, 4]}}).encode()
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        return folder
    a, b = model(workdir / "a", "x\x1b[2J"), model(workdir / "b", "y\x1b]0;t\x07\u009b")
    wrong = model(workdir / "c", "x\x1b[2J", (2,))
    for arguments in (["inspect", a, "--match", "*"], ["inspect", wrong], ["diff", a, b],
                      ["convert", wrong, "-o", workdir / "out", "--to", "safetensors"],
                      ["convert", a, "-o", workdir / "out", "--to", "deepspeed-universal"],
                      ["convert", a, "-o", workdir / "out", "--to", "safetensors", "--dry-run"]):
        done = recast(*arguments, check=False)
        assert not set("\x1b\x07\x9b") & set(done.out + done.err), (arguments, done.out, done.err)
    assert "x\\x1b[2J" in recast("diff", a, b, check=False).out


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


def test_every_kind_of_error_is_in_the_catalogue():
    """docs/errors.md has a section per exit code, the code has a kind per section."""
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    codes = set(re.findall(r"^  [A-Z]\w+ = (\d+),", (root / "runtime/base/Status.h").read_text(), re.M))
    catalogue = re.split(r"^## (\d+): ", (root / "docs/errors.md").read_text(), flags=re.M)
    sections = dict(zip(catalogue[1::2], catalogue[2::2]))
    assert len(codes) >= 7 and codes == set(sections)


def test_messages_of_the_catalogue_are_those_of_the_code():
    """Of each message in the tables of docs/errors.md some words in a row stand in a source."""
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    sources = [file.read_text() for room in ("runtime", "lang", "compiler", "tools") for file in sorted((root / room).rglob("*.cpp"))]
    code = re.sub(r'"\s*\n\s*"', "", "\n".join(sources)).replace('\\"', '"')
    # What messages say of this case: numbers, names in quotes, places in files.
    varying = r"'[^']*'|`[^`]*`|[\w./]*\d[\w./]*|\.\.\.|[:;,]"
    of_libraries = {"the following argument was not expected"}
    missing, messages = [], 0
    for row in re.findall(r"^\| (`.*?) \| ", (root / "docs/errors.md").read_text(), re.M):
        for message in re.findall(r"``(.+?)``|(?<!`)`([^`]+)`", row):
            pieces = [piece.split() for piece in re.split(varying, max(message))]
            runs = [" ".join(words[i:j]) for words in pieces for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
            messages += 1
            # Codes of findings and words of the language stand there as they are.
            if re.fullmatch(r"[a-z]+(-[a-z]+)*", max(message)) and f'"{max(message)}"' in code:
                continue
            if not any(len(run) >= 9 and run in code for run in runs) and max(message) not in of_libraries:
                missing.append(max(message))
    assert messages > 30 and not missing


def test_source_changed_after_the_plan(run, workdir):
    job = workdir / "job.ucl"
    recast("init", run, "--to", "deepspeed-universal", "--out-dir", workdir / "out", "-o", job)
    recast("plan", job, "-o", workdir / "job.rplan")
    os.utime(tag_folder(run) / SHARD)
    done = recast("run", workdir / "job.rplan", check=False)
    refused(done, SHARD, "changed")
    assert_nothing_visible(workdir / "out")


def test_killed_at_any_moment_leaves_all_or_nothing(run, workdir):
    job = workdir / "job.ucl"
    recast("init", run, "--to", "deepspeed-universal", "--out-dir", workdir / "out", "-o", job)
    recast("plan", job, "-o", workdir / "job.rplan")
    for delay_ms in range(0, 30, 2):
        process = subprocess.Popen([BIN / "recast-run", workdir / "job.rplan", "-q"], stderr=subprocess.DEVNULL)
        time.sleep(delay_ms / 1000)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (workdir / "out" / "latest_universal").exists():
            recast("verify", workdir / "out")
            shutil.rmtree(workdir / "out")
        # The next run finds the way free, whatever the last one left.
        recast("run", workdir / "job.rplan", "--overwrite")
        recast("verify", workdir / "out")
        assert not list((workdir / "out").glob(".recast-tmp-*"))
        shutil.rmtree(workdir / "out")


def test_mistakes_in_a_specification_point_at_the_place(workdir):
    (workdir / "job.ucl").write_text('source run = deepspeed("x") as same\ntarget a = safetenors("y") as same\n'
                                     "convert run -> a { weight: keep }\n")
    done = recast("check", "job.ucl", check=False, cwd=workdir)
    refused(done, "job.ucl:2:", "^", "did you mean `safetensors`", code=2)


def test_expect_refuses(run, workdir):
    (workdir / "job.ucl").write_text(f'source run = deepspeed("{run}") as same\ntarget a = safetensors("y") as same\n'
                                     "convert run -> a { expect run.zero == 3  weight, frozen, buffer: keep  "
                                     "drop master, exp_avg, exp_avg_sq, step  objects { else: drop } }\n")
    done = recast("check", "job.ucl", check=False, cwd=workdir)
    refused(done, "2 == 3 is false", code=1)


def test_damaged_plans_are_refused(run, workdir):
    job = workdir / "job.ucl"
    recast("init", run, "--to", "safetensors", "--out-dir", workdir / "out", "-o", job)
    recast("plan", job, "-o", workdir / "job.rplan")
    good = (workdir / "job.rplan").read_bytes()
    for size in (0, 7, 64, len(good) // 2, len(good) - 1):
        (workdir / "bad.rplan").write_bytes(good[:size])
        refused(recast("run", workdir / "bad.rplan", check=False), "bad.rplan")
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    (workdir / "bad.rplan").write_bytes(flipped)
    refused(recast("run", workdir / "bad.rplan", check=False), "bad.rplan")


def test_json_errors_are_json(run, workdir):
    (tag_folder(run) / SHARD).write_bytes(b"")
    done = recast("inspect", run, "--json", check=False)
    assert done.code == 3 and json.loads(done.out)["problems"]


def test_an_answer_that_cannot_be_printed_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([BIN / "recast", "inspect", SOURCE], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 4 and "standard output" in done.stderr


def test_ctrl_c_leaves_nothing_and_says_130(run, workdir):
    job = workdir / "job.ucl"
    recast("init", run, "--to", "deepspeed-universal", "--out-dir", workdir / "out", "-o", job)
    recast("plan", job, "-o", workdir / "job.rplan")
    interrupted = 0
    for attempt in range(80):
        if interrupted >= 2:
            break
        process = subprocess.Popen([BIN / "recast-run", workdir / "job.rplan", "-q"], stderr=subprocess.PIPE, text=True)
        time.sleep(attempt % 16 / 1000)
        process.send_signal(signal.SIGINT)
        _, message = process.communicate()
        if process.returncode == 0:  # The commit had begun: it is carried to its end.
            recast("verify", workdir / "out")
        elif process.returncode == 130:
            assert "interrupted" in message
            assert_nothing_visible(workdir / "out")
            interrupted += 1
        else:
            assert process.returncode == -signal.SIGINT  # Before the handler stood.
        shutil.rmtree(workdir / "out", ignore_errors=True)
    assert interrupted > 0


def test_two_runs_into_one_output(run, workdir):
    """Whatever the timing, one of them writes and the other is refused or finds the output there."""
    for _ in range(5):
        processes = [subprocess.Popen([BIN / "recast", "convert", run, "-o", workdir / "out", "--to", "deepspeed-universal", "-q"],
                                      stderr=subprocess.PIPE, text=True) for _ in range(2)]
        codes = sorted(p.wait() for p in processes)
        assert codes == [0, 2], [p.stderr.read() for p in processes]
        recast("verify", workdir / "out")
        shutil.rmtree(workdir / "out")
