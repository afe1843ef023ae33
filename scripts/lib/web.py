#!/usr/bin/env python3
"""A web server of one folder.

usage: web.py ADDRESS PORT FOLDER

Says "ready" when it listens. `python3 -m http.server` would ask for its own name first: seconds, where
there is no name server.
"""

import functools
import http.server
import socketserver
import sys


class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


def main():
    address, port, folder = sys.argv[1:]
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = Server((address, int(port)), handler)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
