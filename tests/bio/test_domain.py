"""DNA and RNA: what is valid, what is read, templates, both strands."""

from __future__ import annotations

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from discdiff import registry
from discdiff.bio.bases import read_bases
from discdiff.bio.domain import DNA, RNA
from discdiff.data.encoding import encode_file
from discdiff.data.module import DataModule
from discdiff.domain import Letters, Template
from discdiff.errors import DataError, InputError, UnsupportedError
from discdiff.gapped import Gapped
from discdiff.model import Model
from discdiff.padding import Padded
from discdiff.process import MaskedProcess, UniformProcess
from discdiff.samplers.start import Seeds

DNA_TEXT = st.text("ACGT", min_size=1)


@given(DNA_TEXT)
def test_tokens_and_strands_go_there_and_back(text):
    dna, rna = DNA(), RNA()
    assert dna.decode(dna.encode(text)) == text
    assert dna.reverse_complement(text) == str(Seq(text).reverse_complement())
    spelt = text.replace("T", "U")
    assert rna.reverse_complement(spelt) == str(Seq(spelt).reverse_complement_rna())
    assert rna.decode(rna.encode(spelt)) == spelt
    assert dna.canonical(text.lower()) == dna.prepare(text.lower()) == text
    assert read_bases(spelt) == read_bases(text) == text


@pytest.mark.parametrize(
    ("options", "text", "message"),
    [
        ({}, "ACNT", "base 3 is 'N', for an unknown base .training takes it with domain.unknown="),
        ({}, "ACRT", "base 3 is 'R', ambiguous: it must be one of ACGT"),
        ({}, "ACUT", "base 3 is 'U', not one of ACGT: is it RNA?"),
        ({}, "AC-T", "base 3 is '-', not one of ACGT"),
        ({"length": 5}, "ACGT", "length 4 instead of 5"),
        ({"lower": "refuse"}, "ACgT", "base 3 is in lower case, 'g' .training takes it with dom"),
        ({"unknown": "unobserved"}, "NNN", "no base is known"),
        ({"unknown": "unobserved"}, "NRN", "base 2 is 'R', ambiguous"),
    ],
)
def test_rows_are_refused_with_their_base(options, text, message):
    with pytest.raises(DataError, match=message):
        DNA(**options).prepare(text)


def test_a_design_is_upper_case_and_whole():
    dna = DNA(length=4, unknown="unobserved")
    reasons = [dna.invalid_reason(s) for s in ("ACGT", "ACGN", "acgt", "ACG", "")]
    assert reasons[0] is None
    assert "letter 'N' is not one of ACGT" in reasons[1]
    assert "letter 'a'" in reasons[2]
    assert reasons[3:] == ["length 3 instead of 4", "empty"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flank5": "ACN"}, "flank5 must be of the bases ACGT, got 'N'"),
        ({"flank3": 3}, "flank3 must be bases, got 3"),
        ({"length": 0}, "length must be a positive integer, got 0"),
        ({"lower": "keep"}, "lower must be one of upper, refuse"),
        ({"bases": "AC"}, "option must be one of length, flank5"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        DNA.fit([], **options)


def test_settings_make_the_domain_again():
    dna = DNA(length=8, flank5="tt", flank3="G", lower="refuse", unknown="unobserved")
    again = registry.build("domains", {"name": "dna", **dna.settings()})
    assert again.settings() == dna.settings()
    assert again.flanks == ("TT", "G")
    assert Padded(dna, 9).flanks == dna.flanks


class TestTemplates:
    """Letters of IUPAC, counts and ranges."""

    def test_a_letter_lists_bases(self):
        found = DNA().read_template("ACNRY")
        assert isinstance(found, Template)
        assert found.tokens.tolist() == [0, 1, 4, 4, 4]
        bases = ["".join(np.array(list("ACGT"))[row]) for row in found.allowed.numpy()]
        assert bases == ["ACGT"] * 3 + ["AG", "CT"]

    def test_rna_reads_t_as_u(self):
        assert RNA().read_template("UTW").tokens.tolist() == [3, 3, 4]

    def test_counts_and_ranges(self):
        assert len(DNA().read_template("A{3}N{20}c")) == 24
        gapped = DNA().read_template("TATAN{5,12}R{2,4}ATG")
        assert isinstance(gapped, Gapped)
        assert (gapped.low, gapped.high) == (14, 23)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "template must be letters of IUPAC such as ACNNRY, got ''"),
            ("ACX", "got 'X' at position 3"),
            ("AC{", r"got '\{' at position 3"),
            ("AC{0}", r"got 'C\{0\}' at position 2"),
            ("A{4,2}", r"from fewest to most, got 'A\{4,2\}' at position 1"),
        ],
    )
    def test_other_texts_are_refused_with_their_place(self, text, message):
        with pytest.raises(InputError, match=message):
            DNA().read_template(text)

    def test_other_domains_read_none(self):
        with pytest.raises(UnsupportedError, match="the letters domain reads no templates"):
            Letters("ACGT").read_template("ACGT")


def test_augmentation_gives_either_strand():
    generator = np.random.default_rng(0)
    drawn = [DNA().augment("AACN", generator) for _ in range(400)]
    assert set(drawn) == {"AACN", "NGTT"}
    assert abs(drawn.count("AACN") - 200) < 4.5 * 10


class TestUnobserved:
    """N in data is a position that is masked and not scored."""

    @pytest.fixture
    def data(self, tmp_path):
        file = tmp_path / "seen.fasta"
        file.write_text(">a\nACGT\n>b\nANNT\n>c\nAR\n")
        options = {"unknown": "unobserved"}
        return encode_file(file, DNA, options=options, max_bad_fraction=0.5)

    def test_rows_hold_the_mask(self, data):
        assert [data.ids(i).tolist() for i in range(2)] == [[0, 1, 2, 3], [0, 4, 4, 3]]
        reason = data.report.first[0].reason
        assert reason.startswith("record 'c' (header in line 5): base 2 is 'R', ambiguous")
        assert not data.whole

    def test_padding_keeps_them(self, data):
        padded = data.padded(6)
        assert padded.ids(1).tolist() == [0, 5, 5, 3, 4, 4]
        assert padded.domain.encode("ANNT") == padded.ids(1).tolist()

    def test_both_strands_of_a_batch(self, data):
        module = DataModule(data, batch_size=2, augment=True, valid_split=None)
        rows = {
            tuple(row)
            for batch, _ in zip(module.train_dataloader(), range(30), strict=False)
            for row in batch.x_0.tolist()
        }
        assert rows == {(0, 1, 2, 3), (0, 4, 4, 3)}

    def test_training_masks_and_scores_only_what_was_seen(self, data):
        from discdiff.nn.transformer import Transformer
        from discdiff.training.module import Training

        network = Transformer(4, 4, 16, 1, 2)
        model = Model(network, MaskedProcess(4), data.domain, data_law(data))
        seen = Training(model)._active(DNA(unknown="unobserved").encode_batch(["ANNT"]), None)
        assert seen.tolist() == [[True, False, False, True]]

    def test_a_uniform_process_is_refused(self, data, tmp_path):
        from discdiff.nn.transformer import Transformer
        from discdiff.training.fit import fit

        network = Transformer(4, 4, 16, 1, 2, needs_time=True)
        model = Model(network, UniformProcess(4), data.domain, data_law(data))
        module = DataModule(data, batch_size=2, valid_split=None)
        with pytest.raises(InputError, match="data must be seen at every position where"):
            fit(model, module, tmp_path / "run")

    def test_a_seed_must_be_known(self, data):
        model = Model.tabular(["ACGT"]).in_domain("dna", unknown="unobserved")
        with pytest.raises(DataError, match="seed 2 must be known at every position, got 'ANNT'"):
            Seeds(["ACGT", "ANNT"], 0.5).tokens(model)


def data_law(data):
    from discdiff.model import LengthLaw

    return LengthLaw(data.length_law(4))
