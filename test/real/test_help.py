"""What --help says, as a new user meets it: every example in it runs, and wrong use is told what to try."""
import re
import shutil

import pytest
import torch
from conftest import DATA, recast
from safetensors.torch import save_file

def commands(*words):
    """The commands that a help text lists."""
    text = recast(*words, "--help").out.split("SUBCOMMANDS")[-1].split("Subcommands:")[-1]
    return re.findall(r"^  ([a-z]+) +\S", text, re.M)


COMMANDS = commands()
PIPE = [f"pipe {name}" for name in commands("pipe")]


def examples(text):
    """The commands of a help text, without the words that explain them."""
    found = []
    for line in text.split("\nUsage:")[0].splitlines():
        command = re.sub(r"^(Examples?:)?\s*", "", line)
        if command.startswith(("recast ", "recast-run ")):
            found.append(re.split(r"\s{3,}", command)[0])
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """What the examples speak of: a run, a job, a plan, a model folder."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(DATA / "z3_fp32_dp1" / "native", home / "runs" / "z3")
    import std_models
    std_models.build("llama").save_pretrained(home / "Llama-3.1-8B")
    torch.save({"w": torch.zeros(3)}, home / "model.pt")
    save_file({"w": torch.zeros(3)}, home / "model.safetensors")
    recast("pipe", "export", "zb-v", "--ranks", "4", "--microbatches", "8", "--to", "torch-csv", "-o", home / "zbv.csv")
    return home


def prepare(home):
    """Each example starts from a fresh job, plan and pack, and writes where nothing is."""
    for name in ("export", "out", "job.ucl", "job.rplan", "job.rpack", "next.rplan", "restore.rplan", "hub"):
        path = home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    shutil.rmtree(home / "runs" / "universal", ignore_errors=True)


def ready(home, command):
    prepare(home)
    if re.search(r"-o job\.ucl", command):
        return
    job = ('let run = "runs/z3"\nsource run_ = deepspeed(run) as same\ntarget hub = safetensors("hub") as same\n'
           "convert run_ -> hub {\n  weight: master\n  frozen: keep\n  buffer: keep\n"
           "  drop master, exp_avg, exp_avg_sq, step\n  objects { else: drop }\n}\n")
    (home / "job.ucl").write_text(job)
    recast("plan", "job.ucl", "-o", "job.rplan", cwd=home)
    shutil.copy(home / "job.rplan", home / "restore.rplan")
    recast("compile", "job.rplan", "-o", "job.rpack", cwd=home)
    if command.startswith(("recast verify", "recast diff")):
        recast("convert", "runs/z3", "-o", "runs/universal", "--to", "deepspeed-universal", cwd=home)


def test_every_command_has_an_example():
    assert len(COMMANDS) >= 11, COMMANDS
    assert len(PIPE) >= 3, PIPE
    for command in COMMANDS + PIPE:
        assert examples(recast(*command.split(), "--help").out), command


@pytest.mark.parametrize("command", ["", *COMMANDS, *PIPE, "recast-run"])
def test_examples_of_help_run(home, command):
    if command == "recast-run":
        text = recast("--help", program="recast-run").out
    else:
        text = recast(*command.split(), "--help").out
    for example in examples(text):
        ready(home, example)
        words = example.split()
        words = [word.strip('"') for word in words]
        done = recast(*words[1:], cwd=home, program=words[0])
        assert done.code == 0, example


def test_wrong_use_says_what_to_try(home):
    prepare(home)
    for words, expected in [(("convrt",), "Did you mean `recast convert`?"),
                            (("frobnicate",), "One of inspect, verify"),
                            (("run",), "recast run --help"),
                            (("convert", "runs/z3", "--nonsense"), "recast convert --help"),
                            (("compile", "runs/z3", "-o", "x.rpack"), "recast init runs/z3"),
                            (("plan", "model.safetensors", "-o", "x.rplan"), "recast init model.safetensors"),
                            (("explain", "model.pt"), "this is a checkpoint")]:
        done = recast(*words, check=False, cwd=home)
        assert done.code == 2 and done.err.startswith("error: ") and expected in done.err, (words, done.err)
        assert not list(home.glob("x.*"))
    ready(home, "")
    done = recast("run", "job.ucl", check=False, cwd=home)
    assert done.code == 2 and "recast convert job.ucl" in done.err


def test_a_ptx_file_holds_ptx(home):
    ready(home, "")
    text = (home / "job.ucl").read_text().replace("weight: master", "weight: master | cast(bf16)")
    (home / "cast.ucl").write_text(text)
    out = recast("compile", "cast.ucl", "-o", "cast.ptx", cwd=home).out
    assert "1 kernel)" in out and ".visible .entry" in (home / "cast.ptx").read_text()
    done = recast("compile", "cast.ucl", "-o", "cast.rpack", cwd=home)
    assert "recast convert cast.ucl --kernels cast.rpack" in done.out
    recast("convert", "cast.ucl", "--kernels", "cast.rpack", cwd=home)
