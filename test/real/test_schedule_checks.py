"""Lists that PyTorch's _validate_schedule lets through though they are wrong (test/data/schedules/bad: two ranks of one
stage, two microbatches; the name of a file is the code of what recast finds: test/unit/schedule/CheckTest.cpp)."""
import json

import pytest
from torch.distributed.pipelining import schedules
from torch.distributed.pipelining.schedules import _Action

from conftest import ROOT, recast

BAD = sorted((ROOT / "test" / "data" / "schedules" / "bad").glob("*.csv"))


def rows(text):
    return {rank: [_Action.from_str(cell) for cell in line.split(",")] for rank, line in enumerate(text.splitlines())}


def test_there_are_bad_lists():
    assert len(BAD) == 8


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_pytorch_lets_them_through(path):
    assert schedules._validate_schedule(rows(path.read_text()), 2, 2, 2) == {0: 0, 1: 1}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_recast_refutes_them(path):
    done = recast("pipe", "check", path, "--ranks", "2", "--microbatches", "2", "--json", check=False)
    answer = json.loads(done.out)
    # PyTorch adds what is missing of REDUCE_GRAD itself: a warning where no stage has it.
    assert done.code == 1 and not answer["proved"]
    assert path.stem in {finding["code"] for finding in answer["findings"]}


def test_pytorch_refuses_what_it_counts():
    with pytest.raises(AssertionError):
        schedules._validate_schedule(rows("0F0,0B0\n1F0,1B0,1F1,1B1\n"), 2, 2, 2)
