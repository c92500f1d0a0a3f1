//! `client-secrets.toml`: the digest of each client's secret or password. No fault tells a value.

use std::collections::{BTreeMap, BTreeSet};

use lgsp_core::identifier::ClientId;

use super::CLIENTS;
use crate::client::Secret;
use crate::document::{Faults, Place, Source};

/// The digests, `None` for a malformed one, and the place of each.
#[derive(Debug, Default)]
pub(crate) struct Secrets<'d> {
    pub(crate) digests: BTreeMap<ClientId, Option<Secret>>,
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
        let text = item.as_text().unwrap_or_default();
        let secret = Secret::parse(text);
        match secret {
            Err(expected) => faults.expected(&item.place, expected),
            // An Argon2id line has a salt of its own, so that only a copied one is equal.
            Ok(_) if !seen.insert(text.to_ascii_lowercase()) => {
                faults.expected(&item.place, "a secret of its own; another client has the same");
            }
            Ok(_) => {}
        }
        secrets.digests.insert(id.clone(), secret.ok());
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
