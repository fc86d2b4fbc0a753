"""Training rows of a cohort as regularizers leave them: shared by its networks, of several cuts, or each its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Facts, Moment, Params, Regularizer, Rows
from regbench.regularizers.context import no_forward
from regbench.regularizers.idle import NO_ROW, acts_on_rows_only, explain_idle, is_off
from regbench.regularizers.stages import arrange
from regbench.training.contexts import KEYS, ignore

START = Moment(epoch=0, step=0, update=0, last_of_epoch=False, updates=1)
"""The time before the first step."""


@dataclass(frozen=True)
class StackedRows:
    """Training rows of the networks of a cohort.

    A field of `rows` is shared, `[N, ...]`; or there are K cuts of it, `[K, N, ...]`, of which each network has one; or
    it is stacked, `[S, N, ...]`, where each network has its own.
    """

    rows: Rows
    stacked: tuple[bool, ...]
    """Whether each field of `rows` is stacked."""
    about: dict[str, Params]
    """Constants of the rows by regularizer, always stacked."""
    idle: tuple[Mapping[str, str], ...]
    """Of each network, the regularizers that change nothing on its rows, with the reason."""
    facts: tuple[Facts, ...]
    """Of each cut."""
    cuts: Tensor | None = None
    """The cut of each network, int64 `[S]`; None: all have the only one."""

    @property
    def count(self) -> int:
        """Number of training rows of a network, N."""
        return self.rows.weight.shape[-1]

    def facts_of(self, network: int) -> Facts:
        """Return the facts of a network's cut."""
        return self.facts[0 if self.cuts is None else int(self.cuts[network])]

    def gather(self, chosen: Tensor) -> Rows:
        """Return the rows `[S, B, ...]` of numbers `[S, B]`."""
        each = torch.arange(len(chosen), device=chosen.device)
        whose = (each if own else self.cuts for own in self.stacked)
        return Rows(*(_gather(part, chosen, at) for part, at in zip(self.rows, whose, strict=True)))

    def gather_about(self, chosen: Tensor) -> dict[str, Params]:
        """Return what is said about the rows of numbers `[S, B]`, by regularizer."""
        each = torch.arange(len(chosen), device=chosen.device)
        return {name: {key: _gather(t, chosen, each) for key, t in own.items()} for name, own in self.about.items()}

    def of(self, network: int) -> Rows:
        """Return the rows of one network, `[N, ...]`."""
        cut = None if self.cuts is None else int(self.cuts[network])
        places = [network if own else cut for own in self.stacked]
        return Rows(*(part if at is None else part[at] for part, at in zip(self.rows, places, strict=True)))

    def by_cut(self, networks: int) -> list[Tensor]:
        """Return the numbers of the networks of each cut, int64; `networks` there are."""
        if self.cuts is None:
            return [torch.arange(networks)]
        cuts = self.cuts.cpu()
        return [(cuts == cut).nonzero().squeeze(1) for cut in cuts.unique()]

    def all_rows(self, networks: Tensor) -> Rows:
        """Return all rows of some networks of one cut, `[n, N, ...]`, by number; shared ones are not copied."""
        parts = zip(self.rows, self.of(int(networks[0])), self.stacked, strict=True)
        count = len(networks)
        return Rows(
            *(
                first.expand(count, *first.shape)
                if not own
                else part
                if len(part) == count
                else part[networks.to(part.device)]
                for part, first, own in parts
            )
        )

    def to(self, device: torch.device) -> StackedRows:
        """Return the same rows on a device."""
        about = {name: {key: t.to(device) for key, t in own.items()} for name, own in self.about.items()}
        cuts = None if self.cuts is None else self.cuts.to(device)
        return replace(self, rows=Rows(*(part.to(device) for part in self.rows)), about=about, cuts=cuts)

    def keep(self, networks: Tensor) -> StackedRows:
        """Return the rows of some of the networks, by number."""
        idle = tuple(self.idle[place] for place in networks.tolist())
        networks = networks.to(self.rows.weight.device)
        rows = Rows(*(p[networks] if own else p for p, own in zip(self.rows, self.stacked, strict=True)))
        about = {name: {key: t[networks] for key, t in own.items()} for name, own in self.about.items()}
        cuts = None if self.cuts is None else self.cuts[networks]
        return replace(self, rows=rows, about=about, idle=idle, cuts=cuts)


class Trained(NamedTuple):
    """A network as its training rows depend on it: its seed, its regularizers, and the number of its cut."""

    seed: int
    regularizers: Mapping[str, Regularizer]
    cut: int = 0


def stack_rows(sets: Sequence[Rows], networks: Sequence[Trained], facts: Facts, ensemble_size: int = 1) -> StackedRows:
    """Let regularizers change each network's training set; a field that stays the same for all is not stacked.

    Args:
        sets: the training rows of each cut, equally many.
        networks: the networks.
        facts: those of the first cut.
        ensemble_size: networks of each run, which lie one after the other.

    Raises:
        ConfigError: a regularizer cannot change these rows as it is set.
        ValueError: the runs have different numbers of rows, so that they cannot be stacked.
    """
    about_cut = (facts, *(_facts_of(rows, facts) for rows in sets[1:]))
    changed = [_change(sets[own.cut], own, about_cut[own.cut]) for own in networks]
    left = [own for at in range(0, len(changed), ensemble_size) for own in _pad(changed[at : at + ensemble_size])]
    if len({len(own.weight) for own in left}) > 1:
        raise ValueError("runs that regularizers leave different numbers of training rows cannot be stacked")
    whose = [sets[own.cut] for own in networks]
    stacked = tuple(
        any(other[i] is not given[i] for other, given in zip(left, whose, strict=True))
        for i in range(len(Rows._fields))
    )
    fields = [torch.stack([s[i] for s in left]) if own else _share(sets, i) for i, own in enumerate(stacked)]
    about: dict[str, Params] = {}
    for name, _ in arrange(networks[0].regularizers)["about"]:
        said = [
            own.regularizers[name].about(rows, _context(own.seed, name, "about", len(rows.weight), about_cut[own.cut]))
            for rows, own in zip(left, networks, strict=True)
        ]
        about[name] = {key: torch.stack([each[key] for each in said]) for key in said[0]}
    cuts = torch.tensor([own.cut for own in networks]) if len(sets) > 1 else None
    return StackedRows(Rows(*fields), stacked, about, tuple(own.idle for own in changed), about_cut, cuts)


def _share(sets: Sequence[Rows], field: int) -> Tensor:
    """Return a field of the only cut, `[N, ...]`, or of all, `[K, N, ...]`."""
    return sets[0][field] if len(sets) == 1 else torch.stack([rows[field] for rows in sets])


class _Changed(NamedTuple):
    """The training set of one network, and which of its regularizers change nothing, with the reason."""

    rows: Rows
    idle: dict[str, str]


def _change(rows: Rows, network: Trained, facts: Facts) -> _Changed:
    """Let the regularizers of one network change its training set, each as those before it left it.

    Where the data set weighs its rows, their mean weight stays 1.
    """
    reasons: dict[str, str | None] = {}
    seed, regularizers, _ = network
    given = rows.weight
    for name, regularizer in arrange(regularizers)["training_data"]:
        before = rows
        rows = regularizer.training_data(before, _context(seed, name, "training_data", len(before.weight), facts))
        reasons[name] = explain_idle(regularizer, _facts_of(before, facts))
        if rows is before and acts_on_rows_only(regularizer) and not is_off(regularizer):
            reasons[name] = reasons[name] or NO_ROW
    if facts.weighted and rows.weight is not given and rows.weight.any():
        rows = rows._replace(weight=rows.weight / rows.weight.mean())
    now = _facts_of(rows, facts) if reasons else facts
    for name, regularizer in regularizers.items():
        if name not in reasons:
            reasons[name] = explain_idle(regularizer, now)
    return _Changed(rows, {name: reason for name, reason in sorted(reasons.items()) if reason is not None})


def _facts_of(rows: Rows, facts: Facts) -> Facts:
    """Return the facts with the numbers of rows as regularizers left them."""
    counts = rows.y.argmax(1).bincount(minlength=rows.y.shape[1]).tolist() if facts.class_counts else ()
    return replace(facts, rows=len(rows.weight), class_counts=tuple(counts))


def _pad(members: Sequence[_Changed]) -> list[Rows]:
    """Return the training sets of an ensemble's networks at equal length.

    The shorter ones get copies of their first row, of weight 0: bagging leaves rows out in the same way.
    """
    most = max(len(own.rows.weight) for own in members)
    return [own.rows if len(own.rows.weight) == most else _fill_up(own.rows, most) for own in members]


def _fill_up(rows: Rows, count: int) -> Rows:
    missing = count - len(rows.weight)
    x, y = (torch.cat([part, part[:1].expand(missing, *part.shape[1:])]) for part in rows[:2])
    return Rows(x, y, torch.cat([rows.weight, rows.weight.new_zeros(missing)]))


def _context(seed: int, name: str, stage: str, rows: int, facts: Facts) -> Context:
    """Return the context of a stage that sees the whole training set before the first step."""
    return Context(
        common=Randomness(seed).at(name),
        key=(KEYS.get(stage, stage),),
        effect=ignore,
        moment=START,
        facts=facts,
        state={},
        numbers=torch.arange(rows),
        about={},
        forward=no_forward,
    )


def _gather(part: Tensor, chosen: Tensor, whose: Tensor | None) -> Tensor:
    """Return rows `[S, B, ...]` of `[N, ...]`, or of `[K, N, ...]`, of which each network has one: `whose` `[S]`.

    `index_select` takes whole rows: several times as fast as indexing, which goes number by number.
    """
    numbers = chosen
    if whose is not None:
        numbers = chosen + whose.unsqueeze(1) * part.shape[1]
        part = part.flatten(0, 1)
    return part.index_select(0, numbers.flatten()).view(*chosen.shape, *part.shape[1:])
