from mmrec.recommender.content.several import by_row, flatten


def test_values_are_flattened():
    assert flatten(["a", None, ("b", "c")]) == (["a", None, "b", "c"], [0, 1, 2, 2])
    assert flatten([]) == ([], [])


def test_problems_are_those_of_rows():
    owners = [0, 1, 2, 2]
    assert by_row({}, owners) == {}
    problems = {1: "damaged", 2: "missing", 3: "huge"}
    assert by_row(problems, owners) == {1: "damaged", 2: "2 values, first: missing"}
