from typing import Annotated, Literal

import pytest

pytest.importorskip("fastapi", reason="needs the extra serve")
from pydantic import BaseModel, Field, ValidationError

from mmrec.serving.sentences import sentences


class Wanted(BaseModel):
    number: Annotated[int, Field(gt=1, lt=9)] = 2
    share: Annotated[float, Field(allow_inf_nan=False)] = 0.5
    kind: Literal["a", "b"] = "a"
    rows: Annotated[list[dict[str, int | list[int]]], Field(max_length=2)] = []


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"number": 1}, "number: expected more than 1; got 1"),
        ({"number": 9}, "number: expected less than 9; got 9"),
        ({"number": None}, "number: expected a whole number; got null"),
        ({"share": float("inf")}, "share: expected a finite number; got inf"),
        ({"kind": "c"}, "kind: expected 'a' or 'b'; got 'c'"),
        ({"rows": [{}] * 3}, "rows: expected at most 2 elements; got 3 elements"),
        ({"rows": [{"int": {}}]}, "rows.0.int: expected a whole number or a list; got an object"),
        ({"rows": [{"x": [2.5]}]}, "rows.0.x: expected a whole number; got a list. rows.0.x.0: "),
    ],
)
def test_what_was_expected_and_what_arrived(sent, said):
    with pytest.raises(ValidationError) as caught:
        Wanted(**sent)
    assert sentences(caught.value.errors(), sent).startswith(said)


def test_a_text_is_repeated_only_for_a_number_or_a_choice():
    with pytest.raises(ValidationError) as caught:
        Wanted(number="seven", rows="s3cret")
    said = sentences(caught.value.errors(), {"number": "seven", "rows": "s3cret"})
    assert said == "number: expected a whole number; got 'seven'. rows: expected a list; got a text"
