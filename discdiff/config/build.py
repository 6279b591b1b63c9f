"""From checked settings to objects: models, rewards, campaigns and trainings."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from discdiff import _check, registry
from discdiff.campaign.runner import Campaign
from discdiff.campaign.workers import InWorkers
from discdiff.config.composition import Composition
from discdiff.config.settings import Component, Design, Drawn, ObjectiveKeys, TermKeys
from discdiff.constraint.constraint import Constraint, merged
from discdiff.data.readers import Columns, Row, read_chunks
from discdiff.domain import Domain, Template
from discdiff.errors import ConfigError, InputError, UnsupportedError
from discdiff.gapped import Gapped, Templates
from discdiff.licence import Stated, of_card, refuse_uncleared
from discdiff.model import Model
from discdiff.objective import Objective, Term
from discdiff.oracle import Combined, Streaming, flanked
from discdiff.oracle.measured import Measured, measured_in
from discdiff.precision import PRECISIONS
from discdiff.predictor.judging import refuse_own_judge
from discdiff.predictor.oracle import PredictorOracle
from discdiff.samplers.engine import Sampler
from discdiff.samplers.start import Seeds, seed_ids

_LOG = logging.getLogger(__name__)


def model(name: str, device: str, source: Composition, precision: str = "float32") -> Model:
    """Return a shipped model, or the model of a folder, on `device`.

    Raises:
        ConfigError: if model, device or precision is unknown, or the device absent.
        CheckpointError: if the model cannot be loaded.
    """
    with located(source, "device"):
        _check.one_of("device", device, ("auto", "cpu", "cuda"))
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("device must be cpu or auto where torch finds no GPU, got 'cuda'")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    with located(source, "precision"):
        _check.one_of("precision", precision, PRECISIONS)
    with located(source, "model"):
        return Model.load(name, device, precision)


def sampler(settings: Drawn, source: Composition) -> Sampler:
    """Return the sampler of `settings`, around its model, held to what they ask of designs."""
    loaded = model(settings.model, settings.device, source, settings.precision)
    loaded = _told(loaded, settings, source)
    loaded = _banded(_held(loaded, settings, source), settings, source)
    config = settings.sampler
    if settings.constraint:
        with located(source, "constraint"):
            Constraint.of(settings.constraint, loaded.domain)  # a fault is found here
        config = {**config, "constraint": merged(config.get("constraint"), settings.constraint)}
    built: Sampler = component("samplers", "sampler", config, source, model=loaded)
    return built


def given(settings: Drawn, loaded: Model, source: Composition) -> dict[str, Any]:
    """Return what `settings` fix of every design, as arguments of `Sampler.init`."""
    domain, template = loaded.domain, None
    if isinstance(settings.template, str) and domain.template is None:
        with located(source):
            template = domain.read_template(settings.template)
        _tell_cut(template, loaded)
    if isinstance(settings.template, list):
        with located(source, "template"):
            for position, choice in enumerate(settings.template):
                listed = choice if isinstance(choice, list) else [choice]
                if choice is not None and not all(isinstance(token, str) for token in listed):
                    raise InputError(
                        "template must hold a token, a list of tokens or null for each position, "
                        f"got {choice!r} at {position}; a digit needs quotes"
                    )
            template = Template(domain.alphabet, settings.template)
    return {
        "length": settings.length,
        "template": template,
        "seeds": _seeds(settings, loaded, source),
        "cond": settings.cond,
    }


def _tell_cut(template: Templates, loaded: Model) -> None:
    longest = int(loaded.lengths.probabilities.nonzero().max())
    if isinstance(template, Gapped) and template.low <= longest < template.high:
        _LOG.warning(
            "template: its ranges allow up to %d tokens, but the model writes at most %d; longer "
            "ranges are cut",
            template.high,
            longest,
        )


def _told(loaded: Model, settings: Drawn, source: Composition) -> Model:
    """Return the model with the options of its domain that are asked for, and its symmetry."""
    if settings.domain:
        with located(source, "domain"):
            loaded = loaded.in_domain(**settings.domain)
    with located(source, "equivariant"):
        return loaded.equivariant() if settings.equivariant else loaded


def _held(loaded: Model, settings: Drawn, source: Composition) -> Model:
    """Return the model held to the scaffold that is asked for, if any."""
    with located(source):
        if isinstance(settings.template, str) and not loaded.domain.spells_templates:
            return loaded.with_template(settings.template, settings.points)
        if settings.points is not None:
            raise InputError(
                "points must be null without a template that has them, such as c1ccccc1[*:1], got "
                f"{settings.points!r}"
            )
    return loaded


def _banded(loaded: Model, settings: Drawn, source: Composition) -> Model:
    """Return the model whose designs are near the seeds, if that is asked for."""
    if settings.similarity is None:
        return loaded
    with located(source):
        if settings.seeds is None:
            raise InputError(f"similarity must be null without seeds, got {settings.similarity!r}")
        if len(settings.similarity) != 2:
            raise InputError(f"similarity must be [low, high], got {settings.similarity!r}")
        strings = _seed_strings(settings.seeds, loaded, source)
        return loaded.near(strings, *settings.similarity)


def _seeds(settings: Drawn, loaded: Model, source: Composition) -> Seeds | None:
    if settings.seeds is None:
        return None
    strings = _seed_strings(settings.seeds, loaded, source)
    with located(source):
        return Seeds(strings, settings.level)


def _seed_strings(path: str, loaded: Model, source: Composition) -> list[str]:
    """Return the seeds of a file, each of which the model can write."""
    rows = _rows("seeds", path, loaded.domain, source)
    with located(source, "seeds"):
        for row in rows:
            name = f"{path}, {row.where}"
            seed_ids(name, row.string or "", loaded.domain, loaded.max_length)
    return [row.string or "" for row in rows]


def _rows(key: str, path: str, domain: Domain, source: Composition) -> list[Row]:
    with located(source, key):
        return [row for rows in read_chunks(path, Columns(), usual=domain.column) for row in rows]


def oracle(components: Mapping[str, Component], source: Composition, owner: Model) -> Combined:
    """Return one oracle with the outputs of several, under the names that `components` give.

    An oracle that needs a model gets `owner`, unless its configuration names another one. One that
    runs code of the user's must be allowed to.

    Raises:
        ConfigError: if a component is wrong, or runs code that nobody allowed.
    """
    objects = {"model": owner, "domain": owner.domain}
    parts = {}
    for name, config in components.items():
        refuse_foreign_code(f"oracle.{name}", config, source)
        offered = {key: value for key, value in objects.items() if key not in config}
        parts[name] = component("oracles", f"oracle.{name}", config, source, **offered)
    with located(source, "oracle"):
        return Combined(parts)


def objective(
    keys: ObjectiveKeys, scored: Combined, source: Composition, section: str = "objective"
) -> Objective:
    """Return the objective over the outputs of `scored`; without terms, over each as it is.

    One in another section than `objective` need not say what becomes of every output.
    """
    directions = dict(zip(scored.outputs, scored.directions, strict=True))
    listed = dict.fromkeys(scored.outputs, TermKeys()) if keys.terms is None else dict(keys.terms)
    terms = [
        _term(o, term, directions, source, section)
        for o, term in listed.items()
        if term is not None
    ]
    aggregation = component("aggregations", f"{section}.aggregation", keys.aggregation, source)
    filters = [component("filters", f"{section}.filters", rule, source) for rule in keys.filters]
    diversity = None
    if keys.diversity is not None:
        diversity = component("diversity", f"{section}.diversity", keys.diversity, source)
    with located(source, section):
        for rule in filters:
            for output in rule.outputs:
                _check.one_of("output of a filter", output, scored.outputs)

        def below_0(term: Term) -> bool:
            known = scored.signed[term.output] is False and term.direction == "max"
            return not term.bounded and not known

        used = {*listed, *(output for rule in filters for output in rule.outputs)}
        for output in scored.outputs:
            if output not in used and section == "objective":
                raise InputError(
                    f"objective.terms must say what becomes of {output!r}: add "
                    f"objective.terms.{output}={{}} to reward it as it is, or "
                    f"objective.terms.{output}=null to record it only"
                )
        for term in terms:
            if aggregation.non_negative and not term.bounded and scored.signed[term.output]:
                raise InputError(
                    f"objective {keys.aggregation['name']} needs terms of at least 0, and "
                    f"{term.output!r} can be negative: give it a transform such as sigmoid"
                )
        rejected = keys.rejected
        if rejected is None and aggregation.monotone and not any(map(below_0, terms)):
            rejected = 0.0
        return Objective(terms, aggregation, filters, diversity, rejected)


@contextmanager
def campaign(settings: Design, source: Composition, out: Path | None = None) -> Iterator[Campaign]:
    """Give the campaign that `settings` describe, in `out` (by default their own folder).

    Oracle processes live as long as the context.

    Raises:
        ConfigError: if a name, key or value is wrong; nothing has been written.
        CheckpointError: if the model cannot be loaded.
    """
    drawn = sampler(settings, source)
    scored = oracle(settings.oracle, source, drawn.model)
    rewarded = objective(settings.objective, scored, source)
    with located(source, "oracle"):
        refuse_own_judge(scored, rewarded)
    guidance = component("guidance", "guidance", settings.guidance, source)
    if settings.licence is not None:
        with located(source):
            used = stated(settings, drawn.model, scored, guidance)
            refuse_uncleared(used, settings.licence, settings.cleared)
    domain, reference = drawn.model.domain, settings.reference
    known = None if reference is None else _rows("reference", reference, domain, source)
    with ExitStack() as stack:
        asked: Streaming = scored
        measured = measured_in(scored) is not None
        with located(source):
            if measured and settings.workers:
                raise InputError("workers must be 0 where values are measured")
            if _check.non_negative_int("workers", settings.workers):
                limits = (settings.timeout, settings.worker_batch, settings.memory)
                shown = flanked(scored, domain)
                asked = stack.enter_context(InWorkers(shown, settings.workers, *limits))
            built = Campaign(
                out or Path(settings.out),
                drawn,
                guidance,
                asked,
                rewarded,
                budget=settings.budget,
                seed=settings.seed,
                round_size=settings.round_size,
                baseline=registry.build("guidance", {"name": "none"})
                # of measured campaigns the first batch is unguided, of unguided ones every round
                if settings.baseline and not measured and settings.guidance["name"] != "none"
                else None,
                charge=settings.charge,
                batch_size=settings.batch_size,
                patience=settings.patience,
                max_failed=settings.max_failed,
                reference=None if known is None else [row.string or "" for row in known],
                **given(settings, drawn.model, source),
                config=source.values,
            )
        yield built


def stated(settings: Design, owner: Model, scored: Combined, guidance: Any) -> Iterator[Stated]:
    """Yield the licences of what a design is made with: models, and oracles but measurements."""
    yield Stated("model", settings.model, of_card(owner.card))
    others = zip(
        settings.guidance.get("models") or (), getattr(guidance, "models", ()), strict=True
    )
    for name, other in others:
        yield Stated("model", str(name), of_card(other.card))
    for name, part in zip(settings.oracle, scored.oracles, strict=True):
        bare = getattr(part, "oracle", part)
        if isinstance(bare, Measured) or getattr(bare, "model", None) is owner:
            continue  # values of the user's own; or said already
        kind = "predictor" if isinstance(bare, PredictorOracle) else "oracle"
        yield Stated(kind, name, "; ".join(part.licences.values()))


def component(
    kind: str, key: str, config: Mapping[str, Any], source: Composition, **objects: object
) -> Any:
    """Return what `registry.build` makes of `config`; errors also name where `key` was set."""
    with located(source, key):
        return registry.build(kind, config, **objects)


@contextmanager
def located(source: Composition, key: str | None = None) -> Iterator[None]:
    """Make a `ConfigError` of a value that is refused, with the place where its key was set.

    Args:
        source: knows the places; a default of ours is none, since it is not what is at fault.
        key: the dotted key; where None, the message begins with it.
    """
    try:
        yield
    except (InputError, UnsupportedError) as error:
        at = str(error).split(" ", 1)[0] if key is None else key
        place = source.asked(at) if at.split(".", 1)[0] in source.values else None
        raise ConfigError(f"{place}: {error}" if place else str(error)) from error


def code_option(config: Mapping[str, Any]) -> str | None:
    """Return the option of an oracle's configuration that names code to run; None for most."""
    name = config.get("name")
    if not isinstance(name, str):
        return None  # refused where it is built
    option: str | None = getattr(registry.find("oracles", name), "code", None)
    return option


def refuse_foreign_code(key: str, config: Mapping[str, Any], source: Composition) -> None:
    """Raise `ConfigError` if an oracle's configuration runs code that nobody typed or allowed."""
    with located(source, key):
        option = code_option(config)
    if option is None or option not in config or source.allows_code(f"{key}.{option}"):
        return
    raise ConfigError(
        f"{source.origin(f'{key}.{option}')}: {key}.{option} runs code, which a file alone may not "
        f"ask for: {config[option]!r}. If you trust it, add --allow-code"
    )


def _term(
    output: str,
    keys: TermKeys,
    directions: Mapping[str, str],
    source: Composition,
    section: str,
) -> Term:
    key = f"{section}.terms.{output}"
    transform = keys.transform or {"name": "identity"}
    built = component("transforms", f"{key}.transform", transform, source)
    with located(source, key):
        _check.one_of("objective term", output, tuple(directions))
        return Term(output, built, keys.weight, keys.direction or directions[output])
