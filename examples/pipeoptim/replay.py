"""Training by replaying a schedule's actions in one process: exact, as every number depends only on
what the actions say, not on when a rank comes to them."""
import dataclasses

import torch

import models
import schedules
from optimizers import Optimizer


@dataclasses.dataclass(frozen=True)
class Prediction:
    """How PREDICT computes weights: optimizers.py's variants, or one of the two controls "random" (a
    random direction, as long as the paper's step) and "zero". `keep`: the backward sees the very
    weights that the forward predicted."""
    variant: str = "paper"
    keep: bool = False


class StageState:
    """The weights of one stage: `latest`, the stashes, and `live`, the one buffer that passes read.
    Restoring and predicting overwrite `live` in place, behind autograd's back: a backward reads
    activations of its forward and the weights that `live` holds by then."""

    def __init__(self, stage, values, rates, settings, seeds):
        self.stage = stage
        self.live = torch.cat([v.repeat(len(rates), *[1] * (v.dim() - 1)).flatten() for v in values])
        self.runs = len(rates) * len(seeds)
        self.parameters, self.pieces, at = [], [], 0
        for value in values:
            shape = (self.runs, *value.shape[1:])
            # .data has a version counter of its own: autograd does not see writes to `live`.
            self.parameters.append(self.live[at:at + shape[0] * value[0].numel()].reshape(shape).data.requires_grad_())
            self.pieces.append((at, value[0].numel()))
            at += shape[0] * value[0].numel()
        self.latest = self.live.clone()
        each = torch.tensor(rates, dtype=torch.float64).repeat_interleave(len(seeds))
        self.optimizer = Optimizer(settings, torch.cat([each.repeat_interleave(n) for _, n in self.pieces]))
        self.noise = [torch.Generator().manual_seed(104729 * seed + 11) for seed in seeds]
        self.rates = len(rates)
        self.follows = True  # whether live is the latest
        self.start()

    def start(self):
        """A list begins: versions count from 0."""
        self.version, self.stashes, self.kept, self.saved = 0, {}, {}, {}
        self.gradient, self.summed = None, 0
        self.copies = 1
        self.predictions = {}  # by updates ahead, from the latest weights

    def by_run(self, flat):
        """[runs, weights of the stage]"""
        return torch.cat([flat[at:at + self.runs * n].reshape(self.runs, n) for at, n in self.pieces], 1)

    def from_runs(self, rows):
        parts, at = [], 0
        for _, n in self.pieces:
            parts.append(rows[:, at:at + n].flatten())
            at += n
        return torch.cat(parts)

    def count_copies(self, predicted):
        versions = {self.version, *self.stashes}
        self.copies = max(self.copies, len(versions) + max(predicted, len(self.kept)))

    def update(self, per_update):
        gradient = self.gradient if per_update == 1 else self.gradient / per_update
        self.optimizer.step(self.latest, gradient)
        self.gradient, self.summed, self.version = None, 0, self.version + 1
        self.predictions.clear()
        self.count_copies(0)
        if self.follows:
            self.live.copy_(self.latest)

    def predict(self, ahead, prediction):
        weights = self.latest
        if prediction.variant == "zero":
            predicted = weights.clone()
        elif prediction.variant == "random":
            step = self.by_run(self.optimizer.predict(weights, ahead) - weights)
            noise = torch.stack([torch.randn(step.shape[1], generator=g) for g in self.noise]).repeat(self.rates, 1)
            noise *= step.norm(dim=1, keepdim=True) / noise.norm(dim=1, keepdim=True)
            predicted = weights + self.from_runs(noise)
        else:
            if ahead not in self.predictions:
                self.predictions[ahead] = self.optimizer.predict(weights, ahead, prediction.variant)
            predicted = self.predictions[ahead]
        self.live.copy_(predicted)
        self.follows = False
        return predicted

    def add_gradient(self, gradients):
        flat = torch.cat([g.flatten() for g in gradients])
        self.gradient = flat if self.gradient is None else self.gradient.add_(flat)
        self.summed += 1


class Run:
    """`len(rates) * len(seeds)` trainings at once, rate by rate: run i has rate i // seeds and seed
    i % seeds."""

    def __init__(self, task, depth, settings, rates, seeds, prediction=Prediction(), measure=False):
        self.task, self.rates, self.seeds = task, list(rates), list(seeds)
        self.prediction = prediction
        stages = task.stages(depth)
        self.states = [StageState(stage, values, self.rates, settings, self.seeds)
                       for stage, values in zip(stages, models.first_parameters(stages, self.seeds))]
        self.measure = measure
        runs = len(self.rates) * len(self.seeds)
        self.ratios = [[] for _ in stages]  # of [runs], one per measured microbatch
        self.copies = [1] * depth
        self.runs = runs

    def samples(self, rows):
        """rows [seeds, samples] of the training part, as every run sees them."""
        def of_runs(part):
            chosen = part[rows]
            return chosen.repeat(len(self.rates), *[1] * (chosen.dim() - 1))
        return of_runs(self.task.train[0]), of_runs(self.task.train[1])

    def replay(self, order, schedule, rows):
        """One pass over a list. rows [seeds, updates, batch]: the samples of its updates. Returns the
        training losses [microbatches, runs]."""
        every, last = schedule.update_every, len(self.states) - 1
        size = rows.shape[2] // every
        if size * every != rows.shape[2]:
            raise schedules.ScheduleError(f"a batch of {rows.shape[2]} cannot be cut into {every} microbatches")
        uses = {}  # (stage, version): RESTOREs still to come
        for a in order:
            if a.kind == "RESTORE":
                uses[a.stage, a.value] = uses.get((a.stage, a.value), 0) + 1
        for state in self.states:
            state.start()
        inputs, targets, outputs, gradients = {}, {}, {}, {}
        trace = [None] * schedule.microbatches

        for a in order:
            state, b = self.states[a.stage], a.microbatch
            if a.kind == "F":
                if a.stage == 0:
                    at = b % every * size
                    inputs[0, b], targets[b] = self.samples(rows[:, b // every, at:at + size])
                out = state.stage.forward(state.parameters, inputs[a.stage, b])
                if a.stage == last:
                    out = models.losses(out, targets.pop(b))
                    trace[b] = out.detach()
                else:
                    inputs[a.stage + 1, b] = out.detach().requires_grad_()
                outputs[a.stage, b] = out
                if self.measure and not state.follows:
                    self.note_prediction(state, a.stage, b)
            elif a.kind in ("B", "I", "W"):
                self.backward(a, state, last, inputs, outputs, gradients)
            elif a.kind == "OPT":
                if state.summed != every:
                    raise schedules.ScheduleError(f"{a} after {state.summed} backwards of the stage, not {every}")
                state.update(every)
            elif a.kind == "STASH":
                if a.value != state.version:
                    raise schedules.ScheduleError(f"{a}, but the latest version is {state.version}")
                state.stashes[a.value] = state.latest.clone()
                state.count_copies(0)
            elif a.kind == "PREDICT":
                predicted = state.predict(a.value, self.prediction)
                if self.prediction.keep:
                    state.kept[b] = predicted
                state.count_copies(1)
            elif a.kind == "RESTORE":
                self.restore(a, state)
                uses[a.stage, a.value] -= 1
                if not uses[a.stage, a.value]:
                    state.stashes.pop(a.value, None)
        for i, state in enumerate(self.states):
            self.copies[i] = max(self.copies[i], state.copies)
        return torch.stack(trace)

    def restore(self, a, state):
        state.follows = a.value == state.version
        if not state.follows and a.value not in state.stashes:
            raise schedules.ScheduleError(f"{a}, but version {a.value} is neither the latest, {state.version}, nor "
                                          f"stashed")
        state.live.copy_(state.latest if state.follows else state.stashes[a.value])

    def backward(self, a, state, last, inputs, outputs, gradients):
        b, key = a.microbatch, (a.stage, a.microbatch)
        kept = state.kept.pop(b, None) if a.kind != "I" else state.kept.get(b)
        if kept is not None:
            state.live.copy_(kept)
        if self.measure and a.kind != "W" and b in state.saved:
            predicted, before = state.saved.pop(b)
            distance = state.by_run(before - state.latest).norm(dim=1)
            self.ratios[a.stage].append(state.by_run(predicted - state.latest).norm(dim=1) / distance)
        wanted = list(state.parameters) if a.kind != "I" else []
        if a.kind != "W" and a.stage > 0:
            wanted.append(inputs[key])
        received = gradients[key] if a.stage < last else torch.ones(self.runs)
        found = list(torch.autograd.grad(outputs[key], wanted, received, retain_graph=a.kind == "I")) if wanted else []
        if a.kind != "W" and a.stage > 0:
            gradients[a.stage - 1, b] = found.pop()
        if a.kind != "I":
            state.add_gradient(found)
            del outputs[key], inputs[key]
            gradients.pop(key, None)
        if kept is not None:
            state.live.copy_(state.latest)

    def note_prediction(self, state, stage, b):
        if b % 10 == 7 and b >= len(self.states):
            state.saved[b] = (state.live.clone(), state.latest.clone())

    @torch.no_grad()
    def evaluate(self, part, at_once=100):
        """Share of right answers of every run with the latest weights, [runs]; what is not finite is
        wrong."""
        right = torch.zeros(self.runs, dtype=torch.float64)
        for start in range(0, len(part[0]), at_once):
            x, y = (t[start:start + at_once] for t in part)
            x = x.expand(self.runs, *x.shape)
            for state in self.states:
                x = state.stage.forward(state.parameters, x)
            good = (x.argmax(-1) == y) & x.isfinite().all(-1)
            right += good.flatten(1).double().sum(1)
        return right / part[1].numel()
