//! The page: one document, its style and its script, all of this server.

use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;

type File = ([(HeaderName, &'static str); 1], &'static str);

pub(super) const HTML: File =
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("page.html"));
pub(super) const CSS: File =
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css"));
pub(super) const JS: File =
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page.js"));
