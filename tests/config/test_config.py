"""Configurations: every option composes, and every mistake is one message that names its place."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path

import pytest
import torch

from discdiff import registry
from discdiff.config import build, composition, hydra, settings
from discdiff.config.finetune import Finetune
from discdiff.config.predictor import TrainPredictor
from discdiff.domain import Letters
from discdiff.errors import ConfigError
from discdiff.model import LengthLaw, Model
from discdiff.nn.transformer import Transformer

COMMANDS = {
    "design": settings.Design,
    "train": settings.Train,
    "sample": settings.Sample,
    "evaluate": settings.Evaluate,
    "train_predictor": TrainPredictor,
    "select": settings.Select,
    "export": settings.Export,
    "finetune": Finetune,
    "compare": settings.Compare,
    "bench": settings.Bench,
    "ask": settings.Ask,
    "tell": settings.Tell,
}
DATA = {
    "train": ["data.path=x.csv"],
    "train_predictor": ["data.path=x.csv", "target=a"],
    "export": ["out=x.csv"],
}  # what a command needs besides its defaults
PRESET = ("finetune", "tree_search")
FOLDER = Path(__file__).parents[2] / "configs"


def options() -> list[tuple[str, str]]:
    """Every (group, option) that has a file."""
    return sorted((path.parent.name, path.stem) for path in FOLDER.glob("*/*.yaml"))


def commands_of(group: str, option: str) -> list[str]:
    """The commands whose defaults mention the group; an experiment names its command first."""
    using = [
        c for c in COMMANDS if re.search(rf"- {group}(@\w+)?:", (FOLDER / f"{c}.yaml").read_text())
    ]
    if group == "experiment":
        text = (FOLDER / group / f"{option}.yaml").read_text()
        if "/representation:" in text:
            return ["train_predictor"]
        if "/finetune@method:" in text:
            return ["finetune"]
        return ["train"] if "/data:" in text else ["design"]
    return using


@cache
def tiny_model(kind: str) -> Model:
    """A random model over four letters."""
    torch.manual_seed(0)
    process = registry.build("processes", {"name": kind}, vocab_size=4)
    network = Transformer(4, 6, 16, 1, 2, needs_time=process.needs_time)
    return Model(network, process, Letters("ACGT"), LengthLaw.fixed(6))


@pytest.mark.parametrize("command", COMMANDS)
def test_defaults_fill_the_schema(command: str):
    composed = composition.compose(command, DATA.get(command, []))
    filled = settings.fill(COMMANDS[command], composed)
    assert vars(filled).keys() == composed.values.keys()


@pytest.mark.parametrize(("group", "option"), options())
def test_every_option_composes(group: str, option: str):
    commands = commands_of(group, option)
    assert commands, f"no command uses the group {group}"
    for command in commands:
        composed = composition.compose(command, [f"{group}={option}", *DATA.get(command, [])])
        settings.fill(COMMANDS[command], composed)


@pytest.mark.parametrize(
    ("group", "option"),
    [
        (g, o)
        for g, o in options()
        # the tree search is a setting of another method
        if g in ("sampler", "guidance", "oracle", "finetune") and (g, o) != PRESET
    ],
)
def test_a_file_states_the_defaults_of_the_constructor(group: str, option: str):
    values = hydra.read_packaged(group, option)[hydra.place_of(group)]
    values = values[option] if group == "oracle" else values
    parameters = registry.options(hydra.KINDS[group], values.pop("name"))
    for key, value in values.items():
        default = parameters[key].default
        if isinstance(value, dict):
            part = registry.find(f"{key}s", value["name"])
            known = inspect.signature(part).parameters
            assert all(known[k].default == v for k, v in value.items() if k != "name")
        else:
            assert value == (list(default) if isinstance(default, tuple) else default), key


def test_every_sampler_builds():
    for name in hydra.options("sampler"):
        values = hydra.read_packaged("sampler", name)["sampler"]
        built = registry.build("samplers", values, model=tiny_model("masked"))
        assert built.temperature == 1.0


def test_every_guidance_builds():
    for name in hydra.options("guidance"):
        values = hydra.read_packaged("guidance", name)["guidance"]
        assert hasattr(registry.build("guidance", values), "run")


def test_every_oracle_builds_or_says_what_it_needs():
    names = hydra.options("oracle")
    composed = composition.compose("design", [f"oracle=[{','.join(names)}]"])
    assert tuple(sorted(composed.values["oracle"])) == names
    for name in names:
        chosen = {name: composed.values["oracle"][name]}
        needed = [
            key
            for key, p in registry.options("oracles", name).items()
            if p.default is p.empty and key not in ("model", "domain")
        ]
        if needed:
            with pytest.raises(ConfigError, match=f"needs the option '{needed[0]}'"):
                build.oracle(chosen, composed, tiny_model("masked"))
        else:
            built = build.oracle(chosen, composed, tiny_model("masked"))
            assert built.outputs == (name,)


def test_every_objective_builds():
    for path in sorted((FOLDER / "objective").glob("*.yaml")):
        composed = composition.compose("design", ["oracle=[qed,sa]", f"objective={path.stem}"])
        scored = build.oracle(composed.values["oracle"], composed, tiny_model("masked"))
        filled = settings.fill(settings.Design, composed)
        objective = build.objective(filled.objective, scored, composed)
        assert [term.output for term in objective.terms] == ["qed", "sa"]


@pytest.mark.parametrize("kind", ["masked", "uniform"])
def test_every_process_and_denoiser_builds(kind: str):
    composed = composition.compose("train", [f"process={kind}", "denoiser.depth=1", *DATA["train"]])
    process = registry.build("processes", composed.values["process"], vocab_size=4)
    for name in hydra.options("denoiser"):
        network = registry.build(
            "denoisers",
            {**composed.values["denoiser"], "name": name},
            vocab_size=4,
            max_length=6,
            needs_time=process.needs_time,
        )
        assert network.needs_time == (kind == "uniform")


@pytest.mark.parametrize("name", ["selfies", "smiles", "letters"])
def test_every_domain_is_fitted(name: str):
    values = dict(composition.compose("train", [f"domain={name}", *DATA["train"]]).values["domain"])
    domain = registry.find("domains", values.pop("name"))
    assert len(domain.fit(["CCO", "CCN"], **values).alphabet) == 3


def test_a_registered_name_without_a_file_can_be_chosen():
    composed = composition.compose("design", ["oracle=[qed,logp]"])
    assert composed.values["oracle"] == {"qed": {"name": "qed"}, "logp": {"name": "logp"}}


def test_an_override_on_the_command_line_beats_the_experiment():
    values = composition.compose(
        "design", ["experiment=qed_sa", "guidance=none", "budget=7"]
    ).values
    assert (values["guidance"], values["budget"], values["name"]) == ({"name": "none"}, 7, "qed_sa")
    assert values["out"] == "runs/qed_sa-0"


def test_a_packaged_experiment_sets_values_of_the_option_it_chooses():
    values = composition.compose("train", ["experiment=zinc_selfies", *DATA["train"]]).values
    assert values["denoiser"] == {
        "name": "transformer",
        "width": 192,
        "depth": 6,
        "heads": 4,
        "dropout": 0.0,
    }


def test_a_section_that_is_no_choice_of_the_command_is_merged():
    """`data` is a choice of `train`, and plain keys of `train-predictor`."""
    given = ["experiment=yeast80_expression", *DATA["train_predictor"], "data.batch_size=7"]
    values = composition.compose("train_predictor", given).values
    assert values["data"]["group_column"] == "family"
    assert (values["data"]["path"].rpartition("/")[2], values["data"]["batch_size"]) == ("x.csv", 7)
    assert values["representation"]["name"] == "onehot"
    assert (values["representation"]["width"], values["representation"]["depth"]) == (48, 3)


def test_a_group_on_the_command_line_drops_the_values_of_the_experiment():
    plain = composition.compose("design", ["guidance=svdd"]).values["guidance"]
    arguments = ["experiment=qed_sa", "guidance=svdd"]
    assert composition.compose("design", arguments).values["guidance"] == plain


def test_an_option_of_a_component_can_be_set_and_added():
    composed = composition.compose("design", ["guidance.candidates=8", "guidance.value.floor=0.5"])
    assert composed.values["guidance"]["candidates"] == 8
    assert composed.values["guidance"]["value"] == {"name": "sampled", "draws": 1, "floor": 0.5}


def test_a_name_stands_for_a_component_without_options():
    composed = composition.compose("design", ["objective.aggregation=min"])
    assert settings.fill(settings.Design, composed).objective.aggregation == {"name": "min"}


class TestUserFile:
    """A YAML file of the user's in place of an experiment."""

    def write(self, folder: Path, text: str) -> Path:
        path = folder / "mine.yaml"
        path.write_text(text)
        return path

    def test_a_section_replaces_the_default_section(self, tmp_path: Path):
        file = self.write(tmp_path, "oracle: {logp: {name: logp}}\nguidance: {name: none}\n")
        values = composition.compose("design", ["seed=3"], file).values
        assert values["oracle"] == {"logp": {"name": "logp"}}
        assert values["guidance"] == {"name": "none"}
        assert values["out"] == "runs/mine-3"

    def test_a_group_on_the_command_line_replaces_the_section(self, tmp_path: Path):
        file = self.write(tmp_path, "guidance: {name: none}\nbudget: 9\n")
        values = composition.compose("design", ["guidance=best_of_n"], file).values
        assert values["guidance"]["name"] == "best_of_n"
        assert values["budget"] == 9

    def test_it_may_use_a_defaults_list(self, tmp_path: Path):
        file = self.write(tmp_path, "defaults:\n  - override /guidance: fk\nbudget: 9\n")
        assert composition.compose("design", [], file).values["guidance"]["name"] == "fk"

    def test_a_section_is_added_to_the_option_of_its_defaults_list(self, tmp_path: Path):
        text = "defaults: [{override /guidance: fk}]\nguidance: {particles: 3}\n"
        values = composition.compose("design", [], self.write(tmp_path, text)).values
        assert (values["guidance"]["particles"], values["guidance"]["scheme"]) == (3, "ssp")

    def test_names_alone_are_choices(self, tmp_path: Path):
        text = "oracle: [qed, logp]\nsampler: parallel\nobjective: min\n"
        values = composition.compose("design", [], self.write(tmp_path, text)).values
        arguments = ["oracle=[qed,logp]", "sampler=parallel", "objective=min"]
        chosen = composition.compose("design", arguments).values
        for key in ("oracle", "sampler", "objective"):
            assert values[key] == chosen[key]
        with pytest.raises(ConfigError, match="oracle must be one of .*, got 'qedd'"):
            composition.compose("design", [], self.write(tmp_path, "oracle: [qedd]"))

    def test_it_excludes_an_experiment(self, tmp_path: Path):
        with pytest.raises(ConfigError, match="give a file or experiment=..., not both"):
            composition.compose(
                "design", ["experiment=qed_sa"], self.write(tmp_path, "budget: 9\n")
            )

    def test_an_unknown_key_names_the_file(self, tmp_path: Path):
        file = self.write(tmp_path, "budgt: 9\n")
        message = f"{file}: unknown key 'budgt'; .* Did you mean 'budget'?"
        with pytest.raises(ConfigError, match=message):
            settings.fill(settings.Design, composition.compose("design", [], file))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("guidance: {_target_: os.system}\n", "_target_ is not allowed"),
            ("name: ${oc.env:HOME}\n", "interpolation other than"),
            ("name: ${oc.${seed}:HOME}\n", "interpolation other than"),
            ("a: [1, {b: '${now:%Y}'}]\n", "interpolation other than"),
            ("defaults:\n  - override /guidance: ${oc.env:HOME}\n", "interpolation other than"),
            ("name: !!python/object/apply:os.getcwd []\n", "is not valid YAML"),
            ("name: [1\n", "is not valid YAML"),
            ("- 1\n", "must hold a mapping"),
            ("defaults: 3\n", "mine.yaml: defaults must be a list of choices .*, got 3"),
            ("defaults: [{a: 1, b: 2}]\n", "defaults must be a list of choices"),
            ("defaults: [{override /guidance: 3}]\n", "defaults must be a list of choices"),
            ("defaults: [{override /oracle: [null]}]\n", "defaults must be a list of choices"),
            ("name: [1\n", r"while parsing a flow sequence .* expected ',' or '\]'"),
            ("name: ${nothing}\n", "Interpolation key 'nothing' not found"),
        ],
    )
    def test_what_is_refused(self, tmp_path: Path, text: str, message: str):
        file = self.write(tmp_path, text)
        with pytest.raises(ConfigError, match=message):
            composition.compose("design", [], file)

    def test_a_missing_file(self, tmp_path: Path):
        with pytest.raises(ConfigError, match="absent.yaml: cannot be read: No such file"):
            composition.compose("design", [], tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("guidance=svd", r"guidance must be one of .*svdd.*, got 'svd'. Did you mean 'svdd'?"),
        ("oracle=[qed,lop]", r"oracle must be one of .*, got 'lop'. Did you mean 'logp'?"),
        ("experiment=qed_s", r"experiment must be one of .*qed_sa.*, got 'qed_s'"),
        ("budget", r"cannot read the argument 'budget' \(an argument is KEY=VALUE"),
        ("out=a=b", r"cannot read the argument 'out=a=b': .* in quotes"),
        ("budget=1,2", r"'budget=1,2' lists several values: add -m"),
        ("hydra.run.dir=x", "sets a key of Hydra itself"),
        ("name=${oc.env:HOME}", "command line: .* interpolation other than"),
        ("guidance._target_=os.system", "_target_ is not allowed"),
    ],
)
def test_a_bad_argument(argument: str, message: str):
    with pytest.raises(ConfigError, match=message):
        composition.compose("design", [argument])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("budgt=5", "command line: unknown key 'budgt'; .* Did you mean 'budget'?"),
        ("objective.term=5", r"command line: unknown key 'objective.term'; .* 'terms'?"),
        ("budget=many", "command line: budget must be an integer, got 'many'"),
        ("budget=1.5", "command line: budget must be an integer, got 1.5"),
        ("budget=true", "command line: budget must be an integer, got True"),
        ("budget=null", "command line: budget must be an integer, got None"),
        ("baseline=1", "command line: baseline must be true or false, got 1"),
        ("oracle.qed=3", "command line: oracle.qed must be a name with options, got 3"),
        ("objective.terms.qed.weight=x", "objective.terms.qed.weight must be a number, got 'x'"),
        ("~budget", "command line: key 'budget' is not set"),
    ],
)
def test_a_bad_key_or_type(argument: str, message: str):
    with pytest.raises(ConfigError, match=message):
        settings.fill(settings.Design, composition.compose("design", [argument]))


def test_the_path_of_a_model_folder_is_kept_in_full(tmp_path: Path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    composed = composition.compose("design", ["model=./mine"])
    assert composed.values["model"] == str((tmp_path / "mine").resolve())
    assert composition.compose("design", ["model=zinc_selfies"]).values["model"] == "zinc_selfies"


@pytest.mark.parametrize("name", ["a/../../b", "''", "a b"])
def test_a_name_that_is_no_file_name(name: str):
    with pytest.raises(ConfigError, match="command line: name must be letters, digits, - _ . only"):
        composition.compose("design", [f"name={name}"])


def test_jobs_are_the_product_of_the_lists():
    jobs = composition.jobs("design", ["seed=0,1", "guidance=svdd,none", "budget=5"])
    assert [(j.values["seed"], j.values["guidance"]["name"]) for j in jobs] == [
        (0, "svdd"),
        (0, "none"),
        (1, "svdd"),
        (1, "none"),
    ]
    assert len({j.values["out"] for j in jobs}) == 4
    assert {j.values["budget"] for j in jobs} == {5}


def test_jobs_that_are_the_same_are_one():
    jobs = composition.jobs("design", ["seed=1,1,2"])
    assert [j.values["out"] for j in jobs] == ["runs/design-1", "runs/design-2"]


def test_jobs_with_folders_of_their_own_keep_them():
    jobs = composition.jobs("design", ["seed=range(0,3)"])
    assert [j.values["out"] for j in jobs] == ["runs/design-0", "runs/design-1", "runs/design-2"]


def test_a_stored_configuration_is_its_own_origin(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("budget: x\n")
    stored = composition.stored("design", path)
    assert stored.values == {"budget": "x"}
    assert stored.origin("budget") == stored.origin("missing") == str(path)


@pytest.mark.parametrize("aggregation", ["product", "geometric_mean"])
def test_a_term_that_can_be_negative_is_refused_where_none_may_be(aggregation: str):
    for oracles, words in (("[qed,logp]", "'logp' can be negative"), ("[qed,sa]", None)):
        composed = composition.compose("design", [f"oracle={oracles}", f"objective={aggregation}"])
        keys = settings.fill(settings.Design, composed)
        model = Model.tabular(["C", "N"])
        scored = build.oracle(keys.oracle, composed, model)
        if words is None:
            build.objective(keys.objective, scored, composed)
            continue
        with pytest.raises(ConfigError, match=words):
            build.objective(keys.objective, scored, composed)


class TestTerms:
    """What becomes of each output of the oracles."""

    def built(self, *arguments: str):
        composed = composition.compose("design", ["oracle=[qed,logp]", *arguments])
        keys = settings.fill(settings.Design, composed)
        scored = build.oracle(keys.oracle, composed, Model.tabular(["C", "N"]))
        return build.objective(keys.objective, scored, composed)

    def test_an_output_is_never_left_out_silently(self):
        band = "objective.terms.logp.transform={name: band, low: 1, high: 3}"
        with pytest.raises(
            ConfigError, match=r"what becomes of 'qed': add objective.terms.qed=\{\}"
        ):
            self.built(band)
        assert [t.output for t in self.built(band, "objective.terms.qed={}").terms] == [
            "logp",
            "qed",
        ]
        assert [t.output for t in self.built(band, "objective.terms.qed=null").terms] == ["logp"]

    def test_what_a_filter_reads_needs_no_term(self):
        rule = "objective.filters=[{name: range, output: logp, high: 5}]"
        objective = self.built("objective.terms.qed={}", rule)
        assert (len(objective.terms), objective.rejected) == (1, 0.0)
        with pytest.raises(ConfigError, match="rejected must be given: a term without a transform"):
            self.built("objective.terms={qed: {}, logp: {}}", rule)


@pytest.mark.parametrize(
    ("overrides", "value"),
    [
        (["guidance.value={name: zero}"], {"name": "zero"}),
        (
            ["guidance.value={name: rollout}", "guidance.value.draws=3"],
            {"name": "rollout", "draws": 3},
        ),
        (["guidance.value.draws=3"], {"name": "sampled", "draws": 3}),
    ],
)
def test_a_part_of_another_name_leaves_no_options_behind(overrides, value):
    composed = composition.compose("design", ["guidance=fk", *overrides])
    assert composed.values["guidance"]["value"] == value
    assert composed.values["guidance"]["particles"] == 16
    registry.build("guidance", composed.values["guidance"])


def test_nor_does_a_whole_group():
    composed = composition.compose("design", ["guidance={name: fk, particles: 4}"])
    assert composed.values["guidance"] == {"name": "fk", "particles": 4}


def test_nor_does_one_in_a_file(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("defaults: [override /guidance: fk]\nguidance: {value: {name: zero}}\n")
    composed = composition.compose("design", ["guidance.scale=3"], file)
    assert composed.values["guidance"]["value"] == {"name": "zero"}
    assert composed.values["guidance"]["scale"] == 3
    registry.build("guidance", composed.values["guidance"])
