"""What tests of examples/pipeoptim share: lists of actions made by hand, and their replay."""
import json
import sys

import pytest
import torch

from conftest import ROOT

FOLDER = ROOT / "examples" / "pipeoptim"
sys.path.insert(0, str(FOLDER))

import replay  # noqa: E402
import schedules  # noqa: E402
import training  # noqa: E402
from optimizers import SETTINGS  # noqa: E402

RATES = {"sgdm": 0.02, "adam": 0.003, "adamw": 0.003}


@pytest.fixture(autouse=True)
def deterministic():
    before = torch.get_num_threads()
    training.deterministic()
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)
    torch.use_deterministic_algorithms(False)


def form(actions, microbatches, every, kind="explicit"):
    return json.dumps({"format": "recast.schedule", "version": 1, "kind": kind, "ranks": len(actions), "chunks": 1,
                       "microbatches": microbatches, "rank_of": list(range(len(actions))), "update_every": every,
                       "actions": actions})


def one_f_one_b(p, m, before_forward="", after_forward="", before_backward="", after_backward=""):
    """An asynchronous 1F1B list with an update after every backward. The texts are templates of weight
    actions by r, b, and the version v by then."""
    def list_of(r):
        cells, version = [], 0

        def add(template, b):
            text = template(r, b, version) if callable(template) else template
            cells.extend(text.split())

        def forward(b):
            add(before_forward, b)
            cells.append(f"{r}F{b}")
            add(after_forward, b)
        warm = min(m, p - 1 - r)
        for b in range(warm):
            forward(b)
        for b in range(m):
            if warm + b < m:
                forward(warm + b)
            add(before_backward, b)
            cells.append(f"{r}B{b}")
            add(after_backward, b)
            cells.append(f"{r}OPT")
            version += 1
        return cells
    return schedules.parse(form([list_of(r) for r in range(p)], m, 1))


def predicting(p, m, ahead, ahead_backward=lambda r: 0):
    def step(of):
        return (lambda r, b, v: f"{r}PREDICT{b}@{of(r)}" if of(r) else "",
                lambda r, b, v: f"{r}RESTORE@{v}" if of(r) else "")
    return one_f_one_b(p, m, *step(ahead), *step(ahead_backward))


def drained(p):
    return schedules.parse(form([[f"{r}F0", f"{r}B0"] for r in range(p)], 1, 0))


def replayed(task, schedule, optimizer, rates, seeds, updates, prediction=replay.Prediction(), first_rank=0):
    run = replay.Run(task, schedule.stages, SETTINGS[optimizer], rates, seeds, prediction)
    rows = torch.stack([task.order(seed, updates) for seed in seeds])
    order = schedules.replay_order(schedule, first_rank)
    per_list = schedule.microbatches // schedule.update_every
    losses = [run.replay(order, schedule, rows[:, i:i + per_list]) for i in range(0, updates, per_list)]
    return run, torch.cat(losses)


def weights(run):
    return torch.cat([state.latest for state in run.states])
