"""examples/pipeoptim: the methods written down once more, with explicit histories of weights, against the replay."""
import dataclasses

import pytest
import torch

from pipeoptim_lists import RATES, deterministic, one_f_one_b, predicting, replayed  # noqa: F401

import models  # After pipeoptim_lists, which knows where it lies.
import replay
import tasks
from optimizers import SETTINGS, Optimizer


class ByHand:
    """Sequential: microbatch b forwards with the weights that `forward_weights(r, b)` says and goes
    back with `backward_weights(r, b)`; update b is applied after it."""

    def __init__(self, p, optimizer, rate, seed):
        self.p, self.rate = p, rate
        self.values = [[v[0].double() for v in values] for values in models.first_parameters(models.mlp(p), [seed])]
        self.s, self.kind, self.t = SETTINGS[optimizer], optimizer, 0
        flat = [self.flat(v) for v in self.values]
        self.state = [(w, torch.zeros_like(w), torch.zeros_like(w)) for w in flat]
        self.history = [[s] for s in self.state]  # by stage, by version: (W, m, v)

    @staticmethod
    def flat(values):
        return torch.cat([v.flatten() for v in values])

    def shaped(self, r, flat):
        weight, bias = self.values[r]
        return flat[:weight.numel()].reshape(weight.shape), flat[weight.numel():]

    def ahead(self, r, version, s):
        w, m, v = self.history[r][version]
        if not version:
            return w
        if self.kind == "sgdm":
            return w - self.rate * s * m
        m_hat, v_hat = m / (1 - self.s.beta1**version), v / (1 - self.s.beta2**version)
        return w - self.rate * s * m_hat / (v_hat.sqrt() + self.s.eps)

    def train(self, task, rows, forward_weights, backward_weights):
        for b, row in enumerate(rows):
            x, target = task.train[0][row].double(), task.train[1][row]
            kept = []
            for r in range(self.p):
                weight, bias = self.shaped(r, forward_weights(r, b))
                y = x @ weight + bias
                kept.append((x, y))
                x = y.clamp(min=0) if r < self.p - 1 else y
            g = (torch.softmax(x, 1) - torch.nn.functional.one_hot(target, x.shape[1])) / len(row)
            gradients = [None] * self.p
            for r in reversed(range(self.p)):
                x, y = kept[r]
                g = g * (y > 0) if r < self.p - 1 else g
                gradients[r] = torch.cat([(x.T @ g).flatten(), g.sum(0)])
                g = g @ self.shaped(r, backward_weights(r, b))[0].T
            for r, gradient in enumerate(gradients):
                self.history[r].append(self.updated(r, gradient))

    def updated(self, r, g):
        w, m, v = self.history[r][-1]
        s, t = self.s, len(self.history[r])
        if self.kind == "sgdm":
            m = s.momentum * m + g + s.weight_decay * w
            return w - self.rate * m, m, v
        m, v = s.beta1 * m + (1 - s.beta1) * g, s.beta2 * v + (1 - s.beta2) * g * g
        m_hat, v_hat = m / (1 - s.beta1**t), v / (1 - s.beta2**t)
        return w * (1 - self.rate * s.weight_decay) - self.rate * m_hat / (v_hat.sqrt() + s.eps), m, v


@pytest.mark.parametrize("optimizer", ["sgdm", "adam", "adamw"])
@pytest.mark.parametrize("method", ["naive", "pipedream", "spectrain", "paper", "stash"])
def test_methods_by_hand(method, optimizer, monkeypatch):
    p, m, seed = 4, 20, 1
    task = tasks.task("mlp")
    task = dataclasses.replace(task, train=(task.train[0].double(), task.train[1]))
    hand = ByHand(p, optimizer, RATES[optimizer], seed)

    def version_at_forward(r, b):
        return max(0, b - (p - 1 - r))

    def stored(r, version):
        return hand.history[r][version][0]
    lag = {"paper": lambda r: p - 1 - r, "stash": lambda r: p - 1 - r, "spectrain": lambda r: r // 2 + p - 1 - r}
    prediction = replay.Prediction(keep=method == "stash")
    if method == "naive":
        schedule = one_f_one_b(p, m)
        forward, backward = lambda r, b: stored(r, version_at_forward(r, b)), stored
    elif method == "pipedream":
        def before_backward(r, b, v):
            return f"{r}RESTORE@{version_at_forward(r, b)}" if version_at_forward(r, b) != v else ""

        def after_backward(r, b, v):  # the version has to outlast the update if a forward has used it
            back = f"{r}RESTORE@{v}" if version_at_forward(r, b) != v else ""
            later = any(version_at_forward(r, x) == v for x in range(b + 1, m))
            return back + (f" {r}STASH@{v}" if later else "")
        schedule = one_f_one_b(p, m, "", "", before_backward, after_backward)
        forward = backward = lambda r, b: stored(r, version_at_forward(r, b))
    else:
        schedule = predicting(p, m, lag[method], (lambda r: r // 2) if method == "spectrain" else lambda r: 0)

        def forward(r, b):
            return hand.ahead(r, version_at_forward(r, b), lag[method](r))
        backward = {"paper": stored, "stash": forward, "spectrain": lambda r, b: hand.ahead(r, b, r // 2)}[method]
    rows = task.order(seed, m)
    hand.train(task, rows, forward, backward)

    in_double(monkeypatch)
    run, _ = replayed(task, schedule, optimizer, [RATES[optimizer]], [seed], m, prediction)
    for r, state in enumerate(run.states):
        torch.testing.assert_close(state.latest, stored(r, m), rtol=1e-6, atol=1e-7)


def in_double(monkeypatch):
    """The replay in double, so that a difference from the hand-made training means something."""
    first = models.first_parameters
    monkeypatch.setattr(models, "first_parameters", lambda *a: [[v.double() for v in s] for s in first(*a)])
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    init = Optimizer.__init__

    def double(self, settings, rates):
        init(self, settings, rates)
        self.first = self.first.double()
        self.second = self.second if self.second is None else self.second.double()
    monkeypatch.setattr(Optimizer, "__init__", double)


def stepped(kind, rate=0.01, steps=5):
    """An optimizer after some steps, as double: (optimizer, weights, last gradient)."""
    generator = torch.Generator().manual_seed(8)
    optimizer = Optimizer(SETTINGS[kind], torch.full((50,), rate, dtype=torch.float64))
    w = torch.randn(50, generator=generator, dtype=torch.float64)
    for _ in range(steps):
        g = torch.randn(50, generator=generator, dtype=torch.float64)
        optimizer.step(w, g)
    return optimizer, w, g


def test_what_the_variants_predict(monkeypatch):
    in_double(monkeypatch)
    # "code", one ahead: the next step if the gradient repeats, decay of the last step included.
    optimizer, w, _ = stepped("sgdm")
    expected = w - 0.01 * (0.9 * optimizer.first + optimizer.gradient)
    torch.testing.assert_close(optimizer.predict(w, 1, "code"), expected)
    assert not torch.allclose(optimizer.predict(w, 1), expected)
    # "geometric": the steps that follow if all gradients are zero.
    optimizer, w, _ = stepped("sgdm")
    predicted, coasting = optimizer.predict(w, 4, "geometric"), w.clone()
    for _ in range(4):
        optimizer.step(coasting, -SETTINGS["sgdm"].weight_decay * coasting)
    torch.testing.assert_close(predicted, coasting)
    # For Adam the same with the bias corrections kept, beta1 in place of momentum.
    for kind, weight_decay in (("adam", 0.0), ("adamw", 0.1)):
        optimizer, w, _ = stepped(kind)
        unit = optimizer.first / (1 - 0.9**5) / ((optimizer.second / (1 - 0.999**5)).sqrt() + 1e-8)
        torch.testing.assert_close(optimizer.predict(w, 3), w - 0.01 * 3 * unit)
        torch.testing.assert_close(optimizer.predict(w, 3, "geometric"), w - 0.01 * (0.9 + 0.81 + 0.729) * unit)
        torch.testing.assert_close(optimizer.predict(w, 3, "decay"), w * (1 - 0.01 * weight_decay * 3) - 0.03 * unit)
