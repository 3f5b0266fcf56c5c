"""What a graph of dependencies is refused for, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from heaven_contrib.routing.dependencies.graph import Graph, Node
from heaven_contrib.routing.dependencies.inject import Inject
from heaven_contrib.routing.errors import ImproperlyConfigured

if TYPE_CHECKING:
    from heaven_contrib.routing.binding.extraction import Parameter

_RAW = (bytes, str, Any)
"""What a body is taken as that somebody else decodes."""


def check_caching(graph: Graph, declared: Mapping[str, Inject]) -> None:
    """A value that all requests share is made from nothing that belongs to one of them.

    Args:
        graph: what runs for a handler.
        declared: the dependencies.

    Raises:
        ImproperlyConfigured: a dependency with `use_cache` stands on a request, or on a generator.
    """
    for name in graph.nodes:
        if declared[name].use_cache:
            for below in graph.reached(name):
                reason = _of_one_request(graph.nodes[below], declared[below])
                if reason is not None:
                    raise ImproperlyConfigured(
                        f"the dependency {name!r} at {declared[name].place} has use_cache, so that all requests share "
                        f"its value, and {reason}; leave use_cache out, or make it without that"
                    )


def _of_one_request(node: Node, inject: Inject) -> str | None:
    if inject.yields:
        return f"needs {node}, a generator, whose value ends with each request"
    for each in node.parameters:
        if each.source != "dependency" and each.name != "state":
            return f"{node} reads {each.name!r} from a request"
    return None


def check_bodies(graph: Graph) -> None:
    """A request has one body, so who asks for it asks for one type; as it came, it is there for everybody.

    Args:
        graph: what runs for a handler.

    Raises:
        ImproperlyConfigured: two types are asked for.
    """
    first: tuple[Node, Parameter] | None = None
    for node in (graph.handler, *graph.nodes.values()):
        for each in node.parameters:
            if each.source != "body" or each.annotation in _RAW:
                continue
            if first is None:
                first = node, each
            elif each.annotation != first[1].annotation:
                raise ImproperlyConfigured(
                    f"{node} takes the body as {each.name}: {_type(each)}, and {first[0]} as "
                    f"{first[1].name}: {_type(first[1])}; a request has one body, so take one type in both"
                )


def _type(parameter: Parameter) -> str:
    return getattr(parameter.annotation, "__name__", None) or repr(parameter.annotation)
