"""Network namespaces as fixtures. Where none can be made, the tests that ask for one are skipped and say why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.builders.namespaces import Namespace, NoNamespaceError, VethPair, make_pair, new_namespace
from tests.builders.warm import warm_up


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    warm_up()


@pytest.fixture
def make_namespace() -> Iterator[Callable[[], Namespace]]:
    """Makes namespaces of the test's own."""
    with ExitStack() as opened:

        def make() -> Namespace:
            try:
                return opened.enter_context(new_namespace())
            except NoNamespaceError as error:
                pytest.skip(str(error))

        yield make


@pytest.fixture
def namespace(make_namespace: Callable[[], Namespace]) -> Namespace:
    """A namespace of the test's own, its loopback interface down."""
    return make_namespace()


@pytest.fixture
def veth_pair(namespace: Namespace) -> VethPair:
    """`out0`, whose frames come out of `in0`; MTU 9000."""
    return make_pair(namespace, "out0", "in0")
