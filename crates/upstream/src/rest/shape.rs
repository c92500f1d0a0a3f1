//! From a far side's answer to the bus's record, by a declared tree of fields.

use std::collections::BTreeMap;

use lgsp_query::{Question, UpstreamError};
use serde_json::{Map, Value};

use super::given::{Given, Made};
use super::pointer::{Pointer, text_of};

/// The fields of an object, and what else the far side is known to send beside them.
#[derive(Debug)]
pub(crate) struct Fields {
    members: Vec<(String, Field)>,
    known: Known,
}

/// One field: where its value is, and what it is.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) at: Pointer,
    pub(crate) what: What,
    /// The place in the question whose value this one must equal: a record that does not say whose
    /// it is, or is another's, must never be released.
    pub(crate) equals: Option<Pointer>,
}

/// What stands at a field's place.
#[derive(Debug)]
pub(crate) enum What {
    /// A value.
    Value(Given),
    /// An object; the places of its fields count from it.
    Object(Fields),
    /// A list of objects; the places of their fields count from each.
    Each(Fields),
}

/// The members that are known at a place: those of a record, or of a leaf everything.
#[derive(Debug, Default)]
struct Known {
    is_leaf: bool,
    members: BTreeMap<String, Known>,
}

/// One answer's reading.
pub(crate) struct Reading<'q> {
    pub(crate) question: &'q Question,
    /// How many members nobody asked for.
    pub(crate) unknown_fields: usize,
}

impl Fields {
    /// Puts fields together.
    pub(crate) fn new(members: Vec<(String, Field)>) -> Self {
        let mut known = Known::default();
        members.iter().for_each(|(_, field)| known.add(&field.at));
        Self { members, known }
    }

    /// Adds places that are known and left out.
    pub(crate) fn knowing<'p>(mut self, beside: impl IntoIterator<Item = &'p Pointer>) -> Self {
        beside.into_iter().for_each(|at| self.known.add(at));
        self
    }

    /// Lists the names of the fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    /// Lists the places in the question that the fields are compared with, however deep they lie.
    pub(crate) fn compared(&self) -> Vec<&Pointer> {
        let own = self.members.iter().filter_map(|(_, field)| field.equals.as_ref());
        own.chain(self.within().flat_map(Self::compared)).collect()
    }

    /// Tells whether rows are taken as they are, however deep they lie.
    pub(crate) fn has_rows(&self) -> bool {
        let is_rows = |field: &Field| matches!(field.what, What::Value(Given::Rows));
        self.members.iter().any(|(_, field)| is_rows(field)) || self.within().any(Self::has_rows)
    }

    /// Lists the fields of the objects and lists in it.
    fn within(&self) -> impl Iterator<Item = &Self> {
        self.members.iter().filter_map(|(_, field)| match &field.what {
            What::Value(_) => None,
            What::Object(fields) | What::Each(fields) => Some(fields),
        })
    }

    /// Tells whether the object says whose it is, so that it must be there. A list need not be:
    /// without an item it holds nobody's record.
    fn says_whose(&self) -> bool {
        self.members.iter().any(|(_, field)| {
            let is_within = matches!(&field.what, What::Object(fields) if fields.says_whose());
            field.equals.is_some() || is_within
        })
    }

    /// Reads an object at `path`; `None` where nothing of it is there.
    pub(crate) fn read(
        &self,
        value: &Value,
        path: &str,
        reading: &mut Reading<'_>,
    ) -> Result<Option<Map<String, Value>>, UpstreamError> {
        reading.unknown_fields += self.known.strangers(value);
        let mut record = Map::new();
        for (name, field) in &self.members {
            if let Some(value) = field.read(value, path, reading)? {
                record.insert(name.clone(), value);
            }
        }
        Ok((!record.is_empty()).then_some(record))
    }
}

impl Field {
    fn read(
        &self,
        scope: &Value,
        path: &str,
        reading: &mut Reading<'_>,
    ) -> Result<Option<Value>, UpstreamError> {
        let here = || format!("{path}{}", self.at);
        let broken = || UpstreamError::Contract { path: here().into() };
        let found = self.at.find(scope).filter(|value| !value.is_null());
        let made = match (found, &self.what) {
            (None, _) => None,
            (Some(value), What::Value(form)) => match form.make(value).map_err(|_| broken())? {
                Made::Absent => None,
                Made::Value(made, left_out) => {
                    reading.unknown_fields += left_out;
                    Some(made)
                }
            },
            // Some write an absent object or list as an empty text.
            (Some(Value::String(text)), _) if text.trim().is_empty() => None,
            (Some(value @ Value::Object(_)), What::Object(fields)) => {
                fields.read(value, &here(), reading)?.map(Value::Object)
            }
            (Some(Value::Array(items)), What::Each(fields)) => {
                each(fields, items, &here(), reading)?
            }
            (Some(_), What::Object(_) | What::Each(_)) => return Err(broken()),
        };
        match &self.what {
            What::Object(fields) if made.is_none() && fields.says_whose() => return Err(broken()),
            _ => {}
        }
        match &self.equals {
            Some(asked) if !is_same(made.as_ref(), asked, reading.question) => Err(broken()),
            _ => Ok(made),
        }
    }
}

fn each(
    fields: &Fields,
    items: &[Value],
    path: &str,
    reading: &mut Reading<'_>,
) -> Result<Option<Value>, UpstreamError> {
    let mut list = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}/{index}");
        if !item.is_object() {
            return Err(UpstreamError::Contract { path: path.into() });
        }
        list.extend(fields.read(item, &path, reading)?.map(Value::Object));
    }
    Ok((!list.is_empty()).then_some(Value::Array(list)))
}

fn is_same(made: Option<&Value>, asked: &Pointer, question: &Question) -> bool {
    let asked = asked.find_in(&question.body).and_then(text_of);
    asked.is_some() && asked == made.and_then(text_of)
}

impl Known {
    fn add(&mut self, at: &Pointer) {
        let mut place = self;
        for name in at.names() {
            place = place.members.entry(name.clone()).or_default();
        }
        place.is_leaf = true;
    }

    /// Counts the members that are not known. What lies within a leaf is its field's matter.
    fn strangers(&self, value: &Value) -> usize {
        let Value::Object(members) = value else { return 0 };
        if self.members.is_empty() {
            return 0;
        }
        let count = |(name, value): (&String, &Value)| match self.members.get(name) {
            None => 1,
            Some(known) if known.is_leaf && known.members.is_empty() => 0,
            Some(known) => known.strangers(value),
        };
        members.iter().map(count).sum()
    }
}

#[cfg(test)]
mod tests {
    use lgsp_query::Purpose;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn pointer(text: &str) -> Pointer {
        Pointer::parse(text).unwrap()
    }

    fn field(at: &str, what: What) -> Field {
        Field { at: pointer(at), what, equals: None }
    }

    fn value(at: &str, form: &str) -> Field {
        field(at, What::Value(Given::parse(form).unwrap()))
    }

    fn enterprise() -> Fields {
        let named = |name: &str, field| (name.to_owned(), field);
        let line = Fields::new(vec![named("main", value("/IS_MAIN", "boolean Y/N"))]);
        let seat = Fields::new(vec![named("province", value("/CityID", "text"))]);
        let mut code = value("/Main/CODE", "text");
        code.equals = Some(pointer("/taxCode"));
        let members = vec![
            named("taxCode", code),
            named("founded", value("/Main/FOUNDED", "date dd/MM/yyyy")),
            named("seat", field("/HOAdress", What::Object(seat))),
            named("lines", field("/Lines", What::Each(line))),
        ];
        Fields::new(members).knowing([&pointer("/Status")])
    }

    fn question() -> Question {
        let body = json!({"taxCode": "1500999906"}).as_object().cloned().unwrap();
        Question { purpose: Purpose::default(), body, place: "" }
    }

    fn read(answer: &Value) -> Result<(Value, usize), UpstreamError> {
        let question = question();
        let mut reading = Reading { question: &question, unknown_fields: 0 };
        let record = enterprise().read(answer, "", &mut reading)?;
        Ok((record.map_or(Value::Null, Value::Object), reading.unknown_fields))
    }

    fn broken(answer: &Value) -> String {
        match read(answer) {
            Err(UpstreamError::Contract { path }) => path.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_is_brought_into_the_form_of_the_bus_and_strangers_are_counted() {
        let answer = json!({
            "Status": "1", "New": 1, "Main": {"CODE": 1500999906, "FOUNDED": "15/01/2020", "Other": {}},
            "HOAdress": {"CityID": "86", "More": 1}, "Lines": [{"IS_MAIN": "Y", "X": 1}, {"IS_MAIN": ""}],
        });
        let record = json!({
            "taxCode": "1500999906", "founded": "2020-01-15", "seat": {"province": "86"}, "lines": [{"main": true}],
        });
        assert_eq!(read(&answer), Ok((record, 4)));
        let least =
            json!({"Main": {"CODE": "1500999906", "FOUNDED": null}, "HOAdress": "", "Lines": []});
        assert_eq!(read(&least), Ok((json!({"taxCode": "1500999906"}), 0)));
    }

    #[test]
    fn what_has_another_form_says_where() {
        let with = |name: &str, value: Value| {
            let mut answer = json!({"Main": {"CODE": "1500999906"}});
            answer[name] = value;
            answer
        };
        assert_eq!(broken(&with("HOAdress", json!([]))), "/HOAdress");
        assert_eq!(broken(&with("Lines", json!({}))), "/Lines");
        assert_eq!(broken(&with("Lines", json!([{}, 1]))), "/Lines/1");
        assert_eq!(broken(&with("Lines", json!([{"IS_MAIN": "x"}]))), "/Lines/0/IS_MAIN");
        let day = json!({"Main": {"CODE": "1500999906", "FOUNDED": "2020-01-15"}});
        assert_eq!(broken(&day), "/Main/FOUNDED");
    }

    #[test]
    fn a_record_of_another_or_of_nobody_is_never_released() {
        for answer in
            [json!({}), json!({"Main": {"CODE": "1500999907"}}), json!({"Main": {"CODE": ""}})]
        {
            assert_eq!(broken(&answer), "/Main/CODE");
        }
    }

    #[test]
    fn an_object_that_says_whose_it_is_must_be_there() {
        let named = |name: &str, field| (name.to_owned(), field);
        let mut code = value("/CODE", "text");
        code.equals = Some(pointer("/taxCode"));
        let owner = Fields::new(vec![named("taxCode", code)]);
        let main = Fields::new(vec![named("owner", field("/Owner", What::Object(owner)))]);
        let mut row = value("/CODE", "text");
        row.equals = Some(pointer("/parentCode"));
        let rows = Fields::new(vec![named("code", row)]);
        let fields = Fields::new(vec![
            named("capital", value("/CAPITAL", "number")),
            named("main", field("/Main", What::Object(main))),
            named("branches", field("/Branches", What::Each(rows))),
        ]);
        assert_eq!(fields.compared(), [&pointer("/taxCode"), &pointer("/parentCode")]);
        let question = question();
        let read = |answer: &Value| {
            let mut reading = Reading { question: &question, unknown_fields: 0 };
            fields.read(answer, "", &mut reading).map(|record| record.is_some())
        };
        let broken = |path: &'static str| Err(UpstreamError::Contract { path: path.into() });
        for (answer, expected) in [
            (json!({"CAPITAL": 1}), broken("/Main")),
            (json!({"CAPITAL": 1, "Main": null}), broken("/Main")),
            (json!({"CAPITAL": 1, "Main": " "}), broken("/Main")),
            (json!({"CAPITAL": 1, "Main": {}}), broken("/Main/Owner")),
            (json!({"Main": {"Owner": {}}}), broken("/Main/Owner/CODE")),
            (json!({"Main": {"Owner": {"CODE": "1500999907"}}}), broken("/Main/Owner/CODE")),
            (json!({"Main": {"Owner": {"CODE": "1500999906"}}, "Branches": []}), Ok(true)),
            (
                json!({"Main": {"Owner": {"CODE": "1500999906"}}, "Branches": [{}]}),
                broken("/Branches/0/CODE"),
            ),
        ] {
            assert_eq!(read(&answer), expected, "{answer}");
        }
    }

    fn rubbish() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}|[YN]|[0-9/]{0,10}|1500999906".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(
                    "Status|Main|CODE|FOUNDED|HOAdress|CityID|Lines|IS_MAIN|x",
                    inner,
                    0..6
                )
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_rubbish_makes_it_panic_or_is_taken_for_the_record_asked_for(answer in rubbish()) {
            if let Ok((record, _)) = read(&answer) {
                prop_assert_eq!(&record["taxCode"], "1500999906");
            }
        }
    }
}
