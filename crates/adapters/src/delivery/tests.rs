use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lgsp_core::Fault;

use super::*;
use crate::publisher::Unavailable;

const OWN: &str = "/agencies/H61.14/systems/motcua";
const OTHER: &str = "/agencies/H61.25/systems/motcua";

/// Refuses everything for one reason, and takes every letter.
struct Refusing(ErrorCode, Mutex<Vec<DeadLetter>>);

impl Publisher for Refusing {
    fn publish<'a>(&'a self, batch: &'a [Record]) -> BoxFuture<'a, Vec<Outcome>> {
        let refused = Outcome::Refused(Refusal::from(&Fault::new(self.0)));
        async move { vec![refused; batch.len()] }.boxed()
    }

    fn set_aside<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Unavailable>> {
        async move {
            self.1.lock().unwrap().push(letter.clone());
            Ok(())
        }
        .boxed()
    }
}

fn config() -> AdapterConfig {
    let text = "[adapter]\nname = \"so\"\ntype = \"lgsp.dossier.recorded.v1\"\nagency = \"H61.14\"\n\
                client = \"motcua\"\n[database]\nurl = \"postgresql://so@localhost/so\"\n\
                [database.outbox]\n";
    AdapterConfig::parse(text, "so.toml", Path::new("/")).unwrap()
}

fn items(source: &str) -> Vec<Item<u8>> {
    let record = Record {
        id: "1".to_owned(),
        source: source.to_owned(),
        event_type: config().event_type,
        time: Some("2026-07-03T09:30:00Z".to_owned()),
        data: Bytes::from_static(b"{}"),
    };
    vec![Item { key: 1, record, origin: "row 1".to_owned(), refused: None }]
}

/// Tells in whose name the letter of a refused row went out; `None` where the row waits.
async fn name_of_letter(source: &str, code: ErrorCode) -> Option<String> {
    let bus = Refusing(code, Mutex::default());
    let attempt = attempt(&mut items(source), 1, &config(), &bus).await;
    let letters = bus.1.into_inner().unwrap();
    assert_eq!(attempt.settled[0].is_some(), letters.len() == 1);
    assert_eq!(attempt.retry_after, letters.is_empty().then_some(UNTIL_LET_IN));
    letters.into_iter().next().map(|letter| letter.record.source)
}

#[tokio::test]
async fn a_letter_goes_out_in_the_rows_name_only_where_the_bus_let_that_in() {
    for code in [ErrorCode::SchemaViolation, ErrorCode::InvalidJson, ErrorCode::Conflict] {
        assert_eq!(name_of_letter(OTHER, code).await.as_deref(), Some(OTHER), "{code:?}");
    }
    for code in [
        ErrorCode::PayloadTooLarge,
        ErrorCode::PermissionDenied,
        ErrorCode::UnknownEventType,
        ErrorCode::InvalidRequest,
    ] {
        assert_eq!(name_of_letter(OTHER, code).await.as_deref(), Some(OWN), "{code:?}");
    }
}

#[tokio::test]
async fn rows_wait_while_the_adapter_itself_is_not_let_in() {
    for code in [ErrorCode::PermissionDenied, ErrorCode::UnknownEventType] {
        assert_eq!(name_of_letter(OWN, code).await, None, "{code:?}");
    }
    let broken = name_of_letter(OWN, ErrorCode::SchemaViolation).await;
    assert_eq!(broken.as_deref(), Some(OWN));
}
