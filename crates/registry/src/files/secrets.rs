//! `client-secrets.toml`: the digest of each client's secret. No fault tells a value.

use std::collections::{BTreeMap, BTreeSet};

use lgsp_core::identifier::ClientId;

use super::CLIENTS;
use crate::client::SecretDigest;
use crate::document::{Faults, Place, Source};

/// The digests, `None` for a malformed one, and the place of each.
#[derive(Debug, Default)]
pub(crate) struct Secrets<'d> {
    pub(crate) digests: BTreeMap<ClientId, Option<SecretDigest>>,
    places: Vec<(ClientId, Place<'d>)>,
}

/// Reads the parsed file.
pub(crate) fn read<'d>(
    source: Source<'d>,
    document: &'d toml::Spanned<toml::de::DeTable<'d>>,
    faults: &mut Faults,
) -> Secrets<'d> {
    let root = source.root(document);
    let mut secrets = Secrets::default();
    let mut seen = BTreeSet::new();
    for (name, item) in root.all() {
        let Ok(id) = ClientId::parse(name) else {
            // The key itself may be a secret that was pasted at the wrong place.
            faults
                .expected(&item.place.hiding_key(), "lines of the form <client id> = \"<digest>\"");
            continue;
        };
        let digest = item.as_text().and_then(SecretDigest::parse);
        match digest {
            None => {
                faults.expected(&item.place, "64 hexadecimal digits (the SHA-256 of the secret)")
            }
            Some(digest) if !seen.insert(digest) => {
                faults.expected(&item.place, "a secret of its own; another client has the same");
            }
            Some(_) => {}
        }
        secrets.digests.insert(id.clone(), digest);
        secrets.places.push((id, item.place));
    }
    secrets
}

impl Secrets<'_> {
    /// Reports every digest of a client that `clients.toml` does not have.
    pub(crate) fn match_clients(&self, ids: &BTreeSet<ClientId>, faults: &mut Faults) {
        for (id, place) in &self.places {
            if !ids.contains(id) {
                faults.expected(place, format!("a client of {CLIENTS}"));
            }
        }
    }
}
