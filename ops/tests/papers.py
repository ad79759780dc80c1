"""The fenced blocks of a paper, by the line above each, in which a shell block says who runs it (DocsCommandsTest)."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BLOCK = re.compile(r"(?m)^(?:[ ]*(?P<mark><!-- .* -->|\*Not run by a test: .*\*)\n)?(?P<indent>[ ]*)```(?P<language>\S*).*\n(?P<text>(?:.*\n)*?)(?P=indent)```$")
SHELLS = ("sh", "bash", "shell", "console")


class Block:
    def __init__(self, paper, text, match):
        self.where = f"{paper}:{text.count(chr(10), 0, match.start('text')) + 1}"
        self.mark = match["mark"] or ""
        self.language = match["language"]
        self.text = re.sub(f"(?m)^{match['indent']}", "", match["text"])


def blocks(paper, language=None, run_by=None):
    """Those in this language, or those for a shell that this test is said to run, in their order."""
    text = (ROOT / paper).read_text()
    found = [Block(paper, text, match) for match in BLOCK.finditer(text)]
    if run_by:
        return [block for block in found if block.language in SHELLS and block.mark == f"<!-- run: {run_by} -->"]
    return [block for block in found if language in (None, block.language)]
