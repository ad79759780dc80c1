"""
Writes ops/grafana/dashboards/*.json, which Grafana reads, from the definitions beside this file, which people read.

    python3 ops/grafana/build            writes them
    python3 ops/grafana/build FOLDER     writes them there
"""

import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import panels  # noqa: E402  (found by the line above)


def written():
    """The text of each file, by its name."""
    boards = [importlib.import_module(f"{uid.replace('-', '_')}").BOARD for uid in panels.BOARDS]
    return {f"{board['uid']}.json": panels.text(board) for board in boards}


def main(folder):
    for name, text in written().items():
        (folder / name).write_text(text)
        print(folder / name)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "dashboards")
