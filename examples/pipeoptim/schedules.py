"""Schedules as `recast pipe export --to json` writes them, and the order in which one process can
replay all ranks of one."""
import dataclasses
import json
import os
import pathlib
import re
import subprocess

CELL = re.compile(r"(\d+)(F|B|I|W|OPT|STASH|PREDICT|RESTORE)(\d+)?(?:@(\d+))?")
PAIR = re.compile(r"\((.+);(.+)\)OVERLAP_F_B")
# What moves data between ranks or shards changes no number of a replay in one process.
MOVES = re.compile(r"\d+(SEND_F|RECV_F|SEND_B|RECV_B|UNSHARD|RESHARD|REDUCE_GRAD)\d*")
HAS_MICROBATCH = {"F", "B", "I", "W", "PREDICT"}
HAS_VALUE = {"STASH", "PREDICT", "RESTORE"}


class ScheduleError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Action:
    kind: str
    stage: int
    microbatch: int = -1
    value: int = -1  # of STASH and RESTORE a version, of PREDICT the updates ahead

    def __str__(self):
        return (f"{self.stage}{self.kind}{self.microbatch if self.kind in HAS_MICROBATCH else ''}"
                f"{f'@{self.value}' if self.kind in HAS_VALUE else ''}")


@dataclasses.dataclass(frozen=True)
class Schedule:
    kind: str
    stages: int
    microbatches: int
    update_every: int  # microbatches per update, never 0 here
    ranks: tuple  # of tuples of Action, by rank


def parse_cell(text):
    pair = PAIR.fullmatch(text)
    if pair:
        return parse_cell(pair[1]) + parse_cell(pair[2])
    if MOVES.fullmatch(text):
        return []
    found = CELL.fullmatch(text)
    if not found or (found[3] is not None) != (found[2] in HAS_MICROBATCH) \
            or (found[4] is not None) != (found[2] in HAS_VALUE):
        raise ScheduleError(f"'{text}' is no action of a schedule; see ActionText.h for the notation")
    return [Action(found[2], int(found[1]), *(int(n) if n else -1 for n in (found[3], found[4])))]


def parse(text):
    form = json.loads(text)
    if form.get("format") != "recast.schedule" or form.get("version") != 1:
        raise ScheduleError("no schedule in Recast's JSON form, version 1: write it with "
                            "'recast pipe export KIND ... --to json'")
    ranks = [[a for cell in cells for a in parse_cell(cell)] for cells in form["actions"]]
    stages, microbatches = len(form["rank_of"]), form["microbatches"]
    # Synchronous lists are compute only: their one update per stage comes last.
    if not any(a.kind == "OPT" for actions in ranks for a in actions):
        for rank, actions in enumerate(ranks):
            actions += [Action("OPT", s) for s, home in enumerate(form["rank_of"]) if home == rank]
    every = form.get("update_every") or microbatches
    if microbatches % every:
        raise ScheduleError(f"{microbatches} microbatches are not whole updates of {every}")
    return Schedule(form.get("kind", "explicit"), stages, microbatches, every,
                    tuple(map(tuple, ranks)))


def export(kind, ranks, microbatches):
    """The compiler's lists of `kind`, updated as often as the kind does by itself."""
    root = pathlib.Path(__file__).resolve().parents[2]
    binary = pathlib.Path(os.environ.get("RECAST_BIN", root / "build" / "bin")) / "recast"
    command = [str(binary), "pipe", "export", kind, "--ranks", str(ranks), "--microbatches", str(microbatches),
               "--to", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ScheduleError(f"{binary} is not there: build it, or name its folder in RECAST_BIN") from None
    if done.returncode:
        raise ScheduleError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return parse(done.stdout)


def replay_order(schedule, first_rank=0):
    """All actions in one order that respects the order of every rank and the data that passes
    between stages. Every such order gives the same numbers; `first_rank` picks one of them."""
    done, heads, order = set(), [0] * len(schedule.ranks), []

    def ready(a):
        if a.kind == "F":
            return a.stage == 0 or ("F", a.stage - 1, a.microbatch) in done
        if a.kind in ("B", "I"):
            return ("F", a.stage, a.microbatch) in done and \
                (a.stage == schedule.stages - 1 or ("B", a.stage + 1, a.microbatch) in done)
        return a.kind != "W" or ("B", a.stage, a.microbatch) in done

    ranks = len(schedule.ranks)
    total = sum(map(len, schedule.ranks))
    while len(order) < total:
        before = len(order)
        for rank in ((first_rank + i) % ranks for i in range(ranks)):
            actions = schedule.ranks[rank]
            while heads[rank] < len(actions) and ready(actions[heads[rank]]):
                action = actions[heads[rank]]
                order.append(action)
                done.add(("B" if action.kind == "I" else action.kind, action.stage, action.microbatch))
                heads[rank] += 1
        if len(order) == before:
            waiting = ", ".join(f"rank {r} at {schedule.ranks[r][h]}" for r, h in enumerate(heads)
                                if h < len(schedule.ranks[r]))
            raise ScheduleError(f"no rank can go on: {waiting}")
    return order


def updates_between(schedule):
    """(stage, microbatch) -> optimizer steps of the stage between its forward and its backward."""
    steps, at_forward, lag = [0] * schedule.stages, {}, {}
    for actions in schedule.ranks:
        for a in actions:
            if a.kind == "OPT":
                steps[a.stage] += 1
            elif a.kind == "F":
                at_forward[a.stage, a.microbatch] = steps[a.stage]
            elif a.kind in ("B", "I"):
                lag[a.stage, a.microbatch] = steps[a.stage] - at_forward[a.stage, a.microbatch]
    return lag


def with_derived_lag(schedule):
    """The same lists, every prediction looking as far ahead as updates do lie between."""
    lag = updates_between(schedule)
    return dataclasses.replace(schedule, ranks=tuple(
        tuple(dataclasses.replace(a, value=lag[a.stage, a.microbatch]) if a.kind == "PREDICT" else a
              for a in actions) for actions in schedule.ranks))


def meaning(schedule):
    """What the lists mean for the numbers: per stage, every F, B and OPT with the weights it sees,
    as (base version, updates predicted). Lists that differ only in superfluous weight actions, or in
    the interleaving of stages, mean the same."""
    traces = [[] for _ in range(schedule.stages)]
    latest, active = [0] * schedule.stages, [None] * schedule.stages  # None: follows the latest
    for actions in schedule.ranks:
        for a in actions:
            s = a.stage
            if a.kind == "OPT":
                latest[s] += 1
                traces[s].append(("OPT",))
            elif a.kind == "PREDICT":
                active[s] = (latest[s], a.value) if a.value else None
            elif a.kind == "RESTORE":
                active[s] = None if a.value == latest[s] else (a.value, 0)
            elif a.kind != "STASH":
                traces[s].append((a.kind, a.microbatch) + (active[s] or (latest[s], 0)))
    return traces
