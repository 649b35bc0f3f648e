"""`recast pipe` used wrongly: one line that says what is wrong, one that says what to try, and nothing written."""
import json

import pytest

from conftest import ROOT, recast

SHAPE = ("--ranks", "4", "--microbatches", "8")
BAD = ROOT / "test" / "data" / "schedules" / "bad"


def refused(words, code, expected, cwd=None):
    """At most an error with its file, its bytes and a hint."""
    done = recast("pipe", *words, cwd=cwd, check=False)
    assert done.code == code and done.err.startswith("error: ") and expected in done.err, done.err
    assert len(done.err.splitlines()) <= 4 and len(done.err) < 500 and not done.out, done.err + done.out
    return done.err


@pytest.fixture
def lists(tmp_path):
    """One schedule in every form, under names that say nothing."""
    for form in ("json", "torch-csv", "deepspeed", "megatron"):
        recast("pipe", "export", "1f1b", *SHAPE, "--to", form, "-o", tmp_path / form)
    return tmp_path


@pytest.mark.parametrize("form", ["json", "torch-csv", "deepspeed", "megatron"])
def test_what_names_a_file_is_the_file(lists, form):
    shown = json.loads(recast("pipe", "show", form, "--json", cwd=lists).out)
    assert (shown["ranks"], shown["microbatches"], shown["makespan"]) == (4, 8, 33)
    assert "proved" in recast("pipe", "check", lists / form).out
    # Also where there is a kind of that name; a folder is no file.
    (lists / form).rename(lists / "gpipe")
    assert json.loads(recast("pipe", "show", "gpipe", "--json", cwd=lists).out)["ranks"] == 4
    (lists / "zb-v").mkdir()
    assert json.loads(recast("pipe", "show", "zb-v", *SHAPE, "--json", cwd=lists).out)["kind"] == "zb-v"


def test_neither_file_nor_kind(tmp_path):
    assert "Did you mean 'gpipe'?" in refused(("show", "gpipo", *SHAPE), 2, "'gpipo' is no file here, and no kind of schedule")
    # Before what a kind would need.
    refused(("show", "1fb1"), 2, "no kind of schedule")
    assert "Kinds: 1f1b, " in refused(("show", "frobnicate"), 2, "no kind of schedule")
    (tmp_path / "folder").mkdir()
    refused(("show", "folder"), 2, "'folder' is a folder", cwd=tmp_path)
    refused(("show", "./1f1b"), 3, "no such file", cwd=tmp_path)
    refused(("show", ""), 2, "no kind of schedule")
    (tmp_path / "job").write_text("pipeline p { ranks = 2 microbatches = 2 schedule = gpipe }\n")
    assert "ends in .ucl" in refused(("show", "job"), 3, "job", cwd=tmp_path)


@pytest.mark.parametrize("name", ["", "1p", "a b", "a-b", "p\n", "true", 'p"', "é"])
@pytest.mark.parametrize("form", [(), ("--ir",)])
def test_a_pipeline_has_a_name(name, form):
    refused(("import", "gpipe", *SHAPE, "--name", name, *form), 2, "is no name for a pipeline")


def test_ir_reads_back(tmp_path):
    recast("pipe", "import", "gpipe", *SHAPE, "--ir", "--name", "_p9", "-o", tmp_path / "p.mlir")
    assert "@_p9" in recast(tmp_path / "p.mlir", program="recast-opt").out


@pytest.mark.parametrize("path", sorted(BAD.glob("*.csv")), ids=lambda path: path.stem)
@pytest.mark.parametrize("form", ["json", "torch-csv"])
def test_what_is_refuted_is_not_exported(path, form, tmp_path):
    out = tmp_path / "out"
    words = ("export", path, "--to", form, "-o", out)
    code = path.stem.replace("out-of-range", "missing-action")  # Without numbers the cells say how many there are.
    err = refused(words, 3, f"[{code}]")
    assert "recast pipe check" in err and "--unchecked" in err and not out.exists()
    done = recast("pipe", *words, "--unchecked", check=False)
    if done.code == 0:
        assert out.exists() and f"unproved: [{code}]" in done.err and not done.out


@pytest.mark.parametrize("command", ["show", "check", "export", "import", "compare", "cut"])
@pytest.mark.parametrize("option", ["--ranks", "--chunks", "--microbatches", "--group", "--update"])
@pytest.mark.parametrize("value", ["0", "-1", "2147483648", "1e308", "99999999999999999999", "nan", "1.5", "4x", " 4"])
def test_numbers_of_a_shape(command, option, value):
    refused((command, "gpipe", option, value), 2, f"{option}: '{value}' is no whole number from 1 to 2147483647")


@pytest.mark.parametrize("numbers", [
    ("2147483647", "1", "2147483647"), ("2147483647", "2147483647", "2147483647"), ("1", "1", "2147483647"),
    ("2147483647", "1", "1"), ("4", "1", "6000000")])
@pytest.mark.parametrize("kind", ["gpipe", "interleaved", "zb-v", "pipedream", "dualpipe-v"])
def test_more_actions_than_anybody_has(kind, numbers):
    ranks, chunks, microbatches = numbers
    words = (kind, "--ranks", ranks, "--microbatches", microbatches) + (() if chunks == "1" else ("--chunks", chunks))
    refused(("show", *words), 2, "too many actions")
    refused(("compare", *words), 2, "too many actions")


def test_a_file_says_its_numbers(lists):
    for words in (("show", "json"), ("check", "torch-csv"), ("compare", "gpipe,megatron", "--microbatches", "8"),
                  ("export", "deepspeed", "--to", "json"), ("import", "json"), ("cut", "torch-csv", "--after", "7")):
        assert "leave them out" in refused((*words, "--ranks", "5"), 2, "the schedule has 4 ranks, not 5", cwd=lists)


def test_kinds_stand_with_commas_or_blanks():
    both = recast("pipe", "compare", "gpipe,1f1b,zb-v", *SHAPE).out
    assert recast("pipe", "compare", "gpipe", "1f1b,zb-v", *SHAPE).out == both and len(both.splitlines()) == 5
    assert "Did you mean '1f1b'?" in refused(("compare", "gpipe", "1F1B", *SHAPE), 2, "'1F1B' is no file")


def test_groups_are_for_interleaved_kinds():
    """Side by side the others go without."""
    words = ("gpipe,interleaved", *SHAPE, "--group", "8", "--json")
    gpipe, interleaved = json.loads(recast("pipe", "compare", *words).out)
    assert gpipe == json.loads(recast("pipe", "compare", "gpipe", *SHAPE, "--json").out)[0]
    assert interleaved != json.loads(recast("pipe", "compare", "interleaved", *SHAPE, "--json").out)[0]


@pytest.mark.parametrize("words,code,expected", [
    (("compare", "gpipe,1fb1", *SHAPE), 2, "'1fb1' is no file here, and no kind"),
    (("compare", "gpipe,,1f1b", *SHAPE), 2, "an empty name among the kinds"),
    (("compare", "", *SHAPE), 2, "an empty name among the kinds"),
    (("compare", "gpipe, 1f1b", *SHAPE), 2, "' 1f1b' is no file"),
    (("compare", "gpipe,1f1b", "--ranks", "4"), 2, "gpipe, a kind of schedule, needs --microbatches"),
    (("compare", "gpipe,dualpipe-v", "--ranks", "4", "--microbatches", "7"), 2, "dualpipe-v"),
    (("show", "1F1B", *SHAPE), 2, "'1F1B' is no file"),
    (("show", "x" * 3000), 2, "... (3000 bytes)"),
    (("show", "gpipe", *SHAPE, "--svg", ""), 2, "'' is no name of a file"),
    (("export", "gpipe", *SHAPE, "--to", "json", "-o", ""), 2, "'' is no name of a file"),
    (("cut", "1f1b", *SHAPE), 2, "one of --after and --time"),
    (("cut", "1f1b", *SHAPE, "--after", "3", "--time", "3"), 2, "one of --after and --time"),
    (("cut", "1f1b", *SHAPE, "--after", "8"), 2, "no microbatch 8"),
    (("cut", "1f1b", *SHAPE, "--after", "-1"), 2, "--after: '-1' is no whole number from 0"),
    (("cut", "1f1b", *SHAPE, "--time", "nan"), 2, "nan"),
    (("cut", "1f1b", *SHAPE, "--time=-1"), 2, "--time"),
    (("cut", "1f1b", *SHAPE, "--time", "soon"), 2, "--time"),
    (("check", "gpipe", *SHAPE, "--depth", "-1"), 2, "--depth: '-1' is no whole number from 0"),
    (("check", "gpipe", *SHAPE, "--activations", "0"), 2, "--activations: '0' is no whole number from 1"),
    (("show", "gpipe", *SHAPE, "-D", "n=4"), 2, "-D gives a `let` of a .ucl file"),
    (("show", "gpipe", *SHAPE, "--group", "2"), 2, "group"),
    (("show", "gpipe", *SHAPE, "--update", "2"), 2, "updates the weights once"),
    (("show", "gpipe", *SHAPE, "--cost", ""), 2, "cost"),
    (("export", "gpipe", *SHAPE), 2, "--to is required"),
    (("export", "gpipe", *SHAPE, "--to", "yaml"), 2, "no form of schedules 'yaml'"),
    (("export", "gpipe", *SHAPE, "--to", "torch-csv", "--comms", "--align"), 2, "align"),
    (("export", "gpipe", *SHAPE, "--to", "json", "--align"), 2, "align"),
    ((), 2, "subcommand"), (("frobnicate",), 2, "frobnicate"), (("shwo", "gpipe"), 2, "show"),
    *[((command,), 2, "is required") for command in ("show", "check", "export", "import", "compare", "cut")],
])
def test_wrong_use(words, code, expected, tmp_path):
    err = refused(words, code, expected, cwd=tmp_path)
    assert len(err.splitlines()) == 2, err  # What is wrong, what to try.
