"""The optimizers of torch.optim on flat buffers, bit for bit, many learning rates at once; and the
step that weight prediction takes along each of them."""
import dataclasses

import torch


@dataclasses.dataclass(frozen=True)
class Settings:
    kind: str  # "sgdm", "adam" or "adamw"
    weight_decay: float = 0.0
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8


SETTINGS = {"sgdm": Settings("sgdm", weight_decay=5e-4), "adam": Settings("adam"),
            "adamw": Settings("adamw", weight_decay=0.1)}


class Optimizer:
    """State of one stage: a flat buffer per moment. `rates`: a learning rate per element, as double;
    products with it are rounded to float once, as torch rounds its Python scalars."""

    def __init__(self, settings, rates):
        self.settings, self.rates, self.steps = settings, rates, 0
        self.first = torch.zeros(rates.shape, dtype=torch.float32)
        self.second = torch.zeros_like(self.first) if settings.kind != "sgdm" else None
        self.gradient = None  # of the last step, weight decay added (L2)
        self.negative_rates = (-rates).float()
        self.keep = (1 - rates * settings.weight_decay).float()

    def step(self, weights, gradient):
        s = self.settings
        self.steps += 1
        if s.kind == "sgdm":
            if s.weight_decay:
                gradient = gradient.add(weights, alpha=s.weight_decay)
            self.first.mul_(s.momentum).add_(gradient)
            self.gradient = gradient
            weights.addcmul_(self.first, self.negative_rates)
            return
        if s.kind == "adamw":
            weights.mul_(self.keep)
        elif s.weight_decay:
            gradient = gradient.add(weights, alpha=s.weight_decay)
        self.first.lerp_(gradient, 1 - s.beta1)
        self.second.mul_(s.beta2).addcmul_(gradient, gradient, value=1 - s.beta2)
        weights.addcdiv_(self.first * self._step_sizes(1), self._root())

    def _step_sizes(self, ahead):
        return (-self.rates * ahead / (1 - self.settings.beta1**self.steps)).float()

    def _root(self):
        return (self.second.sqrt() / (1 - self.settings.beta2**self.steps)**0.5).add_(self.settings.eps)

    def predict(self, weights, ahead, variant="paper"):
        """`weights` extrapolated by `ahead` updates along the last one. Variants: "paper"; "code":
        momentum applied once more to the last gradient (SGDM only, else paper); "geometric": the
        velocity dies out, as with gradients of mean zero; "decay": AdamW's decay too. Before the
        first step there is nothing to go by: the weights themselves."""
        s = self.settings
        if not self.steps or not ahead:
            return weights.clone()
        if variant == "geometric":
            u = s.momentum if s.kind == "sgdm" else s.beta1
            ahead = u * (1 - u**ahead) / (1 - u)
        base = weights
        if variant == "decay" and s.kind == "adamw":
            base = weights * (1 - self.rates * s.weight_decay * ahead).float()
        if s.kind == "sgdm":
            along = self.first
            if variant == "code":
                along = along * s.momentum + self.gradient
            return torch.addcmul(base, along, (-self.rates * ahead).float())
        return torch.addcdiv(base, self.first * self._step_sizes(ahead), self._root())
