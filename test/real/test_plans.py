"""Plans that are not to be trusted, or are for other files than those that lie there."""
import os
import shutil

from conftest import recast
from refusals import SHARD, SOURCE, assert_nothing_visible, refused, run, tag_folder  # noqa: F401


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


def test_source_changed_after_the_plan(run, workdir):
    job = workdir / "job.ucl"
    recast("init", run, "--to", "deepspeed-universal", "--out-dir", workdir / "out", "-o", job)
    recast("plan", job, "-o", workdir / "job.rplan")
    os.utime(tag_folder(run) / SHARD)
    done = recast("run", workdir / "job.rplan", check=False)
    refused(done, SHARD, "changed")
    assert_nothing_visible(workdir / "out")


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
