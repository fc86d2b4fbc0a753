"""What a person asks a study for: the arms with what is tried of each."""

from __future__ import annotations

from regbench.compose.loader import PRIMARY, open_loader
from regbench.studies.request import StudyRequest, make_request


def ask(*words: str) -> StudyRequest:
    with open_loader(None, None, print) as loader:
        return make_request(loader, PRIMARY, words)


def keys(request: StudyRequest) -> dict[str, list[str]]:
    return {c.choice.name: [coordinate.key for coordinate in c.space.coordinates] for c in request.contestants}


def test_what_an_arm_sets_itself_is_not_searched_but_for_the_rate() -> None:
    strong = "strong: [regularizer=l2, regularizer.l2.strength=3, schedule.optimizer.lr=0.1]"
    request = ask(f"study.arms={{plain: [regularizer=l2], {strong}}}")
    assert keys(request) == {
        "none": ["schedule.optimizer.lr"],
        "plain": ["schedule.optimizer.lr", "regularizer.l2.strength"],
        "strong": ["schedule.optimizer.lr"],
    }
    assert request.contestants[2].config.regularizers["l2"]["strength"] == 3


def test_a_study_is_named_after_data_and_model() -> None:
    assert ask("dataset=iris", "model=linear").name == "bench-iris-linear"
    assert ask("dataset=iris", "name=mine").name == "mine"
