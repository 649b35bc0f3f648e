"""Files that commands write: never over what they read, whole or not at all; and sizes as options take them."""
import json
import os
import shutil

import pytest

from conftest import DATA, recast

CASE = DATA / "z3_fp32_dp1" / "native"
SHAPE = ("--ranks", "2", "--microbatches", "4")


@pytest.fixture
def job(workdir):
    """A folder with a run, a specification and its plan."""
    shutil.copytree(CASE, workdir / "run")
    (workdir / "job.ucl").write_text('source run = deepspeed("run") as same\ntarget hub = safetensors("hub") as same\n'
                                     "convert run -> hub {\n  weight: master\n  frozen, buffer: keep\n"
                                     "  drop master, exp_avg, exp_avg_sq, step\n  objects { else: drop }\n}\n")
    recast("plan", "job.ucl", "-o", "job.rplan", cwd=workdir)
    return workdir


def refused(folder, victim, *words, expected="read"):
    """The command ends with wrong use; `victim` keeps its bytes, and nothing new lies about."""
    before, names = (folder / victim).read_bytes(), sorted(p.name for p in folder.iterdir())
    done = recast(*words, check=False, cwd=folder)
    assert done.code == 2 and done.err.startswith("error: ") and expected in done.err, done.err
    assert (folder / victim).read_bytes() == before and sorted(p.name for p in folder.iterdir()) == names


def test_an_input_is_not_written_over(job):
    (job / "s.csv").write_text(recast("pipe", "export", "gpipe", *SHAPE, "--to", "torch-csv").out)
    (job / "same.csv").symlink_to("s.csv")
    for name in ("s.csv", "./s.csv", "same.csv"):
        refused(job, "s.csv", "pipe", "show", "s.csv", "--svg", name)
        refused(job, "s.csv", "pipe", "import", "s.csv", "-o", name)
        refused(job, "s.csv", "pipe", "export", "s.csv", "--to", "json", "-o", name)
    refused(job, "job.ucl", "plan", "job.ucl", "-o", "job.ucl")
    refused(job, "job.rplan", "compile", "job.rplan", "-o", "job.rplan")


def test_what_is_no_file_is_not_replaced(job):
    os.mkfifo(job / "pipe")
    for name, expected in (("run", "a folder of that name"), ("pipe", "no regular file")):
        done = recast("pipe", "show", "gpipe", *SHAPE, "--svg", name, check=False, cwd=job)
        assert done.code == 2 and expected in done.err, done.err
    assert not list(job.glob("*.tmp-*"))


def test_a_picture_is_replaced_whole_or_printed(tmp_path):
    picture = tmp_path / "s.svg"
    picture.write_text("old")
    recast("pipe", "show", "gpipe", *SHAPE, "--svg", picture)
    printed = recast("pipe", "show", "gpipe", *SHAPE, "--svg", "-")
    assert printed.out == picture.read_text() and printed.out.startswith("<svg ")
    done = recast("pipe", "show", "gpipe", *SHAPE, "--svg", "-", "--json", check=False)
    assert done.code == 2 and "--json and --svg -" in done.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.svg"]
    # A picture that cannot be drawn leaves the old one.
    many = recast("pipe", "show", "gpipe", "--ranks", "100", "--microbatches", "1000", "--svg", picture, check=False)
    assert many.code == 2 and picture.read_text() == printed.out


def test_events_are_written_over_nothing_else(job):
    shard = next(path for path in (job / "run").rglob("*optim_states.pt")).relative_to(job)
    (job / "notes").write_text("mine\n")
    for command in (("convert", "job.ucl"), ("run", "job.rplan")):
        for victim in (command[1], str(shard)):  # Inputs stay, even with --overwrite.
            refused(job, victim, *command, "--events", victim, "--overwrite")
        refused(job, "notes", *command, "--events", "notes", expected="--overwrite")
        done = recast(*command, "--events", "run", check=False, cwd=job)
        assert done.code == 2 and "a folder" in done.err
        done = recast(*command, "--events", "", check=False, cwd=job)
        assert done.code == 2 and "'' is no name of a file" in done.err
        for place in ("hub", "./hub/", "hub/model.safetensors", "run/../hub/.recast/events"):
            done = recast(*command, "--events", place, check=False, cwd=job)
            assert done.code == 2 and "the output goes there" in done.err, done.err
    assert not (job / "hub").exists()
    (job / "empty").touch()
    recast("run", "job.rplan", "--events", "empty", cwd=job)
    first = (job / "empty").read_text()
    assert json.loads(first.splitlines()[-1])["event"] == "end"
    # The same command again replaces its events; so does --overwrite anything.
    again = recast("run", "job.rplan", "--events", "empty", check=False, cwd=job)
    assert "exists" in again.err and json.loads((job / "empty").read_text().splitlines()[-1])["event"] == "error"
    recast("run", "job.rplan", "--events", "notes", "--overwrite", cwd=job)
    assert len((job / "notes").read_text().splitlines()) == len(first.splitlines())


@pytest.mark.parametrize("size", ["-1", "-5KiB", "0", "99999999999999999999", "99999999999999PiB", "1e308", "nan", "",
                                  "5.5GB", "5XB", "512M", "0x10", "GiB"])
@pytest.mark.parametrize("option", ["--read-rate", "--memory"])
def test_what_is_no_size(job, option, size):
    for program, words in (("recast", ("run", "job.rplan")), ("recast", ("convert", "job.ucl")),
                           ("recast-run", ("job.rplan",))):
        done = recast(*words, option, size, program=program, check=False, cwd=job)
        assert done.code == 2 and done.err.startswith(f"error: {option}: '{size}' is not a size"), done.err
        assert "512MiB" in done.err and len(done.err.splitlines()) == 2
    assert not (job / "hub").exists()


def test_sizes_have_units(job):
    for size in ("1GiB", "1 gib", "1GB", "1073741824", "1073741824 B"):
        recast("run", "job.rplan", "--read-rate", size, "--memory", size, "--overwrite", cwd=job)
