"""What tests of bad input share: a run to damage, and what a refusal looks like."""
import shutil

import pytest

from conftest import DATA, recast

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
