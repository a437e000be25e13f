"""The stand-in for Grafana's own steps does what Grafana documents of them."""

import pytest

from tests.support.grafana_math import NO_DATA, Number, Numbers, computed, reduced, threshold

FANS: Numbers = [Number({"deviceID": "a"}, 0.0), Number({"deviceID": "b"}, 4.0)]
FLEET: Numbers = [Number({}, 2.0)]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("$fans == 0", {"a": 1, "b": 0}),
        ("$fans == 0 && $fleet > 1", {"a": 1, "b": 0}),
        ("$fans * 2 - $fleet", {"a": -2, "b": 6}),
        ("$fans > 3 || $fleet * 2 <= 3", {"a": 0, "b": 1}),
        ("${fleet} < $fans", {"a": 0, "b": 1}),
    ],
)
def test_what_has_no_labels_goes_with_every_series(formula: str, expected: dict[str, float]) -> None:
    found = computed(formula, {"fans": FANS, "fleet": FLEET})
    assert {(number.labels or {})["deviceID"]: number.value for number in found} == expected


def test_no_data_on_one_side_is_no_data() -> None:
    assert computed("$fans == 0 && $none > 1", {"fans": FANS, "none": [NO_DATA]}) == [NO_DATA]


def test_other_labels_do_not_meet() -> None:
    others: Numbers = [Number({"deviceID": "b"}, 1.0), Number({"deviceID": "c"}, 1.0)]
    assert computed("$fans + $others", {"fans": FANS, "others": others}) == [Number({"deviceID": "b"}, 5.0)]


def test_null_stays_null_and_a_series_of_nulls_becomes_it() -> None:
    numbers = reduced([({"deviceID": "a"}, [1.0, None]), ({"deviceID": "b"}, [None])], "last", "dropNN")
    assert [number.value for number in numbers] == [1.0, None]
    assert [number.value for number in threshold(numbers, "gt", [0])] == [1.0, None]
    assert reduced([], "last", "dropNN") == [NO_DATA]


def test_what_grafana_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="not of Grafana's math"):
        computed("0 < $fans < 3", {"fans": FANS})
    with pytest.raises(KeyError):
        computed("$missing > 1", {})
