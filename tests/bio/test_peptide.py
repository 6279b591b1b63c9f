"""Peptides: what is valid, what is read, templates of residues."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discdiff import registry
from discdiff.bio.peptide import Peptide
from discdiff.bio.residues import AMINO_ACIDS, read_residues
from discdiff.chem.peptide.helm import read_helm
from discdiff.chem.peptide.summary import sequence
from discdiff.data.encoding import encode_file
from discdiff.data.fasta import fasta_bytes, records
from discdiff.data.tables import Table
from discdiff.domain import Template
from discdiff.errors import DataError, InputError
from discdiff.gapped import Gapped

RESIDUES = st.text(AMINO_ACIDS, min_size=1, max_size=40)
SPACE = np.array(list(AMINO_ACIDS))


@given(RESIDUES)
def test_tokens_go_there_and_back(text):
    peptide = Peptide()
    assert peptide.decode(peptide.encode(text)) == peptide.prepare(text) == text
    assert peptide.invalid_reason(text) is None
    assert peptide.canonical(text.lower()) == Peptide(lower="upper").prepare(text.lower()) == text
    assert read_residues(text.lower()) == text


@given(RESIDUES)
def test_helm_leads_to_the_molecule_and_back(text):
    helm = Peptide().written(text, "helm")
    assert sequence(read_helm(helm)) == text
    with pytest.raises(InputError, match="notation must be one of helm, got 'smiles'"):
        Peptide().written(text, "smiles")


@pytest.mark.parametrize(
    ("options", "text", "message"),
    [
        ({}, "GIXK", "residue 3 is 'X', for an unknown residue .training takes it with domain.unk"),
        ({}, "GIBK", "residue 3 is 'B', ambiguous: it must be D or N"),
        ({}, "ZK", "residue 1 is 'Z', ambiguous: it must be E or Q"),
        ({}, "KJ", "residue 2 is 'J', ambiguous: it must be I or L"),
        ({}, "GIGK*", r"residue 5 is '\*', a stop: it must be one of the 20 amino acids"),
        ({}, "GI-K", "residue 3 is '-', a gap: it must be one of the 20 amino acids"),
        ({}, "GI.K", "residue 3 is '.', a gap"),
        ({}, "GUK", "residue 2 is 'U', selenocysteine: it must be one of the 20 amino acids"),
        ({}, "OK", "residue 1 is 'O', pyrrolysine"),
        ({}, "G1K", "residue 2 is '1', not one of the 20 amino acids"),
        ({}, "GIgK", "residue 3 is in lower case, 'g' .training takes it with domain.lower=upper"),
        ({"length": 5}, "GIGK", "length 4 instead of 5"),
        ({"unknown": "unobserved"}, "XX", "no residue is known"),
        ({}, "", "empty"),
    ],
)
def test_rows_are_refused_with_their_residue(options, text, message):
    with pytest.raises(DataError, match=message):
        Peptide(**options).prepare(text)


def test_a_design_is_upper_case_and_whole():
    peptide = Peptide(length=4, unknown="unobserved")
    reasons = [peptide.invalid_reason(s) for s in ("GIGK", "GIXK", "gigk", "GIG", "")]
    assert reasons == [
        None,
        f"letter 'X' is not one of {AMINO_ACIDS}",
        f"letter 'g' is not one of {AMINO_ACIDS}",
        "length 3 instead of 4",
        "empty",
    ]
    assert all(Peptide().invalid_reason(example) is None for example in Peptide.examples)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length must be a positive integer, got 0"),
        ({"lower": "keep"}, "lower must be one of upper, refuse"),
        ({"unknown": "X"}, "unknown must be one of refuse, unobserved"),
        ({"flank5": "AC"}, "option must be one of length, lower, unknown"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        Peptide.fit([], **options)


def test_settings_make_the_domain_again():
    peptide = Peptide(length=8, lower="upper", unknown="unobserved")
    again = registry.build("domains", {"name": "peptide", **peptide.settings()})
    assert again.settings() == peptide.settings()
    assert again.unobserved == "X"


class TestTemplates:
    """Letters, lists in brackets, counts and ranges."""

    def test_a_list_says_what_may_stand(self):
        found = Peptide().read_template("CX[KR][^CMW]BD")
        assert isinstance(found, Template)
        allowed = ["".join(SPACE[row]) for row in found.allowed.numpy()]
        rest = "".join(set(AMINO_ACIDS) - set("CMW"))
        assert allowed[1:5] == [AMINO_ACIDS, "KR", "".join(sorted(rest)), "DN"]
        assert [AMINO_ACIDS[i] for i in found.tokens[[0, 5]].tolist()] == ["C", "D"]

    def test_letters_that_stand_for_several_may_be_listed(self):
        (row,) = Peptide().read_template("[BZ]").allowed.numpy()
        assert "".join(SPACE[row]) == "DENQ"

    def test_counts_and_ranges(self):
        assert len(Peptide().read_template("C[KR]{3}X{8}C")) == 13
        gapped = Peptide().read_template("CX{3,8}[ILV]{2,4}C")
        assert isinstance(gapped, Gapped)
        assert (gapped.low, gapped.high) == (7, 14)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", r"template must be amino acids such as CX\{4,8\}\[KR\]GC, got ''"),
            ("GU", "got 'U' at position 2 of 'GU'; they are A, C, D"),
            ("G[KU]", r"got '\[KU\]' at position 2"),
            (
                "GkLL",
                r"got 'k' at position 2 .*Z, J, X in upper case \(lower case may mean D residu",
            ),
            ("G[kR]", r"got '\[kR\]' at position 2"),
            ("G[^X]", r"got '\[\^X\]' at position 2"),
            ("G[", r"got '\[' at position 2"),
            ("G[]", r"got '\[' at position 2"),
            ("G-K", "got '-' at position 2"),
            ("GX{0}", r"got 'X\{0\}' at position 2"),
            ("G[KR]{4,2}", r"from fewest to most, got '\[KR\]\{4,2\}' at position 2"),
        ],
    )
    def test_other_texts_are_refused_with_their_place(self, text, message):
        with pytest.raises(InputError, match=message):
            Peptide().read_template(text)


class TestFiles:
    """FASTA and CSV in; FASTA there and back."""

    def test_a_fasta_is_read_and_bad_records_are_named_by_line(self, tmp_path):
        file = tmp_path / "a.fasta.gz"
        file.write_bytes(gzip.compress(b">a\nGIGK\nFLHS\n>b\nGI-K\n>c\nMKT*\n>d\nYGGFL\n"))
        data = encode_file(file, Peptide, max_bad_fraction=0.5)
        assert [data.domain.decode(data.ids(i).tolist()) for i in range(2)] == ["GIGKFLHS", "YGGFL"]
        first, second = data.report.first
        assert first.reason.startswith("record 'b' (header in line 4): residue 3 is '-', a gap")
        assert second.reason.startswith("record 'c' (header in line 6): residue 4 is '*', a stop")

    def test_a_table_is_read_by_its_column(self, tmp_path):
        file = tmp_path / "a.csv"
        file.write_text("id,sequence\n1,YGGFL\n2,yggfl\n3,RRWQWR\n")
        data = encode_file(file, Peptide, max_bad_fraction=0.5)
        assert len(data) == 2
        assert (data.report.first[0].row, data.report.first[0].reason[:30]) == (
            2,
            "residue 1 is in lower case, 'y",
        )

    @given(st.lists(RESIDUES, min_size=1, max_size=5))
    def test_what_is_written_reads_back(self, strings):
        text = fasta_bytes(Table(("sequence",), [(s,) for s in strings])).decode()
        assert [record.sequence for record in records(text.splitlines())] == strings

    def test_x_is_a_position_that_was_not_seen(self, tmp_path):
        file = tmp_path / "a.fasta"
        file.write_text(">a\nYGXFL\n")
        data = encode_file(file, Peptide, options={"unknown": "unobserved"})
        assert data.ids(0).tolist() == [*Peptide().encode("YG"), 20, *Peptide().encode("FL")]
