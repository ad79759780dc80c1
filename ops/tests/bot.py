"""
A stand-in for Telegram's Bot API and for a dead man's switch, on loopback. It takes what Telegram takes and refuses what
Telegram refuses, as far as a message in HTML is concerned: https://core.telegram.org/bots/api#html-style
"""

import contextlib
import html
import http.server
import json
import re
import threading

TAGS = {"b", "strong", "i", "em", "u", "s", "code", "pre", "a"}
TAG = re.compile(r'<(/?)([a-zA-Z][a-zA-Z-]*)((?:\s+[a-zA-Z-]+="[^"<>]*")*)\s*>')
ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);")
LIMIT = 4096


class BadMessage(Exception):
    """What Telegram would say about it."""


def plain(text):
    """What a person reads of a message in HTML."""
    open_tags = []
    position = 0
    read = []

    def words(part):
        if "<" in part:
            raise BadMessage(f'can\'t parse entities: Unsupported start tag at "{part[part.index("<"):][:20]}"')
        if re.search("&(?![a-zA-Z#])", part) or re.search("&", ENTITY.sub("", part)):
            raise BadMessage(f'can\'t parse entities: bad entity in "{part[:40]}"')
        read.append(html.unescape(part))

    for tag in TAG.finditer(text):
        words(text[position : tag.start()])
        position = tag.end()
        closing, name, _ = tag.groups()
        if name not in TAGS:
            raise BadMessage(f'can\'t parse entities: Unsupported start tag "{name}"')
        if not closing:
            open_tags.append(name)
        elif not open_tags or open_tags.pop() != name:
            raise BadMessage(f'can\'t parse entities: Unmatched end tag "{name}"')
    words(text[position:])
    if open_tags:
        raise BadMessage(f"can't parse entities: Can't find end tag corresponding to start tag {open_tags[-1]}")
    return "".join(read)


class Bot:
    """Listens on a free port until closed; on this machine only, unless a container has to reach it."""

    def __init__(self, token, chat, first_answers=(), host="127.0.0.1", port=0, tls=None):
        """
        first_answers: the codes of the first answers, before it takes messages; 429 asks to wait for a second. tls: an SSLContext, if
        it is to speak HTTPS.
        """
        self.token = token
        self.chat = chat
        self.messages = []
        self.refused = []
        self.heartbeats = 0
        self.changed = threading.Condition()
        self._first_answers = list(first_answers)
        bot = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(*bot.updates(self.path))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(*bot.receive(self.path, body))

            def answer(self, code, answer):
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # An Alertmanager that is stopped does not wait for it.
                    self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer((host, port), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def receive(self, path, body):
        with self.changed:
            try:
                if path == "/deadman":
                    self.heartbeats += 1
                    return 200, {}
                if path != f"/bot{self.token}/sendMessage":
                    return 404, {"ok": False, "error_code": 404, "description": "Not Found"}
                if self._first_answers:
                    return self.refuse(self._first_answers.pop(0), "asked for by the test", body)
                return self.take(json.loads(body))
            except BadMessage as bad:
                return self.refuse(400, str(bad), body)
            finally:
                self.changed.notify_all()

    def updates(self, path):
        """Somebody has written a word in the chat."""
        if path != f"/bot{self.token}/getUpdates":
            return 404, {"ok": False, "error_code": 404, "description": "Not Found"}
        chat = {"id": int(self.chat), "title": "On call", "type": "supergroup"}
        return 200, {"ok": True, "result": [{"update_id": 1, "message": {"message_id": 1, "date": 0, "chat": chat, "text": "hello"}}]}

    def take(self, message):
        if str(message.get("chat_id")) != str(self.chat):
            raise BadMessage("chat not found")
        if message.get("parse_mode") != "HTML":
            raise BadMessage("this stand-in reads HTML only")
        read = plain(message["text"])
        if not read.strip():
            raise BadMessage("message text is empty")
        if len(read) > LIMIT:
            raise BadMessage("message is too long")
        self.messages.append({**message, "read": read, "number": len(self.messages) + 1})
        return 200, {"ok": True, "result": {"message_id": len(self.messages), "date": 0, "chat": {"id": int(self.chat), "type": "group"}}}

    def refuse(self, code, why, body):
        self.refused.append((code, why, body.decode()))
        answer = {"ok": False, "error_code": code, "description": f"Bad Request: {why}"}
        if code == 429:
            answer = {**answer, "description": "Too Many Requests: retry after 1", "parameters": {"retry_after": 1}}
        return code, answer

    def wait_for(self, what, accept, seconds, after=0):
        """The first message that is accepted, those that are here already included, if their number is above after."""

        def found():
            return next((message for message in self.messages[after:] if accept(message["read"])), None)

        with self.changed:
            # A second at a time, as in processes.wait_until.
            for _ in range(seconds):
                message = self.changed.wait_for(found, 1)
                if message:
                    return message
            read = "\n---\n".join(message["read"] for message in self.messages) or "none"
            raise AssertionError(f"no message within {seconds} s: {what}. There came:\n{read}\nrefused: {self.refused}")

    def close(self):
        self._server.shutdown()
        self._server.server_close()
