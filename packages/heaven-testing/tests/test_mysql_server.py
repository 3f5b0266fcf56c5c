from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from heaven_testing.errors import ServerDidNotStart, ServerMissing
from heaven_testing.servers import mysql as module
from heaven_testing.servers import programs
from heaven_testing.servers.mysql import MySQLServer


@pytest.fixture(scope="module")
def shared() -> Iterator[MySQLServer]:
    """One for all tests: it takes a second to make."""
    try:
        server = MySQLServer(database="shop_1", options=("--max-connections=17",)).__enter__()
    except ServerMissing as missing:
        pytest.skip(str(missing))
    yield server
    server.__exit__(None, None, None)
    assert (0, False) == (server.process.returncode, server._folder.exists())


@pytest.fixture
def mysql(shared: MySQLServer) -> Iterator[MySQLServer]:
    """Whole, and with an empty database."""
    shared.heal()
    shared.execute(f"DROP DATABASE {shared.database}; CREATE DATABASE {shared.database}")
    return shared


def test_it_answers_at_its_address(mysql):
    """The URL has the user, who needs no password, and the database, in which SQL runs."""
    assert ("127.0.0.1", "root", "", "shop_1") == (mysql.host, mysql.user, mysql.password, mysql.database)
    assert f"mysql://root@127.0.0.1:{mysql.port}/shop_1" == mysql.url
    assert [("shop_1", "17", str(mysql.port))] == mysql.execute("SELECT DATABASE(), @@max_connections, @@port")


def test_the_user_may_connect_over_tcp_and_do_everything(mysql):
    """As applications do: not through the socket, without a password."""
    command = [mysql._client, "--no-defaults", "--protocol=TCP", f"--host={mysql.host}", f"--port={mysql.port}"]
    command += ["--user=root", "--batch", "--skip-column-names", "-e", "SELECT CURRENT_USER(); SHOW GRANTS", "shop_1"]
    printed = module.subprocess.run(command, capture_output=True, check=True, text=True, timeout=30).stdout
    assert printed.startswith("root@127.0.0.1\nGRANT ALL PRIVILEGES ON *.* TO `root`@`127.0.0.1`")


def test_rows_come_as_the_client_prints_them(mysql):
    """Statements one after another; text of every language, nothing, and what would break a line."""
    mysql.execute("CREATE TABLE words (word VARCHAR(20), length INT) CHARACTER SET utf8mb4")
    assert [] == mysql.execute("INSERT INTO words VALUES ('Grüße 🎀', 7), ('a\tb', NULL)")
    assert [("Grüße 🎀", "7"), ("a\\tb", "NULL"), ("2",)] == mysql.execute(
        "SELECT * FROM words ORDER BY length DESC; SELECT COUNT(*) FROM words;"
    )


def test_what_was_committed_survives_a_kill(mysql):
    """After `kill` nobody listens; `restart` brings back what was acknowledged, and not what was never committed."""
    mysql.execute("CREATE TABLE notes (note INT) ENGINE=InnoDB")
    mysql.execute("INSERT INTO notes VALUES (1)")
    mysql.execute("BEGIN; INSERT INTO notes VALUES (2)")
    port = mysql.port
    mysql.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((mysql.host, port))
    with pytest.raises(RuntimeError, match="Can't connect to local server"):
        mysql.execute("SELECT 1")
    mysql.restart()
    assert (port, [("1",)]) == (mysql.port, mysql.execute("SELECT note FROM notes"))
    assert [("1", "1")] == mysql.execute("SELECT @@innodb_flush_log_at_trx_commit, @@innodb_doublewrite")


def test_a_database_that_was_dropped_stays_so(mysql):
    """A restart brings back the data as they were; the database is made once."""
    mysql.execute("DROP DATABASE shop_1")
    mysql.restart()
    with pytest.raises(RuntimeError, match="Unknown database 'shop_1'"):
        mysql.execute("SELECT 1")
    mysql._run("CREATE DATABASE shop_1", "mysql")


def test_a_frozen_one_answers_when_it_is_thawed(mysql, monkeypatch):
    """While it is frozen a statement is not answered within the time; `heal` thaws it."""
    mysql.freeze()
    with monkeypatch.context() as patched, pytest.raises(TimeoutError, match="no answer in 0.2 s; is it frozen"):
        patched.setattr(mysql, "_timeout", 0.2)
        mysql.execute("SELECT 1")
    process = mysql.process.pid
    mysql.heal()
    assert ([("1",)], process) == (mysql.execute("SELECT 1"), mysql.process.pid)


def test_wrong_sql_is_refused_with_the_servers_words(mysql):
    """The statement, and what is wrong with it."""
    with pytest.raises(RuntimeError, match=r"(?s)SELECT nonsense.*ERROR 1054.*Unknown column 'nonsense'"):
        mysql.execute("SELECT nonsense")


def test_it_is_ready_when_it_begins_with_its_handshake(mysql):
    """Somebody who is silent, closes, or begins with an error, is not."""
    assert mysql._greets()
    own, timeout = mysql._port, mysql._timeout
    try:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            mysql._port, mysql._timeout = silent.getsockname()[1], 0.1
            assert not mysql._greets()
            assert not mysql._answers()
    finally:
        mysql._port, mysql._timeout = own, timeout
    assert mysql._answers()


@pytest.mark.parametrize("name", ["", "a-b", "a`b", "größe", "a b\n"])
def test_a_database_has_a_plain_name(name):
    """It stands in the URL and in SQL as it is."""
    with pytest.raises(ValueError, match="letters, digits and underscores"):
        MySQLServer(database=name)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the only programs that are installed."""
    monkeypatch.setattr(programs, "DAEMONS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(path: Path, does: str) -> None:
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)


def test_a_missing_program_is_named_with_its_cure(only):
    """The server first, then its client."""
    with pytest.raises(ServerMissing, match="^mariadbd or mysqld is not installed: apt-get install -y mariadb-server$"):
        MySQLServer().__enter__()
    program(only / "mysqld", "exit 0")
    with pytest.raises(ServerMissing, match="^mariadb or mysql is not installed: apt-get install"):
        MySQLServer().__enter__()


@pytest.mark.parametrize(
    ("installer", "how"), [(None, r"--initialize-insecure --datadir=\S+"), ("mysql_install_db", "--skip-test-db")]
)
@pytest.mark.parametrize("user", [0, 1000])
def test_data_are_made_by_the_installer_or_by_the_server_itself(only, monkeypatch, installer, how, user):
    """MariaDB has an installer, MySQL an option; root says that it means to be root. A failure is reported."""
    monkeypatch.setattr(module.os, "geteuid", lambda: user)
    for name in filter(None, ("mysqld", "mysql", installer)):
        program(only / name, f'echo "{name}: no space: $*"; exit 7')
    with pytest.raises(ServerDidNotStart, match="ended with 7") as failed:
        MySQLServer().__enter__()
    printed = str(failed.value).split("it printed:\n")[1]
    assert printed.startswith(f"{installer or 'mysqld'}: no space: --no-defaults ")
    assert (user == 0) == ("--user=root" in printed)
    assert module.re.search(how, printed)


def test_making_data_has_a_limit(only):
    """What takes too long is killed."""
    for name in ("mysqld", "mysql"):
        program(only / name, "while :; do :; done")
    with pytest.raises(ServerDidNotStart, match="ended with -9"):
        MySQLServer(timeout=0.2).__enter__()


def test_its_temporary_files_are_its_own(shared, monkeypatch, tmp_path):
    """Several are made at once by test runs side by side, which must not find each other's temporary tables."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    with MySQLServer() as server:
        assert [(str(server._folder),)] == server.execute("SELECT @@tmpdir")
