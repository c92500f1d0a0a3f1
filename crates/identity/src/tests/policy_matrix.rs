//! Who may do what under the sample registry, printed so that anybody can review it.

use lgsp_core::identifier::ProcedureCode;
use lgsp_core::{ErrorCode, Fault, rule};

use super::House;
use crate::Principal;

const CLIENTS: [&str; 4] = ["motcua", "tracuu", "vanhanh", "kiemtoan"];
const AGENCIES: [&str; 4] = ["H61.14", "H61.25", "H61.36", "H61.99"];
const TYPES: [&str; 5] = [
    "lgsp.dossier.recorded.v1",
    "lgsp.citizen.recorded.v1",
    "lgsp.enterprise.recorded.v1",
    "lgsp.dossier.progressed.v1",
    "lgsp.unknown.recorded.v1",
];
const PROCEDURES: [&str; 7] = [
    "1.004227",
    "1.001612",
    "2.000815",
    "1.004194",
    "1.001612.000.00.00.H48",
    "1.000105",
    "2.001612",
];

const HEAD: &str = "\
What each client of the sample registry (deploy/registry) may do: yes, or - for refused.
Mỗi hệ thống trong dữ liệu mẫu được làm gì: yes là được, - là bị từ chối.

A test compares this file with what the program really decides.
Một kiểm thử so tệp này với quyết định thật của chương trình.

";

fn row(house: &House, name: &str, decide: &dyn Fn(&Principal) -> Result<(), Fault>) -> String {
    let cells: Vec<String> = CLIENTS
        .iter()
        .map(|client| match decide(&house.principal(client)) {
            Ok(()) => "yes".to_owned(),
            Err(fault) => {
                assert_eq!(fault, Fault::new(ErrorCode::PermissionDenied), "{name}: {client}");
                "-".to_owned()
            }
        })
        .collect();
    line(name, &cells)
}

fn line(name: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:<10}")).collect();
    format!("{name:<62}{cells}").trim_end().to_owned() + "\n"
}

fn matrix(house: &House) -> String {
    let identity = &house.identity;
    let own = |caller: &Principal, agency: &str| {
        format!("/agencies/{agency}/systems/{}", caller.client().as_str())
    };
    let mut text = HEAD.to_owned() + &line("", &CLIENTS.map(str::to_owned));
    for event_type in TYPES {
        for agency in AGENCIES {
            text += &row(house, &format!("publish {event_type} as {agency}"), &|caller| {
                identity.permit_publish(caller, &own(caller, agency), event_type).map(drop)
            });
        }
    }
    for other in CLIENTS {
        text += &row(
            house,
            &format!("publish lgsp.dossier.recorded.v1 as the system {other}"),
            &|caller| {
                let source = format!("/agencies/H61.14/systems/{other}");
                identity.permit_publish(caller, &source, "lgsp.dossier.recorded.v1").map(drop)
            },
        );
    }
    for agency in AGENCIES {
        text += &row(house, &format!("read own receipts of {agency}"), &|caller| {
            identity.permit_source(caller, &own(caller, agency)).map(drop)
        });
    }
    text += &row(house, "read receipts of the system motcua", &|caller| {
        identity.permit_source(caller, "/agencies/H61.14/systems/motcua").map(drop)
    });
    for service in ["population", "enterprise", "unknown"] {
        for code in PROCEDURES {
            let procedure = ProcedureCode::parse(code).unwrap();
            text += &row(house, &format!("ask {service} for procedure {code}"), &|caller| {
                identity.permit_query(caller, service, Some(&procedure)).map(drop)
            });
        }
    }
    text += &row(house, "operate: topics, lag, dead letters", &|caller| {
        identity.permit_operate(caller).map(drop)
    });
    text += &row(house, "audit: search and export the evidence of queries", &|caller| {
        identity.permit_audit(caller).map(drop)
    });
    text
}

#[test]
fn the_policy_matrix_is_the_reviewed_one() {
    let actual = matrix(&House::new());
    let reviewed = include_str!("../../tests/policy_matrix.txt");
    assert!(
        actual == reviewed,
        "the matrix changed; if it is meant to, review it and replace the file by:\n{actual}"
    );
}

#[test]
fn a_malformed_source_is_told_so() {
    let house = House::new();
    let caller = house.principal("motcua");
    let expected = Fault::at(ErrorCode::InvalidRequest, "source", &rule::SOURCE);
    for source in
        ["", "motcua", "/agencies/H61.14/systems/motcua/", "/agencies/h61.14/systems/motcua"]
    {
        let publish = house.identity.permit_publish(&caller, source, "lgsp.dossier.recorded.v1");
        assert_eq!(publish.unwrap_err(), expected);
        assert_eq!(house.identity.permit_source(&caller, source).unwrap_err(), expected);
    }
}

#[test]
fn grants_carry_what_was_checked() {
    let house = House::new();
    let source = "/agencies/H61.25/systems/motcua";
    let publish = house
        .identity
        .permit_publish(&house.principal("motcua"), source, "lgsp.citizen.recorded.v1")
        .unwrap();
    assert_eq!((publish.client().as_str(), publish.agency().as_str()), ("motcua", "H61.25"));
    assert_eq!((publish.source(), publish.event_type()), (source, "lgsp.citizen.recorded.v1"));
    let own = house.identity.permit_source(&house.principal("motcua"), source).unwrap();
    assert_eq!(
        (own.client().as_str(), own.agency().as_str(), own.source()),
        ("motcua", "H61.25", source)
    );
    let procedure = ProcedureCode::parse("1.001612.000.00.00.H48").unwrap();
    let query = house
        .identity
        .permit_query(&house.principal("tracuu"), "population", Some(&procedure))
        .unwrap();
    assert_eq!((query.client().as_str(), query.agency().as_str()), ("tracuu", "H61.14"));
    assert_eq!((query.service(), query.procedure()), ("population", Some(&procedure)));
    assert_eq!(
        house.identity.permit_operate(&house.principal("vanhanh")).unwrap().client().as_str(),
        "vanhanh"
    );
    let audit = house.identity.permit_audit(&house.principal("kiemtoan")).unwrap();
    assert_eq!((audit.client().as_str(), audit.agency().as_str()), ("kiemtoan", "H61.25"));
}
