"""Plots of the study as SVG: grids of small panels with one legend."""
import math

COLORS = {"sync": "#222222", "naive": "#999999", "pipedream": "#0072b2", "2bw": "#009e73", "spectrain": "#cc79a7",
          "xpipe": "#8c6d31", "pipeoptim-paper": "#d55e00", "pipeoptim-code": "#e69f00"}
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 216, 150, 40, 24, 8, 30


def escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text(x, y, content, size=10, anchor="start", color="#222", extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{color}"{extra}>'
            f'{escape(content)}</text>')


class Panel:
    """Axes with lines, clipped to the axes. `x_ticks`, `y_ticks`: (value, label)."""

    def __init__(self, title, x_range, y_range, x_ticks, y_ticks, log_x=False, log_y=False):
        self.title, self.x_ticks, self.y_ticks = title, x_ticks, y_ticks
        self.x_range, self.y_range, self.marks = x_range, y_range, []
        self.scale_x, self.scale_y = (math.log if log else float for log in (log_x, log_y))

    def at(self, x, y):
        def share(value, between, scale):
            low, high = map(scale, between)
            return (scale(value) - low) / (high - low)
        return (LEFT + share(x, self.x_range, self.scale_x) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - share(y, self.y_range, self.scale_y) * (HEIGHT - TOP - BOTTOM))

    def line(self, points, color, dash="", markers=True):
        """Points without a value (None) break the line."""
        runs, run = [], []
        for x, y in points:
            if y is None:
                runs.append(run)
                run = []
            else:
                run.append(self.at(x, y))
        for run in [*runs, run]:
            if len(run) > 1:
                path = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
                dashes = f' stroke-dasharray="{dash}"' if dash else ""
                self.marks.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"'
                                  f'{dashes}/>')
            if markers:
                self.marks += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.9" fill="{color}"/>' for x, y in run]

    def level(self, y):
        (x0, at), (x1, _) = self.at(self.x_range[0], y), self.at(self.x_range[1], y)
        self.marks.append(f'<line x1="{x0}" x2="{x1}" y1="{at:.1f}" y2="{at:.1f}" stroke="#888" '
                          f'stroke-dasharray="2 2"/>')

    def svg(self):
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        box = f'x="{LEFT}" y="{TOP}" width="{right - LEFT}" height="{bottom - TOP}"'
        parts = [text((LEFT + right) / 2, TOP - 8, self.title, 10, "middle", extra=' font-weight="600"')]
        for value, label in self.x_ticks:
            x, _ = self.at(value, self.y_range[0])
            parts += [f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 3}" stroke="#888"/>',
                      text(x, bottom + 13, label, 8.5, "middle")]
        for value, label in self.y_ticks:
            _, y = self.at(self.x_range[0], value)
            parts += [f'<line x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#eee"/>',
                      text(LEFT - 4, y + 3, label, 8.5, "end")]
        return "".join([*parts, f'<rect {box} fill="none" stroke="#bbb"/>', '<g clip-path="url(#axes)">', *self.marks,
                        "</g>"])


def grid(panels, columns, title, legend, x_label, y_label):
    """`legend`: (label, color, dash)"""
    rows = math.ceil(len(panels) / columns)
    wide, high, head = columns * WIDTH + 40, rows * HEIGHT + 76, 54
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" '
             f'font-family="Helvetica, Arial, sans-serif">', f'<rect width="{wide}" height="{high}" fill="#fff"/>',
             f'<clipPath id="axes"><rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" '
             f'height="{HEIGHT - TOP - BOTTOM}"/></clipPath>',
             text(12, 20, title, 14, extra=' font-weight="600"')]
    x = 14
    for label, color, dash in legend:
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        parts += [f'<line x1="{x}" x2="{x + 20}" y1="38" y2="38" stroke="{color}" stroke-width="2.5"{dashes}/>',
                  text(x + 24, 42, label, 10.5)]
        x += 38 + 5.6 * len(label)
    for i, panel in enumerate(panels):
        parts.append(f'<g transform="translate({i % columns * WIDTH + 20},{i // columns * HEIGHT + head})">'
                     f'{panel.svg()}</g>')
    middle = head + rows * HEIGHT / 2
    parts += [text(wide / 2, high - 8, x_label, 11, "middle"),
              text(13, middle, y_label, 11, "middle", extra=f' transform="rotate(-90 13 {middle})"'), "</svg>"]
    return "\n".join(parts) + "\n"


def ticks_within(values, low, high):
    return [(v, f"{v:g}") for v in values if low <= v <= high]


def nice_ticks(low, high, count=4):
    step = 10**math.floor(math.log10((high - low) / count))
    step = next(step * k for k in (1, 2, 5, 10) if (high - low) / (step * k) <= count)
    first = math.ceil(low / step - 1e-9)
    return [(i * step, f"{i * step:.10g}") for i in range(first, math.floor(high / step + 1e-9) + 1)]


# ---- the study's four pictures; cells: judge.by_cell()
LINES = ("sync", "naive", "pipedream", "2bw", "spectrain", "pipeoptim-paper", "pipeoptim-code")


def legend(names):
    return [(n, COLORS[n], "") for n in names]


def title_of(cell):
    return f"{cell.model}, {cell.optimizer}, D = {cell.depth}"


def error_by_rate(cells, mean):
    panels = []
    for cell, found in cells.items():
        errors = {n: [100 - 100 * mean(row) for row in found[n].line["test"]] for n in LINES if n in found}
        low = 0.93 * min(map(min, errors.values()))
        high = 0.98 * max(map(max, errors.values())) if low < 40 else 1.4 * low
        rates = cell.rates
        panel = Panel(title_of(cell), (rates[0] * 0.85, rates[-1] * 1.18), (low, high),
                      [(r, f"{r:g}".replace("0.", ".", 1)) for r in rates[len(rates) % 2::2]],
                      ticks_within((2, 3, 5, 10, 20, 50) if low < 40 else (65, 70, 75, 80, 85, 90), low, high),
                      log_x=True, log_y=True)
        for name, values in errors.items():
            panel.line(list(zip(rates, values)), COLORS[name])
        panels.append(panel)
    return grid(panels, 4, "Test error by learning rate, mean over 10 seeds (both axes logarithmic; lower is better)",
                legend(LINES), "learning rate", "test error, %")


def differences(cells, compare, against=("sync", "naive", "pipedream", "2bw", "spectrain", "xpipe")):
    """One column per rival: PipeOptim (paper) minus it, with its interval."""
    row, wide, gap, left, limit = 20, 130, 24, 150, 4.0
    height = 76 + row * len(cells) + 40
    width = left + len(against) * (wide + gap)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, sans-serif">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>',
             text(12, 20, "Test accuracy of pipeoptim-paper minus that of ..., each at its best rate; 95 % intervals, "
                  "paired by seed", 14, extra=' font-weight="600"'),
             text(12, 38, f"Points. Green: wins. Red: loses. Grey: tie. Beyond +-{limit:g} points: clipped, "
                  "with the value.", 11)]
    for i, cell in enumerate(cells):
        parts.append(text(left - 8, 84 + row * i, title_of(cell), 10, "end"))
    tones = {"win": "#1b9e3e", "loss": "#cc2936", "tie": "#777"}
    for column, rival in enumerate(against):
        x0 = left + column * (wide + gap)
        found = compare(cells, "pipeoptim-paper", rival)

        def at(points, x0=x0):
            return x0 + wide / 2 + max(-limit, min(limit, points)) / limit * wide / 2
        bottom = 70 + row * len(cells)
        parts += [text(x0 + wide / 2, 60, rival, 11, "middle", extra=' font-weight="600"'),
                  f'<rect x="{x0}" y="68" width="{wide}" height="{bottom - 68}" fill="none" stroke="#ccc"/>',
                  f'<line x1="{at(0)}" x2="{at(0)}" y1="68" y2="{bottom}" stroke="#444"/>']
        for points in (-limit, -limit / 2, 0, limit / 2, limit):
            parts.append(text(at(points), bottom + 13, f"{points:+g}" if points else "0", 9, "middle"))
        for i, cell in enumerate(cells):
            if cell not in found:
                continue
            d, y = found[cell], 80 + row * i
            tone, middle, half = tones[d.outcome], 100 * d.mean, 100 * d.half
            parts += [f'<line x1="{at(middle - half):.1f}" x2="{at(middle + half):.1f}" y1="{y}" y2="{y}" '
                      f'stroke="{tone}" stroke-width="2"/>',
                      f'<circle cx="{at(middle):.1f}" cy="{y}" r="3.2" fill="{tone}"/>']
            if abs(middle) > limit:
                x = at(middle) - math.copysign(20, middle)
                parts += [f'<rect x="{x - 13:.1f}" y="{y - 6}" width="26" height="12" fill="#fff"/>',
                          text(x, y + 3.5, f"{middle:+.1f}", 9, "middle", tone)]
    return "\n".join([*parts, "</svg>"]) + "\n"


LOSS_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
NARROW_LOSS_TICKS = (2, 2.2, 2.4, 2.6, 2.8, 3)


def loss_curves(cells):
    """At the rate that is best for sync; over the time of asynchronous updates."""
    panels = []
    for cell, found in cells.items():
        if "sync" not in found:
            continue
        rate = found["sync"].best
        curves = {n: found[n].curve(rate) for n in LINES if n in found}
        finite = [v for c in curves.values() for v in c if v is not None]
        low, high = 0.95 * min(finite), 1.05 * curves["sync"][0]
        lists = len(curves["sync"])
        updates = found["sync"].line["lists"] * 60
        slower = (2 * cell.depth - 1) / cell.depth
        panel = Panel(f"{title_of(cell)}, lr {found['sync'].rates[rate]:g}", (0, updates * 1.02), (low, high),
                      nice_ticks(0, updates),
                      ticks_within(LOSS_TICKS if low < 1 else NARROW_LOSS_TICKS, low, high), log_y=True)
        steps = [updates / lists * (i + 1) for i in range(lists)]
        for name, curve in curves.items():
            panel.line(list(zip(steps, curve)), COLORS[name], dash="4 2" if name == "sync" else "", markers=False)
        late = [(x * slower, y) for x, y in zip(steps, curves["sync"]) if x * slower <= updates]
        panel.line(late, COLORS["sync"], markers=False)
        panels.append(panel)
    return grid(panels, 4, "Training loss at the rate best for sync, means over 10 seeds",
                [("sync, by updates", COLORS["sync"], "4 2"), ("sync, by simulated time", COLORS["sync"], "")] +
                legend(LINES[1:]), "updates of the asynchronous methods = their time in units of one update",
                "training loss, mean of a list (log)")


def prediction_errors(cells, mean):
    """rho by stage at each method's best rate."""
    names = ("pipeoptim-paper", "pipeoptim-code")
    panels = []
    for cell, found in cells.items():
        panel = Panel(title_of(cell), (-0.3, cell.depth - 0.7), (0, 2),
                      [(i, str(i)) for i in range(cell.depth)], nice_ticks(0, 2))
        panel.level(1)
        for name in names:
            if name in found:
                ratios = found[name].line["ratios"]
                points = [(i, None if r is None or None in r[found[name].best] else mean(r[found[name].best]))
                          for i, r in enumerate(ratios)]
                panel.line(points, COLORS[name])
        panels.append(panel)
    return grid(panels, 4, "Prediction error rho by stage, each at its best rate (below 1: nearer than no prediction)",
                legend(names), "stage", "rho")
