"""Files become rows, rows become tokens, tokens become batches; nothing bad goes unreported."""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from discdiff.data.batches import Batch, LengthBatches
from discdiff.data.encoding import Encoded, encode_file
from discdiff.data.module import DataModule, collate
from discdiff.data.readers import Columns, Row, read_chunks
from discdiff.domain import Letters
from discdiff.errors import DataError, InputError

DNA = Letters("ACGT")
NAMED = Columns("seq", "part", "kind")
TABLE = [("GATT", "train", "1"), ("AC", "valid", "0"), ("G,A", "train", "2")]
CSV = 'kind,seq,part\n1,GATT,train\n0,AC,valid\n2,"G,A",train\n'


def rows(path: Path, columns: Columns = NAMED, size: int = 2) -> list[Row]:
    chunks = list(read_chunks(path, columns, size))
    assert all(len(chunk) == size for chunk in chunks[:-1])
    return [row for chunk in chunks for row in chunk]


def write(path: Path, text: str) -> Path:
    if path.suffix == ".gz":
        with gzip.open(path, "wt", encoding="utf-8") as file:
            file.write(text)
    else:
        path.write_text(text, encoding="utf-8")
    return path


class TestReaders:
    @pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.CSV"])
    def test_csv(self, tmp_path: Path, name: str):
        expected = [Row(i, *values) for i, values in enumerate(TABLE, start=1)]
        assert rows(write(tmp_path / name, CSV)) == expected

    def test_tsv_with_byte_order_mark_and_windows_lines(self, tmp_path: Path):
        path = write(tmp_path / "a.tsv", "\ufeffseq\tpart\r\nGA\ttrain\r\n")
        assert rows(path, Columns("seq", "part")) == [Row(1, "GA", "train")]

    @pytest.mark.parametrize("name", ["a.smi", "a.txt.gz", "a.smiles"])
    def test_lines(self, tmp_path: Path, name: str):
        path = write(tmp_path / name, "GATT first\n\nAC\tsecond\n")
        assert rows(path, Columns()) == [Row(1, "GATT"), Row(2, None), Row(3, "AC")]

    def test_parquet(self, tmp_path: Path):
        seq, part, kind = ([row[i] for row in TABLE] for i in range(3))
        table = pyarrow.table({"kind": [int(k) for k in kind], "seq": seq, "part": part})
        pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
        expected = [Row(i, *values) for i, values in enumerate(TABLE, start=1)]
        assert rows(tmp_path / "a.parquet") == expected

    def test_the_only_column_is_the_default(self, tmp_path: Path):
        assert rows(write(tmp_path / "a.csv", "x\n1\n"), Columns())[0] == Row(1, "1")

    def test_a_column_is_known_by_its_usual_name(self, tmp_path: Path):
        path = write(tmp_path / "a.csv", "id,Smiles\n7,CCO\n")
        assert next(read_chunks(path, Columns(), usual="SMILES")) == [Row(1, "CCO")]
        with pytest.raises(DataError, match="a.csv has the columns id, Smiles: say which one"):
            next(read_chunks(path, Columns(), usual="sequence"))

    def test_a_short_row_has_no_value(self, tmp_path: Path):
        path = write(tmp_path / "a.csv", "x,seq\n1,GA\n2\n")
        assert rows(path, Columns("seq")) == [Row(1, "GA"), Row(2, None)]

    def test_a_missing_column_names_the_nearest(self, tmp_path: Path):
        path = write(tmp_path / "a.csv", "smiles,qed\nC,1\n")
        with pytest.raises(DataError, match=r"column 'smile', got smiles, qed.*mean 'smiles'"):
            rows(path, Columns("smile"))
        pyarrow.parquet.write_table(pyarrow.table({"seq": ["A"]}), tmp_path / "a.parquet")
        with pytest.raises(DataError, match="column 'sequ', got seq.*mean 'seq'"):
            rows(tmp_path / "a.parquet", Columns("sequ"))
        with pytest.raises(DataError, match="has no columns"):
            rows(write(tmp_path / "a.smi", "C\n"), Columns("smiles"))

    def test_a_column_that_is_there_twice_is_refused(self, tmp_path: Path):
        path = write(tmp_path / "a.csv", "seq,x,x\nA,1,2\n")
        assert rows(path, Columns("seq")) == [Row(1, "A")]
        with pytest.raises(DataError, match="must have one column 'x', got columns 2, 3"):
            rows(path, Columns("seq", "x"))
        with pytest.raises(DataError, match="must have one column 'seq', got columns 1, 2"):
            next(read_chunks(write(tmp_path / "b.csv", "seq,Seq\nA,C\n"), Columns(), usual="seq"))

    def test_what_is_no_data_file(self, tmp_path: Path):
        with pytest.raises(DataError, match="data file must exist"):
            rows(tmp_path / "none.csv")
        with pytest.raises(DataError, match="data file must end in .csv"):
            rows(write(tmp_path / "a.xlsx", "x"))
        with pytest.raises(DataError, match="must have a header, got an empty file"):
            rows(write(tmp_path / "empty.csv", ""))
        with pytest.raises(DataError, match="the header cannot be read: field larger than field"):
            rows(write(tmp_path / "long.csv", "x" * (1 << 21) + "\nAC\n"))
        with pytest.raises(DataError, match="cannot be read"):
            rows(write(tmp_path / "a.parquet", "PAR1 but not really"))

    def test_a_row_with_more_values_than_columns_is_refused(self, tmp_path: Path):
        assert len(rows(write(tmp_path / "a.csv", "seq,kind\nA,1,, \n"), Columns("seq"))) == 1
        path = write(tmp_path / "b.csv", "seq,kind\nA,1\nC,2,3\n")
        with pytest.raises(DataError, match=r"b.csv, row 2 must have at most the 2 fields.*got 3"):
            rows(path, Columns("seq"))

    def test_a_truncated_gzip_file(self, tmp_path: Path):
        whole = write(tmp_path / "a.csv.gz", CSV * 50).read_bytes()
        (tmp_path / "a.csv.gz").write_bytes(whole[:-20])
        with pytest.raises(DataError, match=r"a.csv.gz cannot be read"):
            rows(tmp_path / "a.csv.gz")

    def test_plain_text_called_gz(self, tmp_path: Path):
        (tmp_path / "a.csv.gz").write_text(CSV)
        with pytest.raises(DataError, match="cannot be read"):
            rows(tmp_path / "a.csv.gz")

    def test_a_giant_field_is_an_error_with_its_row(self, tmp_path: Path):
        path = write(tmp_path / "a.csv", "seq\nA\n" + "C" * (1 << 21) + "\n")
        with pytest.raises(DataError, match="row 2 cannot be read"):
            rows(path, Columns("seq"))

    def test_a_large_file_is_not_read_ahead(self, tmp_path: Path):
        path = write(tmp_path / "a.txt", "GATTACA\n" * 100_000 + "\n")
        assert len(next(read_chunks(path, Columns(), 10))) == 10


class TestEncoding:
    def encode(self, tmp_path: Path, text: str, **options: object) -> Encoded:
        path = write(tmp_path / "a.csv", text)
        return encode_file(path, options.pop("domain", DNA), NAMED, **options)

    def test_tokens_splits_and_labels(self, tmp_path: Path):
        text = "seq,part,kind\nGATT,train,1\nAC,valid,0\nG,,3\n"
        data = self.encode(tmp_path, text)
        assert [data.ids(i).tolist() for i in range(3)] == [[2, 0, 3, 3], [0, 1], [2]]
        assert data.where("train").tolist() == [0, 2]
        assert data.where("valid").tolist() == [1]
        assert data.label.tolist() == [1, 0, 3]
        assert data.report.rows == 3
        assert data.length_law(4) == [0, 0.5, 0, 0, 0.5]
        with pytest.raises(DataError, match="split must be one of train, valid, got 'test'"):
            data.where("test")

    def test_bad_rows_are_reported_by_number_and_counted(self, tmp_path: Path):
        lines = ["GATT,,0", "GAXT,,0", ",,0", "  ,,0", "AC,,red", "AC", "GATTACA,,1", "A,,-1"]
        data = self.encode(
            tmp_path,
            "seq,part,kind\n" + "\n".join(lines) + "\n",
            max_length=5,
            max_bad_fraction=1.0,
        )
        bad = dict(data.report.first)
        assert len(data) == 2  # GATT, and AC whose missing label is no label
        assert set(bad) == {2, 3, 4, 5, 7, 8}
        assert (data.report.rows, data.report.bad) == (8, 6)
        assert "'X' at position 2" in bad[2]
        assert bad[3] == bad[4] == "empty"
        assert bad[5] == "label must be a class id in [0, 10000), got 'red'"
        assert bad[7] == "7 tokens, at most 5 are allowed"
        assert "row 2: token 'X'" in str(data.report)

    def test_too_many_bad_rows_are_an_error_that_shows_them(self, tmp_path: Path):
        text = "seq,part,kind\n" + "AC,,0\n" * 8 + "AX,,0\nXX,,0\n"
        assert len(self.encode(tmp_path, text, max_bad_fraction=0.2)) == 8
        message = r"at most 0.1 .* may be bad.*10 rows read, 2 cannot be used\n  row 9: token 'X'"
        with pytest.raises(DataError, match=message):
            self.encode(tmp_path, text, max_bad_fraction=0.1)

    def test_no_good_row_is_an_error(self, tmp_path: Path):
        with pytest.raises(DataError, match="a.csv must hold at least one row, got none"):
            self.encode(tmp_path, "seq,part,kind\n", max_bad_fraction=1.0)
        with pytest.raises(DataError, match="1 cannot be used"):
            self.encode(tmp_path, "seq,part,kind\nX,,0\n", max_bad_fraction=1.0)
        with pytest.raises(DataError, match="must have a good row"):
            self.encode(tmp_path, "seq,part,kind\n,,0\n", domain=Letters)

    @pytest.mark.parametrize("limit", [0, -1, 1.5])
    def test_a_limit_that_is_none(self, tmp_path: Path, limit: object):
        with pytest.raises(InputError, match="max_length must be a positive integer, got"):
            self.encode(tmp_path, CSV, max_length=limit)

    def test_a_wrong_option_is_no_bad_row(self, tmp_path: Path):
        with pytest.raises(
            InputError, match="domain 'letters': options must be none, got foo"
        ) as e:
            self.encode(tmp_path, CSV, domain=Letters, options={"foo": 1})
        assert not isinstance(e.value, DataError)

    def test_a_column_of_too_many_splits(self, tmp_path: Path):
        text = "seq,part,kind\n" + "".join(f"AC,part{i},0\n" for i in range(200))
        with pytest.raises(DataError, match=r"at most 100 splits, got 'part99' .* in row 100"):
            self.encode(tmp_path, text)
        data = self.encode(tmp_path, "".join(text.splitlines(keepends=True)[:100]))
        assert data.where("part98").tolist() == [98]

    def test_the_report_shows_the_first_rows_only(self, tmp_path: Path):
        text = "seq,part,kind\n" + "X,,0\n" * 30 + "A,,0\n"
        report = self.encode(tmp_path, text, max_bad_fraction=1.0).report
        assert [bad.row for bad in report.first] == list(range(1, 21))
        assert str(report).endswith("and 10 more")

    def test_an_alphabet_is_taken_from_the_training_rows(self, tmp_path: Path):
        text = "seq,part,kind\nGA,train,0\nTA,train,0\nGC,valid,0\nGG,valid,0\n"
        data = self.encode(tmp_path, text, domain=Letters, max_bad_fraction=0.5)
        assert data.domain.alphabet.tokens == ("A", "G", "T")
        assert [data.domain.decode(data.ids(i).tolist()) for i in range(3)] == ["GA", "TA", "GG"]
        assert data.report.first == ((3, "token 'C' is not in the alphabet"),)

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.text("ACGT", min_size=1, max_size=6), min_size=1, max_size=30))
    def test_every_row_comes_back(self, tmp_path_factory, strings: list[str]):
        path = tmp_path_factory.mktemp("data") / "a.txt"
        path.write_text("\n".join(strings) + "\n")
        data = encode_file(path, Letters)
        assert [data.domain.decode(data.ids(i).tolist()) for i in range(len(data))] == strings

    def test_chunks_and_workers_change_nothing(self, tmp_path: Path):
        generator = np.random.default_rng(0)
        strings = ["".join(generator.choice(list("ACGTX"), 5)) for _ in range(5000)]
        path = write(tmp_path / "a.txt", "\n".join(strings) + "\n")
        one, two = (encode_file(path, DNA, max_bad_fraction=1, workers=w) for w in (0, 1))
        good = [s for s in strings if "X" not in s]
        assert [DNA.decode(one.ids(i).tolist()) for i in range(len(one))] == good
        assert one.report == two.report
        assert np.array_equal(one.tokens, two.tokens)
        assert np.array_equal(one.offsets, two.offsets)

    def test_the_cache_is_used_and_notices_changes(self, tmp_path: Path):
        text = "seq,part,kind\nGATT,train,1\nAX,valid,0\n"
        options = {"cache": tmp_path / "cache", "max_bad_fraction": 0.5}
        first = self.encode(tmp_path, text, **options)
        files = list((tmp_path / "cache").iterdir())
        again = self.encode(tmp_path, text, **options)
        assert list((tmp_path / "cache").iterdir()) == files
        for name in ("tokens", "offsets", "split", "label"):
            assert np.array_equal(getattr(first, name), getattr(again, name))
        assert (first.report, first.splits) == (again.report, again.splits)
        assert again.domain.settings() == DNA.settings()
        other = self.encode(tmp_path, text.replace("GATT", "GATC"), **options)
        assert other.ids(0).tolist() == [2, 0, 3, 1]
        self.encode(tmp_path, text, **options | {"max_length": 4})
        assert len(list((tmp_path / "cache").iterdir())) == 3

    def test_the_limit_holds_for_a_cached_file_too(self, tmp_path: Path):
        text = "seq,part,kind\nGATT,train,1\nAX,valid,0\n"
        self.encode(tmp_path, text, cache=tmp_path / "cache", max_bad_fraction=0.5)
        with pytest.raises(DataError, match="1 cannot be used"):
            self.encode(tmp_path, text, cache=tmp_path / "cache", max_bad_fraction=0.1)

    def test_a_broken_cache_says_what_to_do(self, tmp_path: Path):
        text = "seq,part,kind\nGATT,train,1\n"
        self.encode(tmp_path, text, cache=tmp_path / "cache")
        (stored,) = (tmp_path / "cache").iterdir()
        stored.write_bytes(stored.read_bytes()[:100])
        with pytest.raises(DataError, match="delete it"):
            self.encode(tmp_path, text, cache=tmp_path / "cache")


LENGTHS = np.random.default_rng(1).integers(1, 40, 500)


def stream(**options: object) -> LengthBatches:
    budget = {} if "batch_size" in options else {"batch_tokens": 200}
    return LengthBatches(LENGTHS, np.arange(500), **budget | options)


class TestBatches:
    @pytest.mark.parametrize("world", [1, 3])
    @pytest.mark.parametrize("accumulate", [1, 2])
    @pytest.mark.parametrize("budget", [{"batch_tokens": 200}, {"batch_size": 7}])
    def test_an_epoch_covers_every_row_once_in_equal_shares(
        self, world: int, accumulate: int, budget: dict[str, int]
    ):
        shares = world * accumulate
        plan = stream(world=world, accumulate=accumulate, **budget).epoch(2)
        seen = np.concatenate(plan)
        assert len(set(seen.tolist())) == len(seen)
        assert len(seen) == 500 - 500 % shares
        ranks = [
            list(islice(stream(world=world, accumulate=accumulate, rank=r, **budget), 30))
            for r in range(world)
        ]
        for together in zip(*ranks, strict=True):
            assert len({(b.step, b.tokens, len(b.rows)) for b in together}) == 1
        for step in range(30 // accumulate):
            batches = [b for rank in ranks for b in rank if b.step == step]
            assert sorted(b.share for b in batches) == list(range(shares))
            rows = np.concatenate([b.rows for b in batches])
            assert len(set(rows.tolist())) == len(rows)
            assert batches[0].tokens == LENGTHS[rows].sum()

    def test_the_token_budget_is_kept_and_used(self):
        plan = stream().epoch(0)
        padded = [len(rows) * LENGTHS[rows].max() for rows in plan]
        assert max(padded) <= 200
        assert np.mean(padded) > 150
        assert LENGTHS.sum() / sum(padded) > 0.9

    def test_a_row_over_the_budget_is_a_batch_of_its_own(self):
        plan = stream(batch_tokens=30).epoch(0)
        assert Counter(len(rows) for rows in plan if LENGTHS[rows].max() > 30).keys() == {1}

    def test_ranks_and_accumulation_see_the_same_global_batches(self):
        def global_batches(world: int, accumulate: int) -> list[list[int]]:
            parts = [
                islice(stream(world=world, accumulate=accumulate, rank=r), 8 * accumulate)
                for r in range(world)
            ]
            batches = [b for part in parts for b in part]
            return [
                sorted(int(r) for b in batches if b.step == step for r in b.rows)
                for step in range(8)
            ]

        assert global_batches(4, 1) == global_batches(1, 4) == global_batches(2, 2)

    def test_the_stream_starts_anywhere(self):
        steps = len(stream().epoch(0)) + 7  # into the second epoch
        tail = list(islice(stream(), steps + 3))[steps:]
        again = list(islice(stream(start=steps), 3))
        for a, b in zip(tail, again, strict=True):
            assert (a.step, a.rows.tolist()) == (b.step, b.rows.tolist())

    def test_epochs_and_seeds_differ(self):
        first, second, other = stream().epoch(0), stream().epoch(1), stream(seed=1).epoch(0)
        assert first[0].tolist() != second[0].tolist()
        assert first[0].tolist() != other[0].tolist()
        assert first[0].tolist() == stream().epoch(0)[0].tolist()

    def test_the_order_of_lengths_is_shuffled(self):
        longest = [int(LENGTHS[rows].max()) for rows in stream().epoch(0)]
        assert longest != sorted(longest, reverse=True)

    def test_bad_settings_are_refused(self):
        with pytest.raises(InputError, match="exactly one of batch_tokens and batch_size"):
            LengthBatches(LENGTHS, np.arange(5))
        with pytest.raises(InputError, match="exactly one of batch_tokens and batch_size"):
            LengthBatches(LENGTHS, np.arange(5), batch_tokens=9, batch_size=1)
        with pytest.raises(InputError, match="batch_size must be a positive integer, got 0"):
            LengthBatches(LENGTHS, np.arange(5), batch_size=0)
        with pytest.raises(InputError, match="at least 6 rows, .*, got 5"):
            LengthBatches(LENGTHS, np.arange(5), batch_size=1, world=3, accumulate=2)


class Reversed(Letters):
    """Spells a string backwards half of the time."""

    name = "reversed"

    def augment(self, string: str, generator: np.random.Generator) -> str:
        return string[::-1] if generator.random() < 0.5 else string


@pytest.fixture
def encoded(tmp_path: Path) -> Encoded:
    generator = np.random.default_rng(2)
    lines = ["seq,part"]
    for i in range(60):
        string = "".join(generator.choice(list("ACGT"), generator.integers(2, 9)))
        lines.append(f"{string},{'valid' if i % 6 == 0 else 'train'}")
    path = write(tmp_path / "a.csv", "\n".join(lines) + "\n")
    return encode_file(path, Reversed("ACGT"), Columns("seq", "part"))


class TestDataModule:
    def test_batches_are_padded_rows(self, encoded: Encoded):
        batch = next(iter(DataModule(encoded, batch_tokens=40).train_dataloader()))
        for row, x in zip(batch.rows.tolist(), batch.x_0, strict=True):
            assert x[x != DNA.alphabet.pad_id].tolist() == encoded.ids(row).tolist()
            assert encoded.split[row] == encoded.splits.index("train")
        assert batch.x_0.dtype == torch.int64
        assert batch.cond is None
        assert batch.tokens == int((batch.x_0 != DNA.alphabet.pad_id).sum())

    def test_validation_covers_its_rows_once(self, encoded: Encoded):
        module = DataModule(encoded, batch_tokens=40)
        rows = [r for batch in module.val_dataloader() for r in batch.rows.tolist()]
        assert sorted(rows) == encoded.where("valid").tolist()
        few = DataModule(encoded, batch_tokens=40, valid_rows=3).val_dataloader()
        assert [r for batch in few for r in sorted(batch.rows.tolist())] == rows_of(encoded, 3)

    def test_no_validation_split(self, encoded: Encoded):
        assert DataModule(encoded, batch_size=4, valid_split=None).val_dataloader() == []

    def test_augmentation_respells_every_time_and_repeatably(self, encoded: Encoded):
        def read(seed: int) -> list[list[list[int]]]:
            module = DataModule(encoded, batch_tokens=40, augment=True, seed=seed)
            return [batch.x_0.tolist() for batch in islice(module.train_dataloader(), 12)]

        plain = DataModule(encoded, batch_tokens=40).train_dataloader()
        assert read(0) == read(0)
        assert read(0) != [batch.x_0.tolist() for batch in islice(plain, 12)]
        spelt = {
            (int(row), tuple(x[x < 4].tolist()))
            for batch in islice(
                DataModule(encoded, batch_tokens=40, augment=True).train_dataloader(), 200
            )
            for row, x in zip(batch.rows, batch.x_0, strict=True)
        }
        for row in encoded.where("train"):
            ids = tuple(encoded.ids(int(row)).tolist())
            assert {form for r, form in spelt if r == row} == {ids, ids[::-1]}

    @pytest.mark.parametrize("spelling", ["GATTACA", "AX"])
    def test_a_spelling_that_does_not_fit_is_not_used(self, tmp_path: Path, spelling: str):
        class Respelt(Letters):
            def augment(self, string: str, generator: np.random.Generator) -> str:
                return spelling

        data = encode_file(write(tmp_path / "a.txt", "GATT\nAC\n"), Respelt("ACGT"))
        batch = Batch(np.array([0, 1]), 0, 0, 1, 6)
        kept = collate(data, batch, np.random.default_rng(0)).x_0
        assert kept.tolist() == collate(data, batch).x_0.tolist()
        longer = collate(data, batch, np.random.default_rng(0), max_length=7).x_0
        assert longer.shape[1] == (7 if spelling == "GATTACA" else 4)

    def test_classes_travel_with_their_rows(self, tmp_path: Path):
        path = write(tmp_path / "b.csv", "seq,part,kind\nA,,2\nCC,,0\n")
        data = encode_file(path, DNA, NAMED)
        batch = collate(data, Batch(np.array([1, 0]), 0, 0, 1, 3))
        assert batch.cond is not None
        assert batch.cond.tolist() == [0, 2]

    def test_shares_for_which_there_are_too_few_rows(self, encoded: Encoded):
        module = DataModule(encoded, batch_size=2)  # of 50 rows, and 10 to validate on
        module.refuse_shares(10, 5)
        with pytest.raises(InputError, match="at least 60 rows, .*, got 50"):
            module.refuse_shares(10, 6)
        with pytest.raises(DataError, match="validation row for each of 11 processes, got 10"):
            module.refuse_shares(11, 1)

    def test_a_split_that_is_not_there(self, encoded: Encoded):
        with pytest.raises(DataError, match="split must be one of train, valid, got 'trian'"):
            DataModule(encoded, batch_size=2, train_split="trian")


def rows_of(encoded: Encoded, count: int) -> list[int]:
    return sorted(encoded.where("valid").tolist()[:count])
