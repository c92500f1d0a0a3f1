#!/usr/bin/env python3
"""Judges answers of the bus by its /openapi.json.

    target/venv/bin/python tests/openapi/judge.py openapi.json <answers.jsonl

Each line of the input is an answer: `method`, `path` as the document has it, `status`, `headers` (a
list of name and value), `body` (text), and for a declared service its name, `service`. Prints what
differs, and then ends with 1.
"""

import json
import sys

import jsonschema
import requests
import schemathesis


def response(answer):
    """Makes of an answer what an HTTP client would have returned."""
    return schemathesis.Response(
        status_code=answer["status"],
        headers={name: [value] for name, value in answer["headers"]},
        content=answer["body"].encode(),
        request=requests.Request(answer["method"], "http://bus" + answer["path"]).prepare(),
        elapsed=0.0,
        verify=False,
    )


def differences(document, schema, answer):
    """Yields what the document does not say of an answer."""
    method, path, status = answer["method"], answer["path"], str(answer["status"])
    described = document["paths"][path][method.lower()]["responses"].get(status)
    if described is None:
        yield f"{method} {path}: {status} is not documented"
        return
    media = {name.lower() for name in described.get("content", {})}
    sent = dict(answer["headers"]).get("content-type", "").lower()
    if media and sent not in media:
        yield f"{method} {path} {status}: {sent} is not documented"
    try:
        schema[path][method].validate_response(response(answer))
    except Exception as error:
        # Several failures come as a group.
        for one in getattr(error, "exceptions", [error]):
            yield f"{method} {path} {status}: {one}"
    if answer.get("service"):
        # The document allows any service's answer here; this one's is known.
        name = f"service.{answer['service']}.answer"
        record = json.loads(answer["body"])["answer"]
        form = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        for error in jsonschema.Draft202012Validator(form).iter_errors(record):
            yield f"{name}: {error.json_path}: {error.validator}"
        for member in record.keys() - document["components"]["schemas"][name]["properties"].keys():
            yield f"{name}: {member} is not documented"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    schema = schemathesis.openapi.from_dict(document)
    answers = [json.loads(line) for line in sys.stdin]
    found = [one for answer in answers for one in differences(document, schema, answer)]
    print("\n".join(found) or f"{len(answers)} answers are as documented")
    sys.exit(1 if found or not answers else 0)


if __name__ == "__main__":
    main()
