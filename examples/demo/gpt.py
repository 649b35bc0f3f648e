"""A small GPT, the same on every rank count: what the demo and the tests train."""
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.proj = nn.Linear(hidden, hidden)
        self.up = nn.Linear(hidden, 4 * hidden)
        self.down = nn.Linear(4 * hidden, hidden)

    def forward(self, x):
        batch, length, hidden = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(mixed.transpose(1, 2).reshape(batch, length, hidden))
        return x + self.down(nn.functional.gelu(self.up(self.ln2(x))))


class GPT(nn.Module):
    """Logits and, given targets, the loss. Options add what real runs have: a tied head, a frozen
    parameter, a buffer."""

    def __init__(self, vocabulary=257, hidden=64, layers=2, heads=4, length=32, tied=False, frozen=False):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, hidden)
        self.position = nn.Embedding(length, hidden)
        self.blocks = nn.ModuleList(Block(hidden, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, vocabulary, bias=False)
        self.register_buffer("scale", torch.full((hidden,), 1.0))
        if tied:
            self.head.weight = self.embed.weight
        if frozen:
            self.gain = nn.Parameter(torch.linspace(0.5, 1.5, hidden), requires_grad=False)

    def forward(self, tokens, targets):
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.embed(tokens) + self.position(positions)
        if hasattr(self, "gain"):
            x = x * self.gain
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.ln_f(x) * self.scale.to(x.dtype))
        return nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def batch(step, rank, size=2, length=32, vocabulary=257):
    """Tokens that depend on the step and the rank only."""
    generator = torch.Generator().manual_seed(1000 * step + rank)
    tokens = torch.randint(0, vocabulary, (size, length + 1), generator=generator)
    return tokens[:, :-1], tokens[:, 1:]


def parameter_groups(model):
    """Weight decay for matrices, none for vectors: two groups, as most runs have."""
    decay = [p for p in model.parameters() if p.requires_grad and p.dim() >= 2]
    plain = [p for p in model.parameters() if p.requires_grad and p.dim() < 2]
    return [{"params": decay, "weight_decay": 0.1, "lr": 1e-3}, {"params": plain, "weight_decay": 0.0, "lr": 5e-4}]
