from __future__ import annotations

import pytest

from plugin_runs import configured, modules, run

pytest_plugins = ("pytester",)

READS = """
    def test_read(sync_client):
        assert 7 == sync_client.get("/orders/7").json()["id"]
"""


@pytest.fixture
def inner(pytester):
    configured(pytester)
    modules(pytester, test_it=READS)
    return pytester


@pytest.mark.parametrize("name", ["shop:app", "shop:make()", "lib.places:Places.here.app", "lib.places:Places.make()"])
def test_an_application_is_named_as_for_uvicorn(inner, name):
    """A module and an attribute, dotted where it is deeper; with `()` it is called."""
    inner.mkpydir("lib").joinpath("places.py").write_text(
        "import shop\nclass Places:\n    here = shop\n    make = staticmethod(shop.make)\n"
    )
    run(inner, f"--heaven-app={name}").assert_outcomes(passed=1)


def test_the_command_line_wins_over_the_configuration_file(inner):
    """`heaven_app` counts where `--heaven-app` is not given."""
    configured(inner, heaven_app="shop:app")
    run(inner).assert_outcomes(passed=1)
    result = run(inner, "--heaven-app=shop:loops")
    result.stdout.fnmatch_lines(["*UsageError: --heaven-app 'shop:loops' is [[]], which is no ASGI application"])


def test_the_root_of_the_run_comes_first_on_the_path_unless_it_is_there_already(inner, monkeypatch):
    """As uvicorn finds modules in the folder it is started in, whatever is installed under the same name."""
    elsewhere = inner.mkdir("elsewhere")
    elsewhere.joinpath("shop.py").write_text("app = None")
    monkeypatch.syspath_prepend(elsewhere)
    run(inner, "--heaven-app=shop:app", "--import-mode=importlib").assert_outcomes(passed=1)
    configured(inner, pythonpath="elsewhere .")
    result = run(inner, "--heaven-app=shop:app", "--import-mode=importlib")
    result.stdout.fnmatch_lines(["*UsageError: --heaven-app 'shop:app' is None, which is no ASGI application"])


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_a_fixture_of_ones_own_takes_its_place(inner, scope):
    """`app` in a conftest, of any scope and for any ASGI application, is what the clients get."""
    modules(
        inner,
        conftest=f"""
            import pytest, shop
            @pytest.fixture(scope={scope!r}, params=["first", "second"])
            def app(request):
                return shop.make()
        """,
    )
    run(inner).assert_outcomes(passed=2)


WRONG = {
    "shop": "*'shop' is neither 'module:app' nor 'module:factory()'; did you mean 'shop:app'?",
    "lib.shop.app": "*'lib.shop.app' is neither 'module:app' nor 'module:factory()'; did you mean 'lib.shop:app'?",
    "shop:": "*'shop:' is neither 'module:app' nor 'module:factory()'",
    "shop:make(1)": "*'shop:make(1)' is neither 'module:app' nor 'module:factory()'",
    "shpo:app": "*'shpo:app': nothing is in * as 'shpo'; did you mean 'shop'?",
    "shop.api:app": "*'shop.api:app': nothing is in *shop as 'api'; known: nothing",
    "lib.shpo:app": "*'lib.shpo:app': nothing is in *lib as 'shpo'; did you mean 'shops'?",
    "shop:ap": "*'shop:ap': nothing is in shop as 'ap'; did you mean 'app'?",
    "shop:app.inner": "*'shop:app.inner': nothing is in shop.app as 'inner'; *",
    "shop:make": "*'shop:make' is not called with (scope, receive, send)*if it makes the application, write 'shop:make()'",
    "shop:note()": "*missing 1 required positional argument: 'app'",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_can_not_be_the_application_is_told_with_its_cure(inner, name):
    """A wrong name says what is wrong with it, and what comes near."""
    inner.mkpydir("lib").joinpath("shops.py").touch()
    run(inner, f"--heaven-app={name}").stdout.fnmatch_lines([WRONG[name].replace("[", "[[]")])


def test_without_a_name_the_three_ways_to_give_one_are_told(inner):
    """There is no guessing which application is meant."""
    result = run(inner)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*UsageError: which application? Give --heaven-app module:app, write heaven_app = *"])


def test_what_a_module_of_the_application_misses_is_told_as_it_is(inner):
    """It is not the application's name that is wrong then."""
    modules(inner, shop="import no_such_library")
    result = run(inner, "--heaven-app=shop:app")
    result.stdout.fnmatch_lines(["*ModuleNotFoundError: No module named 'no_such_library'"])


def test_an_application_without_a_signature_is_taken_at_its_word(inner):
    """What is written in C may not tell how it is called."""
    modules(inner, shop="app = type", test_it="def test_app(app):\n    assert app is type\n")
    run(inner, "--heaven-app=shop:app").assert_outcomes(passed=1)
