"""docs/errors.md against the code."""
import pathlib
import re


def test_every_kind_of_error_is_in_the_catalogue():
    """docs/errors.md has a section per exit code, the code has a kind per section."""
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    codes = set(re.findall(r"^  [A-Z]\w+ = (\d+),", (root / "runtime/base/Status.h").read_text(), re.M))
    catalogue = re.split(r"^## (\d+): ", (root / "docs/errors.md").read_text(), flags=re.M)
    sections = dict(zip(catalogue[1::2], catalogue[2::2]))
    assert len(codes) >= 7 and codes == set(sections)


def test_messages_of_the_catalogue_are_those_of_the_code():
    """Of each message in the tables of docs/errors.md some words in a row stand in a source."""
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    sources = [file.read_text() for room in ("runtime", "lang", "compiler", "tools") for file in sorted((root / room).rglob("*.cpp"))]
    code = re.sub(r'"\s*\n\s*"', "", "\n".join(sources)).replace('\\"', '"')
    # What messages say of this case: numbers, names in quotes, places in files.
    varying = r"'[^']*'|`[^`]*`|[\w./]*\d[\w./]*|\.\.\.|[:;,]"
    of_libraries = {"the following argument was not expected"}
    missing, messages = [], 0
    for row in re.findall(r"^\| (`.*?) \| ", (root / "docs/errors.md").read_text(), re.M):
        for message in re.findall(r"``(.+?)``|(?<!`)`([^`]+)`", row):
            pieces = [piece.split() for piece in re.split(varying, max(message))]
            runs = [" ".join(words[i:j]) for words in pieces for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
            messages += 1
            # Codes of findings and words of the language stand there as they are.
            if re.fullmatch(r"[a-z]+(-[a-z]+)*", max(message)) and f'"{max(message)}"' in code:
                continue
            if not any(len(run) >= 9 and run in code for run in runs) and max(message) not in of_libraries:
                missing.append(max(message))
    assert messages > 30 and not missing
