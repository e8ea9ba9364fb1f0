"""Random sequences of all that one can do to a registered model, against a model of the rules."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
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


COMMANDS: dict[str, Callable[..., object]] = {
    "register": lambda name, seed: register_seed(seed, name),
    "seal": lambda name, number: seal(number, name),
    "promote": lambda name, number, accuracy, force=False, expect=None: promote(
        number, accuracy, name, force=force, expect=expect
    ),
    "rollback": promotion.rollback,
    "rollback_to": promotion.rollback,
}


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

    def promote(
        self, number: int, accuracy: float, force: bool = False, expect: int | None = None
    ) -> None:
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


_versions = st.integers(1, 3)
_command = st.one_of(
    st.tuples(st.just("register"), st.integers(0, 3)),
    st.tuples(st.just("seal"), _versions),
    st.tuples(st.just("promote"), _versions, st.sampled_from([GOOD, BAD])),
    st.tuples(st.just("promote"), _versions, st.just(GOOD), st.just(True)),
    st.tuples(st.just("promote"), _versions, st.just(GOOD), st.just(True), _versions),
    st.tuples(st.just("rollback")),
    st.tuples(st.just("rollback")),
    st.tuples(st.just("rollback_to"), _versions),
)
_kill = st.none() | st.none() | st.tuples(st.integers(0, 8), st.booleans())
_work = st.lists(st.tuples(_command, _kill), min_size=8, max_size=12)


class Registry(RuleBasedStateMachine):
    """Each command is given to both, perhaps with a kill, after which the log says if it was done.

    A rule is a whole list of them: with one command a rule, most sequences would do nothing.
    """

    @initialize()
    def begin(self) -> None:
        """Three versions, since most of what can happen happens to three."""
        self.name, self.rules = next(_names), Rules()
        for seed in range(3):
            register_seed(seed, self.name)
            self.rules.register(seed)

    @rule(work=_work)
    def work(self, work: list[tuple[tuple[Any, ...], tuple[int, bool] | None]]) -> None:
        for (command, *arguments), kill in work:
            self.do(
                lambda: COMMANDS[command](self.name, *arguments),  # noqa: B023
                lambda: getattr(self.rules, command)(*arguments),  # noqa: B023
                kill,
                again=command == "register",  # what a kill kept from the log, the next one adds
            )
            self.champion_is_never_absent()
            self.history_is_that_of_the_rules()

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
        max_examples=12,
        stateful_step_count=2,
        derandomize=True,  # the same sequences every time
        phases=[Phase.generate],  # to shrink a failure takes minutes: add Phase.shrink by hand
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Registry.TestCase("runTest").runTest()
