"""What is learned: digits of scikit-learn, and characters of a text that comes with PyTorch."""
import dataclasses
import functools
import hashlib
import math
import pathlib

import torch

import models

TEXT_SHA256 = "38bd167709f8998348da6aaa926b3af3cf2d6e8eb525ac3026d58a256ade1b90"
SYMBOLS = "abcdefghijklmnopqrstuvwxyz \n.,(?"  # '?' stands for everything else


@dataclasses.dataclass(frozen=True)
class Task:
    """Parts as (inputs, targets), samples first."""
    name: str
    train: tuple
    validation: tuple
    test: tuple
    batch: int  # samples per update
    updates_per_list: int
    entropy: float  # of the training labels, nats

    def stages(self, depth):
        if self.name == "mlp":
            return models.mlp(depth)
        return models.cnn(depth) if self.name == "cnn" else models.transformer(depth, len(SYMBOLS))

    def order(self, seed, updates):
        """[updates, batch]: the samples of every update, epoch after epoch, each in its own order."""
        generator = torch.Generator().manual_seed(7919 * seed + 5)
        samples, rows = len(self.train[0]), []
        per_epoch = samples // self.batch
        while len(rows) < updates:
            shuffled = torch.randperm(samples, generator=generator)[:per_epoch * self.batch]
            rows += shuffled.reshape(per_epoch, self.batch).unbind()
        return torch.stack(rows[:updates])


def label_entropy(labels):
    share = torch.bincount(labels.flatten()).double() / labels.numel()
    return -sum(p * math.log(p) for p in share.tolist() if p)


def digits(name):
    from sklearn.datasets import load_digits
    bunch = load_digits()
    images = torch.tensor(bunch.data, dtype=torch.float32) / 16 - 0.3
    labels = torch.tensor(bunch.target, dtype=torch.int64)
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(2312))
    train, validation, test = shuffled.split([960, 320, len(labels) - 1280])
    return Task(name, (images[train], labels[train]), (images[validation], labels[validation]),
                (images[test], labels[test]), 16, 60, label_entropy(labels[train]))


def characters():
    path = pathlib.Path(torch.__file__).parent / "_torch_docs.py"
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != TEXT_SHA256:
        raise RuntimeError(f"{path} is not the text of the study (SHA-256 {digest}): use torch 2.13.0")
    place = {symbol: i for i, symbol in enumerate(SYMBOLS)}
    text = torch.tensor([place.get(c, len(SYMBOLS) - 1) for c in content.decode().lower()])
    windows = text[:len(text) // (models.CONTEXT + 1) * (models.CONTEXT + 1)].reshape(-1, models.CONTEXT + 1)
    count = len(windows)
    parts = windows[:count * 6 // 10], windows[count * 6 // 10:count * 8 // 10], windows[count * 8 // 10:]

    def some(part, n):
        chosen = part[torch.linspace(0, len(part) - 1, n).long()]
        return chosen[:, :-1].contiguous(), chosen[:, 1:].contiguous()
    train = some(parts[0], 4800)
    return Task("transformer", train, some(parts[1], 200), some(parts[2], 400), 8, 60, label_entropy(train[1]))


@functools.cache
def task(name):
    return characters() if name == "transformer" else digits(name)
