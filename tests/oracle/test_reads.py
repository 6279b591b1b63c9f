"""Oracles are asked only about strings that they are for."""

import pytest

from discdiff import registry
from discdiff.bio.domain import DNA, RNA
from discdiff.bio.oracles.gc import GC
from discdiff.bio.oracles.peptides.charge import Charge
from discdiff.bio.oracles.sequence import PerSequence
from discdiff.bio.peptide import Peptide
from discdiff.chem.oracles.descriptors import QED
from discdiff.chem.selfies import Selfies
from discdiff.chem.smiles import Smiles
from discdiff.domain import Letters
from discdiff.errors import InputError
from discdiff.oracle import Batched, Combined, as_oracle, stack
from discdiff.oracle.plugins.file import FileOracle

DOMAINS = (DNA(), RNA(), Peptide(), Smiles(["C"]), Selfies(["[C]"]))


@pytest.mark.parametrize(
    ("oracle", "read"),
    [(GC(), "DNA and RNA"), (Charge(), "peptide"), (QED(), "SMILES")],
    ids=["gc", "charge", "qed"],
)
def test_what_a_model_writes_must_be_what_an_oracle_reads(oracle, read):
    stack(oracle, Letters("ACGT"))
    for domain in DOMAINS:
        if domain.kind in read.split(" and "):
            stack(oracle, domain)
            continue
        message = (
            f"'{oracle.name}' must read what the model writes, {domain.kind}, got one of {read}"
        )
        for inside in (oracle, Batched(oracle, 2), Combined([len, oracle])):
            with pytest.raises(InputError, match=message):
                stack(inside, domain)


def test_every_shipped_oracle_of_a_domain_says_what_it_reads():
    packages = {"discdiff.chem": {"SMILES"}, "discdiff.bio": {"DNA", "RNA", "peptide"}}
    said = 0
    for entry in registry.names("oracles", load=True):
        found = registry.find("oracles", entry.name)
        kinds = packages.get(".".join(found.__module__.split(".")[:2]))
        if kinds is not None:
            assert found.reads, entry.name
            assert set(found.reads) <= kinds, entry.name
            said += 1
    assert said > 50


def test_a_file_can_say_it_too(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("READS = ['DNA']\ndef score(strings):\n    return [1.0] * len(strings)\n")
    stack(FileOracle(f"{file}:score"), DNA())
    with pytest.raises(InputError, match="'score' must read what the model writes, peptide"):
        stack(FileOracle(f"{file}:score"), Peptide())


def test_who_reads_in_a_way_of_its_own_may_read_anything():
    class Cysteines(PerSequence):
        name = "cysteines"

        def read(self, sequence):
            return sequence

        def value(self, bases):
            return float(bases.count("C"))

    class Reader:
        name = "reader"

        def reads(self):
            raise NotImplementedError

        def __call__(self, strings):
            return [1.0] * len(strings)

    for domain in DOMAINS:
        assert stack(Cysteines(), domain).outputs == ("cysteines",)
        stack(Reader(), domain)


def test_what_is_no_list_of_kinds_is_refused():
    class Wrong:
        name, reads = "wrong", "DNA"

        def __call__(self, strings):
            return [1.0] * len(strings)

    with pytest.raises(InputError, match="reads of oracle 'wrong' must be a list of kinds of stri"):
        as_oracle(Wrong())
