#!/usr/bin/env python3
"""Publishes the events of a file over a stream, and again what has no outcome, until each has one.

    target/venv/bin/python tests/clients/resend.py --target 127.0.0.1:8080 \\
        --client motcua --secret-file PATH --events-file EVENTS

The file holds one JSON object a line: {"id": …, "type": …, "data": "the record as text"}.

Three rules make it safe to pull any plug at any time:
1. An event keeps its id for ever: the bus never records the same source and id twice.
2. What has neither a receipt nor a final refusal is sent again, in the order of the file; so each
   dossier's events stay in order.
3. A final refusal is not sent again: it must be mended.

Prints how many streams it took, and the outcome of each event in the order of the file.
"""

import json
import pathlib
import random
import time

import grpc

import bus

SERVICE = "lgsp.event.v1.EventService"
# The stream broke, or the bus wants a pause; what it answered stands, the rest is unknown.
AGAIN = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,
    # The token ended with the stream: the next one gets a new token.
    grpc.StatusCode.UNAUTHENTICATED,
)
STREAM_SECONDS = 60
GIVE_UP_SECONDS = 120
LONGEST_PAUSE_SECONDS = 30


def is_final(outcome):
    return "receipt" in outcome or not outcome["fault"].get("retryable", False)


def publish_once(connection, events, outcomes):
    """Sends what has no outcome over one stream; notes the outcomes that come, in their order."""
    left = [event for event in events if event["id"] not in outcomes]
    answers = connection.stream(SERVICE, "PublishEvents", ({"event": event} for event in left), STREAM_SECONDS)
    # The answers come in the order of the events, one for each.
    for event, answer in zip(left, answers):
        if is_final(answer):
            outcomes[event["id"]] = answer


def publish(connect, events):
    """Publishes until each event has an outcome; returns the outcomes by id, and how many streams it took."""
    outcomes, streams, pause = {}, 0, 0.2
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while len(outcomes) < len(events):
        before = len(outcomes)
        streams += 1
        try:
            publish_once(connect(), events, outcomes)
        except bus.Refused as refused:
            if refused.code not in AGAIN or time.monotonic() > give_up:
                raise
        except OSError as error:
            # Not even a token was to be had; a refusal of the client itself is final.
            if getattr(error, "code", 500) < 500 or time.monotonic() > give_up:
                raise
        if len(outcomes) > before:
            pause = 0.2
        if len(outcomes) < len(events):
            # Twice as long each time without progress, and never all clients at the same moment.
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    return outcomes, streams


def main():
    parser = bus.arguments(__doc__.splitlines()[0], client="motcua")
    parser.add_argument("--agency", default="H61.14", metavar="CODE", help="whose events (default: %(default)s)")
    parser.add_argument("--events-file", required=True, type=pathlib.Path, metavar="PATH")
    options = parser.parse_args()

    planned = [json.loads(line) for line in options.events_file.read_text(encoding="utf-8").splitlines()]
    events = [
        {
            "specVersion": "1.0",
            "id": event["id"],
            "source": f"/agencies/{options.agency}/systems/{options.client}",
            "type": event["type"],
            "attributes": {"datacontenttype": {"ceString": "application/json"}},
            "textData": event["data"],
        }
        for event in planned
    ]

    def connect():
        return bus.Bus(options.target, bus.access_token(options.target, options.client, options.secret_file))

    outcomes, streams = publish(connect, events)
    return {"streams": streams, "outcomes": [outcomes[event["id"]] for event in events]}


if __name__ == "__main__":
    bus.run(main)
