#!/usr/bin/env python3
"""Tables and plots of the study: python examples/pipeoptim/report.py RESULTS.jsonl FOLDER"""
import csv
import json
import pathlib
import sys

import judge
import matrix
import methods
import plots
from judge import mean

RIVALS = ("sync", "naive", "pipedream", "2bw", "spectrain", "xpipe")
VARIANTS = tuple(n for n in methods.METHODS if n.startswith(("pipeoptim", "control")))


def read(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def spread(values):
    return f"{100 * mean(values):.1f} ± {100 * judge.deviation(values):.1f}"


def number(value, digits=3):
    return "-" if value is None else f"{value:.{digits}f}"


def best_rates(cells):
    names = list(methods.METHODS)

    def entry(found, name, top):
        if name not in found:
            return ""
        r = found[name]
        text = spread(r.accuracies)
        if mean(r.accuracies) == top:
            text = f"**{text}**"
        return f"{text}<br>{r.best_rate:g}{'!' if r.best_at_edge else ''}"
    rows = []
    for cell, found in cells.items():
        top = max(mean(r.accuracies) for r in found.values())
        rows.append([str(cell), *(entry(found, n, top) for n in names)])
    return table(["cell", *names], rows)


def differences(cells, method):
    def entry(found):
        mark = {"win": "**win**", "loss": "**loss**", "tie": "tie"}[found.outcome]
        return f"{100 * found.mean:+.2f} ± {100 * found.half:.2f} {mark}"
    columns = {rival: judge.compare(cells, method, rival) for rival in RIVALS}
    rows = [[str(cell), *(entry(columns[r][cell]) if cell in columns[r] else "" for r in RIVALS)] for cell in cells]
    totals = [f"{judge.count(d, 'win')} / {judge.count(d, 'tie')} / {judge.count(d, 'loss')}" for d in columns.values()]
    return table(["cell", *RIVALS], [*rows, ["win / tie / loss", *totals]])


def outcomes(cells):
    def entry(method, rival):
        found = judge.compare(cells, method, rival)
        return f"{judge.count(found, 'win')} / {judge.count(found, 'tie')} / {judge.count(found, 'loss')}"
    against = (*RIVALS, "pipeoptim-paper")
    return table(["method", *against],
                 [[n, *("" if n == r else entry(n, r) for r in against)] for n in (*RIVALS, *VARIANTS)])


def fixed_rate(cells):
    """At sync's best rate."""
    names = list(methods.METHODS)
    rows = []
    for cell, found in cells.items():
        if "sync" in found:
            at = found["sync"].best
            rows.append([f"{cell}, {found['sync'].best_rate:g}",
                         *(f"{number(found[n].mean_loss(at))}<br>{100 * mean(found[n].line['test'][at]):.1f}"
                           if n in found else "" for n in names)])
    return table(["cell, rate", *names], rows)


def stability(cells):
    names = list(methods.METHODS)

    def entry(r):
        stable = "-" if r.largest_stable is None else f"{r.largest_stable:g}"
        return f"{stable}<br>{sum(map(sum, r.diverged))} of {len(r.rates) * len(r.line['seeds'])}"
    return table(["cell", *names], [[str(cell), *(entry(found[n]) if n in found else "" for n in names)]
                                    for cell, found in cells.items()])


def ratios(cells):
    def entry(r):
        return " ".join("-" if stage is None else number(None if None in stage[r.best] else mean(stage[r.best]), 2)
                        for stage in r.line["ratios"])
    names = [n for n in VARIANTS if n.startswith("pipeoptim")]
    return table(["cell", *names], [[str(cell), *(entry(found[n]) if n in found else "" for n in names)]
                                    for cell, found in cells.items()])


def copies(cells):
    rows = []
    for name in methods.METHODS:
        seen = {c.depth: found[name].line["copies"] for c, found in cells.items() if name in found}
        rows.append([name, *(" ".join(map(str, seen[d])) if d in seen else "" for d in matrix.DEPTHS)])
    return table(["method", *(f"D = {d}" for d in matrix.DEPTHS)], rows)


def missing(cells):
    """By method: the cells without a result."""
    lines = []
    for name, method in methods.METHODS.items():
        absent = [str(c) for c in matrix.CELLS if method.only in ("", c.optimizer) and name not in cells.get(c, {})]
        if absent:
            lines.append(f"- `{name}`: {'all' if len(absent) == len(matrix.CELLS) else ', '.join(absent)}")
    return "\n".join(lines)


def tables(cells):
    text, complete = judge.verdict(cells)
    absent = missing(cells)
    parts = [
        "# Results of the PipeOptim study\n\nWritten by `examples/pipeoptim/report.py`; what the words mean stands in "
        "[pipeoptim.md](../pipeoptim.md).\n",
        f"Verdict by the rule: **{text}**, from {complete} of {len(matrix.CELLS)} cells.\n",
        f"Not run yet:\n\n{absent}\n" if absent else "",
        "## `pipeoptim-paper` minus each rival\n\nTest accuracy in points at the best rates, 95 % intervals, paired by "
        "seed.\n\n" + differences(cells, "pipeoptim-paper"),
        "## Test accuracy at the best rate\n\n%, mean ± standard deviation over 10 seeds; below it the rate. Bold: the "
        "highest of the cell. `!`: the best rate is at the edge of the grid.\n\n" + best_rates(cells),
        "## All against all\n\nWins / ties / losses of the row against the column.\n\n" + outcomes(cells),
        "## At one rate, that which is best for `sync`\n\nMean training loss over all updates (`-`: not finite in some "
        "run); below it the test accuracy, %.\n\n" + fixed_rate(cells),
        "## Stability\n\nThe largest rate without a diverged run at it or below; below it the diverged "
        "runs.\n\n" + stability(cells),
        "## rho by stage\n\nAt each method's best rate, stages 0 to D - 1; `-`: nothing is predicted or nothing lies "
        "between.\n\n" + ratios(cells),
        "## Copies of the weights\n\nBy stage, as counted while the lists were replayed.\n\n" + copies(cells),
    ]
    return "\n".join(p for p in parts if p)


def write(results, folder):
    cells = judge.by_cell(read(results))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(tables(cells))
    with open(folder / "best.csv", "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["cell", "method", "rate", *(f"seed {s}" for s in matrix.SEEDS)])
        for cell, found in cells.items():
            for name, r in found.items():
                rows.writerow([str(cell), name, r.best_rate, *(f"{a:.5f}" for a in r.accuracies)])
    for name, picture in (("error", plots.error_by_rate(cells, mean)),
                          ("differences", plots.differences(cells, judge.compare)),
                          ("loss", plots.loss_curves(cells)), ("rho", plots.prediction_errors(cells, mean))):
        (folder / f"{name}.svg").write_text(picture)
    return judge.verdict(cells)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(*write(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
