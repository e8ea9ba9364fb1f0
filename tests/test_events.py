"""The chain of events: what was altered, deleted or inserted is named, and nothing else."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentops.registry.events import (
    START,
    Event,
    Record,
    champions,
    differs,
    fault,
    parse,
)


def chain(length: int) -> list[Event]:
    """Of promotions: 1, 2, 3..."""
    events: list[Event] = []
    for number in range(1, length + 1):
        events.append(
            Event(
                number=number,
                model="tiny",
                kind="promoted",
                version=number,
                champion_before=number - 1 or None,
                champion_after=number,
                at="2026-01-01T00:00:00.000+00:00",
                by="somebody",
                previous_sha256=events[-1].sha256 if events else START,
            )
        )
    return events


def kept(events: list[Event]) -> tuple[dict[int, str], list[Record]]:
    claims = {event.number: event.sha256 for event in events}
    return claims, [Record(event.text, event.number) for event in events]


def test_an_event_is_json_with_sorted_keys_and_its_digest_is_that_of_the_text() -> None:
    (event,) = chain(1)
    assert event.sha256 == hashlib.sha256(event.text.encode()).hexdigest()
    assert event.text == json.dumps(json.loads(event.text), sort_keys=True, separators=(",", ":"))
    assert parse(event.text) == event
    assert parse("{}") is None
    assert parse("not JSON") is None


@given(st.integers(0, 6))
def test_what_was_written_is_sound(length: int) -> None:
    events = chain(length)
    head = (length, events[-1].sha256) if events else None
    assert fault(*kept(events), head) is None
    assert fault(*kept(events), None) is None


@given(st.integers(1, 6), st.data())
def test_an_altered_event_is_named(length: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, length))
    claims, records = kept(chain(length))
    text = records[number - 1].text.replace("somebody", "nobody")
    records[number - 1] = replace(records[number - 1], text=text)
    assert str(fault(claims, records, None)) == f"event {number} was altered"


@given(st.integers(2, 6), st.data())
def test_an_altered_event_with_a_new_digest_breaks_the_next(
    length: int, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, length - 1))
    claims, records = kept(chain(length))
    text = records[number - 1].text.replace("somebody", "nobody")
    records[number - 1] = replace(records[number - 1], text=text)
    claims[number] = hashlib.sha256(text.encode()).hexdigest()
    assert str(fault(claims, records, None)) == f"event {number + 1} was altered"


def test_the_last_event_with_a_new_digest_is_betrayed_by_the_head() -> None:
    events = chain(3)
    claims, records = kept(events)
    text = records[2].text.replace("somebody", "nobody")
    records[2] = replace(records[2], text=text)
    claims[3] = hashlib.sha256(text.encode()).hexdigest()
    assert str(fault(claims, records, (3, events[2].sha256))) == "event 3 was altered"


@pytest.mark.parametrize("soft", [True, False])
@given(st.integers(1, 6), st.data())
def test_a_deleted_event_is_named(soft: bool, length: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, length))
    claims, records = kept(chain(length))
    if soft:
        records[number - 1] = replace(records[number - 1], deleted=True)
    else:
        del records[number - 1]
    assert str(fault(claims, records, None)) == f"event {number} was deleted"


@given(st.integers(2, 6), st.data())
def test_an_event_deleted_with_its_digest_is_named(length: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, length))
    events = chain(length)
    claims, records = kept(events)
    del records[number - 1], claims[number]
    head = (length, events[-1].sha256)
    assert str(fault(claims, records, head)) == f"event {number} was deleted"


@given(st.integers(1, 6), st.integers(1, 6))
def test_an_inserted_event_is_named(length: int, number: int) -> None:
    events = chain(length)
    claims, records = kept(events)
    text = chain(6)[number - 1].text.replace("somebody", "nobody")
    assert str(fault(claims, [*records, Record(text, number)], None)) == (
        f"event {number} was inserted"
    )


def test_a_request_that_was_sent_twice_is_one_event() -> None:
    claims, records = kept(chain(3))
    assert fault(claims, [*records, records[1]], None) is None
    assert fault(claims, [*records, replace(records[1], finished=False)], None) is None
    assert fault(claims, [*records, replace(records[1], deleted=True)], None) is None


def test_a_number_beyond_all_ends_at_the_first_that_is_missing() -> None:
    claims, records = kept(chain(3))
    assert str(fault({**claims, 10**15: START}, records, None)) == "event 4 was deleted"


def test_what_a_kill_left_is_no_event() -> None:
    claims, records = kept(chain(2))
    begun = Record(chain(3)[2].text, 3, finished=False)
    assert fault(claims, [*records, begun], None) is None


def test_the_first_of_several_faults_is_named() -> None:
    claims, records = kept(chain(5))
    del records[3]
    records[1] = replace(records[1], text="{}")
    assert str(fault(claims, records, None)) == "event 2 was altered"


def test_an_export_betrays_a_chain_that_was_written_anew() -> None:
    events = chain(4)
    assert differs(events, events[:2]) is None
    assert str(differs(events[:2], events)) == "event 3 was deleted"
    anew = [events[0], *(event.model_copy(update={"by": "nobody"}) for event in events[1:])]
    assert str(differs(anew, events)) == "event 2 was altered"


def step(kind: str, before: int | None, after: int | None) -> Event:
    return chain(1)[0].model_copy(
        update={"kind": kind, "champion_before": before, "champion_after": after}
    )


def test_a_rollback_leads_through_the_champions_that_it_has_not_left() -> None:
    one, two, three = (step("promoted", n - 1 or None, n) for n in (1, 2, 3))
    back = step("rolled_back", 3, 2)
    assert champions([one, two, three]) == (1, 2, 3)
    assert champions([one, two, three, back]) == (1, 2)
    assert champions([one, two, three, back, step("rolled_back", 2, 1)]) == (1,)
    assert champions([one, two, three, step("rolled_back", 3, 1)]) == (1,)
    assert champions([one, two, three, back, step("rolled_back", 2, 3)]) == (1, 2, 3)
    assert champions([one, step("refused", 1, 1), two, step("promoted", 2, 1)]) == (1, 2, 1)
    assert champions([step("registered", None, None)]) == ()
