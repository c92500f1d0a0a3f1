//! What the corridor knows of entities: states, records without an id, codes of today.

use lgsp_core::rule;

use super::*;

const CODE: &str = "H61.14-260703-0001";

/// A dossier in a state, with an id.
fn dossier(id: &str, state: &str) -> Submission {
    dossier_of(id, CODE, state)
}

fn dossier_of(id: &str, code: &str, state: &str) -> Submission {
    let schemas = Schemas::bundled().unwrap();
    let kind = schemas
        .kinds()
        .find(|kind| kind.event_type() == "lgsp.dossier.recorded.v1")
        .map(|kind| kind.document().clone())
        .unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&kind).unwrap();
    let mut record = schema["examples"][0].clone();
    record["MaHoSo"] = code.into();
    record["TrangThaiHoSo"] = state.into();
    Submission {
        event_type: "lgsp.dossier.recorded.v1".to_owned(),
        data: record.to_string().into(),
        ..enterprise(id, "")
    }
}

fn codes(receipt: &Receipt) -> Vec<&'static str> {
    receipt.warnings.iter().map(|warning| warning.rule.code).collect()
}

#[tokio::test]
async fn an_odd_step_from_the_state_before_is_a_warning_wherever_that_is_known() {
    let bench = Bench::new();
    let odd = rule::STATE_TRANSITION.code;
    let first = bench.publish(dossier("1", "2"), 1).await.unwrap();
    assert!(!codes(&first).contains(&odd), "the first state is no step");
    let second = bench.publish(dossier("2", "10"), 2).await.unwrap();
    assert!(codes(&second).contains(&odd), "2 to 10, known in memory");
    bench.book.flush().unwrap();
    let third = bench.publish(dossier("3", "4"), 3).await.unwrap();
    assert!(codes(&third).contains(&odd), "10 to 4, known from the store");
    let repeat = bench.publish(dossier("3", "4"), 4).await.unwrap();
    assert!(repeat.duplicate && !codes(&repeat).contains(&odd), "a repeat is no step");
    let other = bench.publish(dossier_of("4", "H61.14-260703-0002", "4"), 5).await.unwrap();
    assert!(!codes(&other).contains(&odd), "another dossier");
}

#[tokio::test]
async fn a_record_without_an_id_is_a_duplicate_only_of_the_last_of_its_entity() {
    let bench = Bench::new();
    let caller = bench.caller("motcua");
    let send = async |state: &str, offset: i64| {
        let event = dossier("", state);
        let pending = bench.ingest.submit_unless_last(&caller, event, soon()).await.unwrap();
        if bench.log.waiting() > 0 {
            bench.log.take().1.acknowledged(3, offset);
        }
        let receipt = pending.receipt(soon()).await.unwrap();
        (receipt.duplicate, receipt.position.offset)
    };
    assert_eq!(send("2", 1).await, (false, 1));
    assert_eq!(send("2", 9).await, (true, 1), "known in memory");
    bench.book.flush().unwrap();
    assert_eq!(send("2", 9).await, (true, 1), "known from the store");
    assert_eq!(send("4", 2).await, (false, 2));
    assert_eq!(send("2", 3).await, (false, 3), "back to what it was: not the last one");
    bench.book.flush().unwrap();
    assert_eq!(send("2", 9).await, (true, 3));
}

#[tokio::test]
async fn the_same_record_sent_while_its_outcome_is_unknown_is_the_same_event() {
    let bench = Bench::new();
    let caller = bench.caller("motcua");
    let submit = || bench.ingest.submit_unless_last(&caller, dossier("", "2"), soon());
    let (first, second) = (submit().await.unwrap(), submit().await.unwrap());
    assert_eq!(bench.log.waiting(), 1);
    let (record, completion) = bench.log.take();
    let id = record.headers().find(|(name, _)| *name == "ce_id").unwrap().1.to_owned();
    completion.acknowledged(3, 1);
    assert_eq!(first.receipt(soon()).await.unwrap().position.offset, 1);
    assert!(second.receipt(soon()).await.unwrap().duplicate);
    // A bus that never heard of it makes the same id: once, whichever of the two was recorded.
    let other = Bench::new();
    let caller = other.caller("motcua");
    drop(other.ingest.submit_unless_last(&caller, dossier("", "2"), soon()).await.unwrap());
    let (record, _completion) = other.log.take();
    assert_eq!(record.headers().find(|(name, _)| *name == "ce_id").unwrap().1, id);
}

#[tokio::test]
async fn a_code_of_before_stays_and_the_one_of_today_stands_beside_it() {
    let bench = Bench::new();
    let code = "000.00.25.H61-240703-0001";
    let event = Submission {
        source: "/agencies/000.00.25.H61/systems/motcua".to_owned(),
        ..dossier_of("1", code, "2")
    };
    drop(bench.submit(event.clone()).await.unwrap());
    let (record, _completion) = bench.log.take();
    assert_eq!(record.key(), code);
    assert_eq!(record.data(), &event.data);
    let headers: HashMap<_, _> = record.headers().collect();
    assert_eq!(headers.get("ce_source"), Some(&"/agencies/000.00.25.H61/systems/motcua"));
    assert_eq!(headers.get("ce_agency"), Some(&"H61.25"));
    assert_eq!(headers.get("ce_currentagency"), Some(&"H61.25"));
    drop(bench.submit(dossier("2", "2")).await.unwrap());
    let (record, _completion) = bench.log.take();
    assert!(record.headers().all(|(name, _)| name != "ce_currentagency"));
}

#[tokio::test]
async fn a_dry_run_judges_everything_and_changes_nothing() {
    let bench = Bench::new();
    let caller = bench.caller("motcua");
    let consider = async |event| bench.ingest.consider(&caller, &event).await;
    assert!(!consider(dossier("1", "2")).await.unwrap().duplicate);
    assert_eq!(bench.log.waiting(), 0);
    bench.publish(dossier("1", "2"), 1).await.unwrap();
    assert!(consider(dossier("1", "2")).await.unwrap().duplicate);
    assert_eq!(consider(dossier("1", "4")).await.unwrap_err().code, ErrorCode::Conflict);
    let odd = consider(dossier("2", "10")).await.unwrap();
    assert!(odd.warnings.iter().any(|warning| warning.rule == &rule::STATE_TRANSITION));
    assert_eq!(consider(dossier("2", "11")).await.unwrap_err().code, ErrorCode::SchemaViolation);
    let foreign = bench.ingest.consider(&bench.caller("tracuu"), &dossier("2", "2")).await;
    assert_eq!(foreign.unwrap_err().code, ErrorCode::PermissionDenied);
}

#[tokio::test]
async fn a_record_is_recalled_only_for_those_who_may_publish_it() {
    let bench = Bench::new();
    let (caller, kind) = (bench.caller("motcua"), "lgsp.dossier.recorded.v1");
    let recall =
        async |caller: &Principal| bench.ingest.recall(caller, kind, CODE, soon()).await.unwrap();
    assert_eq!(recall(&caller).await, None);
    let event = dossier("1", "2");
    bench.publish(event.clone(), 7).await.unwrap();
    bench.log.kept.lock().unwrap().insert(7, ("H61.14", event.data.clone()));
    assert_eq!(recall(&caller).await, Some(event.data.clone()), "not stored yet");
    bench.book.flush().unwrap();
    assert_eq!(recall(&caller).await, Some(event.data.clone()));
    assert_eq!(recall(&bench.caller("tracuu")).await, None);
    bench.log.kept.lock().unwrap().insert(7, ("H61.99", event.data.clone()));
    assert_eq!(recall(&caller).await, None, "of an agency that is not the caller's");
}

#[tokio::test]
async fn a_step_is_the_same_event_whatever_came_after_it() {
    let bench = Bench::new();
    let caller = bench.caller("motcua");
    let send = async |state: &str, offset: i64| {
        let pending = bench.ingest.submit_step(&caller, dossier("", state), soon()).await.unwrap();
        if bench.log.waiting() > 0 {
            bench.log.take().1.acknowledged(3, offset);
        }
        let receipt = pending.receipt(soon()).await.unwrap();
        (receipt.duplicate, receipt.position.offset)
    };
    assert_eq!((send("2", 1).await, send("4", 2).await), ((false, 1), (false, 2)));
    assert_eq!((send("2", 8).await, send("4", 9).await), ((true, 1), (true, 2)), "sent again");
}

#[tokio::test]
async fn a_record_on_its_way_is_not_known_yet() {
    let bench = Bench::new();
    let knows = async || bench.ingest.knows_entity("lgsp.dossier.recorded.v1", CODE).await.unwrap();
    let pending = bench.submit(dossier("1", "2")).await.unwrap();
    assert!(!knows().await);
    bench.log.take().1.acknowledged(3, 1);
    assert!(knows().await);
    drop(pending);
}
