//! What a mapping is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use serde_json_path::JsonPath;

use super::moment::Moments;

/// How one place of the result is made.
pub(super) enum Node {
    /// Always the same.
    Constant(Value),
    /// From the record.
    Field(Field),
    /// An object of named places.
    Object(Vec<(String, Node)>),
    /// A list of so many places.
    List(Vec<Node>),
    /// A list with an entry for each entry of a list in the record; the inner place sees the entry.
    Each(Origin, Box<Node>),
}

/// A text, number or the like that is taken from the record.
pub(super) struct Field {
    /// Where to look; at least one.
    pub(super) origins: Vec<Origin>,
    /// What stands between several; without it the first that is not empty counts.
    pub(super) join: Option<String>,
    /// What stands there when nothing is found.
    pub(super) default: Option<Value>,
    /// How a number is filled with leading zeros.
    pub(super) pad: Option<Pad>,
    /// Only a number of so many digits counts; anything else is as if nothing was found.
    pub(super) only_digits: Option<Vec<usize>>,
    /// The column itself may be lacking.
    pub(super) optional: bool,
    pub(super) form: Form,
}

/// How a number is filled with leading zeros; all are numbers of digits.
pub(super) struct Pad {
    /// Up to so many.
    pub(super) to: usize,
    /// Of no fewer: of a shorter one nobody knows whether zeros were lost, or it is another number.
    pub(super) from: usize,
    /// Numbers of so many stay as they are.
    pub(super) keep: Vec<usize>,
}

/// Where in the record.
pub(super) enum Origin {
    /// A column, a member of the record, by its exact name.
    Column(String),
    /// A place within, by JSONPath (RFC 9535); with the path as it was written.
    Path(String, JsonPath),
}

/// What is made of what was found.
pub(super) enum Form {
    /// Text.
    Text,
    /// A time or day in another form.
    Moment(Moments),
    /// What a code list puts in its place.
    Coded(Arc<CodeList>),
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// The same JSON, whatever it is.
    AsItIs,
}

/// Which code stands for which.
pub(super) type CodeList = BTreeMap<String, Value>;

impl Origin {
    /// Returns the name by which a person knows it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Column(name) | Self::Path(name, _) => name,
        }
    }
}

impl Field {
    /// Adds the columns that must be there.
    pub(super) fn columns<'m>(&'m self, columns: &mut Vec<&'m str>) {
        if !self.optional {
            for origin in &self.origins {
                if let Origin::Column(name) = origin {
                    columns.push(name);
                }
            }
        }
    }

    /// Returns the names of all its columns for a person.
    pub(super) fn name(&self) -> String {
        self.origins.iter().map(Origin::name).collect::<Vec<_>>().join(" + ")
    }
}

impl Node {
    /// Adds the columns that must be there.
    pub(super) fn columns<'m>(&'m self, columns: &mut Vec<&'m str>) {
        match self {
            Self::Constant(_) => {}
            Self::Field(field) => field.columns(columns),
            Self::Object(members) => members.iter().for_each(|(_, node)| node.columns(columns)),
            Self::List(items) => items.iter().for_each(|node| node.columns(columns)),
            // What is within sees an entry of the list, not the row.
            Self::Each(Origin::Column(name), _) => columns.push(name),
            Self::Each(Origin::Path(..), _) => {}
        }
    }

    /// Tells whether it looks at the record at all.
    pub(super) fn looks(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Field(_) | Self::Each(..) => true,
            Self::Object(members) => members.iter().any(|(_, node)| node.looks()),
            Self::List(items) => items.iter().any(Self::looks),
        }
    }
}
