#!/usr/bin/env python3
"""Publishes one dossier event, then asks for its receipt.

    target/venv/bin/python tests/clients/publish_and_query.py --target 127.0.0.1:8080 \\
        --client motcua --secret-file PATH

Prints both receipts as JSON: the second is the first, read again.
"""

import json
import pathlib
import time
import uuid

import grpc

import bus

SERVICE = "lgsp.event.v1.EventService"
# The outcome is unknown: the event may have been recorded, or not.
IN_DOUBT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
GIVE_UP_SECONDS = 60

# A dossier as a one-stop system records it; schemas/lgsp.dossier.recorded describes every field.
# The person and the dossier are made up.
DOSSIER = {
    "MaHoSo": "H61.14-260703-0001",
    "MaTTHC": "1.004227",
    "TenTTHC": "Thủ tục hành chính mẫu",
    "MaLinhVuc": "G03-GD10",
    "TenLinhVuc": "Lĩnh vực mẫu",
    "KenhThucHien": "2",
    "ChuHoSo": "Nguyễn Thị Mẫu",
    "SoGiayToChuHoSo": "086190000001",
    "LoaiDoiTuong": "1",
    "NgayNopHoSo": "20260703081500",
    "NgayTiepNhan": "20260703093000",
    "NgayHenTra": "20260710170000",
    "TrangThaiHoSo": "4",
    "HinhThuc": "0",
    "DonViXuLy": "UBND xã Mẫu",
    "NoiNopHoSo": "2",
    "HoSoCoThanhPhanSoHoa": "1",
    "TaiKhoanDuocXacThucVoiVNeID": "1",
    "DuocThanhToanTrucTuyen": "0",
}


def publish(connection, event):
    """Publishes until the outcome is known: the same event with the same id, which is never recorded twice."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            return connection.call(SERVICE, "PublishEvent", {"event": event})["receipt"]
        except bus.Refused as refused:
            if refused.code not in IN_DOUBT or time.monotonic() > give_up:
                raise
            time.sleep(1)


def main():
    parser = bus.arguments(__doc__.splitlines()[0], client="motcua")
    parser.add_argument("--agency", default="H61.14", metavar="CODE", help="whose event it is (default: %(default)s)")
    parser.add_argument("--type", default="lgsp.dossier.recorded.v1", help="type of the event (default: %(default)s)")
    parser.add_argument("--id", default=str(uuid.uuid4()), help="id of the event (default: a new one)")
    parser.add_argument("--data-file", type=pathlib.Path, metavar="PATH",
                        help="the record as JSON (default: a sample dossier); it is recorded byte for byte")
    options = parser.parse_args()

    data = options.data_file.read_text(encoding="utf-8") if options.data_file else json.dumps(DOSSIER, ensure_ascii=False)
    event = {
        "specVersion": "1.0",
        # Chosen once, kept for every repeat: with the source it names the event.
        "id": options.id,
        # Who sends: it must be what the registry grants to this client.
        "source": f"/agencies/{options.agency}/systems/{options.client}",
        "type": options.type,
        "attributes": {"datacontenttype": {"ceString": "application/json"}},
        "textData": data,
    }
    connection = bus.Bus(options.target, bus.access_token(options.target, options.client, options.secret_file))
    published = publish(connection, event)
    found = connection.call(SERVICE, "GetReceipt", {"source": event["source"], "id": event["id"]})["receipt"]
    return {"published": published, "found": found}


if __name__ == "__main__":
    bus.run(main)
