"""The standard library of the language against transformers."""
import json

import pytest
from conftest import ROOT, recast
from std_models import CASES, DATA, stored

STD = ROOT / "lang" / "std"


@pytest.mark.parametrize("name", CASES)
def test_what_the_unit_tests_compare_with_is_what_transformers_stores(name):
    real = stored(name)
    known = json.loads((DATA / f"{name}.json").read_text())
    assert (known["file"], known["view"], known["tensors"]) == (real["file"], real["view"], real["tensors"])
    # Newer versions may say more in a configuration, but not something else of a size or a switch.
    changed = {key for key, value in known["config"].items() if isinstance(value, (int, bool)) and real["config"].get(key) != value}
    assert not changed


def test_every_case_is_known():
    assert {path.stem for path in DATA.iterdir()} == set(CASES)
    assert {path.stem for path in STD.iterdir()} == {file for file, _, _, _ in CASES.values()}


@pytest.mark.parametrize("name", sorted(path.name for path in STD.iterdir()))
def test_standard_files_are_laid_out(name):
    assert recast("fmt", "--check", STD / name).code == 0
