"""The section of a report on sequences: logos, and what single substitutions would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from discdiff.annotation import Annotation, annotated
from discdiff.campaign.insight import Insight
from discdiff.campaign.logo import logo
from discdiff.campaign.mutagenesis import heat_map, in_words, of_gradients, substituted
from discdiff.campaign.page.drawings import Draw
from discdiff.campaign.rows import Row
from discdiff.campaign.summary import Summary, number
from discdiff.campaign.svg import harmless
from discdiff.domain import Domain
from discdiff.errors import DiscdiffError
from discdiff.reward import Reward
from discdiff.strip import strip

MAPPED = 3  # best designs with a map of substitutions
_AGREE = 1e-3  # of a reward, relative above 1: what float32 and its batches can differ by


@dataclass(frozen=True)
class Sequences:
    """Figures with captions, lines that say what is missing, and what is where in the best."""

    logos: list[tuple[str, Markup]] = field(default_factory=list)
    maps: list[tuple[str, Markup]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    marks: dict[str, list[Annotation]] = field(default_factory=dict)

    def drawing(self, domain: Domain, draw: Draw) -> Draw:
        """Return `draw` that also shows what is where in the best designs."""

        def marked(string: str) -> str | None:
            if not self.marks.get(string):
                return draw(string)
            return strip(domain.split(string), domain.colours, self.marks[string])

        return marked


def sequences_of(summary: Summary, insight: Insight | None) -> Sequences | None:
    """Return the section on a run; None where its designs are no sequences of coloured letters.

    Args:
        summary: of the run.
        insight: its domain and reward.
    """
    if insight is None or not insight.domain.colours:
        return None
    found = Sequences()
    best = summary.guided.best
    if best:
        _add_logos(found, summary, insight.domain)
        if insight.reward is None:
            found.notes.append(f"No map of substitutions: {insight.why}.")
        else:
            _add_maps(found, best[:MAPPED], insight.reward)
            _add_marks(found, [row for arm in summary.arms for row in arm.best], insight.reward)
    return found


def _add_logos(found: Sequences, summary: Summary, domain: Domain) -> None:
    letters, best = domain.alphabet.tokens, [row.sequence for row in summary.guided.best]
    if any(len(letter) != 1 for letter in letters):
        found.notes.append("No logo: a token is more than one letter.")
        return
    if len({len(string) for string in best}) > 1:
        found.notes.append("No logo: the best designs differ in length.")
        return
    rows = [row for arm in summary.arms for row in arm.rows if row.reward == row.reward]
    same = dict.fromkeys(row.sequence for row in rows if len(row.sequence) == len(best[0]))
    groups = {
        f"The {len(best)} best designs": best,
        f"All {len(same):,} evaluated, of that length": list(same),
    }
    for caption, strings in groups.items():
        drawing = harmless(logo(strings, letters, domain.colours))
        if drawing is not None:
            found.logos.append((caption, Markup(drawing)))


def _add_maps(found: Sequences, best: Sequence[Row], reward: Reward) -> None:
    asked, left = of_gradients(reward)
    for place, row in enumerate(best, start=1):
        try:
            caption, drawing = _map(place, row, asked, whole=not left)
        except DiscdiffError as error:
            found.notes.append(f"No map of substitutions: {error}.")
            return
        if drawing is not None:
            found.maps.append((caption, Markup(drawing)))
    if left:
        found.notes.append(
            f"Maps of substitutions leave out {', '.join(left)}, whose oracles have no "
            "gradients: they are of the reward made of the other outputs."
        )


def _map(place: int, row: Row, reward: Reward, whole: bool) -> tuple[str, str | None]:
    tokens, letters = reward.domain.split(row.sequence), reward.domain.alphabet.tokens
    rewards = substituted(reward, row.sequence)
    own = rewards[0, letters.index(tokens[0])]
    if whole and not np.isclose(own, row.reward, rtol=_AGREE, atol=_AGREE):
        raise DiscdiffError(
            f"by relaxed rows the reward of design {place} is {number(float(own))}, and its record "
            f"says {number(row.reward)}"
        )
    changes = rewards - own
    name = f"Design {place}, reward {number(row.reward)}"
    drawing = harmless(heat_map(changes, letters, tokens, name))
    return f"{name}: {in_words(changes, letters, tokens)}", drawing


def _add_marks(found: Sequences, rows: Sequence[Row], reward: Reward) -> None:
    try:
        for string in dict.fromkeys(row.sequence for row in rows):
            found.marks[string] = annotated(reward.oracle, string)
    except DiscdiffError as error:
        found.notes.append(f"No annotations: {error}.")
