"""What a job says of objects, on a ZeRO-3 run in which every rank saved a random state of its own."""
import pytest
import torch

from conftest import recast
from test_stamped import stamped  # noqa: F401  (fixture)

RANKS = 4
ROLES = "weight: master | cast(bf16)\n drop else\n"


def job(workdir, run, target, statements):
    spec = workdir / "job.ucl"
    spec.write_text(f"""source run = deepspeed("{run}") as same
target out = {target} as same
convert run -> out {{ {statements} }}
""")
    return spec


@pytest.fixture
def convert(stamped, workdir):  # noqa: F811
    folder, _ = stamped("z3_lion")

    def run(target, statements, **kwargs):
        spec = job(workdir, folder / "run", target.format(out=workdir / "out"), statements)
        done = recast("convert", spec, **kwargs)
        return done if kwargs else workdir / "out"

    return run


def test_groups_travel_by_name_and_values_are_set(convert):
    out = convert('torch("{out}", key = "model")', ROLES + """
        objects { param_groups : by_name   client_state.rng, optimizer : drop   client_state.note.epoch : set(9)
                  run_name : set("second")   else : keep }""")
    held = torch.load(out / "model.pt", weights_only=True)
    assert held["client_state"] == {"note": {"epoch": 9, "seen": [1, 2]}}
    assert held["run_name"] == "second" and held["iteration"] == 1
    assert [g["params"] for g in held["param_groups"]] == [
        [n for n in ("a.weight", "b.weight", "c.weight", "out.weight", "tiny.weight")], ["a.bias", "c.bias"]]
    assert [g["weight_decay"] for g in held["param_groups"]] == [0.1, 0.2]
    assert set(held["model"]) >= {name for g in held["param_groups"] for name in g["params"]}


def test_every_rank_keeps_its_own_in_a_universal_folder(convert):
    out = convert('deepspeed_universal("{out}")', """else: keep
        objects { client_state.rng : per_rank   param_groups : by_name   client_state.note, lr_scheduler : merge
                  else : keep }""")
    for rank in range(RANKS):
        states = torch.load(out / "stamped_universal" / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt",
                            weights_only=False)
        assert states["rng"].tolist() == [7, rank]


def test_rebinding_keeps_what_was_set_and_refuses_what_was_changed_inside(stamped, workdir):  # noqa: F811
    folder, _ = stamped("z3_lion")
    for objects, code in (("iteration : set(40)   client_state, param_groups, optimizer : drop   else : keep", 0),
                          ("client_state.rng, param_groups : drop   else : keep", 2),
                          ("client_state : drop   param_groups : by_name   else : keep", 2)):
        target = f'torch("{workdir}/{code}", key = "model")'
        spec = job(workdir, folder / "run", target, f"{ROLES} objects {{ {objects} }}")
        recast("plan", spec, "-o", workdir / "job.rplan")
        done = recast("rebind", workdir / "job.rplan", folder / "run", "-o", workdir / "again.rplan", check=False)
        assert done.code == code, done.err
        if code == 0:
            assert (workdir / "again.rplan").read_bytes() == (workdir / "job.rplan").read_bytes()
            recast("run", workdir / "again.rplan")
            assert torch.load(workdir / "0" / "model.pt", weights_only=True)["iteration"] == 40
        else:
            assert "the job changes object" in done.err and "Compile the job again" in done.err


@pytest.mark.parametrize("target, objects, message", [
    ("torch", "param_groups : by_name   else : keep", "all ranks but 0 would lose theirs"),
    ("torch", "client_state : per_rank   else : drop", "all ranks but 0 would lose theirs"),
    ("torch", "client_state.note : keep   else : drop", "lies in object 'client_state', which is dropped"),
    ("torch", "client_state : merge   else : drop", "do not agree on 'client_state.rng'"),
    ("torch", "client_state.rngs : merge   else : drop", "holds no object 'client_state.rngs'"),
    ("torch", "client_state.rng : drop   else : keep", "`params` count what lies in the source's files"),
    ("torch", "iteration : by_name   else : drop", "cannot travel `by_name`"),
    ("torch", "client_state.note.epoch.deeper : set(1)   param_groups : drop   client_state.rng : drop  else : keep",
     "no entries"),
    ("torch", "else : set(4)", "`set`"),
    ("deepspeed_universal", "client_state.rng : merge   else : keep", "do not agree on 'client_state.rng'"),
    ("deepspeed_universal", "client_state : drop   else : keep", "keeps the source's files that hold it"),
    ("deepspeed_universal", "client_state.rng : drop   else : keep", "keeps the source's files that hold it"),
    ("deepspeed_universal", "iteration : set(0)   else : keep", "keeps the source's files that hold it"),
])
def test_what_cannot_be_kept_is_refused(convert, workdir, target, objects, message):
    roles = ROLES if target == "torch" else "else: keep"
    key = ', key = "model"' if target == "torch" else ""
    done = convert(f'{target}("{{out}}"{key})', f"{roles}   objects {{ {objects} }}", check=False)
    assert done.code == 2 and message in done.err and not (workdir / "out").exists(), done.err
