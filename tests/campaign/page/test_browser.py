"""The report in a browser: what is seen, sorted, filtered and selected, and what cannot run."""

from __future__ import annotations

import json
import math
import re
import select
import socket
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from discdiff.campaign import Store, write_report
from discdiff.campaign.compare import compare
from discdiff.campaign.compare import page as comparison_page
from discdiff.campaign.page.payload import PAGE
from discdiff.campaign.report import render_report
from discdiff.campaign.rows import Row
from discdiff.objective.pareto import ParetoArchive
from tests.campaign.page.runs import HOSTILE, NAN, fill, rows, settings

VALID = [row for row in rows() if row.status != "invalid"]
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text y="9">{}</text></svg>'


def by(value, *, descending, source=VALID):
    """Rows by a number: stable from the best reward on, those without one last."""
    best = sorted(source, key=lambda row: math.inf if math.isnan(row.reward) else -row.reward)
    sign = -1 if descending else 1

    def key(row):
        return math.inf if math.isnan(value(row)) else sign * value(row)

    return [row.sequence for row in sorted(best, key=key)]


def strings(page):
    """The strings in the table, all pages of it."""
    found = page.texts("#table td.string code")
    while page.run("!document.querySelector('.pager button:last-child').disabled"):
        page.click(".pager button:last-child")
        found += page.texts("#table td.string code")
    return found


def header(page, label):
    """A selector of the header of a column."""
    labels = page.texts("#table thead tr:first-child th .sort")
    first = len(page.texts("#table thead tr:first-child th")) - len(labels)
    return f"#table thead th:nth-child({labels.index(label) + 1 + first})"


def spot(page, plot, row):
    """Where a row of the table, counted from the best, is drawn in a plot."""
    canvas = f"document.querySelectorAll('canvas')[{plot}]"
    page.run(f"{canvas}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    frame = page.run(f"{canvas}.getBoundingClientRect().toJSON()")
    x, y = page.run(f"{canvas}.locate({row})")
    return frame["x"] + x, frame["y"] + y


def coloured(page, plot, name):
    """How many pixels of a plot have about the colour of `name`."""
    return page.run(
        f"""(() => {{
          const plot = document.querySelectorAll("canvas")[{plot}];
          const pen = document.createElement("canvas").getContext("2d");
          const style = getComputedStyle(document.documentElement);
          pen.fillStyle = style.getPropertyValue("--{name}").trim();
          pen.fillRect(0, 0, 1, 1);
          const want = pen.getImageData(0, 0, 1, 1).data;
          const {{ data }} = plot.getContext("2d").getImageData(0, 0, plot.width, plot.height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4) {{
            const off = [0, 1, 2].reduce((sum, k) => sum + Math.abs(data[i + k] - want[k]), 0);
            if (data[i + 3] > 90 && off < 12) count += 1;
          }}
          return count;
        }})()"""
    )


@pytest.fixture
def report(page, run):
    page.open(run / "report.html")
    return page


# What is seen.


def test_structures_are_visible(report):
    sizes = report.run(
        """[...document.querySelectorAll("#table tbody tr")].map((row) => {
          const drawing = row.querySelector("svg");
          const { width, height } = drawing.getBoundingClientRect();
          const paths = drawing.querySelectorAll("path").length;
          return [width, height, drawing.checkVisibility(), paths];
        })"""
    )
    assert len(sizes) == PAGE
    assert all(w > 80 and h > 60 and visible and paths for w, h, visible, paths in sizes)


def test_the_best_design_comes_first_with_all_its_numbers(report):
    best = max((row for row in VALID if not math.isnan(row.reward)), key=lambda row: row.reward)
    cells = report.texts("#table tbody tr:first-child td")
    labels = report.texts("#table thead tr:first-child th .sort")
    shown = dict(zip(["rank", "structure", *labels], cells, strict=True))
    assert shown["rank"] == "1"
    assert shown["SMILES"].startswith(best.sequence)
    assert float(shown["reward"]) == best.reward
    assert (float(shown["qed"]), float(shown["sa"])) == best.scores
    assert (shown["arm"], shown["round"]) == (best.arm, str(best.round))
    assert {"kind", "log likelihood", "evaluation", "status", "reason", "id"} < shown.keys()
    assert "drawn_as" not in shown
    assert report.texts("#count") == [f"{len(VALID)} of {len(VALID)} designs"]


def test_opening_asks_for_nothing_and_nothing_goes_wrong(report, run):
    assert report.requests == [(run / "report.html").absolute().as_uri()]
    assert report.complaints == []


@pytest.fixture
def listener():
    """A socket that would hear of a request."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def heard(listener):
    return bool(select.select([listener], [], [], 0.1)[0])


ATTEMPTS = {
    "fetch": "fetch('ADDRESS').then(() => 'sent', () => 'refused')",
    "data": "fetch('data:text/plain,x').then(() => 'sent', () => 'refused')",
    "image": """new Promise((done) => {
      const image = new Image();
      image.onload = () => done("sent");
      image.onerror = () => done("refused");
      image.src = "ADDRESS";
    })""",
    "style": """new Promise((done) => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = "ADDRESS";
      link.onerror = () => done("refused");
      document.head.append(link);
    })""",
    "script": """(() => {
      try {
        const script = document.createElement("script");
        script.append("window.hit = 1");
        document.body.append(script);
      } catch {}
      return window.hit ? "ran" : "refused";
    })()""",
    "markup": "try { document.body.innerHTML = '<p>x</p>'; 'set' } catch { 'refused' }",
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_policy_of_the_page_refuses(report, listener, attempt):
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
    assert report.run(ATTEMPTS[attempt].replace("ADDRESS", address)) == "refused"
    assert not heard(listener)


def test_without_the_policy_a_request_would_be_heard(page, listener, run, tmp_path):
    text = (run / "report.html").read_text()
    path = tmp_path / "open.html"
    path.write_text(re.sub(r"<meta http-equiv=.Content-Security-Policy.*?>", "", text))
    page.open(path)
    page.run(f"fetch('http://127.0.0.1:{listener.getsockname()[1]}/x').catch(() => 0), 1")
    assert heard(listener)


def test_without_scripts_the_page_can_be_read(page, run):
    page.send("Emulation.setScriptExecutionDisabled", value=True)
    page.send("Page.navigate", url=(run / "report.html").absolute().as_uri())
    page.loaded()
    seen = page.run(
        """["figure svg", "#table tbody tr", "#table svg", "#scaffold-cards .card",
            "#front tbody tr", "canvas", "#controls", "button"].map((selector) =>
          [...document.querySelectorAll(selector)].filter((e) => e.checkVisibility()).length)"""
    )
    static = min(len(VALID), 50)
    front = archive(("max", "min")).items
    assert seen == [2, static, static, 4, len(front), 0, 0, 0]
    assert page.texts("#table tbody td.string")[0] == by(lambda r: r.reward, descending=True)[0]


# Sorting.


def test_numbers_sort_both_ways_stable_and_missing_ones_last(report):
    for label, value in (("qed", lambda r: r.scores[0]), ("reward", lambda r: r.reward)):
        head = header(report, label)
        for state in ("descending", "ascending"):
            report.click(f"{head} .sort")
            assert report.run(f"document.querySelector({json.dumps(head)}).ariaSort") == state
            assert strings(report) == by(value, descending=state == "descending")
    assert report.run("document.querySelectorAll('th[aria-sort$=scending]').length") == 1


def test_text_sorts_from_the_first_letter_on(report):
    report.click(f"{header(report, 'SMILES')} .sort")
    assert strings(report) == sorted(row.sequence for row in VALID)
    report.click(f"{header(report, 'arm')} .sort")
    best = by(lambda r: r.reward, descending=True)
    arm = {row.sequence: row.arm for row in VALID}
    assert strings(report) == sorted(best, key=arm.get)


def test_the_keyboard_sorts_and_turns_pages(report):
    report.run(f"document.querySelector({json.dumps(header(report, 'qed') + ' .sort')}).focus()")
    report.press("Enter")
    report.press("Space")
    assert strings(report)[:3] == by(lambda r: r.scores[0], descending=False)[:3]
    report.run("document.querySelector('.pager button').focus()")
    report.press("Enter")
    assert report.texts(".where") == ["page 2 of 3"]


# Filtering.


def test_text_is_found_in_strings_and_scaffolds(report):
    report.type("#controls input", "CN(")
    expected = [row.sequence for row in VALID if "CN(" in row.sequence]
    assert sorted(strings(report)) == sorted(expected)
    report.type("#controls input", "C1CCNCC1")  # the scaffold of piperidines, spelled otherwise
    assert len(strings(report)) == len([r for r in VALID if r.sequence.startswith("C1CCN(")])
    assert report.texts("#count") == [f"14 of {len(VALID)} designs"]
    report.type("#controls input", "c1CCNCC1")
    assert report.texts("#table tbody") == ["No design passes the filters."]
    report.type("#controls input", "")
    assert len(strings(report)) == len(VALID)


def test_ranges_levels_and_text_filter_together(report):
    report.type('input[aria-label="least qed"]', "0.3")
    report.type('input[aria-label="greatest qed"]', "0.8")
    expected = [row for row in VALID if 0.3 <= row.scores[0] <= 0.8]
    assert set(strings(report)) == {row.sequence for row in expected}
    report.choose('select[aria-label="arm"]', "guided")
    expected = [row for row in expected if row.arm == "guided"]
    assert set(strings(report)) == {row.sequence for row in expected}
    assert report.texts("#count") == [f"{len(expected)} of {len(VALID)} designs"]
    report.type('input[aria-label="reason holds"]', "alerts")
    assert set(strings(report)) == {r.sequence for r in expected if "alerts" in r.reason}
    report.click("#controls .bar > button")  # show all
    assert len(strings(report)) == len(VALID)
    assert report.run("document.querySelector('input[aria-label=\"least qed\"]').value") == ""


def test_copying_a_string(report, program):
    report.send("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    report.click("#table tbody tr:nth-child(2) .copy")
    report.until(
        "document.querySelector('#table tbody tr:nth-child(2) .copy').textContent === 'copied'"
    )
    assert report.run("navigator.clipboard.readText()") == strings(report)[1]


# Plots.


def test_a_point_selects_its_row(report):
    ranked = by(lambda r: r.reward, descending=True)
    for plot in (1, 2):  # best so far, scatter
        where = spot(report, plot, 40)
        report.drag(where, where)
        (text,) = report.texts("#table tr.selected td.string code")
        assert text == ranked[40]
        assert report.texts(".where") == ["page 2 of 3"]
        report.click("#table tr.selected .rank")
        assert report.texts("#table tr.selected") == []


def test_a_point_under_the_pointer_shows_its_structure(report):
    report.point(spot(report, 2, 5))
    assert report.run("document.querySelector('.tip').checkVisibility()")
    assert report.texts(".tip code") == [by(lambda r: r.reward, descending=True)[5]]
    assert report.run("document.querySelectorAll('.tip svg').length") == 1


def test_a_rectangle_filters_by_both_numbers(report):
    (x0, y0), (x1, y1) = spot(report, 2, 4), spot(report, 2, 22)
    left, right, top, bottom = min(x0, x1) - 3, max(x0, x1) + 3, min(y0, y1) - 3, max(y0, y1) + 3
    inside = [
        row
        for row in range(len(VALID) - 1)  # the last one has no score
        for x, y in [spot(report, 2, row)]
        if left < x < right and top < y < bottom
    ]
    report.drag((left, top), (right, bottom))
    ranked = by(lambda r: r.reward, descending=True)
    assert strings(report) == [ranked[row] for row in inside]
    assert 2 <= len(inside) < len(VALID) - 1
    for words in ("least qed", "greatest qed", "least sa", "greatest sa"):
        assert report.run(f"document.querySelector('input[aria-label=\"{words}\"]').value")


def test_a_stretch_of_the_distribution_filters(report):
    report.middle("canvas")
    frame = report.run("document.querySelector('canvas').getBoundingClientRect().toJSON()")
    y = frame["y"] + 60
    report.drag((frame["x"] + frame["width"] * 0.6, y), (frame["right"] - 1, y))
    low = float(report.run("document.querySelector('input[aria-label=\"least reward\"]').value"))
    expected = [row.sequence for row in VALID if row.reward >= low]
    assert 0 < len(expected) < len(VALID)
    assert set(strings(report)) == set(expected)


def test_filters_show_in_the_plots(report):
    before = [coloured(report, plot, "unguided") for plot in (0, 1, 2)]
    dim = coloured(report, 2, "dim")
    report.choose('select[aria-label="arm"]', "guided")
    after = [coloured(report, plot, "unguided") for plot in (0, 1, 2)]
    assert min(before) > 0
    assert after[2] == 0  # in the others the outline and the best so far stay
    assert after[0] <= before[0]
    assert after[1] < before[1]
    assert coloured(report, 2, "dim") > dim


def test_the_axes_can_be_chosen(report):
    before = spot(report, 2, 0)
    report.choose('select[aria-label="scatter, across"]', "evaluation")
    first, last = (
        by(lambda r: r.reward, descending=True).index(VALID[at].sequence) for at in (0, -2)
    )
    assert spot(report, 2, 0) != before
    assert spot(report, 2, first)[0] < spot(report, 2, last)[0]  # from left to right as evaluated


# Scaffolds and the front.


def test_a_scaffold_filters_the_table(report):
    ring = [row.sequence for row in VALID if row.sequence.startswith("C1CCN(")]
    (place,) = [
        place
        for place, text in enumerate(report.texts("#scaffold-cards .card code"), start=1)
        if text == "C1CCNCC1"
    ]
    card = f"#scaffold-cards .card:nth-child({place})"
    assert report.texts(f"{card} .line span")[0] == f"{len(ring)} designs"
    report.click(f"{card} button")
    assert set(strings(report)) == set(ring)
    assert report.texts(".chip") == ["scaffold C1CCNCC1 ×"]
    report.click(".chip")
    assert len(strings(report)) == len(VALID)


def test_scaffolds_by_how_many_designs_they_have(report):
    report.choose('select[aria-label="order of the scaffolds"]', "most designs first")
    counts = [
        int(text.split()[0]) for text in report.texts("#scaffold-cards .line span:first-child")
    ]
    assert counts == sorted(counts, reverse=True)


def archive(directions, reference=(0.0, 0.0)):
    """The front of the run, by the library's archive."""
    signs = [1 if direction == "max" else -1 for direction in directions]
    found = ParetoArchive([sign * at for sign, at in zip(signs, reference, strict=True)])
    scored = [row for row in VALID if not row.rejected and not math.isnan(row.scores[0])]
    found.add(np.array([row.scores for row in scored]) * signs, [row.sequence for row in scored])
    return found


@pytest.mark.parametrize("directions", [("max", "min"), ("max", "max"), ("min", "min")])
def test_the_front_is_that_of_the_archive(report, directions):
    for axis, direction in zip(("across", "upward"), directions, strict=True):
        report.choose(f'select[aria-label="direction {axis}"]', direction)
    expected = archive(directions).items
    assert set(report.texts("#front td.string code")) == set(expected)
    report.click("#pareto-controls button")
    assert set(strings(report)) == set(expected)
    assert report.texts(".chip") == ["Pareto front ×"]


def test_hypervolume_with_a_reference(report):
    report.type('input[aria-label="reference across"]', "0.1")
    assert "hypervolume" not in report.texts("#front-result")[0]
    report.type('input[aria-label="reference upward"]', "4.5")
    found = float(report.texts("#front-result")[0].rpartition(" ")[2])
    expected = archive(("max", "min"), (0.1, 4.5)).hypervolume
    assert expected > 0
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_front_follows_the_filters(report):
    report.choose('select[aria-label="arm"]', "guided")
    shown = set(report.texts("#front td.string code"))
    assert shown <= {row.sequence for row in VALID if row.arm == "guided"}
    assert shown


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_fronts_of_points_with_many_ties(page, signs):
    rng = np.random.default_rng(3)
    source = resources.files("discdiff.campaign.page").joinpath("assets", "front.js").read_text()
    for size in (0, 1, 2, 5, 30, 200):
        points = rng.integers(0, 6, (size, 2)).astype(float)
        points[rng.random(size) < 0.1, 0] = NAN
        reference = rng.integers(0, 6, 2).astype(float)
        expected = ParetoArchive(reference * signs)
        expected.add(points * signs, list(range(size)))
        xs, ys = (json.dumps([None if math.isnan(v) else v for v in column]) for column in points.T)
        front, area = page.run(
            f"""(() => {{
              {source}
              const numbers = (cells) => cells.map((cell) => (cell === null ? NaN : cell));
              const [xs, ys] = [numbers({xs}), numbers({ys})];
              const front = paretoFront(xs.map((_, row) => row), xs, ys, {list(signs)});
              return [front, dominatedArea(front, xs, ys, {list(signs)}, {reference.tolist()})];
            }})()"""
        )
        assert sorted(front) == sorted(expected.items)
        assert area == pytest.approx(expected.hypervolume)


# Strings that try to act.


def hostile_store(folder):
    names = [HOSTILE[0], HOSTILE[3]]
    used = {
        "outputs": [{"name": n, "direction": "max", "units": HOSTILE[2]} for n in names],
        "oracle_licences": {HOSTILE[4]: HOSTILE[2]},
        "model": {"name": HOSTILE[1], "card": {HOSTILE[3]: HOSTILE[5], "data": HOSTILE[7]}},
        "packages": {HOSTILE[8]: HOSTILE[9]},
    }
    changes = {
        "config": {"name": HOSTILE[0], HOSTILE[2]: list(HOSTILE)},
        "domain": {"name": "letters", "letters": "CNO"},
        "oracle": HOSTILE[8],
        "outputs": names,
        "column": HOSTILE[9],
        "network": HOSTILE[1],
        "used": used,
        "objective": None,
    }
    found = [
        Row(i, "guided", 0, text, text, "ok", text, (i / 7, 1 / i), 0.1, i / 20)
        for i, text in enumerate(HOSTILE, start=1)
    ]
    store = Store.create(folder, settings(**changes), {"environment.json": HOSTILE[0]})
    fill(store, [*found, *(replace(r, id=r.id + 20, arm="unguided") for r in found)])
    return store


def test_the_hostile_strings_would_act_where_they_are_not_escaped(page, tmp_path):
    acted = set()
    for text in HOSTILE:
        path = tmp_path / "naive.html"
        path.write_text(f'<p title="{text}">{text}<script>let name = "{text}";</script>')
        page.open(path)
        page.run("document.querySelectorAll('*').forEach((e) => e.onmouseover?.call(e))")
        acted.add(page.run("window.hit"))
    assert len(acted - {None}) >= 5


def test_hostile_strings_are_shown_and_do_nothing(page, tmp_path):
    folder = tmp_path / HOSTILE[3].replace("/", "_")
    with hostile_store(folder) as store:
        text = render_report(store, lambda s: SVG.format("&lt;script&gt;"), lambda s: s)
    path = tmp_path / "x.html"
    path.write_text(text, encoding="utf-8")
    page.open(path)
    assert set(strings(page)) == set(HOSTILE)
    for head in range(len(page.texts("#table .sort"))):
        page.run(f"document.querySelectorAll('#table .sort')[{head}].click()")
    page.point(spot(page, 2, 3))
    page.click("#scaffold-cards .card button")
    page.click("#pareto-controls button")
    page.run("document.querySelector('.chip')?.click()")
    for selector in ("#table tr", "#scaffold-cards .card", "#front tr", "h1", "pre", "dd"):
        page.run(
            f"document.querySelectorAll({json.dumps(selector)}).forEach((e) => "
            "['mouseover', 'click', 'load', 'error'].forEach((n) => e.dispatchEvent(new Event(n))))"
        )
    page.settle()
    assert page.run("window.hit === undefined")
    assert page.run("document.querySelectorAll('img, iframe, a[href^=javascript]').length") == 0
    assert page.run("document.querySelectorAll('script').length") == 2
    assert page.requests == [path.absolute().as_uri()]
    assert page.complaints == []
    assert page.texts("h1") == [folder.name]
    assert all(text in page.texts("body")[0] for text in (HOSTILE[1], HOSTILE[4], HOSTILE[9]))


def test_a_hostile_comparison_does_nothing(page, tmp_path):
    path = tmp_path / "two.html"
    with hostile_store(tmp_path / "one") as one, hostile_store(tmp_path / "two") as two:
        found = compare({HOSTILE[0]: one, HOSTILE[2]: two})
        path.write_text(comparison_page(found), encoding="utf-8")
    page.open(path)
    assert page.run("window.hit === undefined")
    assert page.run("document.querySelectorAll('script, img, iframe').length") == 0
    assert (page.requests, page.complaints) == ([path.absolute().as_uri()], [])
    assert page.texts("h3")[0] == f"{HOSTILE[0]} guided"


# Runs of every kind.


def test_a_run_without_any_design(page, tmp_path):
    with Store.create(tmp_path / "run", settings()) as store:
        path = write_report(store)
    page.open(path)
    assert page.complaints == []
    assert page.texts(".state") == ["partial: guided 0 of 28, unguided 0 of 28 evaluations"]


def test_a_run_without_any_reward(page, tmp_path):
    failed = [replace(r, status="failed", scores=(NAN, NAN), reward=NAN) for r in rows()]
    with Store.create(tmp_path / "run", settings()) as store:
        fill(store, failed)
        path = write_report(store)
    page.open(path)
    assert page.complaints == []
    assert len(strings(page)) == len(failed)


def test_twenty_thousand_evaluations(page, tmp_path):
    letters = {"name": "letters", "letters": "ACGT"}
    count = 20_000
    names = [
        np.base_repr(i, 4).zfill(9).translate(str.maketrans("0123", "ACGT")) for i in range(count)
    ]
    found = [
        Row(
            i + 1,
            "guided",
            i // 1000,
            s,
            s,
            "ok",
            "",
            (i * 7919 % count / count, i % 89),
            0.1,
            i % 997,
        )
        for i, s in enumerate(names)
    ]
    with Store.create(tmp_path / "run", settings(domain=letters, column="sequence")) as store:
        fill(store, found)
        path = write_report(store)
    assert path.stat().st_size < 25e6
    page.open(path)
    assert page.texts("#count") == ["20,000 of 20,000 designs"]
    assert page.run("document.querySelectorAll('#table tbody tr').length") == PAGE
    assert page.run("document.querySelectorAll('*').length") < 5000
    page.type("#controls input", names[12345])
    assert strings(page) == [names[12345]]
    assert page.complaints == []
    assert page.run("document.querySelector('#scaffolds')") is None
