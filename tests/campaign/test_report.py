"""The report, the summary and their parts: true numbers, and no string that can act."""

from __future__ import annotations

import io
import math
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from rich.console import Console

from discdiff.campaign import Store, render, summarise, write_designs, write_report
from discdiff.campaign.report import render_report
from discdiff.campaign.rows import Draw, Row
from discdiff.campaign.summary import facts
from discdiff.campaign.svg import harmless
from discdiff.errors import StoreError

HOSTILE = "<script>alert(1)</script>"
SVG = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'
NAN = float("nan")


def settings(**changes):
    rules = {"budget": 12, "charge": "evaluated", "patience": 3, "seed": 0}
    base = {
        "config": {},
        "oracle": "qed@1#abc",
        "outputs": ["qed"],
        "domain": {"name": "letters", "letters": "CNO"},
        "column": "sequence",
        "network": "0123",
        "lengths": [4],
        "sampler": {"type": "FirstHitting"},
        "methods": {"guided": {"type": "SVDD"}, "unguided": {"type": "Unguided"}},
        "objective": None,
        "rules": rules,
    }
    return {**base, **changes}


def fill(store, arm, rewards, first=1, outputs=1):
    store.begin_round(arm, 0)
    names = [f"{'C' * (i + 1)}O" for i in range(len(rewards))]
    rows = [
        Row(first + i, arm, 0, s, s.lower(), "ok", "", (r,) * outputs, 0.1)
        for i, (s, r) in enumerate(zip(names, rewards, strict=True))
    ]
    store.record(rows)
    store.reward(arm, dict(zip(names, rewards, strict=True)))
    counts = {"requested": 20, "invalid": 5, "evaluated": len(rewards), "nfe": 1234, "seconds": 2.5}
    store.finish_round(arm, 0, [Draw("co", "CO", True, log_likelihood=-1.5)], counts)


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "run", settings()) as store:
        fill(store, "guided", [i / 12 for i in range(12)])
        fill(store, "unguided", [NAN if i == 3 else i / 24 for i in range(12)], first=13)
        yield store


# The summary.


def test_best_ten_and_medians(store):
    summary = summarise(store)
    assert [row.reward for row in summary.guided.best] == [i / 12 for i in range(11, 1, -1)]
    assert summary.guided.best_mean == pytest.approx(sum(range(2, 12)) / 120)
    assert summary.guided.best_median == pytest.approx(6.5 / 12)
    assert summary.guided.median == pytest.approx(5.5 / 12)
    assert summary.guided.validity == 0.75
    assert (summary.guided.finals, summary.guided.final_median) == (1, 0.0)
    assert summary.notes == ()


def test_rewards_that_are_missing_count_as_evaluations_only(store):
    unguided = summarise(store).unguided
    assert unguided.evaluated == 12
    assert len(unguided.rewards) == 11
    assert not any(math.isnan(row.reward) for row in unguided.best)


def test_arms_are_cut_to_equal_evaluations(tmp_path):
    with Store.create(tmp_path, settings()) as store:
        fill(store, "guided", [i / 12 for i in range(12)])
        fill(store, "unguided", [0.5, 0.6, 0.7], first=13)
        summary = summarise(store)
    assert [arm.evaluated for arm in summary.arms] == [3, 3]
    assert summary.guided.best[0].reward == 2 / 12
    assert summary.notes == ("unguided: not complete, 3 of 12 spent; the run can be resumed",)


def test_a_budget_too_small_for_one_round_is_noted(tmp_path):
    with Store.create(tmp_path, settings(methods={"guided": {}})) as store:
        store.begin_round("guided", 0)
        store.record(
            [Row(i, "guided", 0, "C" * i, "c", "ok", "", (0.5,), 0.1) for i in range(1, 13)]
        )
        store.finish_round("guided", 0, [Draw("c", "C", False)], {"evaluated": 12})
        assert "no design is finished; a smaller round_size" in summarise(store).notes[0]


def test_why_no_design_has_a_value_is_noted(tmp_path):
    with Store.create(tmp_path, settings(methods={"guided": {}})) as store:
        store.begin_round("guided", 0)
        why = ["too long", "too short", "too long", ""]
        store.record(
            [
                Row(i, "guided", 0, "C" * i, "c", "invalid", why[i % 4], (NAN,), 0.1)
                for i in range(12)
            ]
        )
        store.finish_round("guided", 0, [Draw("c", "C", True)], {"evaluated": 12})
        summary = summarise(store)
    assert summary.notes == (
        "guided: none of 12 designs that were evaluated has a value; 6 of them: too long",
    )
    assert ("refused by the oracle", "12") in facts(summary.guided)


def test_without_a_baseline(tmp_path):
    with Store.create(tmp_path, settings(methods={"guided": {}})) as store:
        fill(store, "guided", [0.1, 0.2])
        summary = summarise(store)
        assert summary.unguided is None
        assert summary.guided.evaluated == 2
        assert "unguided" not in Page(render_report(store, lambda s: None)).text


def test_an_empty_run_has_a_report_too(tmp_path):
    with Store.create(tmp_path, settings()) as store:
        page = write_report(store).read_text()
        write_designs(store)
        assert math.isnan(summarise(store).guided.best_mean)
    assert "not complete, 0 of 12 spent" in page
    assert (tmp_path / "designs.csv").read_text().count("\n") == 1


def test_brackets_are_no_markup_in_the_terminal(tmp_path):
    with Store.create(tmp_path, settings()) as store:
        store.record([Row(1, "guided", 0, "[bold]C[C@@H]", "x", "ok", "", (1.0,), 0.1)])
        store.reward("guided", {"[bold]C[C@@H]": 1.0})
        console = Console(width=100, record=True, file=io.StringIO())
        console.print(render(summarise(store)))
    assert "[bold]C[C@@H]" in console.export_text()


# The table.


def test_the_table_follows_the_store(store):
    lines = write_designs(store).read_text().splitlines()
    assert lines[0] == (
        "sequence,Score,qed (raw),arm,round,final,status,reason,log_likelihood,confidence,alerts,"
        "drawn_as,id"
    )
    assert lines[1] == "CO,0.0,0.0,guided,0,true,ok,,-1.5,,,co,1"
    assert lines[16] == "CCCCO,,,unguided,0,false,ok,,,,,cccco,16"


# The page.


class Page(HTMLParser):
    """Collects tags, attributes and text; what stands in templates and scripts apart."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.hidden, self._within = "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "style", "template"):
            self._within.append(tag)
        if "template" not in self._within:
            self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data):
        if self._within:
            self.hidden += data
        else:
            self.text += data + " "


def test_the_page_shows_numbers_figures_and_designs(store):
    page = Page(render_report(store, lambda s: SVG.format(f'<path d="M 0 {len(s)}"/>')))
    assert page.tags.count("svg") == 2 + 20 + 24  # figures, ten designs an arm, rows of the table
    assert ("d", "M 0 13") in page.attributes
    words = re.sub(r"\s+", " ", page.text)
    assert "best 10, mean 0.542" in words
    assert "valid 75.0% 75.0%" in words
    assert "qed@1#abc" in words
    assert "1,234" in words
    assert "complete: guided 12 of 12, unguided 12 of 12 evaluations" in words


def test_the_page_needs_nothing_else(store):
    text = render_report(store, lambda s: None)
    page = Page(text)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert "style" not in [name for name, _ in page.attributes]
    sources = [value for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    assert all(source.startswith("#") for source in sources)


def test_the_same_run_gives_the_same_page(store):
    assert render_report(store, lambda s: None) == render_report(store, lambda s: None)


def test_hostile_strings_are_text(tmp_path):
    config = {"name": HOSTILE, "oracle": {HOSTILE: "${oc.env:HOME}"}}
    hostile = settings(oracle=HOSTILE, outputs=[HOSTILE], config=config)
    with Store.create(tmp_path / HOSTILE.replace("/", "_"), hostile) as store:
        name = f'{HOSTILE}"onload="x'
        store.begin_round("guided", 0)
        store.record([Row(1, "guided", 0, name, name, "ok", HOSTILE, (0.5,), 0.1)])
        store.reward("guided", {name: 0.5})
        store.finish_round("guided", 0, [], {HOSTILE: 1.0})
        text = render_report(store, lambda s: SVG.format(f"<text>{s}</text>"))
        csv = write_designs(store).read_text()
    page = Page(text)
    assert page.tags.count("script") == 2  # the data and ours
    assert not any(key.startswith("on") for key, _ in page.attributes)
    assert page.text.count(HOSTILE) >= 5  # title, output, sequence, oracle, settings
    assert "<script>alert" not in text
    assert "${oc.env:HOME}" in text  # and not what it stands for
    assert HOSTILE in csv


def test_a_drawing_that_fails_leaves_the_string(store, caplog):
    def draw(sequence):
        raise RuntimeError("no coordinates")

    page = Page(render_report(store, draw))
    assert page.tags.count("svg") == 2
    assert "CCCCCCCCCCCCO" in page.text
    assert "structure" not in [value for name, value in page.attributes if name == "class"]
    assert "cannot draw 'CCCCCCCCCCCCO': RuntimeError: no coordinates" in caplog.text


def test_the_domain_of_the_run_draws(tmp_path):
    domain = {"name": "smiles", "tokens": ["C", "O"]}
    with Store.create(tmp_path, settings(domain=domain, column="SMILES")) as store:
        fill(store, "guided", [0.5])
        page = Page(write_report(store).read_text())
        assert page.tags.count("svg") == 2 + 2  # figures; gallery and table
        assert "no ring" in page.text
        assert write_designs(store).read_text().startswith("SMILES,Score,qed (raw),")


def test_a_domain_that_is_not_installed_draws_nothing(tmp_path, caplog):
    with Store.create(tmp_path, settings(domain={"name": "elsewhere"})) as store:
        fill(store, "guided", [0.5])
        assert Page(write_report(store).read_text()).tags.count("svg") == 2
    assert "no structures in the report: " in caplog.text


def test_a_page_that_cannot_be_written_leaves_the_old_one(store, monkeypatch):
    path = write_report(store)
    before = path.read_text()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match=r"cannot write .*report\.html: No space left"):
        write_report(store)
    assert path.read_text() == before
    assert not list(path.parent.glob(".report*"))


# Drawings.


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<path onclick="x()"/>',
        '<g><path ONLOAD="x()"/></g>',
        '<a href="javascript:x()"><path/></a>',
        '<image href="http://elsewhere/x.png"/>',
        "<foreignObject><p/></foreignObject>",
        "<style>@import 'http://elsewhere'</style>",
        '<rect style="fill: url(http://elsewhere)"/>',
        "<unknown/>",
        "<path",
        '<animate attributeName="x"/>',
    ],
)
def test_a_drawing_with_more_than_shapes_is_left_out(inside):
    assert harmless(SVG.format(inside)) is None


@pytest.mark.parametrize(
    "drawing",
    [
        None,
        "",
        "<html/>",
        "<svg><path/></svg>",
        '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>',
    ],
)
def test_what_is_no_drawing_is_left_out(drawing):
    assert harmless(drawing) is None


def test_shapes_pass_and_foreign_things_are_dropped():
    drawing = (
        "<?xml version='1.0' encoding='iso-8859-1'?>\n<svg xmlns='http://www.w3.org/2000/svg' "
        "xmlns:e='http://elsewhere' e:on='x' width='9px'><e:metadata e:a='1'/><g><path d='M 0 0'/>"
        "<text x='1'>&lt;b&gt; N</text></g></svg>"
    )
    safe = harmless(drawing)
    assert "elsewhere" not in safe
    root = ElementTree.fromstring(safe)
    assert root.attrib == {"width": "9px"}
    assert [child.tag.split("}")[1] for child in root.iter()] == ["svg", "g", "path", "text"]
    assert "&lt;b&gt; N" in safe


def test_styles_become_attributes_and_what_changes_nothing_goes():
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg'><path class='bond-0' d='M 0 0 L 1 1' "
        "style='fill:none;fill-rule:evenodd;stroke:#FF0000;stroke-opacity:1;behavior:x'/></svg>"
    )
    (path,) = ElementTree.fromstring(harmless(drawing))
    assert path.attrib == {
        "d": "M 0 0 L 1 1",
        "fill": "none",
        "stroke": "#FF0000",
    }


def test_neighbours_that_are_stroked_alike_become_one_path():
    line = '<path d="M {0} 0 L {0} 1" style="fill:none;stroke:{1}{2}"/>'
    strokes = [(0, "red", ""), (1, "red", ""), (2, "blue", ""), (3, "red", ";stroke-opacity:0.5")]
    strokes += [(4, "red", ";stroke-opacity:0.5"), (5, "red", "")]
    safe = harmless(SVG.format("".join(line.format(*stroke) for stroke in strokes)))
    assert [path.get("d") for path in ElementTree.fromstring(safe)] == [
        "M 0 0 L 0 1 M 1 0 L 1 1",
        "M 2 0 L 2 1",
        "M 3 0 L 3 1",
        "M 4 0 L 4 1",
        "M 5 0 L 5 1",
    ]


def test_figures_carry_no_styles(store):
    text = render_report(store, lambda s: None)
    page = Page(text)
    assert "style" not in [name for name, _ in page.attributes]
    assert text.count("<style>") == 1
