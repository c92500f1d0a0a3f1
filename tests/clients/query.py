#!/usr/bin/env python3
"""Asks the national population database for one citizen, for a stated purpose.

    target/venv/bin/python tests/clients/query.py --target 127.0.0.1:8080 \\
        --client tracuu --secret-file PATH \\
        --personal-number 086190000001 --full-name 'Nguyễn Thị Mẫu' --birth-date 1990-01-15

Prints the answer as JSON. Every question leaves evidence: `meta.auditId` names it.
"""

import bus

SERVICE = "lgsp.query.v1.PopulationService"


def main():
    parser = bus.arguments(__doc__.splitlines()[0], client="tracuu")
    # Who is asked for.
    parser.add_argument("--personal-number", metavar="NUMBER", help="SoDinhDanh, 12 digits")
    parser.add_argument("--full-name", metavar="NAME", help="HoVaTen")
    parser.add_argument("--birth-date", metavar="DATE", help="yyyy-MM-dd, or a year alone")
    # Why: without all three the bus asks nobody. An empty text leaves a part out, to see that.
    parser.add_argument("--dossier", default="H61.14-260703-0001", metavar="CODE", help="MaHoSo (default: %(default)s)")
    parser.add_argument("--procedure", default="1.004227", metavar="CODE", help="MaTTHC (default: %(default)s)")
    parser.add_argument("--officer", default="CB0001", metavar="NUMBER", help="who asks (default: %(default)s)")
    options = parser.parse_args()

    purpose = {
        "dossierCode": options.dossier or None,
        "procedureCode": options.procedure or None,
        "officerNumber": options.officer or None,
    }
    request = {
        "purpose": purpose,
        "personalNumber": options.personal_number,
        "fullName": options.full_name,
        "birthDate": options.birth_date,
    }
    connection = bus.Bus(options.target, bus.access_token(options.target, options.client, options.secret_file))
    return connection.call(SERVICE, "LookUpCitizen", request)


if __name__ == "__main__":
    bus.run(main)
