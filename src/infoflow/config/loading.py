"""Reading config files: overlays, `extends`, validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from infoflow import functions
from infoflow.config.base import merge
from infoflow.config.config import Config
from infoflow.config.experiments import Experiment, Point, axis_label, points
from infoflow.config.fitting import misfits
from infoflow.config.messages import defining_path, explain, nearest, place_of, unknown_id
from infoflow.config.yamlfile import Source, load
from infoflow.errors import InputError

Raw = dict[str, Any]  # a config as YAML has it


def default_files(folder: str | Path = ".") -> list[str]:
    """The documents' files and config.yaml under `folder`, in the order in which the Snakefile reads them."""
    folder = Path(folder)
    return [*(str(path) for path in sorted((folder / "configs/documents").glob("*.yaml"))), str(folder / "config.yaml")]


def read_default(*overlays: str | Path) -> Config:
    """The config of this folder, under overlays."""
    return read(*default_files(), *overlays)


def resolved(names: Sequence[str], overlays: Sequence[str | Path] = ()) -> Raw:
    """Experiments, data sets and estimators by id as they are after overlays and `extends`; without names all ids.

    Raises:
        InputError: nothing has such an id.
    """
    config = read_default(*overlays)
    families = {"experiments": config.experiments, "datasets": config.datasets, "estimators": config.estimators}
    if not names:
        return {family: list(sections) for family, sections in families.items()}
    known = {name: section for sections in families.values() for name, section in sections.items()}
    if unknown := [name for name in names if name not in known]:
        raise InputError(unknown_id(unknown[0], known))
    return {name: known[name].model_dump(mode="json") for name in names}


def read(*files: str | Path) -> Config:
    """Read config files, each laid over those before it."""
    sources = [load(file) for file in files]
    raw: Raw = {}
    for source in sources:
        raw = merge(raw, source.values)
    return _validated(raw, sources)


def parse(
    raw: Mapping[str, Any], files: Iterable[str | Path] = (), command_line: Mapping[str, Any] | None = None
) -> Config:
    """Validate a merged config mapping.

    Args:
        raw: the merged config.
        files: the files that it was merged from, in the order in which each overrode those before it.
        command_line: what Snakemake's `--config` set, which overrides every file.

    Raises:
        InputError: one line for each fault: file and line, key path, what was expected, the nearest match.
    """
    return _validated(raw, [*(load(file) for file in files), Source("--config", command_line or {})])


def _validated(raw: Mapping[str, Any], sources: Sequence[Source]) -> Config:
    resolved = with_controls(resolve_extends(raw, sources))
    resolved = with_folders(resolved, [Path(source.name).parent for source in reversed(sources) if source.lines])
    try:
        config = Config.model_validate(resolved)
    except ValidationError as error:
        # a generated control repeats the faults of its network
        made = _mapping(resolved.get("experiments")).keys() - _mapping(raw.get("experiments")).keys()
        written = [f for f in error.errors() if f["loc"][:1] != ("experiments",) or not made & set(f["loc"][1:2])]
        lines = [explain(fault, Config, resolved, raw, sources) for fault in written or error.errors()]
        raise InputError("\n".join(dict.fromkeys(lines))) from None
    for name, experiment in config.experiments.items():
        _check_axes(name, experiment, raw, sources)
        for point in points(name, experiment):
            try:
                dataset = point.experiment.dataset  # builds and so validates every variant and axis value
            except InputError as error:
                raise InputError(f"{_place_of_point(name, point, raw, sources)}: {error}") from None
            if dataset not in config.datasets:
                raise InputError(
                    f"{_place_of_point(name, point, raw, sources)}: experiments.{name}, point {point.id}: dataset: "
                    f"{unknown_id(dataset, config.datasets)}"
                )
            for path, what in misfits(name, point.experiment, config.datasets, config.estimators):
                place = place_of(defining_path(path, raw), sources)
                raise InputError(f"{place}: {'.'.join(path)}: {what}")
    return config


def _check_axes(name: str, experiment: Experiment, raw: Mapping[str, Any], sources: Sequence[Source]) -> None:
    """Raise where an axis has no value, or one twice, of which the points would share a folder."""
    for axis, values in experiment.axes.items():
        labels = [str(axis_label(value)).lower() for value in values]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if not values or twice:
            place = place_of(defining_path(("experiments", name, "axes", axis), raw), sources)
            fault = f"{', '.join(twice)} is there twice" if twice else "no value; expected one or more, or no such axis"
            raise InputError(f"{place}: experiments.{name}.axes.{axis}: {fault}")
    shared = [axis.rsplit(".", 1)[-1] for axis in experiment.axes]
    if twice := sorted({last for last in shared if shared.count(last) > 1}):
        place = place_of(defining_path(("experiments", name, "axes"), raw), sources)
        raise InputError(
            f"{place}: experiments.{name}.axes: {', '.join(twice)}: two axes of one last name share their folders"
        )


def _place_of_point(name: str, point: Point, raw: Mapping[str, Any], sources: Sequence[Source]) -> str:
    """Where the variant or the axes of a point stand, of whose values one does not fit."""
    part = ("variants", point.variant) if point.variant else ("axes",)
    return place_of(defining_path(("experiments", name, *part), raw), sources)


def resolve_extends(raw: Mapping[str, Any], sources: Sequence[Source]) -> Raw:
    """Replace `extends: <id>` by that experiment under the keys given beside it.

    Raises:
        InputError: there is no such experiment, one extends itself, or one has no keys.
    """
    experiments = raw.get("experiments")
    if not isinstance(experiments, Mapping):
        return dict(raw)

    def resolve(name: str, seen: tuple[str, ...] = ()) -> Any:
        entry = experiments[name]
        if not isinstance(entry, Mapping):
            place = place_of(("experiments", name), sources)
            raise InputError(f"{place}: experiments.{name}: expected keys and their values, found {entry!r}")
        if "extends" not in entry:
            return entry
        parent = entry["extends"]
        if not isinstance(parent, str) or parent not in experiments or parent in (*seen, name):
            where = f"{place_of(('experiments', name, 'extends'), sources)}: experiments.{name}.extends"
            unknown = f"unknown id {parent!r}{nearest(str(parent), experiments)}"
            raise InputError(
                f"{where}: {unknown if not isinstance(parent, str) or parent not in experiments else f'{parent!r} extends itself'}"
            )
        changes = {key: value for key, value in entry.items() if key != "extends"}
        return merge(resolve(parent, (*seen, name)), changes)

    return {**raw, "experiments": {name: resolve(name) for name in experiments}}


def _mapping(value: Any) -> Mapping[str, Any]:
    """The keys of a section; none where something else stands in its place, which validation names."""
    return value if isinstance(value, Mapping) else {}


CONTROLS: Mapping[str, Mapping[str, Any]] = {"shuffled": {"labels": "shuffled"}, "untrained": {"frozen": True}}


def with_controls(raw: Mapping[str, Any]) -> Raw:
    """The config with an experiment for each control that one asks for: the same but for its training."""
    experiments = raw.get("experiments")
    if not isinstance(experiments, Mapping):
        return dict(raw)
    made = dict(experiments)
    for name, entry in experiments.items():
        controls = entry.get("controls") if isinstance(entry, Mapping) else None
        for control in controls if isinstance(controls, list) else []:  # what is wrong is said by the section
            unknown = not isinstance(control, str) or control not in CONTROLS
            if unknown or _mapping(entry.get("training")).get("checkpoints"):
                continue
            generated, own = merge(entry, {"controls": [], "training": CONTROLS[control]}), f"{name}_{control}"
            written = _mapping(experiments.get(own))
            if "model" in written and written != generated:
                raise InputError(f"experiments.{name}.controls: {control}: there is an experiment {own} already")
            made[own] = merge(generated, written)  # an overlay may change a control alone
    return {**raw, "experiments": made}


def with_folders(raw: Mapping[str, Any], folders: Sequence[Path]) -> Raw:
    """The config with the folder of every function of one's own that lies beside a config file, or in the working folder."""

    def placed(section: Any) -> Any:
        if not isinstance(section, Mapping) or section.get("kind") != "python" or section.get("folder"):
            return section
        function = section.get("function")
        folder = functions.folder_of(function, [*folders, Path()]) if isinstance(function, str) else None
        return section if folder is None else {**section, "folder": folder}

    made = dict(raw)
    if isinstance(raw.get("estimators"), Mapping):
        made["estimators"] = {name: placed(section) for name, section in raw["estimators"].items()}
    if isinstance(raw.get("experiments"), Mapping):
        made["experiments"] = {
            name: {**entry, "model": placed(entry.get("model"))} if "model" in entry else entry
            for name, entry in raw["experiments"].items()
        }
    return made


def json_schema() -> Raw:
    """The JSON schema that editors use, with `extends` allowed in experiments and nothing required there."""
    schema = Config.model_json_schema()
    experiment = schema["$defs"]["Experiment"]
    experiment["properties"]["extends"] = {
        "type": "string",
        "description": "id of the experiment this one is a change of",
    }
    for definition in schema["$defs"].values():
        definition.pop("required", None)  # an overlay or an extending experiment sets only some keys
    schema.pop("required", None)
    return schema
