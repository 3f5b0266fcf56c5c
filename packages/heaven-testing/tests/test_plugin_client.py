"""The fixture `client`, on whose event loop it lives, and what it is made with."""

from __future__ import annotations

import pytest

from plugin_runs import configured, modules, run

pytest_plugins = ("pytester",)

NO_ASYNCIO = ("-p", "no:asyncio")
ANYIO_BACKEND = """
    @pytest.fixture
    def anyio_backend():
        return "asyncio"
"""

USES = """
    import asyncio
    import pytest
    import pytest_asyncio
    import shop

    {backend}

    def on_the_loop_of_the_application():
        return asyncio.get_running_loop() is shop.loops[-1]

    @{fixture}
    async def order(client):
        assert on_the_loop_of_the_application()
        yield (await client.get("/orders/7")).json()
        assert 200 == (await client.get("/orders/8")).status_code
        shop.after_yield = on_the_loop_of_the_application()

    @{fixture}
    async def customer(client):
        return await client.get("/orders/9")

    {mark}
    async def test_function(client):
        assert on_the_loop_of_the_application()
        assert {{"id": 7, "same loop": True}} == (await client.get("/orders/7")).json()

    def test_stopped():
        started, stopped = shop.loops
        assert started is stopped
        shop.loops.clear()

    {mark}
    async def test_fixtures(order, client, customer):
        assert {{"id": 7, "same loop": True}} == order
        assert on_the_loop_of_the_application()
        assert {{"id": 9, "same loop": True}} == customer.json()

    def test_the_fixture_used_it_after_its_yield():
        assert shop.after_yield
        started, stopped = shop.loops
        assert started is stopped

    {mark}
    class TestClass:
        @{fixture}
        async def total(self, client):
            return (await client.get("/orders/5")).json()["id"]

        async def test_method(self, total, client):
            assert 5 == total
            assert 7 == (await client.get("/orders/7")).json()["id"]
            assert on_the_loop_of_the_application()
"""

MODES = {
    "pytest-asyncio, strict": ({}, (), "@pytest.mark.asyncio", "pytest_asyncio.fixture"),
    "pytest-asyncio, auto": ({"asyncio_mode": "auto"}, (), "", "pytest.fixture"),
    "anyio, beside pytest-asyncio": ({}, (), "@pytest.mark.anyio", "pytest.fixture"),
    "anyio, alone": ({"asyncio_default_fixture_loop_scope": None}, NO_ASYNCIO, "@pytest.mark.anyio", "pytest.fixture"),
    "anyio, auto": (
        {"asyncio_default_fixture_loop_scope": None, "anyio_mode": "auto"},
        NO_ASYNCIO,
        "",
        "pytest.fixture",
    ),
}


@pytest.mark.parametrize("mode", MODES)
def test_it_lives_on_the_loop_of_the_test(pytester, mode):
    """Startup, requests of the test and of async fixtures, and shutdown: all on the loop that the test runs on."""
    ini, arguments, mark, fixture = MODES[mode]
    configured(pytester, heaven_app="shop:make()", **ini)
    backend = ANYIO_BACKEND if "anyio" in mode else ""
    modules(pytester, test_it=USES.format(mark=mark, fixture=fixture, backend=backend))
    run(pytester, *arguments).assert_outcomes(passed=5)


SHARED_LOOP = """
    import asyncio
    import pytest
    import pytest_asyncio
    import shop

    LOOPS = set()

    {decorated}
    class TestOrders:
        @pytest_asyncio.fixture(loop_scope={scope!r})
        async def order(self, client):
            yield (await client.get("/orders/7")).json()
            assert 200 == (await client.get("/orders/8")).status_code

        @pytest.mark.parametrize("time", [1, 2])
        async def test_read(self, client, order, time):
            LOOPS.add(asyncio.get_running_loop())
            assert {{"id": 7, "same loop": True}} == order
            assert {{"id": 9, "same loop": True}} == (await client.get("/orders/9")).json()

    def test_one_loop_and_an_application_for_each_test():
        assert 1 == len(LOOPS)
        assert [*LOOPS] * 4 == shop.loops
"""


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_it_lives_on_a_loop_that_tests_share(pytester, scope):
    """A `loop_scope` is the test's to choose; the application starts and stops for each test all the same."""
    configured(pytester, heaven_app="shop:make()")
    mark = f"@pytest.mark.asyncio(loop_scope={scope!r})"
    modules(pytester, test_it=SHARED_LOOP.format(scope=scope, decorated=mark))
    run(pytester).assert_outcomes(passed=3)


def test_it_lives_on_the_loop_that_the_configuration_has_tests_share(pytester):
    """`asyncio_default_test_loop_scope` counts where the marker names none."""
    configured(pytester, heaven_app="shop:make()", asyncio_mode="auto", asyncio_default_test_loop_scope="module")
    modules(pytester, test_it=SHARED_LOOP.format(scope="module", decorated=""))
    run(pytester).assert_outcomes(passed=3)


@pytest.mark.parametrize("scope", ["function", "module", "fixture-scope"])
def test_a_plain_test_may_use_an_async_fixture_that_uses_it(pytester, scope):
    """Then the client lives on the loop of the fixtures."""
    configured(pytester, heaven_app="shop:make()", asyncio_mode="auto", asyncio_default_fixture_loop_scope=scope)
    modules(
        pytester,
        test_it="""
            import pytest
            @pytest.fixture
            async def order(client):
                return (await client.get("/orders/7")).json()
            def test_read(order):
                assert {"id": 7, "same loop": True} == order
        """,
    )
    run(pytester).assert_outcomes(passed=1)


def test_a_fixture_of_ones_own_may_build_on_it(pytester):
    """`client` of a conftest gets the plugin's."""
    configured(pytester, heaven_app="shop:make()", asyncio_mode="auto")
    modules(
        pytester,
        conftest="""
            import pytest
            @pytest.fixture
            async def client(client):
                client.headers["x-as"] = "ada"
                yield client
        """,
        test_it="""
            async def test_read(client):
                response = await client.get("/orders/7")
                assert "ada" == response.request.headers["x-as"]
        """,
    )
    run(pytester).assert_outcomes(passed=1)


def test_the_application_may_come_from_an_async_fixture(pytester):
    """`app` of a conftest is awaited, by the plugin that runs the test."""
    configured(pytester, asyncio_mode="auto")
    modules(
        pytester,
        conftest="""
            import pytest, shop
            @pytest.fixture
            async def app():
                yield shop.make()
        """,
        test_it="""
            async def test_read(client):
                assert 7 == (await client.get("/orders/7")).json()["id"]
        """,
    )
    run(pytester).assert_outcomes(passed=1)


ASYNC = "async def test_it(client):\n    pass\n"
PLAIN = "def test_it(client):\n    pass\n"
NO_LOOP = {
    "no plugin": (NO_ASYNCIO, "", ASYNC, "*nothing runs it as an async test; `pip install pytest-asyncio` and set *"),
    "no marker": ((), "", ASYNC, "*nothing runs it as an async test; mark it with @pytest.mark.asyncio, or set *"),
    "not async": ((), "", PLAIN, "*test_it is a plain function, and `client` is async: write `async def`, or *"),
    "two plugins": (
        ("--asyncio-mode=auto",),
        "import pytest\n@pytest.mark.anyio\n",
        ASYNC,
        "*UsageError: test_it.py::test_it* has the fixture anyio_backend, and pytest-asyncio runs it nevertheless*",
    ),
    "trio": (
        (),
        "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'trio', {}\n@pytest.mark.anyio\n",
        ASYNC,
        "*UsageError: test_it.py::test_it runs on trio, and Heaven on asyncio: have a fixture `anyio_backend` return *",
    ),
    "no asyncio, plain test": (
        NO_ASYNCIO,
        "import pytest\n@pytest.fixture\ndef order(client):\n    pass\n",
        "def test_it(order):\n    pass\n",
        "*nothing runs it as an async test; `pip install pytest-asyncio` and set *",
    ),
}


@pytest.mark.parametrize("case", NO_LOOP)
def test_without_a_loop_for_it_the_cure_is_told(pytester, case):
    """Which plugin, marker or fixture is missing is said before the application starts."""
    arguments, before, test, told = NO_LOOP[case]
    ini = {"asyncio_default_fixture_loop_scope": None} if arguments == NO_ASYNCIO else {}
    configured(pytester, heaven_app="shop:app", **ini)
    modules(pytester, test_it=before + test)
    result = run(pytester, *arguments)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])


FAULTS = {
    "a task": (
        """
        async def wait():
            await asyncio.Event().wait()
        async def fault(app):
            app.unlucky = asyncio.create_task(wait(), name="lost")
        """,
        "*LeakError: the application left something behind:",
    ),
    "a key": (
        """
        async def fault(app):
            app.keep("pool", object())
        """,
        "*'pool' in the store: have ON(SHUTDOWN, ...) unkeep what startup keeps",
    ),
}
FAULTY = """
    import asyncio, pytest
    from heaven import STARTUP, App

    {fault}

    def make(*startup):
        app = App()
        for function in startup:
            app.ON(STARTUP, function)
        return app

    @pytest.fixture
    def app(request):
        return make(fault) if "faulty" in request.node.name else make()

    {options}
    async def test_faulty(client):
        pass

    def test_faulty_too(sync_client):
        pass

    async def test_sound(client):
        pass
"""


def _faulty(fault, options=""):
    import textwrap

    return textwrap.dedent(FAULTY).format(fault=textwrap.dedent(fault), options=options)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_left_behind_fails_the_test_that_left_it(pytester, fault):
    """And not the one after it."""
    source, told = FAULTS[fault]
    configured(pytester, asyncio_mode="auto")
    pytester.makepyfile(test_it=_faulty(source))
    result = run(pytester)
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_faulty *", told, "*ERROR at teardown of test_faulty_too *"]
    )


def test_a_violation_of_the_protocol_fails_the_test_that_meets_it(pytester):
    """The rule is told, with a control that keeps it."""
    configured(pytester, asyncio_mode="auto")
    modules(
        pytester,
        test_it="""
            import pytest
            @pytest.fixture
            def app(request):
                async def app(scope, receive, send):
                    if scope["type"] == "http":
                        name = b"X-Capital" if "faulty" in request.node.name else b"x-small"
                        await send({"type": "http.response.start", "status": 204, "headers": [(name, b"")]})
                        await send({"type": "http.response.body"})
                return app
            async def test_faulty(client):
                await client.get("/")
            async def test_sound(client):
                assert 204 == (await client.get("/")).status_code
        """,
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*ConformanceError: *X-Capital*"])


def test_what_clients_look_for_is_the_markers_or_the_configurations_to_say(pytester):
    """The closest marker wins, and every marker over `heaven_leaks`."""
    source, _ = FAULTS["a key"]
    configured(pytester, asyncio_mode="auto", heaven_leaks="tasks resources exceptions")
    pytester.makepyfile(test_it=_faulty(source))
    run(pytester).assert_outcomes(passed=3)
    pytester.makepyfile(test_it=_faulty(source, options='@pytest.mark.heaven(leaks=["store"])'))
    run(pytester).assert_outcomes(passed=3, errors=1)
    configured(pytester, asyncio_mode="auto", heaven_leaks="store")
    pytester.makepyfile(test_it=_faulty(source, options="@pytest.mark.heaven(leaks=())"))
    run(pytester).assert_outcomes(passed=3, errors=1)
    configured(pytester, asyncio_mode="auto", heaven_leaks="")
    pytester.makepyfile(test_it=_faulty(source))
    run(pytester).assert_outcomes(passed=3)
    configured(pytester, asyncio_mode="auto", heaven_leaks="keys")
    result = run(pytester)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["*ValueError: leaks=*'keys'* is nothing to look for; there are *"])


OPTIONS = """
    import pytest
    pytestmark = pytest.mark.heaven(base_url="http://api.shop.test", headers={"x-as": "ada"})

    async def test_module(client):
        response = await client.get("/orders/7")
        assert ("http://api.shop.test/orders/7", "ada") == (str(response.url), response.request.headers["x-as"])

    @pytest.mark.heaven(base_url="http://shop.test")
    class TestClass:
        async def test_closest_wins(self, client):
            response = await client.get("/orders/7")
            assert ("http://shop.test/orders/7", "ada") == (str(response.url), response.request.headers["x-as"])

        @pytest.mark.heaven(raise_app_exceptions=False)
        def test_sync(self, sync_client):
            assert ("shop.test", "ada") == (sync_client.base_url.host, sync_client.headers["x-as"])
            assert 500 == sync_client.get("/broken").status_code
"""


def test_the_markers_of_a_test_give_the_options_of_its_client(pytester):
    """`@pytest.mark.heaven(...)` on module, class and test; the closest wins, one option at a time."""
    configured(pytester, asyncio_mode="auto")
    broken = """
        import pytest, shop
        @pytest.fixture
        def app():
            async def fail(req, res, ctx):
                raise ValueError("no such order")
            app = shop.make()
            app.GET("/broken", fail)
            return app
    """
    modules(pytester, conftest=broken, test_it=OPTIONS)
    run(pytester, "--strict-markers").assert_outcomes(passed=3)


WRONG_OPTIONS = {
    "base_ur='http://x'": "*test_it.py::test_it has @pytest.mark.heaven, and nothing is an option as 'base_ur'; did *'base_url'*",
    "transport=None": "*@pytest.mark.heaven, and nothing is an option as 'transport'*",
    "'tasks'": "*UsageError: test_it.py::test_it has @pytest.mark.heaven with 'tasks'; it takes options by name, as in *",
}


@pytest.mark.parametrize("options", WRONG_OPTIONS)
def test_an_option_that_clients_do_not_take_is_told(pytester, options):
    """With the test that has it, and what comes near."""
    configured(pytester, heaven_app="shop:app")
    modules(
        pytester,
        test_it=f"import pytest\n@pytest.mark.heaven({options})\ndef test_it(sync_client):\n    pass\n",
    )
    run(pytester).stdout.fnmatch_lines([WRONG_OPTIONS[options]])
