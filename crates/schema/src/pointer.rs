//! JSON Pointers that are safe to show: short, and made of plausible field names only.
//!
//! A sender chooses the names in a record, so a name may be a kilobyte long, hold control
//! characters or be a citizen's number. A pointer ends before such a name.

/// How long a pointer is at most, in bytes.
const MAX_BYTES: usize = 200;

/// One step into a document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    /// To a member of an object.
    Member(&'a str),
    /// To an item of an array.
    Item(usize),
}

/// Tells whether a name can be a field's name: `[A-Za-z_][A-Za-z0-9_]{0,63}`.
pub(crate) fn is_field_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 64
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Renders the pointer to the deepest place that can be shown. Field names need no escaping.
pub(crate) fn render<'a>(steps: impl IntoIterator<Item = Step<'a>>) -> String {
    let mut pointer = String::new();
    for step in steps {
        let parent = pointer.len();
        pointer.push('/');
        match step {
            Step::Member(name) if is_field_name(name) => pointer.push_str(name),
            Step::Member(_) => {
                pointer.truncate(parent);
                break;
            }
            Step::Item(index) => pointer.push_str(&index.to_string()),
        }
        if pointer.len() > MAX_BYTES {
            pointer.truncate(parent);
            break;
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_before_a_name_that_is_no_field_name() {
        let number = "086190000001";
        for name in ["", number, "Nguyễn", "a b", "a/b", "a~b", "a\nb", &"a".repeat(65)] {
            let steps =
                [Step::Member("DinhDanhCHS"), Step::Item(3), Step::Member(name), Step::Member("x")];
            assert_eq!(render(steps), "/DinhDanhCHS/3", "{name:?}");
        }
        assert_eq!(render([Step::Member("_a"), Step::Member("B9")]), "/_a/B9");
        assert_eq!(render([]), "");
    }

    #[test]
    fn a_deep_place_is_shown_by_its_nearest_short_ancestor() {
        let name = "n".repeat(60);
        let pointer = render((0..9).map(|_| Step::Member(&name)));
        assert_eq!(pointer, format!("/{name}").repeat(3));
    }
}
