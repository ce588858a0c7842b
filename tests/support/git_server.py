"""Serves the Git repositories below a folder over HTTPS, by git's own `http-backend`; with `dumb` as plain files, as any web server would.

    git_server.py FOLDER CERTIFICATE-AND-KEY smart|dumb

Prints the port, and what is asked of it, a line each.
"""

import http.server
import os
import ssl
import subprocess
import sys
import zlib

folder, certificate, kind = sys.argv[1:]


class Smart(http.server.BaseHTTPRequestHandler):
    def answer(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, wbits=31)
        print(self.command, path, query, flush=True)
        environment = os.environ | {
            "GIT_PROJECT_ROOT": folder,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *words):
        pass


class Dumb(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *words, **named):
        super().__init__(*words, directory=folder, **named)

    def log_message(self, form, *words):
        print(form % words, flush=True)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Smart if kind == "smart" else Dumb)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
