"""`predict`: weights some updates ahead, against torch in float64, bit for bit, from checkpoints that real optimizers wrote."""
import json
import pathlib
import shutil

import launch
import pytest
import torch

from checkpoints import assert_same_bits, load_atoms, load_safetensors, truth_of
from conftest import DATA, recast

MOMENTS = "exp_avg, exp_avg_sq"


def job(source, target, rules, role="ahead"):
    """Everything of a run in a universal folder, and `role` beside it."""
    return (f'source run = deepspeed("{source}") as same\ntarget uni = deepspeed_universal("{target}") as same\n'
            f"convert run -> uni {{\n  {role}: {rules}\n  else: keep\n  objects {{ else: keep }}\n}}\n")


def convert(workdir, text, *options, **more):
    (workdir / "job.ucl").write_text(text)
    recast("fmt", workdir / "job.ucl")
    return recast("convert", workdir / "job.ucl", "--no-sync", "--json", *options, **more)


def report_of(done):
    return json.loads(done.out[done.out.index("{"):])


def adam(w, m, v, lr, betas, eps, step, s, weight_decay=0.0, decay=False):
    """The paper's formula in float64; Python's floats are C's doubles."""
    w, m, v = w.double(), m.double(), v.double()
    moved = (lr * s) * ((m / (1 - betas[0] ** step)) / ((v / (1 - betas[1] ** step)).sqrt() + eps))
    if decay:
        w = w * (1 - lr * weight_decay * s)
    return (w - moved).float()


def native_groups(case):
    """(names, hyper-parameters) per group, by inspect."""
    return [(group["names"], group["hyper"]) for group in json.loads(recast("inspect", case, "--json").out)["groups"]]


FIXTURES = ["z1_bf16_dp2", "z1_fp16_dp2", "z2_fp32_dp3", "z3_bf16_dp2", "z3_fp32_dp4_subgroups"]


@pytest.mark.parametrize("case", FIXTURES)
@pytest.mark.parametrize("decay", [False, True])
def test_adamw_of_deepspeed_runs(case, decay, workdir):
    truth, description = truth_of(DATA / case)
    native = DATA / case / "native"
    convert(workdir, job(native, workdir / "uni",
                         f"predict(master, {MOMENTS}, s = 3, rule = adamw, decay = {str(decay).lower()})"))
    atoms = load_atoms(workdir / "uni")
    seen = 0
    for names, hyper in native_groups(native):
        for name in names:
            w, m, v = (truth[role, name] for role in ("master", "exp_avg", "exp_avg_sq"))
            expected = adam(w, m, v, hyper["lr"], hyper["betas"], hyper["eps"], description["step"][0], 3,
                            hyper["weight_decay"], decay)
            assert_same_bits(atoms[name]["ahead"], expected, name)
            assert_same_bits(atoms[name]["fp32"], w, name)
            assert not torch.equal(expected, w)
            seen += 1
    assert seen == sum("ahead" in atom for atom in atoms.values()) > 0


def test_each_byte_is_read_once_and_nothing_without_updates_ahead(workdir):
    native = DATA / "z2_fp32_dp3" / "native"
    truth, _ = truth_of(DATA / "z2_fp32_dp3")
    elements = sum(tensor.numel() for (role, _), tensor in truth.items() if role == "master")

    def run(name, rules, *options):
        (workdir / name).mkdir()
        return report_of(convert(workdir / name, job(native, workdir / name / "uni", rules), *options))

    def atoms_bytes(name):
        atoms = load_atoms(workdir / name / "uni")
        return sum(atom[key].numel() * 4 for atom in atoms.values() for key in ("fp32", "exp_avg", "exp_avg_sq", "ahead")
                   if "exp_avg" in atom)

    fused = run("fused", f"predict(master, {MOMENTS}, s = 3, rule = adamw)")
    (workdir / "copied").mkdir()
    copied = report_of(convert(workdir / "copied", job(native, workdir / "copied" / "uni", "keep", "step")))
    alone = run("alone", f"predict(master, {MOMENTS}, s = 3, rule = adamw)", "--no-fuse")
    nothing = run("nothing", f"predict(master, {MOMENTS}, s = 0, rule = adamw)")
    # 12 bytes of each weight in, 16 out: 28. Without fusing weights and moments are read twice: 40.
    assert atoms_bytes("fused") == 16 * elements
    assert fused["bytes_read"] == copied["bytes_read"]
    assert alone["bytes_needed"] == fused["bytes_needed"]
    assert alone["bytes_read"] >= fused["bytes_read"] + 12 * elements
    assert any(kernel.startswith("recipe_") for kernel in fused["kernels"])
    assert "interpreter" not in fused["kernels"]
    # s = 0 is a copy.
    assert not any(kernel.startswith("recipe_") for kernel in nothing["kernels"])
    for name, atom in load_atoms(workdir / "nothing" / "uni").items():
        if "ahead" in atom:
            assert_same_bits(atom["ahead"], atom["fp32"], name)
    for name, atom in load_atoms(workdir / "alone" / "uni").items():
        if "ahead" in atom:
            assert_same_bits(atom["ahead"], load_atoms(workdir / "fused" / "uni")[name]["ahead"], name)
            break


def test_without_updates_ahead_the_moments_are_not_read(workdir):
    native = DATA / "z2_fp32_dp3" / "native"

    def bytes_read(name, rules):
        (workdir / name).mkdir()
        text = (f'source run = deepspeed("{native}") as same\ntarget hub = safetensors("{workdir}/{name}/hub") as same\n'
                f"convert run -> hub {{\n  weight: {rules}\n  frozen, buffer: keep\n"
                f"  drop master, {MOMENTS}, step\n  objects {{ else: drop }}\n}}\n")
        return report_of(convert(workdir / name, text))["bytes_needed"], load_safetensors(workdir / name / "hub")

    zero, zeros = bytes_read("zero", f"predict(master, {MOMENTS}, s = 0, rule = adamw)")
    plain, plains = bytes_read("plain", "master")
    three, threes = bytes_read("three", f"predict(master, {MOMENTS}, s = 3, rule = adamw) | cast(bf16)")
    assert zero == plain < three
    assert zeros.keys() == plains.keys() == threes.keys()
    truth, description = truth_of(DATA / "z2_fp32_dp3")
    for names, hyper in native_groups(native):
        for name in names:
            assert_same_bits(zeros[name], plains[name], name)
            expected = adam(truth["master", name], truth["exp_avg", name], truth["exp_avg_sq", name], hyper["lr"],
                            hyper["betas"], hyper["eps"], description["step"][0], 3)
            assert_same_bits(threes[name], expected.bfloat16(), name)


@pytest.fixture(scope="module", params=["sgdm", "adam", "adamw"])
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    start(folder, request.param, 4)
    return request.param, folder / "run"


def start(folder, optimizer, updates):
    launch.start(2, pathlib.Path(__file__).with_name("predict_run.py"), folder, optimizer, updates)


def momentum(w, v, k):
    return (w.double() - k * v.double()).float()


def test_torch_optimizers(trained, workdir):
    """Hyper-parameters and steps come from the run; the expected ones are those it was started with."""
    optimizer, run = trained
    state = "momentum_buffer" if optimizer == "sgdm" else MOMENTS
    convert(workdir, job(run, workdir / "uni", f"predict(master, {state}, s = 2, rule = {optimizer})"))
    lr = {"sgdm": 0.05, "adam": 3e-3, "adamw": 2e-3}[optimizer]
    betas, eps = ((0.85, 0.97), 1e-7) if optimizer == "adam" else ((0.9, 0.95), 1e-8)
    atoms = load_atoms(workdir / "uni")
    assert len(atoms) == 4
    for name, atom in atoms.items():
        rate = 0.01 if name.endswith("bias") else lr
        if optimizer == "sgdm":
            expected = momentum(atom["fp32"], atom["momentum_buffer"], rate * 2)
        else:
            expected = adam(atom["fp32"], atom["exp_avg"], atom["exp_avg_sq"], rate, betas, eps, 4, 2)
        assert_same_bits(atom["ahead"], expected, f"{optimizer} {name}")
        assert not torch.equal(atom["ahead"], atom["fp32"])


@pytest.mark.parametrize("trained", ["sgdm"], indirect=True)
def test_variants_of_momentum(trained, workdir):
    _, run = trained
    rates = {"0.weight": 0.05, "2.weight": 0.05, "0.bias": 0.01, "2.bias": 0.01}
    u, kept = 0.9, 1 - 0.25
    for i, (rules, expect) in enumerate({
        "momentum_buffer, s = 3, rule = sgdm, factor = geometric":
            lambda w, v, lr: momentum(w, v, lr * (u * (1 - u ** 3) / (1 - u))),
        # What lies in the role of the gradient does not matter to the arithmetic: the masters do.
        "momentum_buffer, weight, s = 3, rule = sgdm, variant = code":
            lambda w, v, lr: (w.double() - (lr * 3) * (u * v.double() + kept * w.double())).float(),
    }.items()):
        (workdir / str(i)).mkdir()
        convert(workdir / str(i), job(run, workdir / str(i) / "uni", f"predict(master, {rules})"))
        for name, atom in load_atoms(workdir / str(i) / "uni").items():
            assert_same_bits(atom["ahead"], expect(atom["fp32"], atom["momentum_buffer"], rates[name]), f"{rules} {name}")


def with_groups(native, copy, **changes):
    """The run with other values in its parameter groups."""
    shutil.copytree(native, copy)
    for file in copy.rglob("*optim_states.pt"):
        states = torch.load(file, weights_only=False)
        for group in states["optimizer_state_dict"]["base_optimizer_state"]["param_groups"]:
            group.update(changes)
        torch.save(states, file)
    return copy


@pytest.mark.parametrize("trained", ["sgdm"], indirect=True)
def test_plain_sgd(trained, workdir):
    """The arithmetic of a run without momentum: what is in the role of its gradient does not matter to it."""
    _, run = trained
    plain = with_groups(run, workdir / "run", momentum=0)
    convert(workdir, job(plain, workdir / "uni", "predict(master, momentum_buffer, s = 3, rule = sgd, lr = 0.5)"))
    for name, atom in load_atoms(workdir / "uni").items():
        assert_same_bits(atom["ahead"], momentum(atom["fp32"], atom["momentum_buffer"], 0.5 * 3), name)
    (workdir / "job.ucl").write_text(job(run, workdir / "no", "predict(master, momentum_buffer, s = 3, rule = sgd)"))
    done = recast("check", workdir / "job.ucl", check=False)
    assert done.code == 2 and "its parameter group says momentum = 0.9, as that of SGDM does" in done.err, done.err


def test_the_rule_is_that_of_the_run(trained, workdir):
    optimizer, run = trained
    states = "momentum_buffer" if optimizer == "sgdm" else MOMENTS

    def check(source, rules):
        (workdir / "job.ucl").write_text(job(source, workdir / "uni", rules))
        return recast("check", workdir / "job.ucl", check=False)

    if optimizer == "sgdm":
        # Nothing of it can be taken for a pair of moments, but something for one that has no role of its own.
        done = check(run, "predict(master, momentum_buffer, weight, s = 3, rule = adamw, betas = (0.9, 0.99), eps = 1)")
        assert done.code == 2 and "its parameter group has momentum and no betas" in done.err, done.err
        return
    for rule in ("sgd", "sgdm"):
        done = check(run, f"predict(master, exp_avg, s = 3, rule = {rule}, lr = 1)")
        assert done.code == 2 and f"rule {rule} is not that of the run's optimizer: it has second moments" in done.err
    other = "adamw" if optimizer == "adam" else "adam"
    # Adam and AdamW are one where nothing decays.
    assert (check(run, f"predict(master, {states}, s = 3, rule = {other})").code == 0) == (optimizer == "adam")
    decays = with_groups(run, workdir / "decays", weight_decay=0.1)
    done = check(decays, f"predict(master, {states}, s = 3, rule = {other})")
    assert done.code == 2 and "decoupled_weight_decay = " in done.err, done.err
    assert check(decays, f"predict(master, {states}, s = 3, rule = {optimizer})").code == 0


@pytest.mark.parametrize("options", [[], ["--no-kernels"]])
@pytest.mark.parametrize("chain", ["", " | cast(bf16)", " | cast(f8e4m3fn, overflow = saturate)"])
def test_weights_that_overflow_are_an_error_of_the_run(chain, options, workdir):
    native = DATA / "z2_fp32_dp3" / "native"
    done = convert(workdir, job(native, workdir / "uni", f"predict(master, {MOMENTS}, s = 1, rule = adamw, lr = 1e308){chain}"),
                   *options, check=False)
    assert done.code == 3, done.out + done.err
    assert "inf, although all that it is computed from is finite" in done.err, done.err
    for part in ("tensor:", "file:", "bytes:", "Look at the numbers of `predict`"):
        assert part in done.err, done.err
    assert not (workdir / "uni").exists()


def test_numbers_of_a_group_that_no_optimizer_takes(workdir):
    native = DATA / "odd_z1_fp32_dp1_legacy" / "native"
    for i, (changes, words) in enumerate([
            ({"lr": float("inf")}, "lr of its parameter group is inf; it is at least 0"),
            ({"lr": float("nan")}, "lr of its parameter group is nan"),
            ({"eps": float("nan")}, "eps of its parameter group is nan"),
            ({"betas": (0.9, 1.5)}, "betas of its parameter group is 1.5"),
            ({"weight_decay": -1.0}, "weight_decay of its parameter group is -1"),
            ({"lr": 1e308}, "lr * s is inf")]):
        run = with_groups(native, workdir / str(i), **changes)
        (workdir / "job.ucl").write_text(job(run, workdir / "uni", ADAM + ", decay = true)"))
        done = recast("check", workdir / "job.ucl", check=False)
        assert done.code == 2 and words in done.err, done.err


def test_before_the_first_update_the_formula_predicts_nothing(workdir):
    native = DATA / "z2_fp32_dp3" / "native"
    convert(workdir, job(native, workdir / "uni", f"predict(master, {MOMENTS}, s = 3, rule = adamw, step = 0)"))
    assert "no update yet: 26 tensors are written as they are" in recast("check", workdir / "job.ucl").out
    for name, atom in load_atoms(workdir / "uni").items():
        if "ahead" in atom:
            assert_same_bits(atom["ahead"], atom["fp32"], name)
    (workdir / "code").mkdir()
    convert(workdir / "code", job(native, workdir / "code" / "uni",
                                  f"predict(master, {MOMENTS}, s = 3, rule = adamw, variant = code, step = 0)"))
    hyper = {name: hyper for names, hyper in native_groups(native) for name in names}
    for name, atom in load_atoms(workdir / "code" / "uni").items():
        if "ahead" in atom:
            h = hyper[name]
            assert_same_bits(atom["ahead"], adam(atom["fp32"], atom["exp_avg"], atom["exp_avg_sq"], h["lr"], h["betas"],
                                                 1e-8, 1, 3), name)


def test_a_plan_that_predicts_is_not_rebound(workdir):
    native = DATA / "z2_fp32_dp3" / "native"
    for name, s in (("moves", 3), ("stays", 0)):
        (workdir / "job.ucl").write_text(job(native, workdir / "uni", f"predict(master, {MOMENTS}, s = {s}, rule = adamw)"))
        recast("plan", workdir / "job.ucl", "-o", workdir / "job.rplan")
        done = recast("rebind", workdir / "job.rplan", native, "-o", workdir / "next.rplan", check=False)
        assert done.code == 2 and "predicts weights with the step" in done.err, done.err
        assert not (workdir / "next.rplan").exists()


ADAM = f"predict(master, {MOMENTS}, s = 3, rule = adamw"
REFUSED = [
    (f"predict(master, {MOMENTS}, rule = adamw)", "does not say `s = ..`"),
    (f"predict(master, {MOMENTS}, s = 3)", "does not say `rule = ..`"),
    (f"predict(master, {MOMENTS}, s = 3, rule = lion)", "`rule` is sgd or sgdm or adam or adamw"),
    (f"predict(master, {MOMENTS}, s = 0 - 1, rule = adam)", "`s` is a whole number, at least 0"),
    (f"predict(master, {MOMENTS}, s = 1.5, rule = adam)", "`s` is a whole number, at least 0"),
    ("predict(master, s = 3, rule = sgd)", "the role of the weights and those of the optimizer's states"),
    ("predict(master, exp_avg, s = 3, rule = adamw)", "takes the roles of the weights and of first moment and second moment"),
    (f"predict(master, {MOMENTS}, s = 3, rule = sgdm)", "takes the roles of the weights and of velocity"),
    (f"predict(s = 3, rule = adamw, master, {MOMENTS})", "stand before its named arguments"),
    (f"predict(master, 3, s = 3, rule = adamw)", "takes the names of roles"),
    ("master | predict(exp_avg, exp_avg_sq, s = 3, rule = adamw)", "`predict` can only begin a chain"),
    (f"{ADAM}, lr = 0 - 0.1)", "lr is -0.1"),
    (f"{ADAM}, betas = (0.9, 1.0))", "betas is 1; it is from 0 to below 1"),
    (f"{ADAM}, betas = 0.9)", "`betas` is a pair of numbers"),
    (f"{ADAM}, eps = 0)", "eps is 0; it is more than 0"),
    (f"{ADAM}, decay = true, weight_decay = 0 - 1)", "weight_decay is -1"),
    (f"{ADAM}, decay = 1)", "`decay` is true or false"),
    (f"{ADAM}, momentum = 0.9)", "`momentum` means nothing to rule adamw"),
    (f"{ADAM}, variant = code, eps = 1e-6)", "`eps` means nothing to rule adamw, variant code"),
    (f"{ADAM}, step = 1.5)", "`step` is a whole number"),
    (f"{ADAM}, beta = (0.9, 0.9))", "`predict` has no argument `beta`; did you mean `betas`?"),
    (f"{ADAM}, lr = 1, lr = 2)", "is given `lr` twice"),
    (f"predict(weight, {MOMENTS}, s = 3, rule = adamw)", "exp_avg is f32, weight is bf16"),
    ("predict(master, exp_avg, exp_avg, s = 3, rule = adamw)", "the role exp_avg is given twice"),
    ("predict(master, exp_avg_sq, exp_avg, s = 3, rule = adamw)", "exp_avg_sq stands where the first moment is meant"),
    ("predict(exp_avg, master, exp_avg_sq, s = 3, rule = adamw)", "exp_avg is a moment of the optimizer, not weights"),
    ("predict(master, exp_avg, step, s = 3, rule = adamw)", "step has shape ()"),
    ("predict(master, exp_avg, buffer, s = 3, rule = adamw)", "there is no buffer of it"),
    ("predict(master, exp_avg, exp_avg_sqq, s = 3, rule = adamw)", "has the role 'exp_avg_sqq'"),
    ("predict(step, exp_avg, exp_avg_sq, s = 3, rule = adamw)", "step is a value without dimensions"),
    (f"predict(master, {MOMENTS}, s = 3, rule = sgdm, variant = code)", "rule sgdm is not that of the run's optimizer"),
    ("predict(master, exp_avg, s = 0, rule = sgdm)", "it has second moments (exp_avg_sq), as Adam and AdamW do"),
    (f"predict(master, {MOMENTS}, s = 3, rule = adam)", "says decoupled_weight_decay = True with a weight_decay, as that of AdamW"),
    (f"{ADAM}, lr = 1e308)", "lr * s is inf, too large for f64"),
    (f"{ADAM}, decay = true, lr = 1e200, weight_decay = 1e200)", "lr * weight_decay * s is inf, too large for f64"),
]


@pytest.mark.parametrize("rules,words", REFUSED)
def test_what_cannot_be_predicted_is_refused_in_words(rules, words, workdir):
    (workdir / "job.ucl").write_text(job(DATA / "z1_bf16_dp2" / "native", workdir / "uni", rules))
    done = recast("convert", workdir / "job.ucl", check=False)
    assert done.code == 2, done.out + done.err
    assert words in done.err, done.err
    assert not (workdir / "uni").exists()


def test_integers_are_no_weights(workdir):
    (workdir / "job.ucl").write_text(job(DATA / "odd_z1_fp32_dp1_legacy" / "native", workdir / "uni",
                                         "predict(buffer, exp_avg, s = 3, rule = sgd, lr = 1)"))
    done = recast("check", workdir / "job.ucl", check=False)
    assert done.code == 2 and "buffer is i64; weights are floats" in done.err, done.err


def test_hyper_parameters_that_a_source_does_not_have(workdir):
    native = DATA / "odd_z1_fp32_dp2_elastic" / "native"  # Saves none.
    (workdir / "job.ucl").write_text(job(native, workdir / "uni", ADAM + ")"))
    done = recast("check", workdir / "job.ucl", check=False)
    assert done.code == 2 and "its parameter group has no lr" in done.err, done.err
    assert "predict(.., lr = ..)" in done.err


def test_a_group_that_no_rule_knows(workdir):
    """The flags of a group are looked at: the real file, changed by torch."""
    run = with_groups(DATA / "odd_z1_fp32_dp1_legacy" / "native", workdir / "run", amsgrad=True)
    (workdir / "job.ucl").write_text(job(run, workdir / "uni", ADAM + ")"))
    done = recast("check", workdir / "job.ucl", check=False)
    assert done.code == 2 and "amsgrad = True" in done.err, done.out + done.err
