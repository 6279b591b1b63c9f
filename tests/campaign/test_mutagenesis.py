"""Maps of substitutions: equal to asking the oracle, without asking it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from discdiff.bio.domain import DNA
from discdiff.bio.oracles.motif import AGGREGATES, MotifScore
from discdiff.campaign import Store
from discdiff.campaign.insight import Insight
from discdiff.campaign.mutagenesis import heat_map, in_words, of_gradients, substituted
from discdiff.campaign.report import render_report, write_report
from discdiff.campaign.rows import Row
from discdiff.errors import UnsupportedError
from discdiff.objective import Objective, Term
from discdiff.objective.transform import Sigmoid
from discdiff.oracle import Combined, stack
from discdiff.reward import Reward
from tests.bio.motifs import jaspar
from tests.campaign.test_report import HOSTILE, Page, settings

DESIGN = "GGTATAAACACG"


@pytest.fixture
def motifs(tmp_path):
    path = tmp_path / "m.jaspar"
    path.write_text(jaspar())

    def made(name, **options):
        return MotifScore(str(path), name, domain=DNA(), **options)

    return made


def mutants(string):
    return [string[:i] + base + string[i + 1 :] for i in range(len(string)) for base in "ACGT"]


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_it_equals_the_oracle_on_all_mutants(motifs, aggregate):
    dna = DNA(flank5="TATA", flank3="AACAC")
    oracle = motifs("TBP", aggregate=aggregate, threshold=3.0)
    reward = Reward(dna, oracle)
    found = substituted(reward, DESIGN)
    assert (reward.counts.requested, reward.counts.evaluated) == (0, 0)
    asked = oracle(["TATA" + mutant + "AACAC" for mutant in mutants(DESIGN)])
    np.testing.assert_allclose(found.ravel(), asked, rtol=0, atol=1e-12)
    assert len(set(found.ravel().round(9))) > 1


def test_an_objective_judges_as_it_does_in_the_run(motifs):
    oracle = Combined({"tata": motifs("TBP"), "ebox": motifs("EBOX", aggregate="logsumexp")})
    terms = [Term("tata", Sigmoid(0, 5)), Term("ebox", Sigmoid(1, 4))]
    reward = Reward(DNA(length=12), oracle, Objective(terms, "geometric_mean"))
    found = substituted(reward, DESIGN).ravel()
    np.testing.assert_allclose(found, reward.strings(mutants(DESIGN)).reward, atol=1e-12)


def test_a_spent_budget_is_no_hindrance(motifs):
    reward = Reward(DNA(), stack(motifs("TBP"), DNA(), budget=1))
    reward.strings([DESIGN])
    assert reward.exhausted
    assert np.isfinite(substituted(reward, DESIGN)).all()


def test_what_cannot_be_asked_is_named(motifs):
    def length(strings):
        return [float(len(s)) for s in strings]

    oracle = Combined({"tata": motifs("TBP"), "length": length})
    terms = [Term("tata"), Term("length")]
    reward = Reward(DNA(), oracle, Objective(terms, "weighted_sum"))
    with pytest.raises(UnsupportedError, match="^length cannot be asked without cost"):
        substituted(reward, DESIGN)
    with pytest.raises(UnsupportedError, match="at most 4,000 cells, .* 1001 positions of 4"):
        substituted(Reward(DNA(), motifs("TBP")), "A" * 1001)


def test_terms_without_gradients_are_left_out(motifs, tmp_path):
    def length(strings):
        return [float(len(s)) for s in strings]

    oracle = Combined({"tata": motifs("TBP"), "length": length})
    reward = Reward(DNA(), oracle, Objective([Term("tata"), Term("length")], "weighted_sum"))
    rest, left = of_gradients(reward)
    assert left == ["length"]
    alone = substituted(Reward(DNA(), motifs("TBP")), DESIGN)
    np.testing.assert_allclose(substituted(rest, DESIGN), alone, atol=1e-9)
    less = Reward(DNA(), oracle, Objective([Term("length"), Term("tata")], "difference"))
    assert of_gradients(less) == (less, [])
    recorded = Reward(DNA(), oracle, Objective([Term("tata")], "weighted_sum"))
    assert of_gradients(recorded) == (recorded, [])
    np.testing.assert_allclose(substituted(recorded, DESIGN), alone, atol=1e-9)
    with filled(tmp_path / "run", [DESIGN], reward.strings([DESIGN]).reward.tolist()) as store:
        found = section(render_report(store, lambda s: None, insight=Insight(DNA(), reward)))
    assert "Maps of substitutions leave out length, whose oracles have no gradients" in found
    assert found.count("<rect") == 4 * len(DESIGN)


def test_cells_say_their_numbers_and_colours_their_signs():
    changes = np.array([[0.0, 1.0], [-0.5, 0.0], [np.nan, 0.0]])
    root = ElementTree.fromstring(heat_map(changes, "AG", "AGG", HOSTILE))
    cells = root.findall(".//{*}rect")
    assert [cell.find("{*}title").text for cell in cells] == [
        *("A1A 0", "A1G +1", "G2A -0.5", "G2G 0", "G3A no reward", "G3G 0"),
    ]
    colours = [cell.get("fill") for cell in cells]
    assert colours[1] == "#005aa0"
    assert colours[0] == colours[3] == colours[5] == "#f7f7f7"
    assert len({*colours}) == 4
    assert len(root.findall("{*}circle")) == 3
    assert root.find("{*}title").text.startswith(HOSTILE)
    assert in_words(np.zeros((1, 1)), "A", "A") == "no substitution has a reward"


# In the report.


def filled(folder, strings, rewards):
    store = Store.create(folder, settings(domain={"name": "dna"}, outputs=["motif"]))
    store.begin_round("guided", 0)
    store.record(
        [Row(i, "guided", 0, s, s, "ok", "", (r,), 0.1)
         for i, (s, r) in enumerate(zip(strings, rewards, strict=True), 1)]
    )  # fmt: skip
    store.reward("guided", dict(zip(strings, rewards, strict=True)))
    store.finish_round("guided", 0, [], {"evaluated": len(strings)})
    return store


def section(text):
    start = text.index('id="sequences"')
    return text[start : text.index("</section>", start)]


def test_the_report_maps_the_best_three_and_marks_motifs(motifs, tmp_path):
    reward = Reward(DNA(), motifs("TBP", threshold=4.0))
    strings = [DESIGN, "GGTATAAACAGG", "GGTATCAACACG", "GCTATAAACACG"]
    with filled(tmp_path / "run", strings, reward.strings(strings).reward.tolist()) as store:
        path = write_report(store, Insight(DNA(), reward))
    found = section(path.read_text())
    assert found.count("<svg") == 2 + 3
    assert "No map" not in found
    assert "Logo of 4 sequences" in found
    assert re.search(r"<title>GGTATAAACACG; [^<]* \+ at 3 to 8, ", path.read_text())


def test_a_reward_that_is_not_that_of_the_record_makes_no_map(motifs, tmp_path):
    with filled(tmp_path / "run", [DESIGN], [99.0]) as store:
        insight = Insight(DNA(), Reward(DNA(), motifs("TBP")))
        found = section(render_report(store, lambda s: None, insight=insight))
    assert "by relaxed rows the reward of design 1 is " in found
    assert found.count("<svg") == 2


def test_without_oracles_or_with_several_lengths_it_says_so(tmp_path):
    with filled(tmp_path / "run", [DESIGN, "ACG"], [1.0, 2.0]) as store:
        found = section(write_report(store).read_text())
        hostile = Insight(DNA(), why=HOSTILE)
        text = render_report(store, lambda s: None, insight=hostile)
    assert "No map of substitutions: the oracles of the run are not at hand." in found
    assert "No logo: the best designs differ in length." in found
    assert "<svg" not in found
    assert Page(text).tags.count("script") == 2
    assert HOSTILE in Page(text).text


def test_domains_without_colours_have_no_such_section(tmp_path):
    with Store.create(tmp_path / "run", settings()) as store:
        assert 'id="sequences"' not in write_report(store).read_text()
