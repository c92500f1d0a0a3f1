"""What the example clients share: a token, calls by reflection, and how to read a refusal.

Nothing here is generated: the server tells its messages by gRPC reflection, which the sandbox
serves on loopback. A client for production generates code from proto/ instead.
"""

import argparse
import base64
import json
import pathlib
import sys
import urllib.error
import urllib.parse
import urllib.request

import grpc
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
# Imported so that the parts of a refusal can be unpacked.
from google.rpc import error_details_pb2  # noqa: F401
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

# Every call has a deadline; this is the longest that a person should wait.
DEADLINE_SECONDS = 10


def arguments(description, **defaults):
    """Makes the parser of the options that every client has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--target", required=True, metavar="HOST:PORT", help="the bus, e.g. 127.0.0.1:8080")
    parser.add_argument("--client", default=defaults["client"], metavar="ID", help="client id (default: %(default)s)")
    parser.add_argument("--secret-file", required=True, type=pathlib.Path, metavar="PATH",
                        help="file that holds the client's secret, and only that")
    return parser


def access_token(target, client, secret_file):
    """Gets a token by client credentials (RFC 6749, section 4.4). It lives ten minutes: keep it, and
    get the next one shortly before it ends."""
    secret = secret_file.read_text(encoding="utf-8").strip()
    # Section 2.3.1: id and secret are form-encoded before they are joined.
    credentials = f"{urllib.parse.quote_plus(client)}:{urllib.parse.quote_plus(secret)}"
    request = urllib.request.Request(
        f"http://{target}/oauth2/token",
        data=urllib.parse.urlencode({"grant_type": "client_credentials"}).encode(),
        headers={"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()},
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as response:
        return json.load(response)["access_token"]


class Refused(Exception):
    """A call that the bus refused, or did not answer in time."""

    def __init__(self, code, answer):
        super().__init__(code.name)
        self.code = code
        self.answer = answer


class Bus:
    """One channel to the bus. Keep it for the life of the program: it reconnects by itself."""

    def __init__(self, target, token):
        self._channel = grpc.insecure_channel(target)
        self._messages = DescriptorPool(ProtoReflectionDescriptorDatabase(self._channel))
        self._metadata = [("authorization", f"Bearer {token}")]

    def call(self, service, method, request):
        """Calls a method with a request in ProtoJSON form, and gives the response in the same form."""
        try:
            described = self._messages.FindServiceByName(service).FindMethodByName(method)
            rpc = self._channel.unary_unary(
                f"/{service}/{method}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=GetMessageClass(described.output_type).FromString,
            )
            message = json_format.ParseDict(request, GetMessageClass(described.input_type)())
            response = rpc(message, metadata=self._metadata, timeout=DEADLINE_SECONDS)
            return json_format.MessageToDict(response)
        except grpc.RpcError as error:
            raise Refused(error.code(), self._explain(error)) from None

    def stream(self, service, method, requests, timeout):
        """Calls a method that takes a stream and answers with one; gives each response as it comes."""
        described = self._messages.FindServiceByName(service).FindMethodByName(method)
        request_class = GetMessageClass(described.input_type)
        rpc = self._channel.stream_stream(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(described.output_type).FromString,
        )
        messages = (json_format.ParseDict(request, request_class()) for request in requests)
        try:
            for response in rpc(messages, metadata=self._metadata, timeout=timeout):
                yield json_format.MessageToDict(response)
        except grpc.RpcError as error:
            raise Refused(error.code(), self._explain(error)) from None

    def _explain(self, error):
        """Reads a refusal: the status, and the details that say what to mend, in Vietnamese and English."""
        answer = {"status": error.code().name, "message": error.details()}
        status = rpc_status.from_call(error)
        if status is not None:
            answer["details"] = [self._unpack(detail) for detail in status.details]
        return answer

    def _unpack(self, detail):
        # The parts that every gRPC service uses are known here; those of the bus it tells itself.
        for pool in (descriptor_pool.Default(), self._messages):
            try:
                return json_format.MessageToDict(detail, descriptor_pool=pool)
            except TypeError:
                continue
        return {"@type": detail.type_url}


def run(main):
    """Runs a client: its answer as JSON on stdout and exit code 0, or why not on stderr and exit code 1."""
    try:
        print(json.dumps(main(), ensure_ascii=False, indent=2))
    except Refused as refused:
        sys.exit(json.dumps(refused.answer, ensure_ascii=False, indent=2))
    except urllib.error.HTTPError as error:
        # RFC 6749, section 5.2: the token endpoint says why in JSON.
        sys.exit(json.dumps({"status": error.code, "message": error.read().decode(errors="replace")}))
    except OSError as error:
        sys.exit(json.dumps({"status": "UNREACHABLE", "message": str(error)}))
