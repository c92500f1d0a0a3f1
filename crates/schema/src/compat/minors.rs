//! Within a major version, each minor takes what the one before took.

use serde_json::Value;

use super::compare;
use crate::error::SchemaFault;
use crate::kind::EventKind;
use crate::schemas::Schemas;

impl Schemas {
    /// Returns what makes a minor version no successor of the one before it: a change that refuses
    /// data that was valid, or another topic or key. Without a `dataschema` the newest minor
    /// judges, so such a change would refuse senders who changed nothing.
    pub fn incompatible_minors(&self) -> Vec<SchemaFault> {
        let kinds: Vec<_> = self.kinds().collect();
        let pairs =
            kinds.array_windows().filter(|[before, after]| before.event_type == after.event_type);
        pairs.flat_map(|[before, after]| incompatible(before, after)).collect()
    }
}

fn incompatible(before: &EventKind, after: &EventKind) -> Vec<SchemaFault> {
    let fault = |pointer: String, problem: String| SchemaFault {
        file: format!("{}@{}", after.event_type, after.version),
        pointer,
        problem: format!("{problem} (since {})", before.version),
    };
    let kept = [
        ("topic", before.topic == after.topic),
        ("key", before.key == after.key),
        ("keyIsPersonal", before.key_privacy == after.key_privacy),
    ];
    let moved = kept.into_iter().filter(|(_, same)| !same).map(|(member, _)| {
        let problem =
            "may change with a major version only, or an entity's events lose their order";
        fault(format!("/x-lgsp/{member}"), problem.to_owned())
    });
    let mut faults: Vec<_> = moved.collect();
    let document =
        |kind: &EventKind| serde_json::from_slice::<Value>(&kind.document).unwrap_or_default();
    match compare(&document(before), &document(after)) {
        Err(unreadable) => faults.extend(unreadable),
        Ok(comparison) => {
            let breaking = comparison.findings().iter().filter(|finding| finding.breaks_backward());
            faults.extend(breaking.map(|finding| {
                let detail = finding.detail.iter().map(|detail| format!(" ({detail})"));
                let problem = format!(
                    "{}{}: {}",
                    finding.change,
                    detail.collect::<String>(),
                    finding.advice().en
                );
                fault(finding.pointer.clone(), problem)
            }));
        }
    }
    faults
}
