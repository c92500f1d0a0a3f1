#!/usr/bin/env python3
"""Publishes the events of a file over one stream, and prints what became of each, in their order.

    target/venv/bin/python tests/clients/stream.py --target 127.0.0.1:8080 \\
        --client motcua --secret-file PATH --events-file EVENTS

The file holds one JSON object a line: {"id": …, "type": …, "data": "the record as text"}.

The event message is built here from the CloudEvents specification alone (protobuf format 1.0,
`io.cloudevents.v1.CloudEvent`), not taken from the bus: what any CloudEvents library writes is
what the bus reads.
"""

import json
import pathlib

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

import bus

SERVICE = "lgsp.event.v1.EventService"
FIELD = descriptor_pb2.FieldDescriptorProto


def cloud_event_class():
    """Builds `io.cloudevents.v1.CloudEvent`; `proto_data` and the rarer attribute forms are left out."""
    file = descriptor_pb2.FileDescriptorProto(
        name="cloudevents.proto", package="io.cloudevents.v1", syntax="proto3"
    )
    event = file.message_type.add(name="CloudEvent")
    for number, name in enumerate(("id", "source", "spec_version", "type"), start=1):
        event.field.add(name=name, number=number, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)

    value = event.nested_type.add(name="CloudEventAttributeValue")
    value.oneof_decl.add(name="attr")
    for number, name, kind in (
        (1, "ce_boolean", FIELD.TYPE_BOOL),
        (2, "ce_integer", FIELD.TYPE_INT32),
        (3, "ce_string", FIELD.TYPE_STRING),
        (4, "ce_bytes", FIELD.TYPE_BYTES),
    ):
        value.field.add(name=name, number=number, type=kind, label=FIELD.LABEL_OPTIONAL, oneof_index=0)

    # A map is a repeated entry of key and value.
    entry = event.nested_type.add(name="AttributesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
    nested = ".io.cloudevents.v1.CloudEvent."
    entry.field.add(name="value", number=2, type=FIELD.TYPE_MESSAGE, label=FIELD.LABEL_OPTIONAL,
                    type_name=nested + "CloudEventAttributeValue")
    event.field.add(name="attributes", number=5, type=FIELD.TYPE_MESSAGE, label=FIELD.LABEL_REPEATED,
                    type_name=nested + "AttributesEntry")

    event.oneof_decl.add(name="data")
    event.field.add(name="binary_data", number=6, type=FIELD.TYPE_BYTES, label=FIELD.LABEL_OPTIONAL, oneof_index=0)
    event.field.add(name="text_data", number=7, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL, oneof_index=0)

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("io.cloudevents.v1.CloudEvent"))


def request_bytes(event):
    """Writes a PublishEventsRequest: its field 1 is the event, and that is all it has."""
    body = event.SerializeToString()
    head, length = bytearray([1 << 3 | 2]), len(body)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + body


def main():
    parser = bus.arguments(__doc__.splitlines()[0], client="motcua")
    parser.add_argument("--agency", default="H61.14", metavar="CODE", help="whose events (default: %(default)s)")
    parser.add_argument("--events-file", required=True, type=pathlib.Path, metavar="PATH")
    options = parser.parse_args()
    CloudEvent = cloud_event_class()

    def events():
        for number, line in enumerate(options.events_file.read_text(encoding="utf-8").splitlines()):
            planned = json.loads(line)
            event = CloudEvent(
                id=planned["id"],
                source=f"/agencies/{options.agency}/systems/{options.client}",
                spec_version="1.0",
                type=planned["type"],
            )
            event.attributes["datacontenttype"].ce_string = "application/json"
            event.attributes["lot"].ce_integer = number
            # Both forms of data mean the same.
            if number % 2:
                event.text_data = planned["data"]
            else:
                event.binary_data = planned["data"].encode()
            yield request_bytes(event)

    token = bus.access_token(options.target, options.client, options.secret_file)
    with grpc.insecure_channel(options.target) as channel:
        pool = bus.DescriptorPool(bus.ProtoReflectionDescriptorDatabase(channel))
        answer = message_factory.GetMessageClass(
            pool.FindMessageTypeByName("lgsp.event.v1.PublishEventsResponse")
        )
        stream = channel.stream_stream(
            f"/{SERVICE}/PublishEvents",
            request_serializer=lambda request: request,
            response_deserializer=answer.FromString,
        )
        answers = stream(events(), metadata=[("authorization", f"Bearer {token}")], timeout=60)
        return [json_format.MessageToDict(each) for each in answers]


if __name__ == "__main__":
    bus.run(main)
