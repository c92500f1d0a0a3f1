//! The agencies of a day, and by which way each sends.

use super::Way;

/// An agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Office {
    /// Its code of today, e.g. `H61.14`.
    pub code: String,
    /// Its code from before 1 July 2025, where it had another, e.g. `000.00.14.H61`.
    pub former_code: Option<String>,
}

/// An agency's system that sends. An agency may have several; none of their records is about the
/// same dossier, citizen or enterprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    /// Its code of today, e.g. `H61.14`.
    pub code: String,
    /// Its code from before 1 July 2025, where it had another, e.g. `000.00.14.H61`.
    pub former_code: Option<String>,
    /// The client system that sends for it.
    pub client: String,
    /// The way that the system takes.
    pub way: Way,
}

/// How many of a hundred agencies take which way; each way is taken by one of the first seven.
const WAYS: [Way; 20] = [
    Way::GrpcStream,
    Way::Packet,
    Way::Http,
    Way::File,
    Way::Grpc,
    Way::HttpBatch,
    Way::Outbox,
    Way::GrpcStream,
    Way::Packet,
    Way::GrpcStream,
    Way::HttpBatch,
    Way::GrpcStream,
    Way::Packet,
    Way::GrpcStream,
    Way::Http,
    Way::GrpcStream,
    Way::Packet,
    Way::GrpcStream,
    Way::Grpc,
    Way::GrpcStream,
];

/// Composes the agencies of a province: codes under one level-1 code, every third with a former
/// code in the form of QCVN 102:2016.
///
/// The reference province has 137 agencies. Their codes are of the prescribed form; which agencies
/// really have them is of no matter here.
pub fn province(level_one: &str, agencies: usize) -> Vec<Office> {
    let office = |number: usize| {
        let code = match number {
            0..90 => format!("{level_one}.{:02}", number + 10),
            _ => format!("{level_one}.{:03}", number + 11),
        };
        let has_former = number < 90 && number.is_multiple_of(3);
        let former_code = has_former.then(|| format!("000.00.{:02}.{level_one}", number + 10));
        Office { code, former_code }
    };
    (0..agencies).map(office).collect()
}

/// Gives each agency a system of `client` on one of the ways, in the mixture of a province; where
/// there are fewer agencies than ways, each agency has a system on every way.
pub fn systems(offices: &[Office], client: &str, ways: &[Way]) -> Vec<Agency> {
    let agency = |office: &Office, way: Way| Agency {
        code: office.code.clone(),
        former_code: office.former_code.clone(),
        client: client.to_owned(),
        way,
    };
    if offices.len() < ways.len() {
        let each = offices.iter().flat_map(|office| ways.iter().map(move |way| (office, *way)));
        return each.map(|(office, way)| agency(office, way)).collect();
    }
    let mixture: Vec<Way> = WAYS.into_iter().filter(|way| ways.contains(way)).collect();
    offices
        .iter()
        .zip(mixture.into_iter().cycle())
        .map(|(office, way)| agency(office, way))
        .collect()
}
