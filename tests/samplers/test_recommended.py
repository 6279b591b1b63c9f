"""The sampler that a model's card names."""

from __future__ import annotations

import pytest

from discdiff.errors import CheckpointError, ConfigError
from discdiff.model import Model
from discdiff.samplers.adaptive import EntropyOrder
from discdiff.samplers.ancestral import Ancestral
from discdiff.samplers.first_hitting import FirstHitting
from discdiff.samplers.recommended import HEADING, recommended


def model(kind: str = "masked", named: object = None) -> Model:
    made = Model.tabular(["AC", "GT", "CC"], kind=kind)
    if named is not None:
        made.card[HEADING] = named
    return made


def test_without_a_card_it_is_the_usual_one_of_the_process():
    assert isinstance(recommended(model()), FirstHitting)
    uniform = recommended(model("uniform"))
    assert isinstance(uniform, Ancestral)
    assert recommended(model("uniform"), steps=8).sample(4, key=1).counts["nfe"] <= 4 * 8


def test_the_card_decides_and_options_replace_its_own():
    made = model(named={"name": "entropy", "temperature": 0.5})
    sampler = recommended(made, top_p=0.9)
    assert isinstance(sampler, EntropyOrder)
    assert (sampler.temperature, sampler.top_p) == (0.5, 0.9)
    expected = EntropyOrder(made, temperature=0.5, top_p=0.9).sample(20, key=3)
    assert sampler.sample(20, key=3).strings == expected.strings


@pytest.mark.parametrize("named", ["entropy", {"steps": 3}, {"name": "recommended"}, [], 0])
def test_a_card_without_a_sampler_is_refused(named: object):
    with pytest.raises(CheckpointError, match="'recommended sampler' must hold the name of a samp"):
        recommended(model(named=named))


def test_a_card_with_an_unknown_sampler_or_option_is_refused():
    with pytest.raises(ConfigError, match="Did you mean 'entropy'"):
        recommended(model(named={"name": "entropi"}))
    with pytest.raises(ConfigError, match="temprature"):
        recommended(model(), temprature=0.5)
