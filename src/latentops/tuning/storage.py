"""Where a study lives: a journal of this machine, Optuna's proxy of one, or PostgreSQL."""

import functools
import importlib.util
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import filelock
import optuna
import sqlalchemy
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, GrpcStorageProxy, RDBStorage, get_storage

from latentops.errors import StudyError
from latentops.tuning import journal as journals
from latentops.tuning.patience import Patience, Patient

SHARED_JOURNAL = Path("mlruns/optuna/shared.journal")  # what `latentops tune storage` serves

_FIRST_CONTACT_SECONDS = 60.0  # a worker may start before the server
_SECONDS_TO_END = 5.0  # for calls that a server has begun
_SERVER_THREADS = 10
_ANSWER_SECONDS = 30  # a call that takes longer is tried again
_LOCK_OF_TABLES = 0x6C6F6F70  # PostgreSQL's, while Optuna makes its tables
_INSTALL = "pip install -e '.[cluster]'"
_EXPECTED = "grpc://host:port or postgresql://user:password@host/database"

# A channel to a machine that vanished, or to a server that was stopped, is found out and renewed.
_CHANNEL = {
    "grpc.max_receive_message_length": -1,
    "grpc.keepalive_time_ms": 15_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.initial_reconnect_backoff_ms": 500,
    "grpc.max_reconnect_backoff_ms": 5_000,
}
# The same for a connection; and who stopped inside a transaction holds up nobody for long.
_CONNECTION = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "options": "-c lock_timeout=30s -c idle_in_transaction_session_timeout=30s",
}


@contextmanager
def opened(address: str | None, journal: Path) -> Iterator[BaseStorage]:
    """The storage at an address, or in the journal where there is none.

    It waits where the storage is away: a minute for the first answer, later ten. Raises StudyError
    for an address that cannot be used, a driver that is missing, a journal that is damaged.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if address is None:
        yield Patient(journals.read(journal), str(journal))
        return
    with _opener(address)(address) as storage:
        yield storage


def serve(journal: Path, host: str, port: int) -> None:
    """Serve a journal to whoever reaches the port, until Ctrl-C or SIGTERM."""
    _require_driver("grpc")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _alone(journal), interrupted_by_sigterm():
        journals.mend(journal)
        storage = Patient(journals.read(journal), str(journal), marked_by_caller=True)
        server = _server(storage, host, port)
        print(
            f"{journal} is served at grpc://{host}:{port}. Give that to the study and its workers "
            "as LATENTOPS_STUDY_STORAGE, by a name of this machine that they know. Ctrl-C ends it.",
            file=sys.stderr,
            flush=True,
        )
        with suppress(KeyboardInterrupt):
            server.wait_for_termination()
        server.stop(_SECONDS_TO_END).wait()


def _server(storage: BaseStorage, host: str, port: int) -> Any:
    """Optuna's, on a port of its own: two servers could share one, and each get half the calls."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what it has to say stands in the error
    import grpc
    from optuna.storages._grpc.auto_generated import api_pb2_grpc
    from optuna.storages._grpc.servicer import OptunaStorageProxyService

    server = grpc.server(ThreadPoolExecutor(_SERVER_THREADS), options=[("grpc.so_reuseport", 0)])
    service = OptunaStorageProxyService(storage)
    api_pb2_grpc.add_StorageServiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]
    try:
        server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise StudyError(
            f"The storage cannot be served at {host}:{port}: another program has the port, or the "
            "host is not this machine's. Give another --port or --host."
        ) from error
    server.start()
    return server


def _opener(address: str) -> Callable[[str], AbstractContextManager[BaseStorage]]:
    scheme, separator, _ = address.partition("://")
    openers = {"grpc": _proxy, "postgresql": _database}
    if not separator or scheme not in openers:
        found = f"{scheme}://" if separator else _without_user(address)
        raise _unusable(f"found {found}")
    return openers[scheme]


def _unusable(reason: str) -> StudyError:
    return StudyError(
        f"The address of the study's storage cannot be used: expected {_EXPECTED}, {reason}."
    )


def _without_user(address: str) -> str:
    """A password may stand before the @, wherever somebody put it."""
    return repr(address.rpartition("@")[2])


@contextmanager
def _proxy(address: str) -> Iterator[BaseStorage]:
    host, port = _host_and_port(address)
    _require_driver("grpc")
    with _without_experimental_warning():
        proxy = _Proxy(host=host, port=port)
    try:
        Patience(address, _FIRST_CONTACT_SECONDS).call(proxy.get_all_studies)
        yield Patient(proxy, address)
    finally:
        proxy.close()


def _host_and_port(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _unusable(f"found {_without_user(address)}") from error
    if host is None or port is None or parts.path.strip("/") or parts.username:
        raise _unusable(f"found {_without_user(address)}")
    return (f"[{host}]" if ":" in host else host), port


class _Proxy(GrpcStorageProxy):
    """Optuna's waits for an answer for ever."""

    def _setup(self) -> None:
        super()._setup()
        import grpc
        from optuna.storages._grpc.auto_generated import api_pb2_grpc
        from optuna.storages._grpc.client import GrpcClientCache

        self._channel.close()
        self._channel = grpc.insecure_channel(f"{self._host}:{self._port}", [*_CHANNEL.items()])
        stub: Any = _Hurried(api_pb2_grpc.StorageServiceStub(self._channel))  # type: ignore[no-untyped-call]
        self._stub, self._cache = stub, GrpcClientCache(stub)


class _Hurried:
    """A stub whose calls end in time. A deadline in the channel's own settings is seconds off."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        return functools.partial(getattr(self._stub, name), timeout=_ANSWER_SECONDS)


@contextmanager
def _database(address: str) -> Iterator[BaseStorage]:
    _require_driver("psycopg")
    try:
        url = sqlalchemy.make_url(address).set(drivername="postgresql+psycopg")
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        raise _unusable("with a password's special characters quoted") from error
    shown = url.difference_update_query(["password"]).set(drivername="postgresql")
    place = shown.render_as_string(hide_password=True)
    first_contact = Patience(place, _FIRST_CONTACT_SECONDS)
    database = first_contact.call(lambda: _with_tables(url))
    try:
        yield Patient(get_storage(database), place)
    finally:
        database.engine.dispose()


def _with_tables(url: sqlalchemy.URL) -> RDBStorage:
    """One process makes the tables, the others wait: PostgreSQL refuses to make them twice."""
    options: dict[str, Any] = {"connect_args": _CONNECTION, "pool_pre_ping": True}
    template = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    engine = sqlalchemy.create_engine(url, connect_args=_CONNECTION)
    lock = sqlalchemy.func.pg_advisory_xact_lock(_LOCK_OF_TABLES)
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.select(lock))
            return RDBStorage(template, engine_kwargs=options)
    except RuntimeError as error:  # tables of another version
        raise StudyError(" ".join(str(error).split())) from error
    finally:
        engine.dispose()


def _require_driver(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise StudyError(f"This storage needs the package {package}: {_INSTALL}.")


@contextmanager
def _alone(journal: Path) -> Iterator[None]:
    journal.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(journal.with_name(f"{journal.name}.serving"))
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise StudyError(f"{journal} is being served already, by another process.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Schedulers end a job by SIGTERM: here it does what Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _without_experimental_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
