"""A PostgreSQL and an MLflow server on it, with basic auth: started once for a test session.

PostgreSQL refuses to run as root; then it runs as the system's user `postgres` or `nobody`.
"""

import base64
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError

import pytest

USER, PASSWORD = "ada", "a-password-that-nobody-may-see"
_ADMIN, _ADMINS_PASSWORD = "admin", "a-password-of-the-admin"
_SECONDS = 90  # to start in; the tables alone take some
_STOPPED_BY = {signal.SIGINT: 20, signal.SIGKILL: 5}  # signal -> seconds to end in
# Durable writes cost most of the time, and this data is thrown away.
_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")


@dataclass(frozen=True)
class Postgres:
    """A running one, reached through a socket in `folder`."""

    folder: Path
    password: str

    def uri(self, database: str) -> str:
        return f"postgresql://latentops:{self.password}@/{database}?host={self.folder}"

    def make(self, database: str) -> str:
        """Its URI, as soon as PostgreSQL takes calls."""
        import psycopg

        with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}")
        return self.uri(database)


@dataclass(frozen=True)
class Server:
    """A running MLflow server; `artifacts` is where it keeps what clients send."""

    uri: str
    database_uri: str
    artifacts: Path
    log: Path
    postgres: Postgres

    @property
    def variables(self) -> dict[str, str]:
        """All that a client needs."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": USER,
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        }

    def add_user(self, name: str, password: str) -> None:
        """An account that may read everything and add to it, and change only what is its own."""
        account = {"username": name, "password": password}
        self._post("2.0/mlflow/users/create", account, _ADMIN, _ADMINS_PASSWORD)

    def grant(self, name: str, kind: str, resource: str) -> None:
        """By USER, whose own the resource is: EDIT to that account."""
        wish = {"username": name, "resource_type": kind, "resource_id": resource}
        path = "3.0/mlflow/users/permissions/grant"
        self._post(path, wish | {"permission": "EDIT"}, USER, PASSWORD)

    def _post(self, path: str, body: dict[str, str], user: str, password: str) -> None:
        account = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {account}"}
        request = urllib.request.Request(
            f"{self.uri}/api/{path}", json.dumps(body).encode(), headers
        )
        urllib.request.urlopen(request).close()


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[Server]:
    """MLflow over HTTP with PostgreSQL behind it and artifacts through it, to which USER may write
    with PASSWORD."""
    with _folder() as folder, _postgres(folder) as postgres, _mlflow(folder, postgres) as server:
        yield server


class Relay(ThreadingHTTPServer):
    """Between a client and the server, to count requests and to break what a test says.

    A request after the first `whole` ones does not reach the server, and its connection ends. The
    reply to the first request whose path holds `lost` is not sent back.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = server.uri
        self.uri = f"http://127.0.0.1:{self.server_port}"
        self.requests = 0
        self.whole: int | None = None
        self.lost: str | None = None

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # it would hold back each reply for 40 ms
    server: Relay

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        relay = self.server
        relay.requests += 1
        if relay.whole is not None and relay.requests > relay.whole:
            self.close_connection = True
            return
        status, kind, answer = self._answer(body)
        if relay.lost and relay.lost in self.path:
            relay.lost = None
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = relay  # noqa: N815  http.server asks

    def _answer(self, body: bytes) -> tuple[int, str, bytes]:
        own = ("host", "connection", "accept-encoding")
        headers = {key: value for key, value in self.headers.items() if key.lower() not in own}
        url = self.server.behind + self.path
        request = urllib.request.Request(url, body or None, headers, method=self.command)
        try:
            with urllib.request.urlopen(request) as reply:
                return reply.status, reply.headers["Content-Type"], reply.read()
        except HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def relay(mlflow_server: Server) -> Iterator[Relay]:
    with Relay(mlflow_server) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        try:
            yield listener
        finally:
            listener.shutdown()


def free_port() -> int:
    """On which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _folder() -> Iterator[Path]:
    """Short, for a socket's path has at most 107 characters, and open to PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="latentops-server-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _postgres(folder: Path) -> Iterator[Postgres]:
    running = Postgres(folder / "postgres", "a-password-of-the-database")
    user = _unprivileged()
    running.folder.mkdir()
    secret = folder / "secret"
    secret.write_text(running.password)
    if user is not None:
        os.chown(running.folder, user, -1)
        os.chown(secret, user, -1)
    data = str(running.folder / "data")
    make = [_program("initdb"), "--pgdata", data, "--username=latentops", f"--pwfile={secret}"]
    made = subprocess.run(
        [*make, "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"],
        user=user,
        cwd=running.folder,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    command = [_program("postgres"), "-D", data, "-k", str(running.folder), *_FAST]
    log = folder / "postgres.log"
    with _running([*command, "-c", "listen_addresses="], log, user=user) as process:
        _wait(process, log, (running.folder / ".s.PGSQL.5432.lock").exists)
        _wait(process, log, lambda: "ready to accept" in log.read_text())
        yield running


@contextmanager
def _mlflow(folder: Path, postgres: Postgres) -> Iterator[Server]:
    port = free_port()
    server = Server(
        uri=f"http://127.0.0.1:{port}",
        database_uri=postgres.make("mlflow"),
        artifacts=folder / "artifacts",
        log=folder / "mlflow.log",
        postgres=postgres,
    )
    accounts = folder / "basic_auth.ini"
    accounts.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = {postgres.make('accounts')}\n"
        f"admin_username = {_ADMIN}\nadmin_password = {_ADMINS_PASSWORD}\n"
        "auth_cache_ttl_seconds = 60\n"  # a password's hash costs a tenth of a second a request
    )
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
    command += ["--backend-store-uri", server.database_uri, "--port", str(port), "--workers", "1"]
    command += ["--serve-artifacts", "--artifacts-destination", str(server.artifacts)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment |= {
        "MLFLOW_AUTH_CONFIG_PATH": str(accounts),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of the cookies",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # six processes more
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # The server looks up uvicorn on PATH.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with _running(command, server.log, env=environment) as process:
        _wait(process, server.log, lambda: _healthy(server.uri))
        server.add_user(USER, PASSWORD)
        yield server


@contextmanager
def _running(
    command: list[str], log: Path, user: int | None = None, env: dict[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is ended with all its children, whatever happens inside."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            user=user,
            env=env,
            cwd=log.parent,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """PostgreSQL ends at once when interrupted; what is left of the group is killed."""
    for sent, seconds in _STOPPED_BY.items():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)


def _wait(process: "subprocess.Popen[bytes]", log: Path, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"{process.args} does not run:\n{log.read_text()[-4000:]}")
        time.sleep(0.05)


def _healthy(uri: str) -> bool:
    try:
        with urllib.request.urlopen(f"{uri}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _program(name: str) -> str:
    """PostgreSQL's programs lie outside PATH on Debian."""
    elsewhere = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or next(map(str, elsewhere), None)
    if found is None:
        pytest.skip(f"PostgreSQL's program {name} is not installed: apt install postgresql")
    return found


def _unprivileged() -> int | None:
    """Somebody else than root; None for oneself."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return known[name]
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
