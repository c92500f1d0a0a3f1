//! Seeded chance: the same seed, purpose and number always give the same dice.

use fastrand::Rng;

/// Returns the dice for one thing: `purpose` keeps what is drawn for one use apart from another.
pub(crate) fn dice(seed: u64, purpose: u32, number: u64) -> Rng {
    Rng::with_seed(mix(seed ^ mix((u64::from(purpose) << 40) ^ number)))
}

/// Tells whether something that happens in `percent` of a hundred cases happens.
pub(crate) fn chance(dice: &mut Rng, percent: u32) -> bool {
    dice.u32(0..100) < percent
}

/// Draws one of a weighted list; the default value of a list without weight.
pub(crate) fn draw<T: Copy + Default>(dice: &mut Rng, list: &[(T, u32)]) -> T {
    let total: u32 = list.iter().map(|(_, weight)| weight).sum();
    let mut left = dice.u32(0..total.max(1));
    for (value, weight) in list {
        if left < *weight {
            return *value;
        }
        left -= weight;
    }
    T::default()
}

/// Draws one of a list, each as likely as the others; the empty text of an empty list.
pub(crate) fn pick(dice: &mut Rng, list: &[&'static str]) -> &'static str {
    list.get(dice.usize(0..list.len().max(1))).copied().unwrap_or_default()
}

/// The finaliser of SplitMix64: neighbouring numbers come out unrelated.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
