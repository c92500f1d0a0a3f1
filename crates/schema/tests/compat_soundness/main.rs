//! What the comparison promises, tried on many pairs of schemas and many values: data that one
//! schema takes is refused by the other only if the comparison said so.
#![cfg(test)]

mod generate;

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use jsonschema::{Draft, PatternOptions, Validator};
use lgsp_core::identifier::FORMATS;
use lgsp_schema::compat::compare;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

/// As the bus compiles schemas.
fn validator(document: &Value) -> Option<Validator> {
    let mut options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(PatternOptions::regex());
    for (name, check) in FORMATS {
        options = options.with_format(*name, move |text| check(text).is_ok());
    }
    options.build(document).ok()
}

#[derive(Default)]
struct Tally {
    differing: Cell<u32>,
    backward: Cell<u32>,
    forward: Cell<u32>,
    values: Cell<u32>,
    told_apart: Cell<u32>,
}

fn count(cell: &Cell<u32>, happened: bool) {
    cell.set(cell.get() + u32::from(happened));
}

#[test]
fn what_is_told_compatible_never_refuses_what_was_valid() {
    let seed: [u8; 32] = std::array::from_fn(|_| RandomState::new().hash_one(0).to_le_bytes()[0]);
    println!("seed {seed:?}");
    let cases = cases();
    let config = Config {
        cases,
        max_global_rejects: cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let pair = (generate::document(), generate::document(), 0..4_u8);
    let pair = pair.prop_perturb(|(old, other, relation), mut rng| {
        let edited = relation > 0;
        let new = if edited { generate::edited(old.clone(), &other, &mut rng) } else { other };
        (old, new)
    });
    let strategy = (pair, prop::collection::vec(generate::value(), 60));
    let tally = Tally::default();
    let outcome = TestRunner::new_with_rng(config, rng).run(&strategy, |((old, new), values)| {
        let (Some(by_old), Some(by_new)) = (validator(&old), validator(&new)) else {
            return Err(TestCaseError::reject("an edit made it no schema"));
        };
        let Ok(comparison) = compare(&old, &new) else {
            return Err(TestCaseError::reject("it cannot be judged"));
        };
        let (backward, forward) = (comparison.is_backward(), comparison.is_forward());
        let differ = old != new;
        count(&tally.differing, differ);
        count(&tally.backward, differ && backward);
        count(&tally.forward, differ && forward);
        for value in &values {
            let (of_old, of_new) = (by_old.is_valid(value), by_new.is_valid(value));
            count(&tally.values, true);
            count(&tally.told_apart, of_old != of_new);
            prop_assert!(of_new || !of_old || !backward, "not backward, by {value}");
            prop_assert!(of_old || !of_new || !forward, "not forward, by {value}");
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let share = |cell: &Cell<u32>, of: &Cell<u32>| f64::from(cell.get()) / f64::from(of.get());
    let backward = share(&tally.backward, &tally.differing);
    let forward = share(&tally.forward, &tally.differing);
    let told_apart = share(&tally.told_apart, &tally.values);
    println!("backward {backward:.2}, forward {forward:.2}, values told apart {told_apart:.3}");
    assert!(tally.differing.get() > cases / 2, "hardly a pair differed");
    assert!((0.25..0.95).contains(&backward), "told backward compatible: {backward}");
    assert!((0.25..0.95).contains(&forward), "told forward compatible: {forward}");
    assert!(told_apart > 0.02, "the values hardly tell the schemas apart: {told_apart}");
}

/// How many pairs; for a long search e.g. `LGSP_CASES=100000`.
fn cases() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "a switch for developers, not configuration")]
    let asked = std::env::var("LGSP_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(600)
}
