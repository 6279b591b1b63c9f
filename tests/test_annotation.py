"""What oracles see in a sequence, and the drawing of it: on the right letters, and inert."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from discdiff.annotation import Annotation, annotated
from discdiff.bio.domain import DNA, RNA
from discdiff.bio.letters import RESIDUE_COLOURS
from discdiff.bio.oracles.motif import MotifScore
from discdiff.campaign.svg import harmless
from discdiff.errors import InputError, OracleError
from discdiff.oracle import Combined, stack
from discdiff.strip import MOST, strip
from tests.bio.motifs import jaspar

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</title><script>alert(1)</script>"


@pytest.fixture
def motif(tmp_path):
    path = tmp_path / "m.jaspar"
    path.write_text(jaspar())
    return MotifScore(str(path), "EBOX", threshold=5.0)


def spans(found):
    return [(one.start, one.end, one.strand) for one in found]


def test_motifs_on_both_strands(motif):
    assert motif.scanner.width == 3  # CAC, and GTG on the other strand
    assert spans(motif.annotations("TTCACTTGTGTT")) == [(2, 5, "+"), (7, 10, "-")]
    assert spans(motif.annotations("UUCACUUGUGUU")) == [(2, 5, "+"), (7, 10, "-")]
    assert motif.annotations("NNN") == []


def test_a_threshold_is_found_where_none_is_given(tmp_path):
    path = tmp_path / "m.jaspar"
    path.write_text(jaspar())
    motif = MotifScore(str(path), "TBP", rate=0.01)
    hits = motif.scanner.hits("GGTATAAAGG", motif.scanner.threshold(0.01))
    assert spans(motif.annotations("GGTATAAAGG")) == spans(hits) != []


def test_flanks_are_taken_off_and_wrappers_looked_through(motif):
    dna = DNA(flank5="GGCA", flank3="GTG")
    oracle = stack(Combined({"a": motif, "b": lambda strings: [0.0 for _ in strings]}), dna)
    assert spans(annotated(oracle, "CTTTGTG")) == [(0, 1, "+"), (4, 7, "-")]
    assert oracle.counts.requested == 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda s: [(0, 1)], "must be Annotations within the string"),
        (lambda s: [Annotation(0, 9, "x")], "must be Annotations within the string"),
        (lambda s: 1 / 0, "annotations of oracle 'plug' raised ZeroDivisionError"),
    ],
)
def test_a_plug_in_is_checked(answer, message):
    class Plug:
        name, version, outputs = "plug", "1", ("plug",)
        annotations = staticmethod(answer)

        def __call__(self, strings):
            return [0.0 for _ in strings]

    with pytest.raises(OracleError, match=message):
        annotated(stack(Plug(), DNA()), "ACGT")


def test_spans_and_strands_are_checked():
    with pytest.raises(InputError, match="end must be above start, got 3 to 3"):
        Annotation(3, 3, "x")
    with pytest.raises(InputError, match="strand must be '\\+', '-' or empty, got '.'"):
        Annotation(3, 4, "x", ".")


def rows(drawing):
    return ["".join(e.itertext()) for e in ElementTree.fromstring(drawing) if e.tag == f"{SVG}text"]


@pytest.mark.parametrize("domain", [DNA(), RNA()])
def test_domains_draw_their_letters_in_rows(domain):
    string = domain.examples[-1]
    drawing = domain.draw(string)
    assert rows(drawing) == [string[:20], string[20:]]
    assert harmless(drawing) is not None
    letters = ElementTree.fromstring(drawing).find(f"{SVG}text")
    assert len(letters.get("x").split()) == 20
    assert len({e.get("fill") for e in ElementTree.fromstring(drawing).iter(f"{SVG}path")}) == 4


def test_a_tile_has_the_colour_of_its_letter():
    root = ElementTree.fromstring(strip("KDK", RESIDUE_COLOURS))
    tiles = {path.get("fill"): path.get("d") for path in root.iter(f"{SVG}path")}
    assert tiles == {RESIDUE_COLOURS["K"]: "M0 0h12v15h-12zM24 0h12v15h-12z",
                     RESIDUE_COLOURS["D"]: "M12 0h12v15h-12z"}  # fmt: skip


def test_tokens_of_several_letters_are_kept_apart():
    line = ElementTree.fromstring(strip(["Cl", "N"], {})).find(f"{SVG}text")
    assert [(e.get("x"), e.text) for e in line] == [("6", "Cl"), ("18", "N")]


def test_a_span_over_two_rows_is_cut_and_one_over_another_moves_down():
    drawing = strip("A" * 40, {}, [Annotation(18, 23, "x", "+", 2.0), Annotation(19, 20, "y")])
    boxes = list(ElementTree.fromstring(drawing).iter(f"{SVG}rect"))
    places = [tuple(float(box.get(key)) for key in ("x", "width")) for box in boxes]
    assert places == [(216.5, 23.0), (228.5, 11.0), (0.5, 35.0)]
    assert float(boxes[0].get("y")) < float(boxes[1].get("y")) < float(boxes[2].get("y"))
    title = ElementTree.fromstring(drawing).find(f"{SVG}title").text
    assert title == "A" * 40 + "; x + at 19 to 23, 2; y at 20 to 20"


def test_the_best_are_drawn_where_there_are_many():
    many = [Annotation(i, i + 1, "x", score=float(i)) for i in range(MOST + 3)]
    drawing = strip("A" * 40, {}, many)
    assert "and 3 more of lower score" in drawing
    assert "x at 3 to 3, 2" not in drawing
    assert "x at 4 to 4, 3" in drawing


def test_hostile_labels_are_text():
    drawing = strip("ACGT", {}, [Annotation(0, 4, HOSTILE, "+", 1.0)])
    assert "<script" not in harmless(drawing)
    tags = {element.tag for element in ElementTree.fromstring(drawing).iter()}
    assert tags == {f"{SVG}{n}" for n in ("svg", "title", "path", "text", "g", "rect")}
