import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["pages", "commands", "rooms"])
def test_examples_of_what_builds_the_pages(name):
    found = doctest.testmod(import_module(name))
    assert found.attempted
    assert not found.failed
