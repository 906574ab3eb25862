import pytest

from mmrec.recommender.content.written import Written


@pytest.mark.parametrize(
    ("text", "name", "kind", "source"),
    [
        ("text", "text", "text", None),
        (" text : title ", "text:title", "text", "title"),
        ("number:price + year", "number:price+year", "number", "price + year"),
        ("a=number:b", "a", "number", "b"),
        ("a=text", "a", "text", None),
        ("vectors:clip", "vectors:clip", "vectors", "clip"),
        ("vectors:/x/clip.v2/clip.NPY", "vectors:clip", "vectors", "/x/clip.v2/clip.NPY"),
        ("usd=number:price.usd", "usd", "number", "price.usd"),
        ("text:a=b", "text:a=b", "text", "a=b"),
    ],
)
def test_what_is_written(text, name, kind, source):
    assert Written.read(text) == Written(name, kind, source)


def test_columns():
    assert Written.read("number:price + year").columns == ["price", "year"]
    assert Written.read("number").columns is None


@pytest.mark.parametrize("text", ["", ":a", "text:", "text: ", "=text", "text:a+", "a=:b"])
def test_something_is_empty(text):
    with pytest.raises(ValueError, match="must be written as kind, kind:column"):
        Written.read(text)


def test_a_dot_in_a_name():
    with pytest.raises(ValueError, match=r"got 'number:price\.usd': .* price_usd=number:"):
        Written.read("number:price.usd")
