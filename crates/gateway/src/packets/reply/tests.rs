use lgsp_core::identifier::DossierCode;
use lgsp_core::{Position, Receipt, rule};

use super::*;

fn recorded(duplicate: bool, warnings: Vec<Violation>) -> Fate {
    Fate::Recorded(Receipt {
        source: "/agencies/H61.14/systems/motcua".to_owned(),
        id: "1".to_owned(),
        position: Position { topic: "lgsp.dossier.v1".to_owned(), partition: 0, offset: 7 },
        recorded_unix_millis: 0,
        duplicate,
        warnings,
    })
}

fn outcome(order: u32, fate: Fate) -> Outcome {
    Outcome { dossier: DossierCode::parse(&format!("H61.14-260703-{order:04}")).ok(), fate }
}

fn refused(code: ErrorCode) -> Fate {
    Fate::Refused(code.into())
}

fn violated() -> Fate {
    let pointers = ["/NgayTra", "/TrangThaiHoSo", "/TaiLieuNop/0/IsDeleted", "/MaTTHC"];
    let rules = [&rule::PORTAL_TIME, &rule::ENUM, &rule::TYPE, &rule::PROCEDURE_CODE];
    let violations =
        pointers.into_iter().zip(rules).map(|(at, rule)| Violation::new(at, rule)).collect();
    Fate::Refused(Fault::with(ErrorCode::SchemaViolation, violations))
}

fn code(kind: Kind, fates: Vec<Fate>) -> String {
    let outcomes: Vec<_> = (1..).zip(fates).map(|(order, fate)| outcome(order, fate)).collect();
    let reply: serde_json::Value =
        serde_json::from_slice(&Reply::outcomes(kind, &outcomes).body).unwrap();
    reply["error_code"].as_str().unwrap().to_owned()
}

#[test]
fn replies_have_the_reviewed_form() {
    let odd = vec![Violation::new("/TruongLa", &rule::UNKNOWN_FIELD)];
    let session = TokenResponse {
        access_token: "mã-phiên".to_owned(),
        token_type: "Bearer",
        expires_in: 900,
    };
    let read = |response: Response| {
        let body = axum::body::to_bytes(response.into_body(), 10_000);
        String::from_utf8(futures_util::FutureExt::now_or_never(body).unwrap().unwrap().to_vec())
            .unwrap()
    };
    let text = |reply: Reply| String::from_utf8(reply.body).unwrap();
    let record = Bytes::from_static(b"{ \"MaHoSo\" : \"H61.14-260703-0001\" }");
    let nameless = Outcome { dossier: None, fate: violated() };
    let replies = [
        ("đăng nhập", read(login(&Ok(session), ""))),
        ("sai mật khẩu", read(login(&Err(ErrorCode::Unauthenticated.into()), ""))),
        ("hết phiên", text(Reply::refusal(&ErrorCode::Unauthenticated.into()))),
        (
            "thiếu madonvi",
            text(Reply::refusal(&Fault::at(
                ErrorCode::InvalidRequest,
                "/madonvi",
                &rule::REQUIRED,
            ))),
        ),
        (
            "nhận và trùng",
            text(Reply::outcomes(
                Kind::Dossier,
                &[outcome(1, recorded(false, odd)), outcome(2, recorded(true, Vec::new()))],
            )),
        ),
        ("đã tồn tại", text(Reply::outcomes(Kind::Dossier, &[outcome(1, Fate::Exists)]))),
        (
            "một phần",
            text(Reply::outcomes(
                Kind::Progress,
                &[outcome(1, recorded(false, Vec::new())), nameless],
            )),
        ),
        (
            "chưa rõ",
            text(Reply::outcomes(
                Kind::Progress,
                &[outcome(1, refused(ErrorCode::LogUnavailable))],
            )),
        ),
        ("tra cứu", text(Reply::dossier(Some(&record)))),
        ("không có", text(Reply::dossier(None))),
    ];
    let golden: String =
        replies.iter().map(|(name, reply)| format!("# {name}\n{reply}\n")).collect();
    assert_eq!(golden, include_str!("../replies.txt"), "\n{golden}");
}

#[test]
fn the_code_is_that_of_the_record_which_its_sender_can_act_upon_first() {
    use ErrorCode::{LogUnavailable, Overloaded};
    let done = || recorded(false, Vec::new());
    let dossier = |fates| code(Kind::Dossier, fates);
    assert_eq!(dossier(vec![done(), done()]), "0");
    assert_eq!(dossier(vec![done(), violated(), refused(ErrorCode::PayloadTooLarge)]), "422");
    assert_eq!(dossier(vec![violated(), Fate::Exists, done()]), "3");
    let unclear = vec![Fate::Exists, refused(LogUnavailable), refused(Overloaded), violated()];
    assert_eq!(dossier(unclear), "503");
}

#[test]
fn nothing_but_a_success_looks_like_one_and_nothing_else_asks_for_an_update() {
    let mut sentences: Vec<String> = rule::ALL.iter().map(|rule| rule.vi.to_owned()).collect();
    for code in ErrorCode::ALL {
        sentences.push(message_of(*code).to_owned());
        sentences.push(login_message(*code).to_owned());
        let number = code_of(&(*code).into());
        assert!(number != DONE && number != EXISTS, "{code:?}");
    }
    for sentence in &sentences {
        let sentence = sentence.to_lowercase();
        assert!(!sentence.contains("thành công"), "{sentence}");
        assert!(!sentence.contains("đã tồn tại"), "{sentence}");
    }
    assert!(EXISTS_MESSAGE.contains("đã tồn tại") && !EXISTS_MESSAGE.contains("thành công"));
    let mixed = [outcome(1, recorded(false, Vec::new())), outcome(2, violated())];
    let reply: serde_json::Value =
        serde_json::from_slice(&Reply::outcomes(Kind::Dossier, &mixed).body).unwrap();
    assert!(!reply["message"].as_str().unwrap().contains("thành công"), "{reply}");
}
