"""Random sequences of all that one can do to a registered model, against a model of the rules."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from light_registry import (
    BAD,
    GOOD,
    Killed,
    champion,
    history,
    killed_at,
    light,
    promote,
    register_seed,
    seal,
    settle,
)

from latentops.errors import RefusedError, StoreError
from latentops.registry import promotion
from latentops.registry.verify import verify

__all__ = ["light"]  # a fixture
Entry = tuple[str, int, int | None, int | None]
_names = (f"model-{number}" for number in itertools.count())


class Rules:
    """What the registry should do, in a list, a set and two dictionaries."""

    def __init__(self) -> None:
        self.number_of: dict[int, int] = {}  # seed of the weights -> version
        self.sealed: set[int] = set()
        self.back: list[int] = []  # the champion is the last
        self.history: list[Entry] = []

    @property
    def champion(self) -> int | None:
        return self.back[-1] if self.back else None

    def tell(self, kind: str, version: int, after: int | None = None) -> None:
        self.history.append((kind, version, self.champion, after or self.champion))

    def register(self, seed: int) -> None:
        if seed in self.number_of:
            return
        number = self.number_of[seed] = len(self.number_of) + 1
        self.tell("registered", number, None if self.back else number)
        self.back = self.back or [number]

    def seal(self, number: int) -> None:
        self.tell("sealed", number)
        self.sealed.add(number)

    def promote(self, number: int, accuracy: float, force: bool, expect: int | None) -> None:
        if expect not in (None, self.champion):
            self.tell("refused", number)
        elif number == self.champion:
            pass
        elif force or (accuracy > 0.5 and number in self.sealed):
            self.tell("promoted", number, number)
            self.back.append(number)
        else:
            self.tell("refused", number)

    def rollback(self) -> None:
        if len(self.back) > 1:
            self.tell("rolled_back", self.back[-2], self.back[-2])
            self.back.pop()

    def rollback_to(self, number: int) -> None:
        if number == self.champion or number not in {entry[3] for entry in self.history}:
            return
        self.tell("rolled_back", number, number)
        if number in self.back:
            del self.back[self.back.index(number) + 1 :]
        else:
            self.back.append(number)


class Registry(RuleBasedStateMachine):
    """Each rule is done to both, perhaps with a kill, after which the log says whether it was."""

    kills = st.none() | st.tuples(st.integers(0, 8), st.booleans())
    seeds, picks = st.integers(0, 3), st.integers(0, 3)

    @initialize()
    def begin(self) -> None:
        self.name, self.rules = next(_names), Rules()
        self.do(lambda: register_seed(0, self.name), lambda: self.rules.register(0))

    @rule(seed=seeds, kill=kills)
    def register(self, seed: int, kill: tuple[int, bool] | None) -> None:
        """A version that a kill kept from the log gets into it by the next registration."""
        self.do(
            lambda: register_seed(seed, self.name),
            lambda: self.rules.register(seed),
            kill,
            again=True,
        )

    @rule(pick=picks, kill=kills)
    def seal(self, pick: int, kill: tuple[int, bool] | None) -> None:
        number = self.picked(pick)
        self.do(lambda: seal(number, self.name), lambda: self.rules.seal(number), kill)

    @rule(
        pick=picks,
        accuracy=st.sampled_from([GOOD, GOOD, BAD]),
        force=st.booleans(),
        expect=st.sampled_from([None, None, None, 1, 2]),
        kill=kills,
    )
    def promote(
        self,
        pick: int,
        accuracy: float,
        force: bool,
        expect: int | None,
        kill: tuple[int, bool] | None,
    ) -> None:
        number = self.picked(pick)
        self.do(
            lambda: promote(number, accuracy, self.name, force=force, expect=expect),
            lambda: self.rules.promote(number, accuracy, force, expect),
            kill,
        )

    @rule(kill=kills)
    def rollback(self, kill: tuple[int, bool] | None) -> None:
        self.do(lambda: promotion.rollback(self.name), self.rules.rollback, kill)

    @rule(pick=picks, kill=kills)
    def rollback_to(self, pick: int, kill: tuple[int, bool] | None) -> None:
        number = self.picked(pick)
        self.do(
            lambda: promotion.rollback(self.name, number),
            lambda: self.rules.rollback_to(number),
            kill,
        )

    @invariant()
    def champion_is_never_absent(self) -> None:
        assert champion(self.name) is not None

    @invariant()
    def history_is_that_of_the_rules(self) -> None:
        assert history(self.name) == self.rules.history

    def teardown(self) -> None:
        if hasattr(self, "name"):
            settle(self.name)
            assert champion(self.name) == self.rules.champion
            assert {check.name: check.state for check in verify(self.name)} == {
                "log": "ok",
                "champion": "ok",
                **{f"version {number}": "ok" for number in self.rules.number_of.values()},
            }

    def picked(self, pick: int) -> int:
        numbers = sorted(self.rules.number_of.values())
        return numbers[pick % len(numbers)]

    def do(
        self,
        act: Callable[[], object],
        expected: Callable[[], None],
        kill: tuple[int, bool] | None = None,
        again: bool = False,
    ) -> None:
        before = history(self.name) if self.rules.history else []
        try:
            if kill is None:
                act()
            else:
                with killed_at(*kill):
                    act()
        except Killed:
            if again:
                act()
            elif history(self.name) == before:
                return
        except (RefusedError, StoreError):
            pass
        expected()


def test_the_registry_does_what_its_rules_say(
    light: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    Registry.TestCase.settings = settings(
        max_examples=25,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Registry.TestCase("runTest").runTest()
