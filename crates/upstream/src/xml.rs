//! Reads XML into a small tree, and refuses what an answer has no business to contain: document
//! types, entities of its own, processing instructions, boundless depth.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 16;
/// The most elements that are read.
const MAX_ELEMENTS: usize = 4096;

/// The text is no XML of the kind that is taken. Says nothing more: the text may not be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotReadable;

/// An element: its name without prefix, its text, its children. `Debug` is left out on purpose.
#[derive(Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

/// Reads a document of one root.
pub(crate) fn read(text: &str) -> Result<Element, NotReadable> {
    if !text.chars().all(is_legal) {
        return Err(NotReadable);
    }
    let mut reader = NsReader::from_str(text);
    // The open elements, outermost first, under one that stands for the document.
    let mut open = vec![Element::default()];
    let mut count = 0;
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|_| NotReadable)?;
        let undeclared = matches!(namespace, ResolveResult::Unknown(_));
        match event {
            Event::Start(tag) | Event::Empty(tag)
                if undeclared || tag.local_name().as_ref().is_empty() =>
            {
                return Err(NotReadable);
            }
            Event::Start(tag) => {
                count += 1;
                if open.len() > MAX_DEPTH || count > MAX_ELEMENTS {
                    return Err(NotReadable);
                }
                open.push(Element {
                    name: tag.local_name().as_ref().to_owned(),
                    ..Element::default()
                });
            }
            Event::Empty(tag) => {
                count += 1;
                if count > MAX_ELEMENTS {
                    return Err(NotReadable);
                }
                let empty =
                    Element { name: tag.local_name().as_ref().to_owned(), ..Element::default() };
                open.last_mut().ok_or(NotReadable)?.children.push(empty);
            }
            Event::End(_) => {
                let closed = open.pop().ok_or(NotReadable)?;
                open.last_mut().ok_or(NotReadable)?.children.push(closed);
            }
            Event::Text(text) => {
                open.last_mut().ok_or(NotReadable)?.text.push_str(&text.xml10_content())
            }
            Event::CData(text) => {
                open.last_mut().ok_or(NotReadable)?.text.push_str(&text.xml10_content())
            }
            Event::GeneralRef(reference) => {
                push_reference(&mut open.last_mut().ok_or(NotReadable)?.text, &reference)?
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::DocType(_) | Event::PI(_) => return Err(NotReadable),
            Event::Eof => break,
        }
    }
    let (Some(mut document), true) = (open.pop(), open.is_empty()) else { return Err(NotReadable) };
    let root = document.children.pop().ok_or(NotReadable)?;
    (document.children.is_empty() && document.text.trim().is_empty())
        .then_some(root)
        .ok_or(NotReadable)
}

/// Tells whether a character may stand in text: no control character but for space.
fn is_legal(character: char) -> bool {
    !character.is_control() || matches!(character, '\t' | '\n' | '\r')
}

/// Adds a character reference or one of XML's own five entities.
fn push_reference(text: &mut String, reference: &BytesRef<'_>) -> Result<(), NotReadable> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| NotReadable)? {
        text.push(Some(character).filter(|character| is_legal(*character)).ok_or(NotReadable)?);
    } else {
        text.push_str(resolve_xml_entity(reference).ok_or(NotReadable)?);
    }
    Ok(())
}

impl Element {
    /// Returns the children of a name.
    pub(crate) fn children_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Returns the text without the space around it; `None` if nothing is left.
    pub(crate) fn value(&self) -> Option<&str> {
        Some(self.text.trim()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_names_without_prefix_and_text_in_all_its_writings() {
        let root = read(
            "<?xml version=\"1.0\"?><!-- x --><a:r xmlns:a=\"u\"><a:b> x &amp; &#272;<![CDATA[<y>]]> </a:b><c/></a:r>",
        );
        let root = root.unwrap_or_default();
        assert_eq!(root.name, "r");
        assert_eq!(root.children_named("b").next().and_then(Element::value), Some("x & Đ<y>"));
        assert_eq!(root.children_named("c").next().and_then(Element::value), None);
    }

    #[test]
    fn refuses_what_is_broken_or_dangerous() {
        let deep = "<a>".repeat(50) + &"</a>".repeat(50);
        let wide = format!("<a>{}</a>", "<b/>".repeat(5000));
        let cases = [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "<a><b></a></b>",
            "</a>",
            "<p:a/>",
            "<!DOCTYPE a [<!ENTITY x \"boom\">]><a>&x;</a>",
            "<a>&nbsp;</a>",
            "<a>&#0;</a>",
            "<a>&#1;</a>",
            "<a>\u{0}</a>",
            "<a>&#xFFFFFFFF;</a>",
            "<?php x ?><a/>",
            "<a",
            "<a>&amp</a>",
            &deep,
            &wide,
        ];
        for text in cases {
            assert!(read(text).is_err(), "{}", text.get(..text.len().min(60)).unwrap_or_default());
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(<|>|/|a|b|&|;|#|\"|=|!|\\[|\\]|-|\\?|x|:| ){0,80}") {
            if let Ok(root) = read(&text) {
                prop_assert!(!root.name.is_empty());
            }
        }

        #[test]
        fn whatever_is_cut_off_is_refused(cut in 1usize..120) {
            let whole = "<s:E xmlns:s=\"u\"><s:B><n:C xmlns:n=\"v\"><n:D>1</n:D><n:F></n:F></n:C></s:B></s:E>";
            let end = whole.len().saturating_sub(cut);
            prop_assert!(read(&whole[..end]).is_err());
        }
    }
}
