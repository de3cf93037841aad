//! Whose requests are answered: those that are for this server, of no other site's page.

use super::Shared;
use super::routes::refused;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::SocketAddr;
use std::sync::Arc;

/// The names that the server is called by: what `Host` may be.
#[derive(Debug)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// Of a server on `address`, which people call by `more` names too.
    pub fn new(address: SocketAddr, more: &[String]) -> Self {
        let port = address.port();
        let mut names = vec![address.to_string()];
        let is_loopback = address.ip().is_loopback();
        let local = is_loopback.then_some("localhost").into_iter();
        for name in local.chain(more.iter().map(String::as_str)) {
            names.push(format!("{}:{port}", name.to_ascii_lowercase()));
        }
        if port == 80 {
            // There browsers leave the port out.
            let short = names.iter().filter_map(|name| name.strip_suffix(":80"));
            names.extend(short.map(String::from).collect::<Vec<_>>());
        }
        Self(names)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn all(&self) -> String {
        self.0.join(", ")
    }

    /// What is wrong with a request's head, if anything.
    fn wrong(&self, headers: &HeaderMap, authority: Option<&str>) -> Option<(StatusCode, String)> {
        let hosts = values(headers, &HOST);
        let [host] = hosts[..] else {
            let found = hosts.len();
            return Some((StatusCode::BAD_REQUEST, format!("{found} Host headers, expected one")));
        };
        if let Some(other) = [Some(host), authority].into_iter().flatten().find(|h| !self.has(h)) {
            let expected = self.all();
            let reason = format!("Host `{other}` is not this server's, expected {expected}");
            return Some((StatusCode::MISDIRECTED_REQUEST, reason));
        }
        let own = |origin: &&str| origin.strip_prefix("http://").is_some_and(|host| self.has(host));
        let origins = values(headers, &ORIGIN);
        let other = origins.iter().find(|origin| !own(origin))?;
        let expected = self.all();
        let reason = format!("Origin `{other}` is another site, expected http:// and {expected}");
        Some((StatusCode::FORBIDDEN, reason))
    }
}

/// Whether a body is said to be longer than it may be: it is not waited for.
fn too_long(headers: &HeaderMap, most: usize) -> Option<(StatusCode, String)> {
    let said = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    let is_short = said.parse().is_ok_and(|length: usize| length <= most);
    let reason = || format!("a body of {said} bytes, expected at most {most}");
    (!is_short).then(|| (StatusCode::PAYLOAD_TOO_LARGE, reason()))
}

/// A header's values; what is no text is nobody's name.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect()
}

/// What a browser is told of every answer: nothing from elsewhere is loaded or run, no other site
/// may show or read it, and nothing is kept.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Refuses what is not for this server, and ends what takes too long.
pub(super) async fn guard(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_string());
    let wrong = shared.names.wrong(request.headers(), authority.as_deref());
    let wrong = wrong.or_else(|| too_long(request.headers(), shared.limits.body));
    let mut response = match wrong {
        Some((status, reason)) => refused(status, reason),
        None => {
            let limit = shared.limits.request;
            match tokio::time::timeout(limit, next.run(request)).await {
                Ok(response) => response,
                Err(_) => refused(
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("not done within {} seconds, try again", limit.as_secs_f32()),
                ),
            }
        }
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wrong(names: &Names, pairs: &[(HeaderName, &str)], authority: Option<&str>) -> Option<u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value.parse().unwrap());
        }
        names.wrong(&headers, authority).map(|(status, _)| status.as_u16())
    }

    #[test]
    fn only_requests_for_this_server_by_nobody_else_pass() {
        let names = Names::new(([127, 0, 0, 1], 8080).into(), &["Board.lan".into()]);
        for (host, expected) in [
            ("127.0.0.1:8080", None),
            ("localhost:8080", None),
            ("LOCALHOST:8080", None),
            ("board.lan:8080", None),
            ("localhost", Some(421)),
            ("localhost:8081", Some(421)),
            ("evil.example:8080", Some(421)),
            ("localhost.evil.example:8080", Some(421)),
            ("", Some(421)),
        ] {
            assert_eq!(wrong(&names, &[(HOST, host)], None), expected, "{host}");
        }
        let local = (HOST, "localhost:8080");
        assert_eq!(wrong(&names, &[], None), Some(400));
        assert_eq!(wrong(&names, &[local.clone(), local.clone()], None), Some(400));
        assert_eq!(wrong(&names, std::slice::from_ref(&local), Some("evil.example")), Some(421));
        for (origin, expected) in [
            ("http://localhost:8080", None),
            ("http://board.lan:8080", None),
            ("https://localhost:8080", Some(403)),
            ("http://localhost", Some(403)),
            ("http://evil.example", Some(403)),
            ("null", Some(403)),
        ] {
            let found = wrong(&names, &[local.clone(), (ORIGIN, origin)], None);
            assert_eq!(found, expected, "{origin}");
        }
        // Port 80 is left out by browsers, and names of another machine are not this one's.
        let names = Names::new(([192, 168, 0, 7], 80).into(), &[]);
        assert_eq!(wrong(&names, &[(HOST, "192.168.0.7")], None), None);
        assert_eq!(wrong(&names, &[(HOST, "localhost:80")], None), Some(421));
    }
}
