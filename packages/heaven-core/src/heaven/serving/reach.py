"""Where an application stands: the prefix and host it is mounted under, and what is around its routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from heaven.declaring.hooks import Hook
from heaven.declaring.registrations import Mount, Options, Rescue, below
from heaven.declaring.steps import observed
from heaven.declaring.surrounds import Placed
from heaven.messages.site import Site
from heaven.serving.fallback import Diverted
from heaven.serving.hosting import Where, check_mount
from heaven.serving.missing import Missing
from heaven.serving.recovery import Recovery
from heaven.serving.sheltered import Sheltered, answer_inside

if TYPE_CHECKING:
    from heaven.app import App
    from heaven.declaring.steps import Observer
    from heaven.declaring.surrounds import Surround
    from heaven.http.host_patterns import HostPattern
    from heaven.routing.patterns import Pattern
    from heaven.types import ASGIApp


Rescues: TypeAlias = "Mapping[int | type[BaseException], Rescue]"


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an application reaches: the prefix and host it is mounted under, and what surrounds it."""

    app: App
    root: App
    owner: App
    """The application that its requests belong to: the same, or one outside where it is mounted transparently."""
    prefix: str = ""
    base: str = ""
    """The prefix of the application itself; that of a part of it is longer."""
    subdomain: str | None = None
    host: HostPattern | None = None
    hooks: tuple[tuple[Hook, ...], ...] = ()
    rescues: tuple[Rescues, ...] = ()
    observers: tuple[Observer, ...] = ()
    named: tuple[tuple[App, str], ...] = ()
    """The applications in whose `url_for` its routes are named, each with the names of the mounts on the way."""
    placed: tuple[Placed, ...] = ()
    """The surrounds that stand around its routes, the outermost first."""
    further: dict[Surround, Reach] = field(
        init=False, repr=False, compare=False, default_factory=dict["Surround", "Reach"]
    )
    """The same place with one surround more, made once for all routes below it."""

    @staticmethod
    def of(app: App) -> Reach:
        """Where an application stands that nothing is mounted around."""
        return Reach(app, app, app).enter(app)

    def enter(self, app: App, *, transparent: bool = False) -> Reach:
        """The same place, with the hooks and error handlers of the application that is found there.

        Args:
            app: that application.
            transparent: what it serves belongs to the application around it.
        """
        observers = (*self.observers, *(each for each in app.written.observers if each not in self.observers))
        inside = replace(self, prefix=self.prefix + app.path)
        return replace(
            inside,
            app=app,
            owner=self.owner if transparent else app,
            base=inside.prefix,
            hooks=(*self.hooks, tuple(_placed(inside, hook, observers) for hook in app.written.hooks)),
            rescues=(_observed(app.written.rescues, observers), *self.rescues),
            observers=observers,
            named=(*self.named, (app, "")),
        ).inside(app.written.surrounds)

    def inside(self, surrounds: Iterable[Surround]) -> Reach:
        """The same place, with more around it."""
        reach = self
        for each in surrounds:
            known = reach.further.get(each)
            if known is None:
                known = reach.further[each] = reach._around_with(each)
            reach = known
        return reach

    def _around_with(self, surround: Surround) -> Reach:
        rescues = (_observed(surround.rescues, self.observers), *self.rescues)
        way = (self.prefix, self.where, *((each.surround, each.passed) for each in self.placed), surround)
        made = self.root.written.made.setdefault(way, {})
        recovery = Recovery(rescues, debug=self.root.settled.debug)
        placed = Placed(surround, site_of_misses(self), recovery, made)
        return replace(self, rescues=rescues, placed=(*self.placed, placed))

    def behind(self) -> Reach:
        """The same place, of which everything that shelters was entered already."""
        return replace(self, placed=tuple(replace(each, passed=True) for each in self.placed))

    def sheltered(self, app: ASGIApp) -> ASGIApp | None:
        """What stands before an application there; None where nothing does."""
        return self.placed[-1].surround.shelter(self.placed, app) if self.placed else None

    @property
    def where(self) -> Where:
        """Whose tables its routes stand in, unless they say otherwise."""
        return self.host or self.subdomain

    def down(self, mount: Mount) -> Reach:
        """The place of a mount."""
        check_mount(mount, self.where)
        step = f"{mount.name}:" if mount.name else ""
        # What surrounds the mount belongs to this application, and may stand around routes of its own as well.
        return replace(
            self.inside(mount.surrounds),
            prefix=self.prefix + mount.prefix,
            subdomain=mount.subdomain or self.subdomain,
            host=mount.host or self.host,
            named=tuple((app, name + step) for app, name in self.named),
        )


def _placed(reach: Reach, hook: Hook, observers: tuple[Observer, ...]) -> Hook:
    """A hook as it is at this place, and as those who observe the application have it."""
    pattern = below(reach.prefix, hook.pattern)
    call = observed(observers, hook.when, hook.function, pattern.text, hook.call)
    return replace(hook, pattern=pattern, subdomain=hook.subdomain or reach.subdomain, call=call)


def _observed(rescues: Rescues, observers: tuple[Observer, ...]) -> Rescues:
    """Error handlers as those who observe their application have them."""
    return {
        event: replace(
            rescue, call=observed(observers, "ON", rescue.function, getattr(event, "__name__", str(event)), rescue.call)
        )
        for event, rescue in rescues.items()
    }


def recovery_at(reach: Reach) -> Recovery:
    """What answers errors there."""
    return Recovery(reach.rescues, debug=reach.root.settled.debug)


def site_for(reach: Reach, pattern: Pattern | None, options: Options) -> Site:
    """What the requests of a route share.

    Args:
        reach: where its application stands.
        pattern: its pattern with the prefixes before it, None for what answers where no route matched.
        options: what it was told.
    """
    root = reach.root
    return Site(
        app=reach.owner,
        root=root,
        route=pattern.text if pattern is not None else None,
        domain=root.settled.domain,
        proxies=root.settled.trusted_proxies,
        stopping=root.stopping,
        hints={hint.name: hint for hint in pattern.hints} if pattern is not None else {},
        expected=options.expects,
        streams=options.stream,
        max_body_size=options.max_body_size,
        debug=root.settled.debug,
    )


def site_of_misses(reach: Reach) -> Site:
    """What the requests share that no route matched."""
    # The body is nobody's, so nobody waits for it.
    return site_for(reach, None, Options(stream=True, max_body_size=None))


def missing_at(reach: Reach) -> Missing | Sheltered:
    """What answers there for what no route matched."""
    missing, fallback = Missing(site_of_misses(reach), recovery_at(reach)), reach.app.written.fallback
    if fallback is not None:
        missing = Diverted(site_of_misses(reach), recovery_at(reach), fallback, reach.base)
    enter = reach.sheltered(answer_inside)
    return missing if enter is None else Sheltered(missing, enter)
