"""The models, cut into stages. Every stage computes many independent runs at once: tensors have a
leading axis of runs, and nothing mixes them.

A stage is a list of parameter shapes (per run) with the deviation of their first values, and a
function of its parameters and input. What autograd keeps for the backward are the activations of the
forward and references to the parameters themselves, so a backward sees the values that the
parameters have by then: what a pipeline with one weight buffer per stage does."""
import dataclasses
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F


@dataclasses.dataclass(frozen=True)
class Stage:
    shapes: tuple  # of (shape, deviation of the first values; None: ones)
    forward: Callable  # (parameters, input) -> output


def he(fan_in):
    return math.sqrt(2 / fan_in)


# ---- parts; x is [runs, ..., features]
def linear(x, weight, bias):
    flat = x.reshape(x.shape[0], -1, x.shape[-1])
    return torch.baddbmm(bias[:, None], flat, weight).reshape(*x.shape[:-1], weight.shape[-1])


def linear_shapes(inputs, outputs, deviation):
    return (((inputs, outputs), deviation), ((outputs,), 0.0))


def norm(x, gain, bias):
    middle = (slice(None),) + (None,) * (x.dim() - 2)
    return F.layer_norm(x, x.shape[-1:]) * gain[middle] + bias[middle]


def norm_shapes(width):
    return (((width,), None), ((width,), 0.0))


# ---- MLP: one layer per stage
MLP_WIDTH = 32


def mlp(depth, inputs=64, classes=10):
    widths = [inputs] + [MLP_WIDTH] * (depth - 1) + [classes]

    def stage(i):
        last = i == depth - 1
        return Stage(linear_shapes(widths[i], widths[i + 1], he(widths[i])),
                     lambda p, x: linear(x, *p) if last else torch.relu(linear(x, *p)))
    return [stage(i) for i in range(depth)]


# ---- CNN: between stages [batch, runs * channels, height, width], so that runs are groups
CHANNELS = 8


def cnn(depth, classes=10):
    def convolve(p, x):
        weight, bias = p
        runs = weight.shape[0]
        return torch.relu(F.conv2d(x, weight.flatten(0, 1), bias.flatten(), padding=1, groups=runs))

    def first(p, x):  # x: [runs, batch, 64]
        return F.max_pool2d(convolve(p, x.reshape(*x.shape[:2], 8, 8).transpose(0, 1)), 2)

    def flat(x, runs):
        return x.reshape(x.shape[0], runs, -1).transpose(0, 1)

    def conv_shapes(inputs):
        return (((CHANNELS, inputs, 3, 3), he(9 * inputs)), ((CHANNELS,), 0.0))

    features, hidden = CHANNELS * 16, 32
    stages = [Stage(conv_shapes(1), first)]
    if depth == 4:
        stages += [Stage(conv_shapes(CHANNELS), convolve)] * 2
        head = Stage(linear_shapes(features, classes, he(features)), lambda p, x: linear(flat(x, p[0].shape[0]), *p))
        return stages + [head]
    stages += [Stage(conv_shapes(CHANNELS), convolve)] * (depth - 3)
    stages.append(Stage(linear_shapes(features, hidden, he(features)),
                        lambda p, x: torch.relu(linear(flat(x, p[0].shape[0]), *p))))
    return stages + [Stage(linear_shapes(hidden, classes, he(hidden)), lambda p, x: linear(x, *p))]


# ---- transformer over characters: attention and feed-forward parts in turn, one per stage
WIDTH, HEADS, CONTEXT = 16, 1, 16


def attention(p, x):
    gain, bias, qkv, qkv_bias, out, out_bias = p
    runs, batch, length, width = x.shape
    parts = linear(norm(x, gain, bias), qkv, qkv_bias).reshape(runs, batch, length, 3, HEADS, width // HEADS)
    q, k, v = parts.permute(3, 0, 1, 4, 2, 5)
    scores = q @ k.transpose(-1, -2) * (width // HEADS)**-0.5
    scores = scores + torch.full((length, length), -torch.inf).triu(1)
    mixed = (torch.softmax(scores, -1) @ v).transpose(2, 3).reshape(x.shape)
    return x + linear(mixed, out, out_bias)


def feed_forward(p, x):
    gain, bias, up, up_bias, down, down_bias = p
    return x + linear(torch.relu(linear(norm(x, gain, bias), up, up_bias)), down, down_bias)


def transformer(depth, symbols):
    deep = 1 / math.sqrt(WIDTH)
    attention_shapes = norm_shapes(WIDTH) + linear_shapes(WIDTH, 3 * WIDTH, deep) \
        + linear_shapes(WIDTH, WIDTH, deep / math.sqrt(depth))
    feed_shapes = norm_shapes(WIDTH) + linear_shapes(WIDTH, 2 * WIDTH, he(WIDTH)) \
        + linear_shapes(2 * WIDTH, WIDTH, he(2 * WIDTH) / math.sqrt(depth))

    def first(p, tokens):
        table, places = p[:2]
        runs = table.shape[0]
        base = torch.arange(runs).reshape(-1, 1, 1) * symbols
        return attention(p[2:], F.embedding(tokens + base, table.flatten(0, 1)) + places[:, None])

    def last(p, x):
        x = feed_forward(p[:6], x)
        return linear(norm(x, p[6], p[7]), p[8], p[9])

    embedding = (((symbols, WIDTH), 0.5), ((CONTEXT, WIDTH), 0.5))
    stages = [Stage(embedding + attention_shapes, first)]
    for i in range(1, depth - 1):
        stages.append(Stage(feed_shapes, feed_forward) if i % 2 else Stage(attention_shapes, attention))
    return stages + [Stage(feed_shapes + norm_shapes(WIDTH) + linear_shapes(WIDTH, symbols, deep), last)]


# ---- what all share
def losses(outputs, targets):
    """Mean cross-entropy of every run. outputs [runs, ..., classes], targets [runs, ...]."""
    each = F.cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none")
    return each.reshape(outputs.shape[0], -1).mean(1)


def first_parameters(stages, seeds):
    """Per stage, per parameter: [seeds, *shape]. A seed's values depend on it alone."""
    generators = [torch.Generator().manual_seed(1000003 * seed + 17) for seed in seeds]

    def one(shape, deviation, generator):
        if deviation is None:
            return torch.ones(shape)
        return torch.randn(shape, generator=generator) * deviation if deviation else torch.zeros(shape)
    return [[torch.stack([one(shape, deviation, g) for g in generators]) for shape, deviation in stage.shapes]
            for stage in stages]
