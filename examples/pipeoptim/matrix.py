"""The cells of the study and what is run in each."""
import dataclasses

MODELS, OPTIMIZERS, DEPTHS = ("mlp", "cnn", "transformer"), ("sgdm", "adam", "adamw"), (4, 8)
SEEDS = tuple(range(10))
LISTS = 10  # of 60 updates

# Chosen by `sync` alone: its best rate lies inside, and at the upper end it suffers or diverges.
RATES = {
    ("mlp", "sgdm"): (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    ("cnn", "sgdm"): (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    ("transformer", "sgdm"): (0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
    ("transformer", "adam"): (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02),
    ("transformer", "adamw"): (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02),
}
ADAM_RATES = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05)


@dataclasses.dataclass(frozen=True)
class Cell:
    model: str
    optimizer: str
    depth: int

    @property
    def rates(self):
        return RATES.get((self.model, self.optimizer), ADAM_RATES)

    def __str__(self):
        return f"{self.model}/{self.optimizer}/{self.depth}"


CELLS = tuple(Cell(m, o, d) for m in MODELS for o in OPTIMIZERS for d in DEPTHS)


def cell(text):
    for known in CELLS:
        if str(known) == text:
            return known
    raise ValueError(f"no cell '{text}'; there are {', '.join(map(str, CELLS))}")
