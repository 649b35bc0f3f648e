"""Pictures of schedules (`recast pipe show --svg`): everything that they say is inside and can be read."""
import re
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import recast
from test_pipe import ASYNCHRONOUS, SYNCHRONOUS

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*words):
    return ElementTree.fromstring(recast("pipe", "show", *words, "--svg", "-").out)


def boxes(picture):
    """(left, top, right, bottom, words) of every text, its glyphs taken as 0.66 em wide."""
    for text in picture.iter(f"{SVG}text"):
        size = float(text.get("font-size", 10))
        x, y, width = float(text.get("x")), float(text.get("y")), 0.66 * size * len(text.text)
        left = x - width * {"middle": 0.5, "end": 1}.get(text.get("text-anchor"), 0)
        yield left, y - 0.75 * size, left + width, y, text.text


SHAPES = [("--ranks", "1", "--microbatches", "2"), ("--ranks", "4", "--microbatches", "8"),
          ("--ranks", "32", "--microbatches", "64")]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(shape[1::2]))
@pytest.mark.parametrize("kind", SYNCHRONOUS + ASYNCHRONOUS)
def test_everything_is_inside_and_apart(kind, shape):
    picture = drawn(kind, *shape)
    width, height = float(picture.get("width")), float(picture.get("height"))
    texts = list(boxes(picture))
    for left, top, right, bottom, words in texts:
        assert 0 <= left and right <= width + 1 and 0 <= top and bottom <= height, (words, left, right, width, bottom, height)
    for bar in picture.iter(f"{SVG}rect"):
        if bar.get("width") != "100%" and bar.get("x"):
            assert float(bar.get("x")) + float(bar.get("width")) <= width + 1
            assert float(bar.get("y")) + float(bar.get("height")) <= height
    # Nothing is written over something else.
    texts.sort(key=lambda box: box[1])
    for i, (left, top, right, bottom, words) in enumerate(texts):
        for other in texts[i + 1:]:
            if other[1] >= bottom:
                break
            assert other[0] >= right - 4 or other[2] - 4 <= left, (words, other)
    assert not (picture.text or "").strip() and not any((one.tail or "").strip() for one in picture.iter())


def test_many_ranks_have_low_rows():
    picture = drawn("gpipe", "--ranks", "1500", "--microbatches", "4")
    assert float(picture.get("height")) < 7000
    names = [box for box in boxes(picture) if re.fullmatch(r"\d+", box[4]) and box[0] == 8]
    assert len(names) > 100 and all(below[1] >= above[3] for above, below in zip(names, names[1:]))
    peaks = [box[4] for box in boxes(picture) if re.fullmatch(r"rank \d+: 4", box[4])]
    assert 8 <= len(peaks) <= 13


def test_narrow_actions_keep_their_colour():
    """No seam where it would be all that is seen, and no step wider than what it follows."""
    picture = drawn("pipedream", "--ranks", "8", "--microbatches", "300")
    bars = list(picture.iter(f"{SVG}g"))
    assert len(bars) == 8 * 300 * 3
    for bar in bars:
        rect = bar.find(f"{SVG}rect")
        if float(rect.get("width")) < 4:
            assert rect.get("stroke") is None
        if "OPT" in bar.find(f"{SVG}title").text:
            assert float(rect.get("width")) < 1
