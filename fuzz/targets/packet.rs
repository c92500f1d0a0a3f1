//! The portal's packets. `0`: a packet; `1`: a query, NUL, a bare list; else a login.
#![no_main]

use bytes::Bytes;
use http::Uri;
use lgsp_fuzz::{are_the_elements, members, parts, tells_no_value};
use lgsp_gateway::fuzzing::{list, login, packet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'0', body)) => match packet(&Bytes::copy_from_slice(body)) {
            Ok((_session, records)) => {
                let members = members(body).expect("an object");
                let mut data = members.iter().filter(|(name, _)| name.eq_ignore_ascii_case("data"));
                match data.next() {
                    Some((_, data)) => are_the_elements(&records, data.get().as_bytes()),
                    None => assert!(records.is_empty()),
                }
                assert!(data.next().is_none(), "a member twice was taken");
            }
            Err(fault) => tells_no_value(&fault),
        },
        Some((b'1', input)) => {
            let [query, body] = parts(input);
            let query = String::from_utf8_lossy(query);
            let Ok(uri) = format!("/dvcqg/api/SynsTTHCC/DongBoHoSoMC?{query}").parse::<Uri>()
            else {
                return;
            };
            match list(&uri, &Bytes::copy_from_slice(body)) {
                Ok(records) => are_the_elements(&records, body),
                Err(fault) => tells_no_value(&fault),
            }
        }
        Some((_, body)) => {
            login(body);
        }
        None => {}
    }
});
