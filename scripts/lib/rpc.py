"""JSON-RPC on a Unix socket, one object a line: accelnetd's and azhost's, without a process for each
question."""

import json
import socket


class RpcError(Exception):
    """The other side refused; `error` is what it said."""

    def __init__(self, method, error):
        super().__init__(f"{method}: {error}")
        self.error = error


class Connection:
    """Opened when it is first needed, and again where the other side has closed it."""

    def __init__(self, path, seconds=120):
        self.path, self.seconds = str(path), seconds
        self.file = None
        self.count = 0

    def call(self, method, **params):
        for last in (False, True):
            try:
                return self.call_once(method, params)
            except OSError:
                self.close()
                if last:
                    raise

    def call_once(self, method, params):
        if not self.file:
            end = socket.socket(socket.AF_UNIX)
            end.settimeout(self.seconds)
            end.connect(self.path)
            self.file = end.makefile("rw", encoding="utf-8")
            end.close()  # the file keeps it open
        self.count += 1
        question = {"jsonrpc": "2.0", "id": self.count, "method": method, "params": params}
        self.file.write(json.dumps(question) + "\n")
        self.file.flush()
        line = self.file.readline()
        if not line:
            raise ConnectionError(f"{self.path}: closed")
        answer = json.loads(line)
        if "error" in answer:
            raise RpcError(method, answer["error"])
        return answer["result"]

    def close(self):
        if self.file:
            try:
                self.file.close()
            except OSError:
                pass
        self.file = None
