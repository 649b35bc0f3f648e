"""The methods under comparison: a kind of schedule, and how its predictions are computed."""
import dataclasses
import functools
import hashlib
import json
import pathlib

import schedules
from replay import Prediction


@dataclasses.dataclass(frozen=True)
class Method:
    kind: str  # for recast pipe
    prediction: Prediction = Prediction()
    split: bool = False    # D microbatches per update instead of one
    derived: bool = False  # predictions as far ahead as updates do lie between
    only: str = ""         # the one optimizer it differs for


METHODS = {
    "sync": Method("1f1b"),
    "naive": Method("async"),
    "pipedream": Method("pipedream"),
    "2bw": Method("2bw", split=True),
    "spectrain": Method("spectrain"),
    "xpipe": Method("xpipe", split=True),
    "pipeoptim-paper": Method("pipeoptim_paper"),
    "pipeoptim-code": Method("pipeoptim_code", Prediction("code")),
    "pipeoptim-derived": Method("pipeoptim_paper", derived=True),
    "pipeoptim-stash": Method("pipeoptim_paper", Prediction(keep=True)),
    "pipeoptim-geometric": Method("pipeoptim_paper", Prediction("geometric")),
    "pipeoptim-decay": Method("pipeoptim_paper", Prediction("decay"), only="adamw"),
    "control-random": Method("pipeoptim_paper", Prediction("random")),
    "control-zero": Method("pipeoptim_paper", Prediction("zero")),
}


@functools.cache
def schedule_of(name, depth, updates, folder=None):
    """The list of `updates` updates of a method; of one update if it is synchronous. `folder`: read
    KIND_pD_mM.json there instead of asking `recast pipe`."""
    method = METHODS[name]
    microbatches = 1 if name == "sync" else updates * (depth if method.split else 1)
    if folder:
        path = pathlib.Path(folder) / f"{method.kind}_p{depth}_m{microbatches}.json"
        schedule = schedules.parse(path.read_text())
    else:
        schedule = schedules.export(method.kind, depth, microbatches)
    return schedules.with_derived_lag(schedule) if method.derived else schedule


def digest(schedule):
    return hashlib.sha256(json.dumps(schedules.meaning(schedule)).encode()).hexdigest()[:16]
