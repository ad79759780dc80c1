"""The run as a picture: how far each target is met, on one scale."""

from __future__ import annotations

from html import escape

from bench.report import bound, figure
from bench.targets import AT_LEAST, MET, MISSED, NOT_JUDGED, Judgement

WIDTH = 1200
LEFT = 540
SCALE = 380
"""Pixels from nothing to the end of the scale."""
MOST = 2.0
"""Twice as good as wanted is the end of the scale; what is better ends there too, with an arrow."""
ROW = 34
TOP = 118
COLORS = {MET: "#2a78b8", MISSED: "#c8571b", NOT_JUDGED: "#8a8f98"}


def score(judgement: Judgement, value: float) -> float:
    """How well a value does: 1 is the target, 2 is twice as good."""
    return value / judgement.bound if judgement.kind == AT_LEAST else judgement.bound / value


def _x(value: float) -> float:
    return LEFT + SCALE * min(value, MOST) / MOST


def svg(data: dict, judgements: list[Judgement]) -> str:
    height = TOP + ROW * len(judgements) + 44
    bottom = TOP + ROW * len(judgements)
    machine = data["machine"]
    text = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="13" fill="#1d2430">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="24" y="36" font-size="20" font-weight="600">Product Store beside its targets</text>',
        f'<text x="24" y="60" fill="#5a6270">{escape(machine["cpu"])}, {machine["cores"]} cores shared by load generator,'
        f' store and database; commit {escape(machine["commit"])}; median of {data["rounds"]}'
        f' {"round" if data["rounds"] == 1 else "rounds"}, the line from the worst to the best</text>',
    ]
    for mark, label in ((0, "0"), (0.5, "half"), (1, "target"), (1.5, "1.5 ×"), (2, "2 × better")):
        heavy = ' stroke="#1d2430" stroke-width="1.5"' if mark == 1 else ' stroke="#dfe3e8"'
        text.append(f'<line x1="{_x(mark):.1f}" y1="{TOP - 10}" x2="{_x(mark):.1f}" y2="{bottom}"{heavy}/>')
        text.append(f'<text x="{_x(mark):.1f}" y="{TOP - 18}" text-anchor="middle" fill="#5a6270" font-size="12">{label}</text>')
    text.append(f'<text x="{WIDTH - 24}" y="{TOP - 18}" text-anchor="end" fill="#5a6270" font-size="12">measured, wanted</text>')
    for n, judgement in enumerate(judgements):
        middle = TOP + ROW * n + ROW / 2
        color = COLORS[judgement.verdict]
        text.append(f'<text x="{LEFT - 14}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(judgement.title)}</text>')
        if judgement.values:
            scores = sorted(score(judgement, value) for value in judgement.values)
            end = _x(score(judgement, judgement.median))
            text.append(f'<rect x="{LEFT}" y="{middle - 9:.1f}" width="{end - LEFT:.1f}" height="18" fill="{color}"/>')
            if score(judgement, judgement.median) > MOST:
                text.append(f'<path d="M{end:.1f} {middle - 9:.1f} l9 9 l-9 9 z" fill="{color}"/>')
            if len(scores) > 1:
                text.append(f'<line x1="{_x(scores[0]):.1f}" y1="{middle:.1f}" x2="{_x(scores[-1]):.1f}" y2="{middle:.1f}"'
                            ' stroke="#1d2430" stroke-width="1.5"/>')
                text += [f'<line x1="{_x(s):.1f}" y1="{middle - 4:.1f}" x2="{_x(s):.1f}" y2="{middle + 4:.1f}"'
                         ' stroke="#1d2430" stroke-width="1.5"/>' for s in (scores[0], scores[-1])]
        said = f"{figure(judgement.median, judgement.unit)}, {bound(judgement)}" if judgement.values else bound(judgement)
        text.append(f'<text x="{WIDTH - 112}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(said)}</text>')
        text.append(f'<text x="{WIDTH - 24}" y="{middle + 4.5:.1f}" text-anchor="end" fill="{color}" font-weight="600">'
                    f'{judgement.verdict}</text>')
    text.append(f'<text x="24" y="{height - 16}" fill="#5a6270" font-size="12">A bar that passes the line is a target met.'
                ' For targets that must not be exceeded the scale is turned round.</text>')
    return "\n".join(text) + "\n</svg>\n"
