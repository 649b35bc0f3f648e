"""Restores into memory, by stages of a pipeline, in the order in which it needs them; the bytes are held against
what a conversion of the same checkpoint writes, whose digests other tests compute from what frameworks load."""
import json
import shutil

import pytest
import torch

from conftest import DATA, recast

CASE = DATA / "z3_bf16_dp2" / "native"
PIPELINE = """pipeline p {{
  ranks = 2  microbatches = {microbatches}  schedule = {kind}  cost = (f = 1, b = 2)
  assign {{ "layers.**" : {how}   "embed.*", "pos", "frozen*" : first   "ln_f.*", "lm_head.*" : last }}
}}
"""
RESTORE = """source run = deepspeed("{run}") as same
{pipeline}target live = memory() as same {stages}
restore run -> live {{
  master, exp_avg, exp_avg_sq, step : keep
  weight : master | cast(bf16)
  frozen, buffer : keep
  objects {{ else : drop }}
  {statements}
}}
"""


def job(folder, run=CASE, kind='"1f1b"', microbatches=4, how="by_cost(params)", stages="stages p",
        statements="deadline p   check p.cut == drained", pipeline=PIPELINE, name="job.ucl"):
    path = folder / name
    path.write_text(RESTORE.format(run=run, stages=stages, statements=statements,
                                   pipeline=pipeline.format(kind=kind, microbatches=microbatches, how=how)))
    return path


def events(text):
    return [json.loads(line) for line in text.splitlines()]


def ready(text):
    return [e for e in events(text) if e["event"] == "ready"]


def work_order(tensors):
    """Deadlines as they are worked on: a master is read for its weight and is complete with it."""
    weights = {(t["target"], t["tensor"]): t["deadline"] for t in tensors if t["role"] == "weight"}
    return [weights.get((t["target"], t["tensor"]), t["deadline"]) if t["role"] == "master" else t["deadline"]
            for t in tensors]


@pytest.fixture(scope="module")
def digests(tmp_path_factory):
    """{(role, name): digest} of the source as the reader sees it, weights cast from masters."""
    listed = json.loads(recast("inspect", CASE, "--digests", "--json").out)
    found = {(t["role"], t["name"]): t.get("digest") for t in listed["tensors"]}
    folder = tmp_path_factory.mktemp("hub")
    recast("convert", CASE, "-o", folder / "hub", "--to", "safetensors", "--dtype", "bf16", "--no-sync")
    manifest = json.loads((folder / "hub" / ".recast" / "manifest.json").read_text())
    found.update({(t["role"], t["name"]): t["digest"] for t in manifest["tensors"]})
    yield {key: value for key, value in found.items() if value}
    shutil.rmtree(folder, ignore_errors=True)


def test_every_tensor_is_on_its_rank_in_time_and_equal(workdir, digests):
    done = recast("convert", job(workdir), "--events", "-", "--threads", "1", cwd=workdir)
    lines = events(done.out)
    assert lines[0]["event"] == "start" and lines[-1]["event"] == "end"
    assert lines[0]["targets"] == ["live[0]", "live[1]"] and lines[0]["in_memory"]
    tensors = ready(done.out)
    assert len(tensors) == lines[0]["tensors"]
    assert work_order(tensors) == sorted(work_order(tensors))
    assert [t["seconds"] for t in tensors] == sorted(t["seconds"] for t in tensors)
    # 1F1B of two ranks, f = 1, b = 2, four microbatches: the second stage begins at 1. Its last
    # backward ends at 13, that of the first stage two later.
    due = {}
    for t in tensors:
        due.setdefault((t["target"], t["role"] in ("weight", "frozen", "buffer")), set()).add(t["deadline"])
    assert due == {("live[0]", True): {0.0}, ("live[1]", True): {1.0}, ("live[0]", False): {15.0},
                   ("live[1]", False): {13.0}}
    seen = {}
    for t in tensors:
        assert digests[t["role"], t["tensor"]] == t["digest"], t
        assert (t["role"], t["tensor"]) not in seen
        seen[t["role"], t["tensor"]] = t["target"]
    roles = {role for role, _ in seen}
    assert roles == {"weight", "master", "exp_avg", "exp_avg_sq", "frozen", "buffer"}
    for (role, name), target in seen.items():
        first = name.startswith(("embed", "pos", "frozen", "layers.0"))
        assert target == f"live[{0 if first else 1}]", (role, name)
    assert set(seen) == {key for key in digests if key[0] in roles}
    assert sorted(p.name for p in workdir.iterdir()) == ["job.ucl"]  # Nothing on disk.


def test_ranks_read_their_share(workdir):
    recast("plan", job(workdir), "-o", workdir / "p.rplan")
    whole = json.loads(recast("run", workdir / "p.rplan", "--json").out)
    shares = [json.loads(recast("run", workdir / "p.rplan", "--json", "--rank", rank).out) for rank in (0, 1)]
    assert whole["read_over_unique"] == 1.0 and whole["files_written"] == 0
    listed = [{(t["role"], t["tensor"], t["digest"]) for t in report["tensors"]} for report in (whole, *shares)]
    assert listed[0] == listed[1] | listed[2] and not listed[1] & listed[2]
    assert sum(r["bytes_written"] for r in shares) == whole["bytes_written"]
    assert all(0 < r["bytes_needed"] < whole["bytes_needed"] for r in shares)
    assert sum(r["bytes_needed"] for r in shares) == whole["bytes_needed"]
    refused = recast("run", workdir / "p.rplan", "--rank", "2", check=False)
    assert refused.code == 2 and "no target of rank 2" in refused.err and "0 to 1" in refused.err
    assert recast("rebind", workdir / "p.rplan", CASE, "-o", workdir / "q.rplan").code == 0
    assert (workdir / "p.rplan").read_bytes() == (workdir / "q.rplan").read_bytes()


def test_rebinding_judges_the_cut_again(workdir):
    """A plan says that its job checks the cut; the next step may be cut elsewhere."""
    recast("convert", CASE, "-o", workdir / "uni", "--to", "deepspeed-universal", "--no-sync")
    text = job(workdir, run=workdir / "uni").read_text().replace("source run = deepspeed(", "source run = deepspeed_universal(")
    (workdir / "job.ucl").write_text(text.replace("frozen, buffer : keep", "else : keep"))
    recast("plan", workdir / "job.ucl", "-o", workdir / "p.rplan", cwd=workdir)
    recast("rebind", workdir / "p.rplan", workdir / "uni", "-o", workdir / "q.rplan")
    step = next((workdir / "uni").glob("*/zero/layers.0.*/step.pt"))
    state = torch.load(step, weights_only=False)
    torch.save(state + 1, step)
    done = recast("rebind", workdir / "p.rplan", workdir / "uni", "-o", workdir / "no.rplan", check=False)
    assert done.code == 1 and "the cut is not drained" in done.err, done.err
    assert not (workdir / "no.rplan").exists()
    expecting = text.replace("deadline p   check p.cut == drained", "expect run.global_steps >= 0")
    (workdir / "job.ucl").write_text(expecting.replace("frozen, buffer : keep", "else : keep"))
    recast("plan", workdir / "job.ucl", "-o", workdir / "p.rplan", cwd=workdir)
    done = recast("rebind", workdir / "p.rplan", workdir / "uni", "-o", workdir / "no.rplan", check=False)
    assert done.code == 2 and "expects a certain tag or iteration" in done.err, done.err


def test_a_tied_tensor_is_on_both_ends(workdir):
    run = DATA / "odd_z3_fp32_dp3_tied" / "native"
    tied = """pipeline p {{ ranks = 2  microbatches = {microbatches}  schedule = {kind}
      assign {{ "a.*", "b.*", "c.*", "d.*", "e.*" : first   "f.*", "scale", "count" : last }} }}"""
    done = recast("convert", job(workdir, run, pipeline=tied), "--events", "-", cwd=workdir)
    where = {}
    for t in ready(done.out):
        where.setdefault(t["tensor"], set()).add(t["target"])
    assert where["e.weight"] == {"live[0]", "live[1]"}
    assert all(len(targets) == 1 for name, targets in where.items() if name != "e.weight")


def test_deadlines_without_stages_and_on_disk(workdir):
    text = job(workdir).read_text()
    hub = text.replace('memory() as same stages p', f'deepspeed_universal("{workdir}/uni") as same') \
              .replace("objects { else : drop }", "objects { else : keep }").replace("master | cast(bf16)", "keep")
    if "weight : keep" in hub:
        hub = hub.replace("  weight : keep\n", "")
    (workdir / "disk.ucl").write_text(hub)
    done = recast("convert", workdir / "disk.ucl", "--events", workdir / "events", "--threads", "1", "--no-sync")
    tensors = ready((workdir / "events").read_text())
    assert tensors and work_order(tensors) == sorted(work_order(tensors))
    assert {t["deadline"] for t in tensors} == {0.0, 13.0, 15.0}  # Frozen and buffers run at 0.
    assert recast("verify", workdir / "uni").code == 0 and "written" in done.out


@pytest.mark.parametrize("change, message", [
    (dict(statements="deadline p", how="uniform", pipeline=PIPELINE.replace('"ln_f.*", ', "")), "gives no stage to a tensor"),
    (dict(pipeline=PIPELINE.replace('"embed.*"', '"embed.*", "layers.0.**"')), "two rules of `assign`"),
    (dict(pipeline=PIPELINE.replace('"embed.*"', '"embad.*"')), "is no tensor of"),
    (dict(pipeline=PIPELINE.replace("ranks = 2", "ranks = 5")), "cannot be dealt out"),
    (dict(how="stage(2)"), "stage 2; it has 2"),
    (dict(statements="check p.cut != drained"), "the cut is drained"),
    (dict(statements="files { \"job.ucl\" : copy from \".\" }"), "no files can be"),
], ids=["unassigned", "twice", "absent", "layers", "stage", "cut", "files"])
def test_refused(workdir, change, message):
    done = recast("convert", job(workdir, **change), check=False, cwd=workdir)
    assert done.code in (1, 2) and message in done.err, done.err


def test_order_on_request(workdir):
    """One plan in three orders: other tensors first, the same bytes read, the same digests."""
    recast("plan", job(workdir), "-o", workdir / "p.rplan")
    runs = {order: ready(recast("run", workdir / "p.rplan", "--order", order, "--events", "-", "--threads", "1").out)
            for order in ("deadlines", "names", "files")}
    in_time, names = (lambda run: work_order(run) == sorted(work_order(run)),
                      lambda run: [t["tensor"] for t in run] == sorted(t["tensor"] for t in run))
    assert {order: (in_time(run), names(run)) for order, run in runs.items()} == {
        "deadlines": (True, False), "names": (False, True), "files": (False, False)}
    for run in runs.values():
        assert sorted((t["target"], t["role"], t["tensor"], t["digest"]) for t in run) == sorted(
            (t["target"], t["role"], t["tensor"], t["digest"]) for t in runs["deadlines"])
    done = recast("run", workdir / "p.rplan", "--order", "sizes", check=False)
    assert done.code == 2 and "deadlines,files,names" in done.err, done.err
    # A conversion hands the order on.
    converted = ready(recast("convert", job(workdir), "--order", "names", "--events", "-", "--threads", "1").out)
    assert names(converted)


def test_bandwidth_is_left_to_others(workdir):
    recast("plan", job(workdir), "-o", workdir / "p.rplan")
    fast = json.loads(recast("run", workdir / "p.rplan", "--json").out)
    rate = fast["bytes_read"] * 2
    slow = json.loads(recast("run", workdir / "p.rplan", "--json", "--read-rate", rate).out)
    assert 0.45 < slow["seconds"] < 5


def test_explain_bounds_the_first_step(workdir):
    job(workdir)
    shown = recast("explain", workdir / "job.ucl").out
    due = json.loads(recast("explain", workdir / "job.ucl", "--json").out)["deadlines"]
    assert [(d["target"], d["time"]) for d in due] == [("live[0]", 0), ("live[0]", 15), ("live[1]", 1), ("live[1]", 13)]
    reads = json.loads(recast("convert", workdir / "job.ucl", "--json").out)
    # All but checksums' padding has a deadline, and no byte two.
    assert sum(d["bytes"] for d in due) <= reads["bytes_read"]
    assert due[1]["bytes_until_then"] == due[0]["bytes"] + due[1]["bytes"]
    assert f"T_first <= 15 + max(0, {due[0]['bytes']}/b, {due[1]['bytes_until_then']}/b - 15)" in shown


LAG = """pipeline p {{ ranks = 2  microbatches = 8  schedule = {kind}
  assign {{ "layers.**" : uniform   "embed.*", "pos", "frozen*" : first   "ln_f.*", "lm_head.*" : last }} }}
"""


@pytest.mark.parametrize("kind,lags", [("pipeoptim_paper", (1, 0)), ("pipeoptim_code", (2, 1)), ("pipedream", (1, 0)),
                                       ('"1f1b"', (0, 0))])
def test_each_stage_is_predicted_as_far_as_its_pipeline_looks(workdir, kind, lags):
    """The digests of both ranks against those of a conversion that says the number for all tensors."""
    ahead = "ahead : predict(master, exp_avg, exp_avg_sq, s = {s}, rule = adamw) | cast(bf16)"
    path = job(workdir, pipeline=LAG, kind=kind, statements=ahead.format(s="p.lag") + "  deadline p")
    recast("plan", path, "-o", workdir / "lag.rplan")

    def aheads(*words):
        return {t["tensor"]: t["digest"] for t in json.loads(recast(*words, "--json").out)["tensors"] if t["role"] == "ahead"}

    restored = [aheads("run", workdir / "lag.rplan", "--rank", rank) for rank in (0, 1)]
    expected = {s: aheads("convert", job(workdir, pipeline="", stages="", statements=ahead.format(s=s), name=f"plain{s}.ucl"))
                for s in set(lags)}
    assert len(set(lags)) == 1 or expected[lags[0]] != expected[lags[1]]
    assert restored[0] and restored[1] and not set(restored[0]) & set(restored[1])
    for rank, lag in enumerate(lags):
        for name, digest in restored[rank].items():
            assert digest == expected[lag][name], (rank, name)


@pytest.mark.parametrize("statement,expected", [
    ("check p.lag == 1", "`p.lag` is known from the schedule, whatever the checkpoint is: there is nothing to check"),
    ("check p.cut == drained and p.lag == 1", "`p.lag` is known from the schedule"),
    ("expect p.lag == 1", "`p.lag` is known from the schedule"),
    ("check p.cut == full", "`p.cut` stands alone, as in `check p.cut == drained`"),
    ("expect p.cut == drained", "`p.cut` stands alone, as in `check p.cut == drained`"),
    ("check weight == 1", "known are `check weight == run.weight` and, of a pipeline `p`, `check p.cut == drained`"),
])
def test_what_conditions_know_of_a_pipeline(workdir, statement, expected):
    done = recast("check", job(workdir, statements=statement), cwd=workdir, check=False)
    assert done.code == 2 and expected in done.err, done.err


@pytest.mark.parametrize("s,expected", [("p.cut", "or the lag of a pipeline"), ("p.lag * 2", "stands alone, as in `s = p.lag`"),
                                        ("q.lag", "there is no pipeline `q`"),
                                        ("run.lag", "there is no pipeline `run`")])
def test_a_lag_is_that_of_a_pipeline(workdir, s, expected):
    path = job(workdir, pipeline=LAG, kind="pipedream",
               statements=f"ahead : predict(master, exp_avg, exp_avg_sq, s = {s}, rule = adamw)")
    done = recast("check", path, cwd=workdir, check=False)
    assert done.code == 2 and expected in done.err


@pytest.mark.parametrize("weights,rule,expected", [
    ("sgdm", None, "pipeline `p` predicts by sgdm, which is not the optimizer of the run: its parameter group has betas"),
    ("sgd", None, "predicts by sgd, which is not the optimizer of the run"),
    ("adam", None, "says decoupled_weight_decay = True with a weight_decay, as that of AdamW does"),
    ("adamw", "adam", "`predict`: its rule is adam, and pipeline `p` predicts by adamw"),
    ("adamw", "adamw", None), ("adamw", None, None), (None, "adamw", None),
])
@pytest.mark.parametrize("s", ["p.lag", "1"])
def test_one_run_has_one_optimizer(workdir, weights, rule, expected, s):
    pipeline = LAG if weights is None else LAG.replace("schedule = {kind}",
                                                       f"schedule = {{kind}}  weights = predict({weights}, s = derived)")
    kind = "pipeoptim_paper"
    statements = f"ahead : predict(master, exp_avg, exp_avg_sq, s = {s}, rule = {rule})" if rule else ""
    done = recast("check", job(workdir, pipeline=pipeline, kind=kind, statements=statements), cwd=workdir, check=False)
    assert done.code == (2 if expected else 0), done.out + done.err
    assert not expected or expected in done.err, done.err


def test_without_stages_a_lag_is_one_number_or_none(workdir):
    statement = "ahead : predict(master, exp_avg, exp_avg_sq, s = p.lag, rule = adamw)"
    # Stages at one distance from their updates: a synchronous pipeline.
    assert recast("check", job(workdir, pipeline=LAG, kind="gpipe", stages="", statements=statement), cwd=workdir).code == 0
    # A tensor of one stage has its lag on any target.
    assert recast("check", job(workdir, pipeline=LAG, kind="pipedream", stages="", statements=statement),
                  cwd=workdir).code == 0


def test_tied_ends_of_an_asynchronous_pipeline_part(workdir):
    run = DATA / "odd_z3_fp32_dp3_tied" / "native"
    tied = """pipeline p {{ ranks = 2  microbatches = {microbatches}  schedule = {kind} %s
      assign {{ "a.*", "b.*", "c.*", "d.*", "e.*" : first   "f.*", "scale", "count" : last }} }}"""
    refused = recast("check", job(workdir, run, kind="pipedream", pipeline=tied % ""), check=False)
    assert refused.code == 2 and "stages 0 and 1 share a parameter" in refused.err and "e.weight" in refused.err
    assert "ties = synced" in refused.err
    assert recast("check", job(workdir, run, kind="pipedream", pipeline=tied % "ties = synced")).code == 0


def test_a_restore_wants_a_proved_pipeline(workdir):
    refuted = """pipeline p {{ ranks = 2  microbatches = 2  update = every(1)  weights = stash  rank_of = (0, 1)
      actions = ("0F0 0F1 0B0 0OPT 0B1 0OPT", "1F0 1B0 1OPT 1F1 1B1 1OPT")
      assign {{ "layers.**" : uniform   "embed.*", "pos", "frozen*" : first   "ln_f.*", "lm_head.*" : last }} }}"""
    done = recast("check", job(workdir, pipeline=refuted), check=False)
    assert done.code == 2 and "[version]" in done.err
