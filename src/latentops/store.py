"""Where MLflow keeps runs and versions: found, made once, its failures in one line.

`$MLFLOW_TRACKING_URI` wins. Otherwise the store is mlruns/ in the project: mlflow.db (SQLite with
a write-ahead log) and artifacts/<experiment>/. Every path is absolute, for MLflow records them;
where the project was moved, the records follow it.

No message shows a password, be it in the URI or in the environment.
"""

import getpass
import hashlib
import logging
import os
import re
import sqlite3
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import filelock
import mlflow
import sqlalchemy
import urllib3
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from sqlalchemy.exc import SQLAlchemyError

from latentops import artifacts
from latentops.errors import StoreError

# MLflow reads them at each call, not when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # a server's, at each run
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")  # half a minute, in place of four

_VARIABLE = "MLFLOW_TRACKING_URI"
_DATABASE = Path("mlruns/mlflow.db")
# Where MLflow keeps the absolute path of an artifact: table -> column.
_LOCATIONS = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}
# Loggers, with the least that they may say. The database's gives a traceback for each refusal, the
# connection's a line for each retry.
_QUIET = {
    "mlflow": logging.WARNING,
    "mlflow.store.db.utils": logging.CRITICAL,
    "urllib3.connectionpool": logging.ERROR,
}
_SERVERS = ("http", "https")
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "PERMISSION_DENIED")
"""MLflow's error codes for a run or a model of an id that is not there. A server with accounts says
the last one to all but its administrator."""
_ANSWER_SECONDS = 10
# Environment variables whose values no message may show.
_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_SHORTEST_SECRET = 4  # hiding every "a" would tell more


@dataclass(frozen=True)
class Store:
    """A store that answers. Hold `lock` where two processes must not write at once."""

    uri: str
    client: MlflowClient
    lock: filelock.BaseFileLock
    artifacts: Path | None  # None: the tracking server chooses where artifacts lie

    def experiment_id(self, name: str) -> str:
        """The experiment of that name, made if it is new."""
        if found := self.client.get_experiment_by_name(name):
            return str(found.experiment_id)
        folder = (self.artifacts / quote(name, safe=" ")).as_uri() if self.artifacts else None
        with self.lock:
            if found := self.client.get_experiment_by_name(name):
                return str(found.experiment_id)
            try:
                return str(self.client.create_experiment(name, artifact_location=folder))
            except MlflowException:  # another machine was first
                if found := self.client.get_experiment_by_name(name):
                    return str(found.experiment_id)
                raise

    @contextmanager
    def as_default(self) -> Iterator[None]:
        """For calls in which MLflow makes a client of its own; the process keeps its default."""
        variable = os.environ.get(_VARIABLE)
        explicit = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]
        chosen = mlflow.get_tracking_uri() if explicit else None
        mlflow.set_tracking_uri(self.uri)
        try:
            yield
        finally:
            # MLflow takes None for a choice undone, and writes the variable at each choice.
            mlflow.set_tracking_uri(None if chosen == variable else chosen)  # type: ignore[arg-type]
            if variable is not None:
                os.environ[_VARIABLE] = variable


@dataclass(frozen=True)
class Moved:
    """Folders of artifacts that the records of a store led to before and lead to now."""

    there: str
    here: str
    rows: int


def connect() -> Store:
    """Open the store, and make it first where it is a database that does not exist yet."""
    uri = _uri()
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
    with one_line_errors(uri):
        lock = filelock.FileLock(_lock_file(uri))
        if database := _database_file(uri):
            _make_ready(database, lock)
        if database and not os.environ.get(_VARIABLE):
            _follow_move(database, lock)
        if not database:
            _require_answer(uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
        return Store(uri, client, lock, _artifacts(uri))


def relocate() -> Moved:
    """Have the paths that a SQLite store records lead to the artifacts beside it.

    Where the project's own store was moved, `connect` does so unasked; a store that
    $MLFLOW_TRACKING_URI names is changed by this alone. StoreError on a server.
    """
    uri = _uri()
    database = _database_file(uri)
    if database is None:
        raise StoreError(
            f"The MLflow store {without_password(uri)} is a server's, and so is the place of its "
            "artifacts: it does not depend on this folder, and others use it. Nothing was changed. "
            "`latentops relocate` is for a database file that was moved with its project."
        )
    if not database.is_file():
        raise StoreError(f"There is no MLflow store {database} whose records could be changed.")
    with one_line_errors(uri):
        _require_artifacts(database)
        return _follow_move(database, filelock.FileLock(_lock_file(uri)))


def _uri() -> str:
    uri = os.environ.get(_VARIABLE) or _sqlite_uri(project_root() / _DATABASE)
    try:
        urlsplit(uri).port  # noqa: B018  raises for what is no address
    except ValueError as error:
        raise StoreError(
            f"{_VARIABLE} holds no address that can be read. It should look like "
            "http://host:5000, and a password in it should have its special characters quoted."
        ) from error
    return uri


def project_root() -> Path:
    """$DVC_ROOT, which is the project even in a temporary copy, or the folder with dvc.yaml."""
    if root := os.environ.get("DVC_ROOT"):
        return Path(root).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if _has_pipeline(folder) and not _has_pipeline(folder.parent):  # tune/ is part of one
            return folder
    raise StoreError(
        f"Neither {here} nor a folder above it holds dvc.yaml, so there is no project whose "
        "mlruns/ could be used. Go to the project, or set MLFLOW_TRACKING_URI."
    )


def _has_pipeline(folder: Path) -> bool:
    return (folder / "dvc.yaml").is_file()


@contextmanager
def one_line_errors(uri: str) -> Iterator[None]:
    """What MLflow, its database or the disk refuses becomes a StoreError."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        reason = _without_secrets(_reason(error), uri)
        raise StoreError(
            f"The MLflow store {without_password(uri)} refused: {reason} {_advice(reason)}".strip()
        ) from error


def _require_answer(uri: str) -> None:
    """One try and no more: MLflow would go on for minutes."""
    scheme = urlsplit(uri).scheme
    if scheme in _SERVERS:
        creds = get_default_host_creds(uri)  # type: ignore[no-untyped-call]
        http_request(  # type: ignore[no-untyped-call]
            creds, "/health", "GET", max_retries=0, timeout=_ANSWER_SECONDS
        )
    elif scheme.startswith("postgresql"):
        engine = sqlalchemy.create_engine(uri, connect_args={"connect_timeout": _ANSWER_SECONDS})
        engine.connect().close()
        engine.dispose()


def _make_ready(database: Path, lock: filelock.BaseFileLock) -> None:
    if not database.exists():
        with lock:
            if not database.exists():  # another process may have been first
                _create(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA schema_version")  # fails now; MLflow would retry for 100 s


def _create(database: Path) -> None:
    """Build the tables in a file beside it, so that a kill leaves none or a whole database."""
    partial = database.with_name(f".{database.name}.partial")
    _remove(partial)
    folder = (database.parent / "artifacts").as_uri()
    try:
        tables = SqlAlchemyStore(_sqlite_uri(partial), folder)  # type: ignore[no-untyped-call]
        tables.engine.dispose()
        with closing(sqlite3.connect(partial)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # kept in the file; writes twice as fast
        _forget_registered(database)
        _ignored_by_git(database)
        os.replace(partial, database)
    finally:
        _remove(partial)


def _remove(database: Path) -> None:
    """With SQLite's own files beside it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _forget_registered(database: Path) -> None:
    """A new store of the project holds no version: with that out gone, DVC registers again."""
    if database.parts[-2:] == _DATABASE.parts:
        database.with_name(artifacts.REGISTERED.name).unlink(missing_ok=True)


def _ignored_by_git(database: Path) -> None:
    """Who deletes mlruns/ deletes the file that keeps models and database out of git."""
    ignore = database.with_name(".gitignore")
    if database.parts[-2:] == _DATABASE.parts and not ignore.exists():
        ignore.write_text("*\n!.gitignore\n!README.md\n", encoding="utf-8")


def _follow_move(database: Path, lock: filelock.BaseFileLock) -> Moved:
    """Where the project was moved or copied, have the recorded paths lead to its own files."""
    with closing(sqlite3.connect(database)) as connection:
        there, here = _folders(connection, database)
        if there == here:
            return Moved(_path(there), _path(here), rows=0)
        with lock, connection:  # one transaction
            there, here = _folders(connection, database)  # another process may have been first
            rows = _rewrite(connection, there, here) if there != here else 0
            return Moved(_path(there), _path(here), rows)


def _require_artifacts(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        there, here = map(_path, _folders(connection, database))
        if _recorded_folder(connection) is None:
            raise StoreError(
                f"{database} was made by other means, and its artifacts may lie anywhere. Nothing "
                "was changed."
            )
    if not Path(here).is_dir():
        raise StoreError(
            f"{database} should have its artifacts beside it, and there is no {here}. They were in "
            f"{there}: move them too, then run the command again. Nothing was changed."
        )


def _folders(connection: sqlite3.Connection, database: Path) -> tuple[str, str]:
    """URIs of artifacts/ as it was recorded and as it is; the same where nothing was recorded."""
    there = _recorded_folder(connection)
    name = _path(there).rpartition("/")[2] if there else "artifacts"
    here = (database.parent / name).as_uri()
    return there or here, here


def _rewrite(connection: sqlite3.Connection, there: str, here: str) -> int:
    """How many rows led there."""
    return sum(
        connection.execute(
            f"UPDATE {table} SET {column} = :here || substr({column}, length(:there) + 1) "
            f"WHERE substr({column}, 1, length(:there) + 1) = :there || '/'",
            {"here": here, "there": there},
        ).rowcount
        for table, column in _LOCATIONS.items()
    )


def _path(uri: str) -> str:
    return unquote(urlsplit(uri).path)


def _recorded_folder(connection: sqlite3.Connection) -> str | None:
    """The URI of artifacts/ when the database was made; None where something else made it."""
    try:
        found = connection.execute(
            "SELECT artifact_location FROM experiments WHERE experiment_id = 0"
        ).fetchone()
    except sqlite3.OperationalError:  # no tables yet
        return None
    folder, _, name = (found[0] if found else "").rpartition("/")
    return folder if folder.startswith("file:") and name == "0" else None


def _sqlite_uri(database: Path) -> str:
    """Only what would end or change the path is quoted: MLflow makes the folder of the raw text."""
    return "sqlite:///" + re.sub("[%?#]", lambda found: quote(found[0]), str(database))


def _database_file(uri: str) -> Path | None:
    """The file behind a SQLite URI; None for a server or a database in memory."""
    parts = urlsplit(uri)
    if parts.scheme != "sqlite" or len(parts.path) < 2:
        return None
    return Path(unquote(parts.path[1:])).absolute()


def _artifacts(uri: str) -> Path | None:
    if urlsplit(uri).scheme in _SERVERS:
        return None
    database = _database_file(uri)
    return (database.parent if database else project_root() / _DATABASE.parent) / "artifacts"


def _lock_file(uri: str) -> Path:
    """Beside the database; for a server one for each person on this machine."""
    if database := _database_file(uri):
        database.parent.mkdir(parents=True, exist_ok=True)
        return database.with_name(f"{database.name}.lock")
    digest = hashlib.sha256(uri.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"latentops-{getpass.getuser()}-{digest}.lock")


def without_password(uri: str) -> str:
    """As a person may see it."""
    parts = urlsplit(uri)
    query = re.sub(r"(password=)[^&]*", r"\1***", parts.query)
    if parts.password is None:
        return unquote(urlunsplit(parts._replace(query=query)) if query else uri)
    user, _, host = parts.netloc.rpartition("@")
    shown = f"{user.partition(':')[0]}:***@{host}"
    return urlunsplit(parts._replace(netloc=shown, query=query))


def _without_secrets(text: str, uri: str) -> str:
    text = text.replace(uri.rstrip("/"), without_password(uri).rstrip("/"))
    password = urlsplit(uri).password or ""
    parts = password.split("@")  # one that should have been quoted divides the URI too early
    for secret in (password, unquote(password), *parts, *map(os.environ.get, _SECRETS)):
        if secret and len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def _reason(error: BaseException) -> str:
    """One line of the error below all others: the first, for MLflow adds the statement that it ran,
    or the last of a list of failures, as of files that did not come."""
    while below := _below(error):
        error = below
    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = lines[-1] if lines[0].endswith(":") else lines[0]
    if cause := re.search(r"\(Caused by (.+)\)$", text):  # before it stands the whole request
        text = cause[1]
    return textwrap.shorten(text, 400).rstrip(".") + "."


def _below(error: BaseException) -> BaseException | None:
    """MLflow says of a lost connection what it was doing; below it stands what happened."""
    lost = isinstance(error.__context__, OSError | urllib3.exceptions.HTTPError)
    return error.__cause__ or (error.__context__ if lost else None)


def _advice(reason: str) -> str:
    for sign, advice in (
        ("locked", "Another process is writing to it: end that one, or run the command again."),
        ("full", "Free some space and run the command again."),
        ("No space", "Free some space and run the command again."),
        ("Read-only", "Make it writable, or set MLFLOW_TRACKING_URI to another."),
        ("readonly", "Make it writable, or set MLFLOW_TRACKING_URI to another."),
        ("unable to open", "Make its folder writable, or set MLFLOW_TRACKING_URI to another."),
        (
            "Registered Model",
            "`dvc repro` registers one; where another store has it already, "
            "`dvc repro --force --single-item register`.",
        ),
        (
            "error code 401",
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to an account's.",
        ),
        ("ermission denied", "Ask for the permission, or take an account that has it."),
        ("password authentication", "Set the account's password in MLFLOW_TRACKING_URI."),
        ("onnection refused", "Start the server, or set MLFLOW_TRACKING_URI to another."),
        ("not known", "Set MLFLOW_TRACKING_URI to the server's address."),
        ("without response", "The server ended or restarts: run the command again when it is up."),
        ("timed out", "The server is too busy, or something else listens there: look at it."),
        ("psycopg", "Install the database's driver: pip install 'psycopg[binary]'."),
        ("not a database", "Move that file away: a new one is made, and models register again."),
    ):
        if sign in reason:
            return advice
    return ""
