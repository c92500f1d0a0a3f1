//! `lgsp audit search`.

use anyhow::Result;
use lgsp_proto::audit::v1::{EvidencePlace, SearchEvidenceRequest, SearchEvidenceResponse};
use serde_json::{Value, json};

use super::{Search, told};
use crate::caller;
use crate::cli::{self, Output};
use crate::data_dir::DataDir;
use crate::table::plain;

pub(super) async fn run(options: Search) -> Result<bool> {
    let [from, to] = options.span.on_wire()?;
    let data = DataDir::existing(&options.data.data_dir)?;
    let mut auditor = caller::auditor(&data).await?;
    let wanted = SearchEvidenceRequest {
        personal_number: options.citizen.map(|hidden| hidden.0),
        dossier_code: options.dossier,
        officer_number: options.officer.map(|hidden| hidden.0),
        client: options.client,
        agency: options.agency,
        service: options.service,
        audit_id: options.audit_id,
        from,
        to,
    };
    let found = auditor.search_evidence(wanted).await;
    let mut found = found.map_err(|status| caller::refused(&status))?.into_inner();
    let mut questions = Vec::new();
    while let Some(one) = found.message().await.map_err(|status| caller::refused(&status))? {
        questions.push(one);
    }
    if options.output == Output::Json {
        let questions: Vec<_> = questions.iter().map(question).collect();
        cli::say(&json!({ "questions": questions }).to_string());
        return Ok(true);
    }
    let head = [
        "TIME",
        "CLIENT",
        "AGENCY",
        "SERVICE",
        "OPERATION",
        "DOSSIER",
        "PROCEDURE",
        "OFFICER",
        "OUTCOME",
        "AUDIT ID",
    ];
    cli::say(&plain(head, questions.iter().map(row)));
    if questions.is_empty() {
        cli::tell("no such question is on record");
    }
    Ok(true)
}

fn row(found: &SearchEvidenceResponse) -> [String; 10] {
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let intent = found.intent.clone().unwrap_or_default();
    let outcome = found.outcome.as_ref().map(|outcome| outcome.kind.clone());
    [
        told(found.intent_time.as_ref()),
        intent.client,
        intent.agency,
        intent.service,
        intent.operation,
        or_dash(intent.dossier_code),
        or_dash(intent.procedure_code),
        or_dash(intent.officer_number),
        outcome.unwrap_or_else(|| "none yet".to_owned()),
        intent.audit_id,
    ]
}

fn question(found: &SearchEvidenceResponse) -> Value {
    let intent = found.intent.clone().unwrap_or_default();
    let outcome = found.outcome.as_ref().map(|outcome| {
        json!({
            "kind": outcome.kind, "code": outcome.code, "elapsedMillis": outcome.elapsed_millis,
            "released": outcome.released, "time": told(found.outcome_time.as_ref()),
            "place": place(found.outcome_place.as_ref()),
        })
    });
    json!({
        "auditId": intent.audit_id, "requestId": intent.request_id, "client": intent.client,
        "agency": intent.agency, "service": intent.service, "operation": intent.operation,
        "dossierCode": intent.dossier_code, "procedureCode": intent.procedure_code,
        "officerNumber": intent.officer_number, "officerProof": intent.officer_proof,
        "reason": intent.reason, "subject": intent.subject,
        "time": told(found.intent_time.as_ref()), "place": place(found.intent_place.as_ref()),
        "outcome": outcome,
    })
}

fn place(place: Option<&EvidencePlace>) -> Value {
    place.map_or(Value::Null, |place| {
        json!({ "topic": place.topic, "partition": place.partition, "offset": place.offset })
    })
}

#[cfg(test)]
mod tests {
    use lgsp_proto::audit::v1::{EvidenceIntent, EvidenceOutcome};

    use super::*;

    #[test]
    fn a_question_without_an_end_is_told_so() {
        let intent = EvidenceIntent { client: "tracuu".to_owned(), ..EvidenceIntent::default() };
        let open = SearchEvidenceResponse { intent: Some(intent), ..Default::default() };
        let cells = row(&open);
        assert_eq!([&cells[1], &cells[5], &cells[8]], ["tracuu", "-", "none yet"]);
        assert_eq!(question(&open)["outcome"], Value::Null);
        let outcome = EvidenceOutcome { kind: "answered".to_owned(), ..Default::default() };
        let ended = SearchEvidenceResponse { outcome: Some(outcome), ..open };
        assert_eq!(row(&ended)[8], "answered");
        assert_eq!(question(&ended)["outcome"]["kind"], "answered");
    }
}
