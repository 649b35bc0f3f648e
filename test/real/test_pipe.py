"""`recast pipe` as its users meet it: shown, proved, exchanged, said in UCL; wrong use is told what to try."""
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import ROOT, recast

SYNCHRONOUS = ["1f1b", "dualpipe-v", "gpipe", "interleaved", "interleaved-zb", "looped-bfs", "zb-h1", "zb-v"]
ASYNCHRONOUS = ["async", "pipedream", "2bw", "spectrain", "xpipe", "pipeoptim-paper", "pipeoptim-code"]
SHAPE = ("--ranks", "4", "--microbatches", "8")


@pytest.mark.parametrize("kind", SYNCHRONOUS + ASYNCHRONOUS)
def test_every_kind_is_proved_shown_and_said_again(kind, tmp_path):
    done = recast("pipe", "check", kind, *SHAPE)
    assert done.code == 0 and "proved" in done.out
    picture = tmp_path / "s.svg"
    shown = json.loads(recast("pipe", "show", kind, *SHAPE, "--json", "--svg", picture).out)
    assert shown["ranks"] == 4 and len(shown["timeline"]) == 4
    ElementTree.parse(picture)  # Well-formed.
    original = json.loads(recast("pipe", "export", kind, *SHAPE, "--to", "json").out)
    assert recast("pipe", "import", kind, *SHAPE, "-o", tmp_path / "s.ucl", "--name", "again").code == 0
    back = json.loads(recast("pipe", "export", tmp_path / "s.ucl", "again", "--to", "json").out)
    assert back["actions"] == original["actions"] and back["weights"] == original["weights"]
    assert back["update_every"] == original["update_every"] and back["rank_of"] == original["rank_of"]


def test_a_pipeline_is_what_its_kind_is(tmp_path):
    (tmp_path / "p.ucl").write_text("let n = 4\npipeline p { ranks = n microbatches = 2 * n schedule = zb_v cost = (f = 2, b = 4) }\n"
                                    "pipeline q { ranks = 2 microbatches = 2 schedule = \"1f1b\" }\n")
    said = recast("pipe", "export", tmp_path / "p.ucl", "p", "--to", "torch-csv")
    generated = recast("pipe", "export", "zb-v", *SHAPE, "--to", "torch-csv")
    assert said.code == 0 and said.out == generated.out
    # Costs are part of it.
    assert json.loads(recast("pipe", "show", tmp_path / "p.ucl", "p", "--json").out)["makespan"] == \
        2 * json.loads(recast("pipe", "show", "zb-v", *SHAPE, "--json").out)["makespan"]
    more = recast("pipe", "export", tmp_path / "p.ucl", "p", "-D", "n=2", "--to", "torch-csv")
    assert len(more.out.splitlines()) == 2


def test_versions_are_those_of_the_authors_figure():
    """PipeOptim, 4 ranks: rank r predicts microbatch b from version b - (3 - r), and all backwards see version b."""
    shown = json.loads(recast("pipe", "show", "pipeoptim_paper", *SHAPE, "--json").out)
    for r, rank in enumerate(shown["timeline"]):
        for one in rank["actions"]:
            if "version" not in one:
                continue
            stage, letter, microbatch = one["action"][0], one["action"][1], int(one["action"][2:])
            assert int(stage) == r
            if letter == "F":
                assert (one["version"], one["ahead"]) == (max(0, microbatch - (3 - r)), 3 - r)
            else:
                assert (one["version"], one["ahead"]) == (microbatch, 0)
        assert rank["largest_lag"] == 3 - r


def test_compare_takes_files_too(tmp_path):
    recast("pipe", "export", "gpipe", *SHAPE, "--to", "torch-csv", "-o", tmp_path / "mine")
    kind, file = json.loads(recast("pipe", "compare", "gpipe,mine", *SHAPE, "--json", cwd=tmp_path).out)
    assert file.pop("kind") == "mine" and kind.pop("kind") == "gpipe" and file == kind


def test_compare_says_what_differs():
    rows = {row["kind"]: row for row in json.loads(
        recast("pipe", "compare", "gpipe,1f1b,zb-v,pipedream,2bw,pipeoptim_paper", *SHAPE, "--json").out)}
    assert rows["gpipe"]["peak_activations"] == 8 and rows["1f1b"]["peak_activations"] == 4
    assert rows["zb-v"]["span_bubble"] == 0 and rows["1f1b"]["span_bubble"] == 9
    assert [rows[kind]["weight_copies"] for kind in ("pipedream", "2bw", "pipeoptim-paper")] == [4, 2, 2]
    assert rows["pipedream"]["largest_delay"] == 3 and rows["2bw"]["largest_delay"] == 1
    assert rows["pipedream"]["same_version_forward_and_backward"]


@pytest.mark.parametrize("words,code,expected", [
    (("show", "1fb1", *SHAPE), 2, "no kind of schedule"),
    (("show", "1f1b", "--ranks", "4"), 2, "needs --microbatches"),
    (("show", "1f1b", "--ranks", "0", "--microbatches", "4"), 2, "--ranks"),
    (("show", "1f1b", *SHAPE, "--cost", "f=-1"), 2, "the cost f is -1"),
    (("show", "1f1b", *SHAPE, "--cost", "f=1e308"), 2, "more than"),
    (("show", "dualpipe-v", "--ranks", "4", "--microbatches", "7"), 2, "fewer than two per rank (8)"),
    (("show", "2bw", "--ranks", "4", "--microbatches", "8", "--update", "2"), 2, "2bw"),
    (("show", "1f1b", "p", *SHAPE), 2, "would be a pipeline"),
    (("export", "pipedream", *SHAPE, "--to", "torch-csv"), 2, "json"),
    (("show", "none.csv"), 3, "none.csv"),
    (("show", "gpipe", "--ranks", "100", "--microbatches", "1000", "--svg", "x.svg"), 2, "too many for a picture"),
])
def test_wrong_use(words, code, expected, tmp_path):
    done = recast("pipe", *words, cwd=tmp_path, check=False)
    assert done.code == code and expected in done.err, done.err
    assert not (tmp_path / "x.svg").exists()


def test_a_file_without_the_pipeline(tmp_path):
    (tmp_path / "p.ucl").write_text("pipeline p { ranks = 2 microbatches = 2 schedule = gpipe }\n"
                                    "pipeline q { ranks = 2 microbatches = 2 schedule = gpipo }\n")
    assert "name one" in recast("pipe", "show", "p.ucl", cwd=tmp_path, check=False).err
    assert "it has no pipeline 'r'" in recast("pipe", "show", "p.ucl", "r", cwd=tmp_path, check=False).err
    assert "Did you mean 'gpipe'?" in recast("pipe", "show", "p.ucl", "q", cwd=tmp_path, check=False).err


def test_check_follows_limits():
    assert recast("pipe", "check", "gpipe", *SHAPE, "--activations", "8").code == 0
    done = recast("pipe", "check", "gpipe", *SHAPE, "--activations", "7", check=False)
    assert done.code == 1 and "[memory-limit]" in done.out


@pytest.mark.parametrize("kind,where,exact,drained", [
    ("1f1b", ("--after", "7"), True, True), ("1f1b", ("--time", "12"), False, False),
    ("pipedream", ("--after", "7"), True, True), ("pipedream", ("--time", "20"), False, False),
    ("pipeoptim_paper", ("--after", "7"), True, True), ("pipeoptim_paper", ("--time", "20"), False, False),
])
def test_cuts_say_whether_a_resume_is_exact(kind, where, exact, drained):
    done = recast("pipe", "cut", kind, *SHAPE, *where, "--json", check=False)
    cut = json.loads(done.out)
    assert (cut["exact"], cut["drained"]) == (exact, drained) and done.code == (0 if exact else 1)
    assert recast("pipe", "cut", kind, *SHAPE, *where, check=False).out.splitlines() == cut["sentences"]
    held = [pass_["replay"] for stage in cut["stages"] for pass_ in stage["held"]]
    if kind == "pipedream" and not drained:  # Replayed from the stashes, bit for bit.
        assert held and set(held) == {"exact"} and cut["stages"][0]["stashed"]
    if kind == "pipeoptim_paper" and not drained:  # What was predicted is thrown away.
        assert "prediction" in held


def test_a_cut_is_one_place():
    assert "one of --after and --time" in recast("pipe", "cut", "1f1b", *SHAPE, check=False).err
    assert recast("pipe", "cut", "1f1b", *SHAPE, "--after", "8", check=False).code == 2


def test_commands_of_the_docs_run(tmp_path):
    """docs/schedules.md, in its order; `schedule.csv` is anybody's, `job.ucl` a job with a pipeline."""
    (tmp_path / "schedule.csv").write_text(recast("pipe", "export", "1f1b", *SHAPE, "--to", "torch-csv").out)
    (tmp_path / "job.ucl").write_text("pipeline p { ranks = 2 microbatches = 2 schedule = gpipe }\n")
    text = (ROOT / "docs" / "schedules.md").read_text()
    commands = [line.split("  #")[0].split()[1:] for line in re.findall(r"(?:^|`)(recast pipe \w+ [^`\n]+)", text, re.M)]
    assert len(commands) >= 7
    for words in commands:
        assert recast(*words, cwd=tmp_path, check=False).code == (1 if words[1] == "cut" else 0), words
    assert (tmp_path / "zb-v.svg").exists() and (tmp_path / "zbv.ucl").exists()
