"""examples/pipeoptim: its models and layers against those of PyTorch, and a replay without delay against plain training."""
import pytest
import torch

from pipeoptim_lists import RATES, deterministic, drained, replayed, weights  # noqa: F401

import models  # After pipeoptim_lists, which knows where it lies.
import replay
import tasks
from optimizers import SETTINGS


@pytest.mark.parametrize("optimizer", ["sgdm", "adam", "adamw"])
@pytest.mark.parametrize("model,depth", [("mlp", 4), ("cnn", 8), ("transformer", 4)])
def test_without_delay_it_is_plain_training(model, depth, optimizer):
    task, updates, seed = tasks.task(model), 12, 3
    run, losses = replayed(task, drained(depth), optimizer, [RATES[optimizer]], [seed], updates)

    stages = task.stages(depth)
    parameters = [[torch.nn.Parameter(v) for v in values] for values in models.first_parameters(stages, [seed])]
    flat = [p for values in parameters for p in values]
    s = SETTINGS[optimizer]
    plain = (torch.optim.SGD(flat, lr=RATES[optimizer], momentum=s.momentum, weight_decay=s.weight_decay)
             if optimizer == "sgdm" else
             {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer](
                 flat, lr=RATES[optimizer], betas=(s.beta1, s.beta2), eps=s.eps, weight_decay=s.weight_decay))
    for step, rows in enumerate(task.order(seed, updates)):
        x = task.train[0][rows][None]
        for stage, values in zip(stages, parameters):
            x = stage.forward(values, x)
        loss = models.losses(x, task.train[1][rows][None]).sum()
        assert loss.item() == losses[step].item()
        plain.zero_grad()
        loss.backward()
        plain.step()
    assert torch.equal(torch.cat([p.detach().flatten() for p in flat]), weights(run))


def test_the_mlp_is_that_of_torch_nn():
    stages = models.mlp(4)
    values = models.first_parameters(stages, [0])
    layers = []
    for weight, bias in values:
        layer = torch.nn.Linear(*weight.shape[1:])
        layer.weight.data, layer.bias.data = weight[0].T.contiguous(), bias[0]
        layers += [layer, torch.nn.ReLU()]
    x = tasks.task("mlp").train[0][:16]
    out = x[None]
    for stage, v in zip(stages, values):
        out = stage.forward(v, out)
    torch.testing.assert_close(out[0], torch.nn.Sequential(*layers[:-1])(x), rtol=1e-5, atol=1e-5)


def test_the_cnn_is_that_of_torch_nn():
    stages = models.cnn(8)
    values = models.first_parameters(stages, [5, 6])
    x = tasks.task("cnn").train[0][:16]
    out = x.expand(2, *x.shape)
    for stage, v in zip(stages, values):
        out = stage.forward(v, out)
    for i in range(2):
        y = x.reshape(-1, 1, 8, 8)
        for n, (weight, bias) in enumerate(values[:6]):
            y = torch.relu(torch.nn.functional.conv2d(y, weight[i], bias[i], padding=1))
            y = torch.nn.functional.max_pool2d(y, 2) if n == 0 else y
        y = torch.relu(y.flatten(1) @ values[6][0][i] + values[6][1][i]) @ values[7][0][i] + values[7][1][i]
        torch.testing.assert_close(out[i], y, rtol=1e-4, atol=1e-4)


def backward_after_overwriting(stage, first, second, x, received):
    """The stage's forward with the first values, its backward with the second ones in their place."""
    seeds, rates = [0], [0.1]
    state = replay.StageState(stage, first, rates, SETTINGS["sgdm"], seeds)
    out = stage.forward(state.parameters, x)
    state.live.copy_(torch.cat([v.flatten() for v in second]))
    return torch.autograd.grad(out, [x, *state.parameters], received)


def two_values(stage):
    return [models.first_parameters([stage], [seed])[0] for seed in (0, 1)]


def norm_backward(x, received):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(torch.nn.functional.layer_norm(x, x.shape[-1:]), x, received)[0]


def test_backward_of_a_convolution_reads_the_weights_of_its_time():
    stage = models.cnn(4)[1]
    (w1, b1), (w2, b2) = two_values(stage)
    x, received = torch.randn(5, 8, 4, 4, requires_grad=True), torch.randn(5, 8, 4, 4)
    gx, gw, gb = backward_after_overwriting(stage, (w1, b1), (w2, b2), x, received)
    masked = received * (torch.nn.functional.conv2d(x, w1[0], b1[0], padding=1) > 0)
    torch.testing.assert_close(gx, torch.nn.functional.conv_transpose2d(masked, w2[0], padding=1))
    torch.testing.assert_close(gw[0], torch.nn.grad.conv2d_weight(x.detach(), w1[0].shape, masked, padding=1))
    torch.testing.assert_close(gb[0], masked.sum((0, 2, 3)))


def test_backward_of_a_transformer_reads_the_weights_of_its_time():
    x = torch.randn(1, 3, models.CONTEXT, models.WIDTH, requires_grad=True)
    received = torch.randn_like(x)
    normed = torch.nn.functional.layer_norm(x, x.shape[-1:]).detach()

    attention, feed = models.transformer(8, 30)[2], models.transformer(8, 30)[1]
    first, second = two_values(feed)
    second[0] = second[0] * 1.5  # the gain of the norm, else 1 in both
    gx, _, _, g_up, _, g_down, _ = backward_after_overwriting(feed, first, second, x, received)
    hidden = torch.relu(normed @ first[2][0])
    g_hidden = (received @ second[4][0].T) * (hidden > 0)
    torch.testing.assert_close(gx, received + norm_backward(x, g_hidden @ second[2][0].T * second[0][0]))
    torch.testing.assert_close(g_down[0], hidden.flatten(0, 2).T @ received.flatten(0, 2))
    torch.testing.assert_close(g_up[0], normed.flatten(0, 2).T @ g_hidden.flatten(0, 2))

    first, second = two_values(attention)
    second[0] = second[0] * 1.5
    gx, _, _, g_qkv, *_ = backward_after_overwriting(attention, first, second, x, received)
    qkv = (normed @ first[2][0]).requires_grad_()
    q, k, v = (t.unflatten(-1, (models.HEADS, -1)).transpose(2, 3) for t in qkv.chunk(3, -1))
    mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(2, 3).flatten(-2)
    g_qkv_values, = torch.autograd.grad(mixed, qkv, received @ second[4][0].T)
    torch.testing.assert_close(gx, received + norm_backward(x, g_qkv_values @ second[2][0].T * second[0][0]))
    torch.testing.assert_close(g_qkv[0], normed.flatten(0, 2).T @ g_qkv_values.flatten(0, 2))
