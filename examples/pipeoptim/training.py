"""One method in one cell, over all its learning rates and seeds at once."""
import time

import torch

import methods
import schedules
import tasks
from optimizers import SETTINGS
from replay import Run


def deterministic():
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # diverging runs would crawl otherwise
    torch.use_deterministic_algorithms(True)


def train(model, optimizer, depth, name, rates, seeds, lists, folder=None, measure=True):
    """Trains over `lists` lists (epochs of the digits). Returns the results in JSON's terms, values by
    rate and then seed."""
    started = time.monotonic()
    task = tasks.task(model)
    method = methods.METHODS[name]
    schedule = methods.schedule_of(name, depth, task.updates_per_list, folder)
    order = schedules.replay_order(schedule)
    run = Run(task, depth, SETTINGS[optimizer], rates, seeds, method.prediction,
              measure and name.startswith("pipeoptim"))
    updates = schedule.microbatches // schedule.update_every
    rows = torch.stack([task.order(seed, lists * task.updates_per_list) for seed in seeds])
    losses = []
    for _ in range(lists):
        of_list = []
        for _ in range(task.updates_per_list // updates):
            of_list.append(run.replay(order, schedule, rows[:, :updates]))
            rows = rows[:, updates:]
        losses.append(torch.cat(of_list).double().mean(0))

    def table(values):
        # JSON has no infinity and no NaN: null.
        return [[v if v == v and abs(v) != float("inf") else None for v in row]
                for row in values.reshape(len(rates), len(seeds)).tolist()]
    return {"model": model, "optimizer": optimizer, "depth": depth, "method": name, "rates": list(rates),
            "seeds": list(seeds), "lists": lists, "schedule": methods.digest(schedule), "torch": torch.__version__,
            "copies": run.copies,
            "losses": [table(part) for part in losses],
            "validation": table(run.evaluate(task.validation)), "test": table(run.evaluate(task.test)),
            "ratios": [table(torch.stack(r).double().mean(0)) if r else None for r in run.ratios],
            "seconds": round(time.monotonic() - started, 1)}
