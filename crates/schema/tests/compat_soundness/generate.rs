//! Pairs of schemas as they come about, and values that tell them apart.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestRng;
use serde_json::{Map, Value, json};

const NAMES: [&str; 4] = ["a", "b", "c", "x1"];

fn scalar() -> impl Strategy<Value = Value> {
    select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(1.0),
        json!(2),
        json!(3),
        json!(6),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("a"),
        json!("ab"),
        json!("abc"),
        json!("x1"),
        json!("12"),
        json!("086190000001"),
        json!("330000001"),
    ])
}

/// A value that the constraints below tell from others.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        let members = prop::collection::btree_map(select(NAMES.to_vec()), inner.clone(), 0..4);
        prop_oneof![
            2 => prop::collection::vec(inner, 0..4).prop_map(Value::from),
            3 => members.prop_map(|members| json!(members)),
        ]
    })
}

/// A schema of one keyword that holds no other schema.
fn plain() -> impl Strategy<Value = Value> {
    let types = vec!["null", "boolean", "object", "array", "number", "integer", "string"];
    let counts =
        vec!["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"];
    let limits = vec!["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
    let names = || subsequence(NAMES.to_vec(), 1..3);
    prop_oneof![
        3 => subsequence(types, 1..4).prop_map(|types| json!({ "type": types })),
        2 => prop::collection::vec(scalar(), 1..4).prop_map(|codes| json!({ "enum": distinct(codes) })),
        1 => value().prop_map(|value| json!({ "const": value })),
        2 => (select(counts), 0..4_u8).prop_map(|(keyword, count)| json!({ keyword: count })),
        2 => (select(limits), select(vec![json!(0), json!(1), json!(1.5), json!(2)]))
            .prop_map(|(keyword, limit)| json!({ keyword: limit })),
        1 => select(vec![json!(1), json!(2), json!(3), json!(0.5)]).prop_map(|of| json!({ "multipleOf": of })),
        1 => select(vec!["^a", "^ab", "^[0-9]+$", "x"]).prop_map(|pattern| json!({ "pattern": pattern })),
        1 => select(vec!["personal-number", "identity-card-9", "agency-code"]).prop_map(|format| json!({ "format": format })),
        2 => names().prop_map(|names| json!({ "required": names })),
        1 => any::<bool>().prop_map(|unique| json!({ "uniqueItems": unique })),
        1 => (select(NAMES.to_vec()), names()).prop_map(|(name, names)| json!({"dependentRequired": {name: names}})),
        1 => Just(json!({})),
    ]
}

/// A list with the same code twice is no schema.
fn distinct(codes: Vec<Value>) -> Vec<Value> {
    let same = |left: &Value, right: &Value| {
        left == right || left.is_number() && left.as_f64() == right.as_f64()
    };
    let mut kept: Vec<Value> = Vec::new();
    for code in codes {
        if !kept.iter().any(|known| same(known, &code)) {
            kept.push(code);
        }
    }
    kept
}

/// A schema within a document that defines `s`, `t` and `u`.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        10 => prop::collection::vec(plain(), 1..3).prop_map(merged),
        1 => any::<bool>().prop_map(Value::from),
        2 => select(vec!["s", "t", "u"]).prop_map(|name| json!({"$ref": format!("#/$defs/{name}")})),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let inner = inner.boxed();
        let keywords = prop_oneof![applicator(&inner), plain()];
        prop::collection::vec(keywords, 1..4).prop_map(merged)
    })
}

/// A schema of keywords that hold other schemas.
fn applicator(inner: &BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let one =
        |keyword: &'static str| inner.clone().prop_map(move |schema| json!({ keyword: schema }));
    let list = |keyword: &'static str| {
        let list = prop::collection::vec(inner.clone(), 1..3);
        list.prop_map(move |schemas| json!({ keyword: schemas }))
    };
    let maybe = |chance: f64, keyword: &'static str| {
        let schema = prop::option::weighted(chance, inner.clone());
        schema.prop_map(move |schema| schema.map_or(json!({}), |schema| json!({ keyword: schema })))
    };
    let count = |keyword: &'static str| {
        let count = prop::option::of(0..3_u8);
        count.prop_map(move |count| count.map_or(json!({}), |count| json!({ keyword: count })))
    };
    let properties = prop::collection::btree_map(select(NAMES.to_vec()), inner.clone(), 0..3);
    let properties = properties.prop_map(|schemas| json!({ "properties": schemas }));
    let closed = select(vec![json!({}), json!({}), json!({"additionalProperties": false})]);
    let pattern = maybe(0.4, "^x").prop_map(|of| match of == json!({}) {
        true => of,
        false => json!({ "patternProperties": of }),
    });
    let members = (properties, maybe(0.2, "additionalProperties"), closed, pattern);
    let dependent = (select(NAMES.to_vec()), inner.clone());
    prop_oneof![
        6 => members.prop_map(|(of, others, closed, pattern)| merged(vec![of, others, closed, pattern])),
        2 => (list("prefixItems"), maybe(0.5, "items")).prop_map(|(first, others)| merged(vec![first, others])),
        2 => one("items"),
        2 => list("allOf"),
        2 => list("anyOf"),
        2 => list("oneOf"),
        1 => one("not"),
        1 => one("propertyNames"),
        1 => (one("contains"), count("minContains"), count("maxContains"))
            .prop_map(|(contained, least, most)| merged(vec![contained, least, most])),
        1 => dependent.prop_map(|(name, schema)| json!({"dependentSchemas": {name: schema}})),
        2 => (one("if"), one("then"), maybe(0.5, "else"))
            .prop_map(|(condition, then, otherwise)| merged(vec![condition, then, otherwise])),
        1 => one("unevaluatedProperties"),
        1 => one("unevaluatedItems"),
    ]
    .boxed()
}

fn merged(parts: Vec<Value>) -> Value {
    let keywords = parts.into_iter().flat_map(|part| part.as_object().cloned().unwrap_or_default());
    keywords.collect::<Map<_, _>>().into()
}

/// A whole document. Definitions reach themselves only through a member, as a tree does.
pub(crate) fn document() -> impl Strategy<Value = Value> {
    (schema(), plain(), plain(), any::<bool>()).prop_map(|(schema, s, t, is_tree)| {
        let next = json!({"$ref": if is_tree { "#/$defs/u" } else { "#/$defs/t" }});
        let u = json!({"properties": {"a": next, "b": {"$ref": "#/$defs/s"}}});
        let schema = if schema.is_boolean() { json!({ "allOf": [schema] }) } else { schema };
        merged(vec![schema, json!({"$defs": {"s": s, "t": t, "u": u}})])
    })
}

/// Changes a document in one or two places, as an author does: drops a keyword, takes one over
/// from another schema, or moves limits.
pub(crate) fn edited(mut document: Value, donor: &Value, rng: &mut TestRng) -> Value {
    for _ in 0..=below(2, rng) {
        let places = objects(&document);
        let place = pick(&places, rng).cloned().unwrap_or_default();
        let gifts = objects(donor);
        let gift = pick(&gifts, rng).and_then(|gift| donor.pointer(gift)?.as_object().cloned());
        let gift: Vec<_> =
            gift.into_iter().flatten().filter(|(keyword, _)| keyword != "$defs").collect();
        let Some(Value::Object(keywords)) = document.pointer_mut(&place) else { continue };
        match below(3, rng) {
            0 => {
                let names: Vec<_> =
                    keywords.keys().filter(|name| *name != "$defs").cloned().collect();
                pick(&names, rng).and_then(|name| keywords.remove(name));
            }
            1 => keywords.extend(pick(&gift, rng).cloned()),
            _ => {
                let up = below(2, rng) == 0;
                for limit in keywords.values_mut() {
                    if let Some(count) = limit.as_u64() {
                        *limit = json!(if up { count + 1 } else { count.saturating_sub(1) });
                    }
                }
            }
        }
    }
    document
}

fn pick<'l, T>(list: &'l [T], rng: &mut TestRng) -> Option<&'l T> {
    list.get(below(list.len().max(1), rng))
}

fn below(limit: usize, rng: &mut TestRng) -> usize {
    usize::try_from(rng.next_u32()).unwrap_or_default() % limit
}

/// Lists the pointers to every object, the outer ones last.
fn objects(value: &Value) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, inner)| (name.clone(), inner)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, inner)| (index.to_string(), inner)).collect()
        }
        _ => vec![],
    };
    let deeper = inner.into_iter().flat_map(|(step, inner)| {
        objects(inner).into_iter().map(move |pointer| format!("/{step}{pointer}"))
    });
    deeper.chain(value.is_object().then(String::new)).collect()
}
