#!/usr/bin/env python3
"""Publishes the events of a file over HTTP, by the CloudEvents SDK for Python.

    target/venv/bin/python tests/clients/cloudevents_http.py --target 127.0.0.1:8080 \\
        --client motcua --secret-file PATH --events-file EVENTS --mode structured

The file holds one JSON object a line: {"id": …, "type": …, "data": the record}. The mode is
`binary` or `structured`, one request an event, or `batch`, one request for all.

Prints the answers as JSON. A request whose outcome is unknown is sent again with the same ids,
which the bus never records twice; what is refused is printed with every fault, and exit code 1.
"""

import datetime
import http.client
import json
import pathlib
import sys
import time

from cloudevents.core.bindings import http as binding
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

import bus

GIVE_UP_SECONDS = 60


class Refused(Exception):
    """A request that the bus refused for good."""

    def __init__(self, problem):
        super().__init__(problem["code"])
        self.problem = problem


def messages(events, mode):
    """Writes the events as HTTP messages: headers and body."""
    if mode == "binary":
        return [binding.to_binary_event(event) for event in events]
    if mode == "structured":
        return [binding.to_structured_event(event) for event in events]
    # The SDK writes no batches; by the specification one is an array of structured events.
    body = b"[" + b",".join(JSONFormat().write(event) for event in events) + b"]"
    return [binding.HTTPMessage({"content-type": "application/cloudevents-batch+json"}, body)]


def post(connection, token, message, prefer):
    """Posts a message until its outcome is known; returns the answer."""
    headers = {**message.headers, "authorization": f"Bearer {token}"}
    if prefer:
        headers["prefer"] = prefer
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            connection.request("POST", "/v1/events", message.body, headers)
            response = connection.getresponse()
            answer = json.load(response)
        except (OSError, http.client.HTTPException):
            # The line broke: whether the events were recorded is unknown, so send the same again.
            connection.close()
            if time.monotonic() > give_up:
                raise
            time.sleep(1)
            continue
        if response.status < 400:
            return answer
        # RFC 9457, with members of the bus's own: `retryable` says what to do.
        if not answer.get("retryable") or time.monotonic() > give_up:
            raise Refused(answer)
        time.sleep(int(response.headers.get("retry-after", "1")))


def main():
    parser = bus.arguments(__doc__.splitlines()[0], client="motcua")
    parser.add_argument("--agency", default="H61.14", metavar="CODE", help="whose events (default: %(default)s)")
    parser.add_argument("--events-file", required=True, type=pathlib.Path, metavar="PATH")
    parser.add_argument("--mode", choices=("binary", "structured", "batch"), default="structured")
    parser.add_argument("--prefer", metavar="PREFERENCE", help="e.g. handling=lenient, for a batch (RFC 7240)")
    options = parser.parse_args()

    events = []
    for line in options.events_file.read_text(encoding="utf-8").splitlines():
        planned = json.loads(line)
        attributes = {
            "id": planned["id"],
            "source": f"/agencies/{options.agency}/systems/{options.client}",
            "type": planned["type"],
            "time": datetime.datetime.now(datetime.timezone.utc),
            # Without it binary mode has no Content-Type, and the bus cannot tell what it gets.
            "datacontenttype": "application/json",
            "lot": "7",
        }
        events.append(CloudEvent(attributes, planned["data"]))

    token = bus.access_token(options.target, options.client, options.secret_file)
    connection = http.client.HTTPConnection(options.target, timeout=bus.DEADLINE_SECONDS * 2)
    try:
        return [post(connection, token, message, options.prefer) for message in messages(events, options.mode)]
    except Refused as refused:
        sys.exit(json.dumps(refused.problem, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    bus.run(main)
