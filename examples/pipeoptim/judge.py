"""Statistics and the decision rule of docs/pipeoptim.md, which is the authority on both."""
import dataclasses
import math

import matrix
import tasks

T_975 = {9: 2.262157}  # quantiles of Student's t by degrees of freedom
DIVERGED = 0.95        # of the entropy of the training labels


def mean(values):
    return sum(values) / len(values)


def deviation(values):
    middle = mean(values)
    return math.sqrt(sum((v - middle)**2 for v in values) / (len(values) - 1))


class Results:
    """All results of one method in one cell."""

    def __init__(self, line):
        self.line, self.rates = line, line["rates"]
        limit = DIVERGED * tasks.task(line["model"]).entropy

        def diverged(rate, seed):
            curve = [part[rate][seed] for part in line["losses"]]
            return None in curve or curve[-1] >= limit
        self.diverged = [[diverged(i, j) for j in range(len(line["seeds"]))] for i in range(len(self.rates))]
        scores = [mean(row) for row in line["validation"]]
        self.best = scores.index(max(scores))  # the lower rate where two are equal

    @property
    def best_rate(self):
        return self.rates[self.best]

    @property
    def best_at_edge(self):
        return self.best in (0, len(self.rates) - 1)

    @property
    def accuracies(self):
        """On the test part at the best rate, by seed."""
        return self.line["test"][self.best]

    def curve(self, rate):
        """Mean training loss per list over the seeds; None where one is not finite."""
        return [None if None in part[rate] else mean(part[rate]) for part in self.line["losses"]]

    def mean_loss(self, rate):
        curve = self.curve(rate)
        return None if None in curve else mean(curve)

    @property
    def largest_stable(self):
        """The largest rate without a diverged run at it or below; None if there is none."""
        stable = None
        for rate, row in zip(self.rates, self.diverged):
            if any(row):
                break
            stable = rate
        return stable


def by_cell(lines):
    """Cell -> method -> Results, in the order of the matrix; only cells with results."""
    table = {}
    for line in lines:
        cell = matrix.Cell(line["model"], line["optimizer"], line["depth"])
        table.setdefault(cell, {})[line["method"]] = Results(line)
    return {cell: table[cell] for cell in matrix.CELLS if cell in table}


@dataclasses.dataclass(frozen=True)
class Difference:
    mean: float
    half: float  # of the 95 % interval

    @property
    def outcome(self):
        if self.mean - self.half > 0:
            return "win"
        return "loss" if self.mean + self.half < 0 else "tie"


def paired(first, second):
    """first - second, by seed."""
    each = [a - b for a, b in zip(first, second, strict=True)]
    return Difference(mean(each), T_975[len(each) - 1] * deviation(each) / math.sqrt(len(each)))


def compare(cells, method, against):
    """Cell -> Difference at the best rates, where both are there."""
    return {cell: paired(m[method].accuracies, m[against].accuracies) for cell, m in cells.items()
            if method in m and against in m}


def count(differences, outcome):
    return sum(d.outcome == outcome for d in differences.values())


NEEDED = ("pipeoptim-paper", "pipedream", "2bw", "spectrain", "naive")


def verdict(cells):
    """(text, number of complete cells)"""
    complete = {c: m for c, m in cells.items() if all(n in m for n in NEEDED)}
    if not complete:
        return "no cell is complete", 0
    total = len(complete)
    wins, others = {}, {}
    for against in NEEDED[1:]:
        differences = compare(complete, NEEDED[0], against)
        wins[against] = count(differences, "win")
        others[against] = total - wins[against]
    often = math.ceil(total * 3 / 4)
    if all(wins[a] >= often for a in ("pipedream", "2bw", "spectrain")):
        text = "confirmed"
    elif wins["pipedream"] >= often and wins["naive"] >= often:
        text = "partly confirmed"
    elif max(others["2bw"], others["spectrain"]) * 2 > total:
        text = "refuted at this scale"
    else:
        text = "undecided"
    return text if total == len(matrix.CELLS) else text + " (provisional)", total
