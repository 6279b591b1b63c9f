"""Files as oracles: functions, objects, classes; an edited one is another oracle."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

from discdiff.campaign import InWorkers
from discdiff.errors import InputError, OracleError
from discdiff.oracle import Combined, as_oracle, identity
from discdiff.oracle.plugins import FileOracle


@pytest.fixture
def made(tmp_path):
    """Write a file and return the oracle in it."""

    def make(text, target="score", name="my.py", **options):
        (tmp_path / name).write_text(text)
        return FileOracle(f"{tmp_path / name}:{target}", **options)

    return make


LENGTH = "def score(strings):\n    return [len(s) for s in strings]\n"


def test_a_function(made):
    oracle = as_oracle(made(LENGTH))
    assert (oracle.name, oracle.outputs) == ("score", ("score",))
    assert oracle(["CCO", "C"]).values.tolist() == [[3.0], [1.0]]


@pytest.mark.parametrize(
    "body",
    [
        "{'a': [len(s) for s in x], 'b': [1] * len(x)}",
        "np.array([[len(s), 1] for s in x])",
        "[(len(s), 1) for s in x]",
    ],
)
def test_several_outputs(made, body):
    text = f"import numpy as np\nOUTPUTS = ('a', 'b')\ndef score(x): return {body}"
    oracle = as_oracle(made(text))
    assert oracle.outputs == ("a", "b")
    assert oracle(["CCO"]).values.tolist() == [[3.0, 1.0]]


def test_options_beat_attributes_and_attributes_beat_constants(made):
    text = (
        "DIRECTION, UNITS, LICENCE, VERSION = 'min', 'kcal/mol', 'MIT', '2'\n" + LENGTH + "\n"
        "score.units = 'nM'\n"
    )
    oracle = as_oracle(made(text, direction="max"))
    assert (oracle.directions, oracle.units) == (("max",), ("nM",))
    assert oracle.licences == {"score": "MIT"}
    assert re.fullmatch(r"2\+[0-9a-f]{12}", oracle.version)
    assert Combined({"mine": oracle}).units == ("nM",)


def test_a_class_with_options(made):
    text = (
        "class Scaled:\n"
        "    name = 'scaled'\n"
        "    outputs = ('double',)\n"
        "    def __init__(self, factor): self.factor = factor\n"
        "    def __call__(self, strings): return [self.factor * len(s) for s in strings]\n"
    )
    two = as_oracle(made(text, "Scaled", options={"factor": 2}))
    three = as_oracle(made(text, "Scaled", options={"factor": 3}))
    assert (two.name, two.outputs, two(["C"]).values.item()) == ("scaled", ("double",), 2.0)
    assert identity(two) != identity(three)


def test_options_of_a_function_go_with_every_call(made):
    text = "def score(strings, factor=1): return [factor * len(s) for s in strings]"
    oracle = as_oracle(made(text, options={"factor": 4}))
    assert (oracle.name, oracle(["CC"]).values.item()) == ("score", 8.0)
    assert identity(oracle) != identity(as_oracle(made(text)))


class TestEdits:
    """An edited oracle never answers for the old one."""

    def test_of_the_file(self, made):
        assert made(LENGTH).version != made(LENGTH + "# edited").version

    def test_of_a_file_beside_it(self, made, tmp_path):
        (tmp_path / "beside_deeper.py").write_text("FACTOR = 1")
        (tmp_path / "beside_helper.py").write_text("from beside_deeper import FACTOR")
        text = "import beside_helper\n" + LENGTH
        first = made(text).version
        assert made(text).version == first
        (tmp_path / "beside_deeper.py").write_text("FACTOR = 2")
        assert made(text).version != first

    def test_of_a_file_it_depends_on(self, made, tmp_path):
        (tmp_path / "weights.npz").write_text("1")
        depends = [str(tmp_path / "weights.npz")]
        first = made(LENGTH, depends=depends).version
        (tmp_path / "weights.npz").write_text("2")
        assert made(LENGTH, depends=depends).version != first

    def test_in_the_middle_of_a_run(self, made):
        oracle = made(LENGTH)
        pickled = pickle.dumps(oracle)
        assert pickle.loads(pickled)(["CC"]).values.item() == 2.0
        made(LENGTH.replace("len(s)", "9.0"))
        with pytest.raises(OracleError, match=r"'score' changed while it was in use \(my.py\)"):
            pickle.loads(pickled)

    def test_a_worker_refuses_it(self, made):
        with InWorkers(made(LENGTH), workers=1) as pool:
            made(LENGTH + "# edited")
            message = "cannot be loaded in a worker: OracleError: .* changed while it was in use"
            with pytest.raises(OracleError, match=message):
                pool(["CC"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("if 'x' in s: raise KeyError('no such')", "score raised KeyError: 'no such' (my.py:2)"),
        ("if 'x' in s: import sys; sys.exit(0)", "score raised SystemExit: 0 (my.py:2)"),
        ("if 'x' in s: return []", "oracle 'score' must return 1 rows, one a sequence, got 0"),
        ("if 'x' in s: return [1.0] * 9", "oracle 'score' must return 1 rows"),
        ("if 'x' in s: return ['a']", "oracle 'score' must return real numbers"),
        ("return [len(x) if x != 'x' else float('nan') for x in s]", "score returned nan for sc"),
    ],
)
def test_a_fault_is_its_own_string_s(made, line, reason):
    s = "def score(s):\n    " + line + "\n    return [len(x) for x in s]"
    oracle = as_oracle(made(s))
    scores = oracle(["CCO", "C", "CC", "x", "CCC"])
    assert scores.status == ("ok", "ok", "ok", "failed", "ok")
    assert scores.reasons[3].startswith(reason)
    np.testing.assert_array_equal(scores.values[:, 0], [3, 1, 2, np.nan, 3])


def test_it_runs_in_workers(made):
    oracle = made("from dataclasses import dataclass\n@dataclass\nclass A: x: int\n" + LENGTH)
    with InWorkers(oracle, workers=1, batch=3) as pool:
        assert pool(["CCO", "C", "CC", "CCCC"]).values[:, 0].tolist() == [3, 1, 2, 4]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        (LENGTH, "scor", "my.py must define 'scor', it defines score. Did you mean 'score'?"),
        ("x = 1", "x", "my.py:x must be a function from strings to numbers, got 1"),
        ("def f(:", "f", "my.py:1 is no Python"),
        ("\nimport nothing_like_it", "f", "cannot be loaded: ModuleNotFoundError: .*(my.py:2)"),
        ("raise SystemExit(3)", "f", "my.py cannot be loaded: SystemExit: 3"),
        ("class A:\n    def __init__(self): raise OSError('no licence')", "A", "OSError: no licen"),
    ],
)
def test_what_cannot_be_loaded_says_why(made, text, target, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        made(text, target)


def test_paths_that_say_too_little(made, tmp_path):
    made(LENGTH)
    with pytest.raises(InputError, match=r"path must be FILE.py:NAME, .*my.py defines score"):
        FileOracle(str(tmp_path / "my.py"))
    with pytest.raises(InputError, match="cannot read .*absent.py: No such file"):
        FileOracle(f"{tmp_path}/absent.py:score")
    with pytest.raises(InputError, match="path must be FILE.py:NAME"):
        FileOracle(3)
