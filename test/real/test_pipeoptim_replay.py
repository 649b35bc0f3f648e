"""examples/pipeoptim: what must not matter to a replay, lists that are refused, and the compiler's lists against the
methods' formulas."""
import pytest
import torch

from pipeoptim_lists import deterministic, drained, form, one_f_one_b, predicting, replayed, weights  # noqa: F401

import replay  # After pipeoptim_lists, which knows where it lies.
import schedules
import tasks


def test_superfluous_weight_actions_mean_nothing():
    plain = one_f_one_b(2, 4)
    more = one_f_one_b(2, 4, lambda r, b, v: f"{r}RESTORE@{v}", lambda r, b, v: f"{r}STASH@{v}")
    older = one_f_one_b(2, 4, before_backward=lambda r, b, v: f"{r}RESTORE@{v - 1}" if r == 0 and v else "")
    assert schedules.meaning(plain) == schedules.meaning(more) != schedules.meaning(older)


def test_every_order_of_the_ranks_gives_the_same_bits():
    schedule = predicting(4, 30, lambda r: 3 - r)
    runs = [replayed(tasks.task("cnn"), schedule, "adam", [0.003], [0], 30, first_rank=i) for i in range(4)]
    orders = {tuple(map(str, schedules.replay_order(schedule, i))) for i in range(4)}
    assert len(orders) > 1
    for run, losses in runs[1:]:
        assert torch.equal(losses, runs[0][1]) and torch.equal(weights(run), weights(runs[0][0]))


def test_a_prediction_of_zero_is_naive_and_a_random_one_is_not():
    task, schedule = tasks.task("mlp"), predicting(4, 30, lambda r: 3 - r)
    naive, _ = replayed(task, one_f_one_b(4, 30), "sgdm", [0.02], [0, 1], 30)
    zero, _ = replayed(task, schedule, "sgdm", [0.02], [0, 1], 30, replay.Prediction("zero"))
    other, _ = replayed(task, schedule, "sgdm", [0.02], [0, 1], 30, replay.Prediction("random"))
    assert torch.equal(weights(naive), weights(zero))
    assert not torch.equal(weights(naive), weights(other))


def test_a_random_prediction_is_as_long_as_the_papers():
    run, _ = replayed(tasks.task("mlp"), one_f_one_b(4, 10), "adam", [0.01, 0.02], [0, 1], 10)
    for state in run.states:
        before = state.latest.clone()
        right = state.by_run(state.predict(3, replay.Prediction()) - before).norm(dim=1)
        random = state.by_run(state.predict(3, replay.Prediction("random")) - before).norm(dim=1)
        torch.testing.assert_close(random, right, rtol=1e-3, atol=0)


@pytest.mark.parametrize("model,tolerance", [("mlp", 1e-5), ("cnn", 1e-5), ("transformer", 1e-5)])
def test_runs_do_not_mix(model, tolerance):
    """Many runs at once against each alone; kernels may choose other sums for other sizes."""
    task, schedule = tasks.task(model), predicting(4, 20, lambda r: 3 - r)
    rates, seeds = [0.01, 0.02], [4, 9, 2]
    many, losses = replayed(task, schedule, "sgdm", rates, seeds, 20)
    for i, rate in enumerate(rates):
        for j, seed in enumerate(seeds):
            one, alone = replayed(task, schedule, "sgdm", [rate], [seed], 20)
            torch.testing.assert_close(losses[:, i * len(seeds) + j], alone[:, 0], rtol=tolerance, atol=tolerance)


def test_split_backwards_and_microbatches_change_no_update():
    """Input and weight gradients apart, and a batch in two microbatches: the same training, up to the
    order of sums."""
    task = tasks.task("mlp")
    cells = ["F0", "F1", "I0", "W0", "I1", "W1"]
    split = schedules.parse(form([[f"{r}{c}" for c in cells] for r in range(4)], 2, 0))
    whole, _ = replayed(task, drained(4), "sgdm", [0.02], [0], 10)
    parts, _ = replayed(task, split, "sgdm", [0.02], [0], 10)
    torch.testing.assert_close(weights(parts), weights(whole), rtol=1e-4, atol=1e-6)


def test_copies_are_those_of_the_methods():
    task = tasks.task("mlp")
    assert replayed(task, one_f_one_b(4, 10), "sgdm", [0.01], [0], 10)[0].copies == [1, 1, 1, 1]
    assert replayed(task, predicting(4, 10, lambda r: 3 - r), "sgdm", [0.01], [0], 10)[0].copies == [2, 2, 2, 1]


@pytest.mark.parametrize("cell", ["0F", "F0", "0F0@1", "0OPT1", "0PREDICT1", "0F0x", "0STASH", ""])
def test_cells_that_are_no_action(cell):
    with pytest.raises(schedules.ScheduleError, match="no action"):
        schedules.parse(form([[cell]], 1, 1))


@pytest.mark.parametrize("cells,message", [
    (["0B0", "0F0", "0OPT"], "no rank can go on: rank 0 at 0B0"),
    (["0F0", "0B0", "0RESTORE@5", "0OPT"], "neither the latest, 0, nor stashed"),
    (["0F0", "0OPT", "0B0"], "0OPT after 0 backwards"),
    (["0F0", "0B0", "0OPT", "0STASH@0"], "the latest version is 1"),
])
def test_lists_that_cannot_be_replayed(cells, message):
    schedule = schedules.parse(form([[c.replace("0", str(r), 1) for c in cells] if r == 0 else
                                     [f"{r}F0", f"{r}B0", f"{r}OPT"] for r in range(4)], 1, 1))
    with pytest.raises(schedules.ScheduleError, match=message):
        replayed(tasks.task("mlp"), schedule, "sgdm", [0.01], [0], 1)


def async_by_rule(kind, p, m, n):
    """By stage: every F, B and OPT with the version it sees and how far that is predicted, of lists in
    the order of 1F1B (pipeline-depth warm-up), from the methods' formulas."""
    traces = []
    for r in range(p):
        version, trace, warm = 0, [], min(m, p - 1 - r)
        at_forward = {}

        def seen(b, backward, version):
            if kind == "pipedream":
                return (at_forward[b], 0) if backward else (version, 0)
            if kind == "2bw":
                return max(b // n - 1, 0), 0
            if kind == "xpipe":
                # A mini-batch's forwards aim at the version that its first one aimed at.
                if backward:
                    return version, int((n + r // 2 - 1) / n + 0.5)
                ahead = int((p + n - r / 2 - 2) / n + 0.5)
                return version, max(ahead - (version - at_forward[b // n * n]), 0)
            ahead = {"async": 0, "pipeoptim_paper": 0 if backward else p - 1 - r,
                     "pipeoptim_code": 0 if backward else p - r,
                     "spectrain": r // 2 if backward else r // 2 + p - 1 - r}[kind]
            return version, ahead

        def forward(b):
            at_forward[b] = version
            trace.append(("F", b, *seen(b, False, version)))
        for b in range(warm):
            forward(b)
        for b in range(m):
            if warm + b < m:
                forward(warm + b)
            trace.append(("B", b, *seen(b, True, version)))
            if (b + 1) % n == 0:
                trace.append(("OPT",))
                version += 1
        traces.append(trace)
    return traces


@pytest.mark.parametrize("p", [4, 8])
@pytest.mark.parametrize("kind", ["async", "pipedream", "2bw", "spectrain", "xpipe", "pipeoptim_paper", "pipeoptim_code"])
def test_the_compilers_lists_are_the_methods(kind, p):
    n = p if kind in ("2bw", "xpipe") else 1
    m = 12 * n
    assert schedules.meaning(schedules.export(kind, p, m)) == async_by_rule(kind, p, m, n)


def test_the_lag_of_the_compilers_lists_is_that_of_the_papers_figure():
    """D = 4, microbatch 5 counted from 1: rank 0 forwards with version 2 + 3, rank 1 with 3 + 2, rank 2
    with 4 + 1, rank 3 with 5, counting versions from 1."""
    schedule = schedules.export("pipeoptim_paper", 4, 12)
    seen = [entry[2:] for r in range(4) for entry in schedules.meaning(schedule)[r] if entry[:2] == ("F", 4)]
    assert seen == [(1, 3), (2, 2), (3, 1), (4, 0)]
    assert [schedules.updates_between(schedule)[r, 4] for r in range(4)] == [3, 2, 1, 0]
    assert [schedules.updates_between(schedule)[0, b] for b in range(5)] == [0, 1, 2, 3, 3]
