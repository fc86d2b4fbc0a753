"""The arms of a study by name: what each adds to the network as the person has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from regbench.config.study_settings import StudySettings
from regbench.errors import ConfigError, escape, suggest

NONE = "none"
AS_TYPED = "as_typed"
"""The baseline with the settings as typed: shows what tuning alone brings. Not judged."""
UNSTOPPED = "unstopped"
"""The baseline's winners trained to the last epoch: shows how far the network overfits. Not judged."""
AUTO_COCKTAIL = "auto_cocktail"
"""In each replicate the three arms that are best there by validation, combined, where `study.cocktail` asks for it."""
RESERVED = (AS_TYPED, UNSTOPPED)

CORE = (
    "dropout",
    "l2",
    "l1",
    "weight_decay",
    "max_norm",
    "batch_norm",
    "label_smoothing",
    "mixup",
    "input_noise",
    "sam",
    "ema",
    "bagging",
)
"""One or two techniques of each family."""


@dataclass(frozen=True)
class ArmChoice:
    """A contestant: its name, what it overrides, the techniques among that, and whether a person named it."""

    name: str
    overrides: tuple[str, ...]
    members: tuple[str, ...]
    asked: bool


def list_arms(settings: StudySettings, base: Iterable[str], known: Sequence[str]) -> list[ArmChoice]:
    """Return the arms of a study, the baseline first.

    Args:
        settings: of the study.
        base: techniques that the network has already, in every arm: they are no arms of the words core and all.
        known: names of all techniques.

    Raises:
        ConfigError: an arm is unknown, named twice, or the baseline is none of them.
    """
    own = set(base)
    arms = list(_read_arms(settings, own, known))
    pairs = [_combine(pair, known) for pair in combinations(settings.interactions, 2)]
    singles = [_combine((name,), known) for name in settings.interactions]
    arms += [arm for arm in (*singles, *pairs) if arm.name not in {other.name for other in arms}]
    names = [arm.name for arm in arms]
    if settings.cocktail and AUTO_COCKTAIL in names:
        raise ConfigError(f"study.arms: {AUTO_COCKTAIL} is the arm that study.cocktail=true adds; take another name")
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ConfigError(f"study.arms: {escape(sorted(repeated)[0])} is named twice")
    if settings.baseline == NONE and NONE not in names:
        arms.insert(0, ArmChoice(NONE, (), (), asked=False))
    names = [arm.name for arm in arms]
    if settings.baseline not in names:
        raise ConfigError(
            f"study.baseline={escape(settings.baseline)}: no such arm; {suggest(settings.baseline, names)}"
        )
    if len(arms) < 2:
        raise ConfigError("study.arms: a study compares at least one arm with the baseline")
    return sorted(arms, key=lambda arm: arm.name != settings.baseline)


def _read_arms(settings: StudySettings, base: set[str], known: Sequence[str]) -> Iterable[ArmChoice]:
    given = settings.arms
    if isinstance(given, str):
        names = CORE if given == "core" else tuple(name for name in known if name != NONE)
        return [_combine((name,), known, asked=False) for name in names if name not in base]
    if isinstance(given, Mapping):
        return [_read_overrides(str(name), overrides) for name, overrides in given.items()]
    assert isinstance(given, Sequence)
    arms = [_combine((member,) if isinstance(member, str) else tuple(member), known) for member in given]
    for arm in arms:
        if arm.members and base.issuperset(arm.members):
            raise ConfigError(
                f"study.arms: {escape(arm.name)} would be the baseline again, because the network has it already "
                f"(regularizer=[{','.join(sorted(base))}]); leave it out here or there"
            )
    return arms


def _combine(members: Sequence[str], known: Sequence[str], asked: bool = True) -> ArmChoice:
    """Return the arm of a technique, or of several together."""
    for name in members:
        if name not in known and name != NONE:
            raise ConfigError(f"study.arms: unknown technique {escape(name)}; {suggest(name, list(known))}")
    if len(set(members)) < len(members):
        raise ConfigError(f"study.arms: {escape('+'.join(members))} names a technique twice")
    used = tuple(name for name in members if name != NONE)
    overrides = (f"regularizer=[{','.join(used)}]",) if used else ()
    return ArmChoice("+".join(members), overrides, used, asked)


def _read_overrides(name: str, overrides: Sequence[str]) -> ArmChoice:
    """Return the arm that a person wrote as overrides."""
    from regbench.config.run_config import NAME

    NAME.check(name, "study.arms")
    if name in (*RESERVED, NONE):
        raise ConfigError(f"study.arms: {name} has a meaning of its own in every study; take another name")
    for word in overrides:
        key = word.lstrip("+~").partition("=")[0]
        if "=" not in word or key.partition(".")[0] in ("study", "seed", "name", "runs", "dataset", "hydra", "sweep"):
            raise ConfigError(
                f"study.arms.{name}: {escape(word)} is not allowed; an arm overrides model, schedule or regularizer"
            )
    members = [
        member.strip(" []'\"")
        for word in overrides
        if word.partition("=")[0] == "regularizer"
        for member in word.partition("=")[2].split(",")
    ]
    return ArmChoice(name, tuple(overrides), tuple(m for m in members if m and m != NONE), asked=True)
