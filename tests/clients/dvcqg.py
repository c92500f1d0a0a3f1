#!/usr/bin/env python3
"""Synchronises dossiers as one-stop software does with the national portal, by its packets.

    python3 tests/clients/dvcqg.py --url http://127.0.0.1:8080/dvcqg --username motcua \\
        --password-file PATH --agency H61.14 --dossiers-file FILE [--progress-file FILE] [--style ask|try|list]

The files hold JSON lists: of dossiers (HoSo) and of their steps (TienDo). Nothing but Python's own
library is needed. Three habits of existing software:

ask   asks TraCuuHoSo first, and sends each dossier as new or as an update accordingly
try   sends everything as new; what "đã tồn tại" is sent again as an update
list  as try, by the other transport: the service in the path, the rest in the query, a bare list

Prints every call with its answer, as a JSON list. Exit code 1 where something was refused.
"""

import argparse
import json
import pathlib
import sys
import time
import urllib.parse
import urllib.request

TIMEOUT_SECONDS = 60
# Existing software keeps a session for ten minutes, by its own clock.
SESSION_SECONDS = 600
PROGRESS_AT_A_TIME = 10
RETRIES = 5


class Portal:
    """The portal, or what stands in its place: only the URL differs."""

    def __init__(self, options):
        self._url = options.url
        self._credentials = {
            "username": options.username,
            "password": options.password_file.read_text(encoding="utf-8").strip(),
        }
        self._agency = options.agency
        self._by_list = options.style == "list"
        self._session = None
        self._session_ends = 0
        self.calls = []

    def session(self):
        """Logs in once in ten minutes."""
        if time.monotonic() >= self._session_ends:
            answer = self._post("/login", self._credentials)
            if int(answer["error_code"]) != 0:
                raise Refused(answer)
            self._session = answer["session"]
            self._session_ends = time.monotonic() + SESSION_SECONDS
        return self._session

    def call(self, service, **more):
        """Calls a service; sends the same packet again while its outcome is unknown."""
        for attempt in range(RETRIES):
            body = {"session": self.session(), "madonvi": self._agency, "service": service, **more}
            answer = self._post("/service", body)
            self.calls.append({"service": service, "isUpdating": more.get("isUpdating"), "answer": answer})
            if not passes(answer):
                return answer
            time.sleep(attempt + 1)
        return answer

    def send(self, service, records, is_updating=None):
        """Sends records by the transport of this software's habit."""
        if not self._by_list:
            flag = {} if is_updating is None else {"isUpdating": is_updating}
            return self.call(service, **flag, data=records)
        query = {"MaDinhDanhDV": self._agency}
        if is_updating is not None:
            query["isUpdating"] = is_updating
        path = f"/api/SynsTTHCC/{service}?{urllib.parse.urlencode(query)}"
        answer = self._post(path, records, {"Authorization": f"Bearer {self.session()}"})
        self.calls.append({"service": service, "isUpdating": is_updating, "answer": answer})
        return answer

    def _post(self, path, body, headers=None):
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Charset": "utf-8",
            "dstcode": "VN:MAU:0",
            **(headers or {}),
        }
        data = json.dumps(body, ensure_ascii=False).encode()
        request = urllib.request.Request(self._url + path, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return json.load(response)


class Refused(Exception):
    """An answer that no software can go on with."""


def done(answer):
    """Tells a success as existing software does: by the code, as a number or a text, or by the message."""
    return str(answer["error_code"]) in ("0", "00") or "thành công" in answer["message"]


def exists(answer):
    """Tells whether a dossier that was sent as new is known."""
    return str(answer["error_code"]) in ("3", "-3") and "đã tồn tại" in answer["message"]


def passes(answer):
    """Tells whether the same packet may be taken later: the bus is busy, or the outcome is unknown."""
    return str(answer["error_code"]) in ("429", "500", "503", "504")


def by_asking(portal, dossier):
    """Looks a dossier up to choose between new and update; takes names from the catalogue."""
    known = portal.call("TraCuuHoSo", mahoso=dossier["MaHoSo"])["result"]
    procedure = portal.call("LayThuTuc", maTTHC=dossier["MaTTHC"])["result"]
    if procedure:
        field = procedure[0]["LINHVUCTHUCHIEN"][0]
        dossier = {
            **dossier,
            "TenTTHC": procedure[0]["TENTTHC"],
            "MaLinhVuc": field["MALINHVUC"],
            "TenLinhVuc": field["TENLINHVUC"],
        }
    return portal.send("DongBoHoSoMC", [dossier], "True" if known else "False")


def by_trying(portal, dossier):
    """Sends a dossier as new, and as an update where it exists."""
    answer = portal.send("DongBoHoSoMC", [dossier], "False")
    return portal.send("DongBoHoSoMC", [dossier], "True") if exists(answer) else answer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--url", required=True, help="in place of the portal's, e.g. http://127.0.0.1:8080/dvcqg")
    parser.add_argument("--username", required=True, metavar="ID", help="a client of the registry")
    parser.add_argument("--password-file", required=True, type=pathlib.Path, metavar="PATH")
    parser.add_argument("--agency", required=True, metavar="CODE", help="madonvi, e.g. H61.14")
    parser.add_argument("--dossiers-file", required=True, type=pathlib.Path, metavar="PATH")
    parser.add_argument("--progress-file", type=pathlib.Path, metavar="PATH")
    parser.add_argument("--style", choices=["ask", "try", "list"], default="try")
    options = parser.parse_args()
    portal = Portal(options)
    synchronise = by_asking if options.style == "ask" else by_trying

    refused = 0
    try:
        for dossier in json.loads(options.dossiers_file.read_text(encoding="utf-8")):
            refused += not done(synchronise(portal, dossier))
        if options.progress_file:
            steps = json.loads(options.progress_file.read_text(encoding="utf-8"))
            for start in range(0, len(steps), PROGRESS_AT_A_TIME):
                chunk = steps[start:start + PROGRESS_AT_A_TIME]
                refused += not done(portal.send("CapNhatTienDoHoSoMC", chunk))
    except Refused as error:
        portal.calls.append({"service": "login", "answer": error.args[0]})
        refused += 1
    print(json.dumps(portal.calls, ensure_ascii=False, indent=2))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
