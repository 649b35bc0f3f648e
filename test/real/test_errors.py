"""Bad input from the command line: one clear error, the right exit code, nothing that looks finished."""
import json
import os
import resource
import shutil
import signal
import subprocess

from conftest import BIN, DATA, recast
from refusals import SHARD, SOURCE, assert_nothing_visible, convert, refused, run, tag_folder  # noqa: F401


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


def test_json_errors_are_json(run, workdir):
    (tag_folder(run) / SHARD).write_bytes(b"")
    done = recast("inspect", run, "--json", check=False)
    assert done.code == 3 and json.loads(done.out)["problems"]


def test_an_answer_that_cannot_be_printed_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([BIN / "recast", "inspect", SOURCE], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 4 and "standard output" in done.stderr
