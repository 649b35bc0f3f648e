"""Values that differ between ranks: a real ZeRO-3 run with running statistics, averaged and selected,
judged by numpy from what each rank held in memory."""
import pathlib

import launch
import numpy
import pytest
import torch
from checkpoints import load_atoms, load_safetensors
from conftest import recast

RANKS = 3
MEAN, VAR, SEEN = "1.running_mean", "1.running_var", "1.num_batches_tracked"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batchnorm")
    launch.start(RANKS, pathlib.Path(__file__).with_name("batchnorm_run.py"), folder)
    return folder


def copies(run, name):
    return [numpy.load(run / f"rank{rank}.npz")[name] for rank in range(RANKS)]


def mean(run, name):
    """In f64, in the order of the ranks, rounded once."""
    total = numpy.zeros((), numpy.float64)
    for copy in copies(run, name):
        total = total + copy.astype(numpy.float64)
    return (total / RANKS).astype(numpy.float32)


def convert(workdir, run, rules, statements, view="same", head=""):
    job = workdir / "job.ucl"
    job.write_text(f'{head}\nsource run = deepspeed("{run}/run") as {view} {rules}\n'
                   f'target hub = safetensors("{workdir}/hub") as {view}\n'
                   "convert run -> hub {\n  weight: master\n  drop master, exp_avg, exp_avg_sq, step\n"
                   f"  {statements}\n  objects {{ else: drop }}\n}}\n")
    recast("fmt", job)
    recast("convert", job, "--no-sync")
    return load_safetensors(workdir / "hub")


def test_averages_and_versions(run, workdir):
    assert not numpy.array_equal(*copies(run, MEAN)[:2])  # Else this shows nothing.
    written = convert(workdir, run, f'{{ "1.running_*" varying dp   "{SEEN}" varying dp }}',
                      f'buffer in "{MEAN}": average   buffer in "{VAR}": average | cast(bf16)\n'
                      f'buffer in "{SEEN}": select(dp = 2)')
    assert numpy.array_equal(written[MEAN].numpy().view(numpy.uint32), mean(run, MEAN).view(numpy.uint32))
    assert torch.equal(written[VAR], torch.from_numpy(mean(run, VAR)).bfloat16())
    assert written[SEEN].item() == 3


@pytest.mark.parametrize("rank", range(RANKS))
def test_each_version_and_each_owner(run, rank, workdir):
    written = convert(workdir, run, f'{{ "{MEAN}" varying dp   "{VAR}" stage dp at {rank} }}',
                      f'buffer in "{MEAN}": cast(f64) | select(dp = {rank}) | cast(f32)\n'
                      f'buffer in "{VAR}", "{SEEN}": keep')
    assert numpy.array_equal(written[MEAN].numpy(), copies(run, MEAN)[rank])
    assert numpy.array_equal(written[VAR].numpy(), copies(run, VAR)[rank])


def test_a_view_says_it_for_every_run(run, workdir):
    library = """
model net() { dims i = 5, h = 7, o = 3
  in_w (h, i) in_b (h) gain (h) shift (h) mean (h) var (h) seen () out_w (o, h) out_b (o) }
view torch of net over (dp) {
  in_w = "0.weight" in_b = "0.bias" gain = "1.weight" shift = "1.bias" out_w = "2.weight" out_b = "2.bias"
  mean = "1.running_mean" varying dp var = "1.running_var" varying dp seen = "1.num_batches_tracked"
}"""
    written = convert(workdir, run, "", f"buffer in mean, var: average   buffer in seen: keep", "torch(net())", library)
    for name in (MEAN, VAR):
        assert numpy.array_equal(written[name].numpy(), mean(run, name))


def test_a_universal_folder_takes_the_mean(run, workdir):
    job = workdir / "job.ucl"
    job.write_text(f'source run = deepspeed("{run}/run") as same {{ "1.running_*" varying dp }}\n'
                   f'target uni = deepspeed_universal("{workdir}/uni") as same\n'
                   'convert run -> uni { buffer in "1.running_*": average   else: keep   objects { else: keep } }\n')
    recast("convert", job, "--no-sync")
    assert numpy.array_equal(load_atoms(workdir / "uni")[MEAN]["fp32"].numpy(), mean(run, MEAN))


@pytest.mark.parametrize("rules,statement,message", [
    ('{ "1.running_*" varying dp }', "buffer: keep", "differ along dp, and nothing says which are meant"),
    ('{ "1.running_mean" varying dp }', "buffer: average", "do not differ between ranks"),
    ('{ "1.num*" varying dp }', f'buffer in "1.r*": keep buffer in "1.num*": average', "no mean of i64"),
    ('{ "1.running_mean" varying dp }', 'buffer in "1.running_mean": select(dp = 3) buffer in "1.running_var", "1.num*": keep',
     "no coordinate 3 of dp, which has 3"),
    ('{ "1.running_mean" varying tp }', "buffer: keep", "are (dp = 3), without `tp`"),
    ('{ "0.weight" varying dp }', "buffer: keep", "does not hold a copy of this tensor for each of its ranks"),
    ('{ "1.running_mean" split d0 by dp }', "buffer: keep", "of layout steps it takes `varying` and `stage` only"),
    ('{ "1.runing_mean" varying dp }', "buffer: keep", 'is called "1.runing_mean"'),
])
def test_refusals(run, workdir, rules, statement, message):
    job = workdir / "job.ucl"
    job.write_text(f'source run = deepspeed("{run}/run") as same {rules}\ntarget hub = safetensors("{workdir}/hub") as same\n'
                   "convert run -> hub { weight: master   drop master, exp_avg, exp_avg_sq, step\n"
                   f"{statement}   objects {{ else: drop }} }}\n")
    refused = recast("check", job, check=False)
    assert refused.code in (2, 3) and message in refused.err, refused.err


def test_a_plan_fits_the_same_run_again(run, workdir):
    job = workdir / "job.ucl"
    job.write_text(f'source run = deepspeed("{run}/run") as same {{ "1.running_*" varying dp }}\n'
                   f'target hub = safetensors("{workdir}/hub") as same\n'
                   "convert run -> hub { weight: master   drop master, exp_avg, exp_avg_sq, step\n"
                   f'buffer in "1.running_*": average   buffer in "{SEEN}": keep   objects {{ else: drop }} }}\n')
    recast("plan", job, "-o", workdir / "a.rplan")
    recast("rebind", workdir / "a.rplan", run / "run", "-o", workdir / "b.rplan")
    assert (workdir / "a.rplan").read_bytes() == (workdir / "b.rplan").read_bytes()
    recast("run", workdir / "b.rplan", "--no-sync")
    assert numpy.array_equal(load_safetensors(workdir / "hub")[MEAN].numpy(), mean(run, MEAN))


def test_inspect_tells(run):
    assert "varying dp" in recast("inspect", run / "run").out
