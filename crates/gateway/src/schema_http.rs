//! The schemas of the events, for whoever makes records: `GET /v1/schemas` and each document at
//! the URI that events name as their `dataschema`. They are no secret.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lgsp_core::digest::{hex, sha256};
use lgsp_core::{ErrorCode, Fault};
use lgsp_schema::{EventKind, Schemas};
use serde_json::{Value, json};

use crate::door::RequestId;
use crate::json;
use crate::problem::Problem;

/// A document with its content type, its tag and how long it may be kept.
#[derive(Debug, Clone)]
struct Page {
    body: Bytes,
    media_type: HeaderValue,
    tag: HeaderValue,
    keep: HeaderValue,
}

/// The pages, made once: nobody's request costs more than sending one.
#[derive(Debug)]
pub(crate) struct Pages {
    list: Page,
    documents: HashMap<(String, String), Page>,
}

impl Pages {
    /// Makes the pages of all schemas.
    pub(crate) fn of(schemas: &Schemas) -> Arc<Self> {
        let entries: Vec<Value> = schemas.kinds().map(entry).collect();
        let list = json!({ "schemas": entries }).to_string();
        let document = |kind: &EventKind| {
            let name = (kind.event_type().to_owned(), kind.version().to_owned());
            // A version never changes; another one has another URI.
            let keep = "public, max-age=31536000, immutable";
            (name, Page::new(kind.document().clone(), "application/schema+json", keep))
        };
        Arc::new(Self {
            list: Page::new(list.into(), "application/json", "public, max-age=60"),
            documents: schemas.kinds().map(document).collect(),
        })
    }
}

/// Describes a schema in the list.
fn entry(kind: &EventKind) -> Value {
    // It was compiled from these very bytes.
    let document: Value = serde_json::from_slice(kind.document()).unwrap_or_default();
    json!({
        "type": kind.event_type(),
        "version": kind.version(),
        "title": document.get("title"),
        "topic": kind.topic(),
        "dataschema": kind.dataschema(),
        "url": kind.dataschema(),
    })
}

impl Page {
    fn new(body: Bytes, media_type: &'static str, keep: &'static str) -> Self {
        let tag = format!("\"{}\"", hex(&sha256(&body)));
        Self {
            body,
            media_type: HeaderValue::from_static(media_type),
            tag: HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\"")),
            keep: HeaderValue::from_static(keep),
        }
    }

    /// Sends the page, or that the client has it already (RFC 9110, section 13.1.2).
    fn send(&self, headers: &HeaderMap) -> Response {
        let mut response = if self.is_known(headers) {
            let mut unchanged = Response::default();
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            let mut whole = json::respond(StatusCode::OK, self.body.clone());
            whole.headers_mut().insert(header::CONTENT_TYPE, self.media_type.clone());
            whole
        };
        response.headers_mut().insert(header::ETAG, self.tag.clone());
        response.headers_mut().insert(header::CACHE_CONTROL, self.keep.clone());
        response
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        let texts = headers.get_all(header::IF_NONE_MATCH).iter();
        let mut tags = texts.filter_map(|text| text.to_str().ok()).flat_map(|text| text.split(','));
        tags.any(|tag| tag.trim() == "*" || tag.trim().trim_start_matches("W/") == self.tag)
    }
}

/// `GET /v1/schemas`.
pub(crate) async fn list(Extension(pages): Extension<Arc<Pages>>, headers: HeaderMap) -> Response {
    pages.list.send(&headers)
}

/// `GET /v1/schemas/{type}/{version}`.
pub(crate) async fn document(
    Extension(pages): Extension<Arc<Pages>>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    name: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = name.ok().and_then(|Path(name)| pages.documents.get(&name));
    let missing = || Problem::new(Fault::new(ErrorCode::NotFound), &request_id);
    Ok(page.ok_or_else(missing)?.send(&headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_listed_and_served_at_its_own_uri() {
        let schemas = Schemas::bundled().unwrap();
        let pages = Pages::of(&schemas);
        let list: Value = serde_json::from_slice(&pages.list.body).unwrap();
        assert_eq!(list["schemas"].as_array().unwrap().len(), pages.documents.len());
        for entry in list["schemas"].as_array().unwrap() {
            let text = |name: &str| entry[name].as_str().unwrap();
            let page = &pages.documents[&(text("type").to_owned(), text("version").to_owned())];
            assert_eq!(text("url"), format!("/v1/schemas/{}/{}", text("type"), text("version")));
            let document: Value = serde_json::from_slice(&page.body).unwrap();
            assert_eq!(entry["title"], document["title"]);
        }
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let page = Page::new(Bytes::from("{}"), "application/json", "no-cache");
        let tag = page.tag.to_str().unwrap().to_owned();
        for (known, status) in [
            (tag.clone(), 304),
            (format!("\"x\", W/{tag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(&known).unwrap());
            let answer = page.send(&headers);
            assert_eq!(answer.status(), status, "{known}");
            assert_eq!(answer.headers()[header::ETAG], tag);
        }
    }
}
