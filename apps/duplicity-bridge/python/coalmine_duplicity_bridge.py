"""Gives duplicity the storages of Coalmine: mf:// and coalmine+SCHEME://.

It is loaded when Python starts, does nothing but wait for duplicity, and then registers a backend. The backend starts
"duplicity-bridge rpc" once per process and asks it for everything, a line of JSON each; bytes travel as paths of files.
Nothing of the installed duplicity is changed. Standard library only, Python 3.5 or later. MIT.
"""

import sys
from importlib.machinery import PathFinder

PROTOCOL = 1
MAX_NAMES = 1000
MAX_LINE = 1 << 20
PREFIX = "coalmine"


class BridgeError(Exception):
    """What a call failed with. kind and retry are the bridge's words."""

    def __init__(self, message, kind="failed", retry="later", retry_after=0, errno=""):
        super(BridgeError, self).__init__(message)
        self.kind = kind
        self.retry = retry
        self.retry_after = retry_after
        self.errno = errno


class Bridge(object):
    """The other side: a process that is started at the first call, and again when it has died."""

    def __init__(self, url, password=None, command=None, on_log=None, timeout=None):
        import threading

        self._url = url
        self._password = password
        self._command = command
        self._on_log = on_log or (lambda level, text: None)
        self._timeout = timeout
        self._lock = threading.RLock()
        self._process = None
        self._owner = None
        self._buffer = b""
        self._last_id = 0

    def call(self, method, params=None, on_notice=None):
        """Makes a call and waits for its answer. A process that does not stir is ended, and the call fails."""
        with self._lock:
            try:
                self._start()
                return self._exchange(method, params or {}, on_notice)
            except BridgeError:
                raise
            except BaseException:
                # Ctrl-C, or something that nobody thought of: what would come now belongs to another call.
                self.stop(kill=True)
                raise

    def stop(self, kill=False):
        """Ends the process. What it was doing is stopped."""
        import os
        import subprocess

        process, self._process, self._buffer = self._process, None, b""
        if process is None or self._owner != os.getpid():
            return
        if kill:
            process.kill()
        for stream in (process.stdin, process.stdout):
            try:
                stream.close()
            except OSError:
                pass
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self):
        import os
        import subprocess

        if self._owner != os.getpid():
            # A fork has the pipes of its parent, and must not speak in its name.
            self._process, self._buffer = None, b""
        if self._process is not None and self._process.poll() is not None:
            # It has died while nothing was asked of it: nothing is lost.
            self.stop()
        if self._process is not None:
            return
        self._command = self._command or _command()
        self._timeout = self._timeout or _timeout()
        env = dict((name, value) for name, value in os.environ.items() if name not in _SECRETS_OF_OTHERS)
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, bufsize=0
            )
        except OSError as error:
            what = "Cannot start the bridge \"%s\": %s" % (self._command[0], error.strerror or error)
            raise BridgeError(what, retry="never")
        self._owner = os.getpid()
        self._buffer = b""
        if self not in _running:
            _running.append(self)
        wanted = {"protocol": PROTOCOL, "url": self._url}
        if self._password is not None:
            wanted["password"] = self._password
        try:
            self._exchange("open", wanted, None)
        except BaseException:
            self.stop()
            raise

    def _exchange(self, method, params, on_notice):
        import json

        self._last_id += 1
        mine = self._last_id
        self._send({"jsonrpc": "2.0", "id": mine, "method": method, "params": params})
        while True:
            line = self._line(method)
            try:
                message = json.loads(line.decode("utf-8"))
            except ValueError:
                self.stop(kill=True)
                raise BridgeError("Cannot understand the bridge: what it says is no JSON")
            if "method" in message:
                self._notified(message["method"], message.get("params") or {}, mine, on_notice)
            elif message.get("id") == mine:
                return self._result(message)
            elif message.get("id") is None and "error" in message:
                return self._result(message)

    def _result(self, message):
        error = message.get("error")
        if error is None:
            return message.get("result")
        raise error_of(error)

    def _notified(self, method, params, mine, on_notice):
        if method == "log":
            self._on_log(params.get("level"), params.get("text"))
        elif params.get("id") == mine and on_notice is not None:
            on_notice(method, params)

    def _send(self, message):
        import json

        data = memoryview(json.dumps(message).encode("ascii") + b"\n")
        if len(data) > MAX_LINE:
            raise BridgeError("Cannot ask the bridge: the question has more than %d bytes" % MAX_LINE, retry="never")
        try:
            while len(data) > 0:
                data = data[self._process.stdin.write(data) :]
        except (BrokenPipeError, ConnectionResetError):
            raise self._died()

    def _line(self, method):
        """The next line. When none comes for long, it is asked whether anybody is there; then it is given up."""
        asked = False
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
                return line
            if len(self._buffer) > MAX_LINE:
                self.stop(kill=True)
                raise BridgeError("Cannot understand the bridge: a line of it has no end")
            if not self._readable():
                if asked:
                    self.stop(kill=True)
                    raise BridgeError("Cannot %s: the bridge did not stir for %d s" % (method, self._timeout * 2))
                asked = True
                self._send({"jsonrpc": "2.0", "id": "ping", "method": "ping"})
                continue
            chunk = self._read()
            if not chunk:
                raise self._died()
            asked = False
            self._buffer += chunk

    def _readable(self):
        import select

        if not hasattr(select, "poll"):
            return bool(select.select([self._process.stdout], [], [], self._timeout)[0])
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN | select.POLLHUP)
        return bool(poll.poll(self._timeout * 1000))

    def _read(self):
        import os

        try:
            return os.read(self._process.stdout.fileno(), 1 << 16)
        except ConnectionResetError:
            return b""

    def _died(self):
        process = self._process
        self.stop()
        code = process.returncode
        how = "by signal %d" % -code if code is not None and code < 0 else "with code %s" % code
        return BridgeError("The bridge ended %s; it is started again for the next try" % how)


def error_of(error):
    """An error of the protocol as an exception."""
    data = error.get("data") or {}
    return BridgeError(
        error.get("message") or "unknown error",
        kind=data.get("kind") or "failed",
        retry=data.get("retry") or "never",
        retry_after=(data.get("retryAfterMs") or 0) / 1000.0,
        errno=data.get("errno") or "",
    )


# Of duplicity, for gpg: nothing that the other side needs.
_SECRETS_OF_OTHERS = ("PASSPHRASE", "SIGN_PASSPHRASE")

_running = []


def _stop_all():
    for bridge in list(_running):
        bridge.stop()


def _command():
    """How the other side is started: as "duplicity-bridge run" says, or as "duplicity-bridge install" has written down."""
    import json
    import os

    said = os.environ.get("COALMINE_BRIDGE_COMMAND")
    try:
        if said:
            words = json.loads(said)
        else:
            with open(os.path.splitext(os.path.abspath(__file__))[0] + ".json") as file:
                words = json.load(file)["command"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        where = "COALMINE_BRIDGE_COMMAND" if said else "what was installed; install it again"
        raise BridgeError("Cannot tell from %s how the bridge is started: %s" % (where, error), retry="never")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise BridgeError("Cannot start the bridge: its command is no list of words", retry="never")
    return words


def _timeout():
    import os

    said = os.environ.get("COALMINE_BRIDGE_TIMEOUT") or "120"
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise BridgeError("Cannot take COALMINE_BRIDGE_TIMEOUT=%s: it is no number of seconds" % said, retry="never")
    return seconds


def _path_of(name):
    """A path for the other side, in whose messages there is text only."""
    import base64
    import os

    raw = os.path.abspath(os.fsencode(name))
    try:
        return {"path": raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"pathBase64": base64.b64encode(raw).decode("ascii")}


def _text(name):
    return name.decode("utf-8") if isinstance(name, bytes) else name


def _create_backend_class(module):
    """The class that duplicity asks for an object per URL. module is duplicity.backend."""
    import os
    import threading

    from duplicity import errors, log
    from duplicity.errors import BackendException

    TemporaryLoadException = getattr(errors, "TemporaryLoadException", BackendException)
    FatalBackendException = getattr(errors, "FatalBackendException", BackendException)

    codes = {
        "not-found": getattr(log.ErrorCode, "backend_not_found", 52),
        "denied": getattr(log.ErrorCode, "backend_permission_denied", 51),
        "no-space": getattr(log.ErrorCode, "backend_no_space", 53),
    }
    other = getattr(log.ErrorCode, "backend_error", 50)

    def tell(level, text):
        (log.Warn if level == "warning" else log.Info)(text)

    class CoalmineBackend(module.Backend):
        """A folder of a storage, through the bridge. Tries are duplicity's alone: the bridge makes each call once."""

        def __init__(self, parsed_url):
            module.Backend.__init__(self, parsed_url)
            url = parsed_url.url_string
            if url.startswith(PREFIX + "+"):
                url = url[len(PREFIX) + 1 :]
            self._bridge = Bridge(url, self._asked_password(parsed_url, url), on_log=tell)
            self._failed_puts = 0

        def _asked_password(self, parsed_url, url):
            # A person is asked as duplicity asks; from cron nobody can be, and the bridge says what is missing.
            has_user = "@" in url.partition("://")[2].split("/", 1)[0]
            is_known = any(os.environ.get(name) for name in ("BACKEND_PASSWORD", "FTP_PASSWORD"))
            is_asked = url.startswith("mf://") and has_user and not parsed_url.password and not is_known
            return self.get_password() if is_asked and sys.stdin is not None and sys.stdin.isatty() else None

        def _call(self, method, params=None, on_notice=None):
            try:
                return self._bridge.call(method, params, on_notice)
            except BridgeError as error:
                raise self._failure(method, error)

        def _failure(self, method, error):
            code = codes.get(error.kind, other)
            is_final = error.retry == "never" and error.kind not in ("not-found", "cancelled")
            if threading.current_thread() is not threading.main_thread():
                # --asynchronous-upload of 0.8: an exit in its thread would be seen by nobody, and the run would wait for
                # ever. duplicity's own way out after the last try is such an exit, so the last one is told before it.
                self._failed_puts += 1
                if is_final or self._failed_puts >= _num_retries():
                    return FatalBackendException(str(error), code=code)
            elif is_final:
                # A password does not get right, nor an account empty, by waiting half a minute four times.
                log.FatalError("Giving up. %s" % error, code, method)
            busy = error.retry_after > 0
            return (TemporaryLoadException if busy else BackendException)(str(error), code=code)

        def _error_code(self, operation, error):
            return getattr(error, "code", None)

        def _put(self, source_path, remote_filename):
            report, progress = _reporter()
            params = dict(_path_of(source_path.name), name=_text(remote_filename), progress=progress)
            self._call("put", params, report)
            self._failed_puts = 0

        def _get(self, remote_filename, local_path):
            self._call("get", dict(_path_of(local_path.name), name=_text(remote_filename)))

        def _list(self):
            names = []

            def more(method, params):
                names.extend(item["name"].encode("utf-8") for item in params["objects"])

            self._call("list", None, more)
            return names

        def _delete_list(self, filename_list):
            failed = self._each("delete", filename_list)[1]
            if failed:
                raise self._failure("delete", failed[0])

        def _delete(self, filename):
            self._delete_list([filename])

        def _query_list(self, filename_list):
            found, failed = self._each("query", filename_list)
            if failed and not found:
                raise self._failure("query", failed[0])
            sizes = dict((item["name"].encode("utf-8"), item["size"]) for item in found)
            return dict((name, {"size": _size_of(sizes, name)}) for name in filename_list)

        def _query(self, filename):
            return self._query_list([filename])[filename]

        def _each(self, method, names):
            found, failed = [], []
            for at in range(0, len(names), MAX_NAMES):
                answer = self._call(method, {"names": [_text(name) for name in names[at : at + MAX_NAMES]]})
                found.extend(answer["objects"])
                failed.extend(error_of(item["error"]) for item in answer["failed"])
            return found, failed

        def _close(self):
            self._bridge.stop()

    return CoalmineBackend


def _size_of(sizes, name):
    """-1 for what is not there, None for what nobody could tell."""
    key = name if isinstance(name, bytes) else name.encode("utf-8")
    if key not in sizes:
        return None
    return -1 if sizes[key] is None else sizes[key]


def _num_retries():
    """How often duplicity tries; it has been in different modules."""
    for name in ("config", "globals"):
        try:
            module = __import__("duplicity." + name, fromlist=[name])
            return int(module.num_retries)
        except (ImportError, AttributeError, TypeError, ValueError):
            continue
    return 1


def _reporter():
    """Told of bytes that were sent, when duplicity shows progress."""
    try:
        from duplicity import config as settings
    except ImportError:
        return None, False
    if not getattr(settings, "progress", False):
        return None, False
    from duplicity import progress

    def report(method, params):
        if method == "progress" and params.get("phase") == "sent":
            progress.report_transfer(params["bytes"], params.get("total") or 0)

    # duplicity counts by how much each number exceeds the one before, which was of another volume.
    progress.report_transfer(0, 0)
    return report, True


def _register(module):
    """Makes the schemes known to duplicity.backend, in the place of its own mf."""
    import atexit

    known = []

    def backend_class():
        if not known:
            known.append(_create_backend_class(module))
            atexit.register(_stop_all)
        return known[0]

    def open_mf(parsed_url):
        return backend_class()(parsed_url)

    def open_prefixed(parsed_url):
        # The prefix is off. Without it, workers that are told the URL would open another backend.
        parsed_url.url_string = "%s+%s" % (PREFIX, parsed_url.url_string)
        return backend_class()(parsed_url)

    import_backends = module.import_backends

    def import_backends_and_ours(*args, **kwargs):
        result = import_backends(*args, **kwargs)
        module._backends["mf"] = open_mf
        return result

    module._backend_prefixes[PREFIX] = open_prefixed
    module.import_backends = import_backends_and_ours


class _Finder(object):
    """Waits for duplicity.backend to be imported. Everything else it leaves to others."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "duplicity.backend":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            _register(module)

        spec.loader.exec_module = exec_module
        return spec


def hook():
    """Has duplicity know our schemes from now on. May be called again."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


hook()
