//! Reading an entity off a record that is in the log already.

use serde_json::Value;

use crate::kind::EventKind;

/// The longest state, in bytes: states are short codes.
pub(crate) const MAX_STATE_BYTES: usize = 8;

impl EventKind {
    /// Reads the entity's key and state off a record's data, for projections of the log; `None`
    /// where entities of this type have no states, or the data is no record of it.
    pub fn entity_of(&self, data: &[u8]) -> Option<(String, Option<Box<str>>)> {
        let state = self.state_pointer()?;
        let data: Value = serde_json::from_slice(data).ok()?;
        let text = |pointer: &str| data.pointer(pointer).and_then(Value::as_str);
        let key = text(self.key_pointer())?.to_owned();
        let state = text(state).filter(|state| state.len() <= MAX_STATE_BYTES).map(Into::into);
        Some((key, state))
    }
}
