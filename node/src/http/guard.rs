//! Keeps web pages out: refuses requests that a browser makes for a page from elsewhere.
//!
//! Two ways lead from a page on the internet to a port on loopback. A page may simply send a request;
//! then the browser names the page in `Origin`. Or the name of the page's own server is made to point
//! to 127.0.0.1 (DNS rebinding); then the request counts as same-origin, but `Host` is that name. So
//! both must be loopback names, and a body must be declared as JSON, which a page from elsewhere cannot
//! do without asking first.
//!
//! For a picture, a script or a link no `Origin` is named, but every browser of today says in
//! `Sec-Fetch-Site` how the page is related to this server. Another site is refused; another port of
//! this machine is the same site, and must say by `Origin` that it is one.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::Problem;

/// Says in which relation to this server the page stands that a browser makes a request for.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Passes a request on if it comes from this machine and from no foreign page.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    match check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let host = single(headers, &HOST)?.unwrap_or_default();
    if !is_loopback_authority(host) {
        let detail = format!("the host {host:?} is not a loopback name; ask 127.0.0.1");
        return Err(Problem::new(403, "foreign_host", "Only for this machine", detail));
    }
    let origin = single(headers, &ORIGIN)?;
    if let Some(origin) = origin.filter(|origin| !is_loopback_origin(origin)) {
        let detail = format!("a page from {origin:?} may not use this node");
        return Err(Problem::new(403, "foreign_origin", "Only for this machine", detail));
    }
    match single(headers, &SEC_FETCH_SITE)? {
        None | Some("same-origin" | "none") => {}
        Some("same-site") if origin.is_some() => {}
        Some(site) => {
            let detail = format!("a page that is {site:?} to this node may not use it");
            return Err(Problem::new(403, "foreign_site", "Only for this machine", detail));
        }
    }
    if method == Method::POST && !is_json(single(headers, &CONTENT_TYPE)?.unwrap_or_default()) {
        let detail = "send the header content-type: application/json";
        return Err(Problem::new(415, "not_json", "A body must be JSON", detail));
    }
    Ok(())
}

/// The only value of a header. One that is there twice, or is no text, could be read in two ways.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let refused = || {
        let detail = format!("the header {name} must be there once, as text");
        Problem::new(400, "bad_request", "The request makes no sense", detail)
    };
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| refused()),
        _ => Err(refused()),
    }
}

fn is_loopback_origin(origin: &str) -> bool {
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    rest.is_some_and(is_loopback_authority)
}

fn is_loopback_authority(authority: &str) -> bool {
    let Ok(uri) = format!("http://{authority}/").parse::<Uri>() else { return false };
    if uri.path() != "/" || authority.contains('@') {
        return false;
    }
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(method: &Method, headers: &[(&'static str, &'static str)]) -> Option<String> {
        let headers = headers.iter().map(|(name, value)| {
            (HeaderName::from_static(name), axum::http::HeaderValue::from_static(value))
        });
        check(method, &headers.collect()).err().map(|problem| problem.code)
    }

    #[test]
    fn loopback_hosts_pass_and_names_that_merely_look_like_them_do_not() {
        for host in ["127.0.0.1:8400", "localhost", "LOCALHOST:1", "[::1]:8400", "127.9.9.9"] {
            assert_eq!(code(&Method::GET, &[("host", host)]), None, "{host}");
        }
        let foreign = [
            "example.org",
            "127.0.0.1.example.org",
            "localhost.example.org:8400",
            "192.168.1.1",
            "0.0.0.0",
            "localhost@example.org",
            "example.org/localhost",
            "",
        ];
        for host in foreign {
            let refused = code(&Method::GET, &[("host", host)]);
            assert_eq!(refused.as_deref(), Some("foreign_host"), "{host}");
        }
        assert_eq!(code(&Method::GET, &[]).as_deref(), Some("foreign_host"));
    }

    #[test]
    fn pages_from_elsewhere_are_refused_also_when_they_hide_their_origin() {
        let host = ("host", "127.0.0.1:8400");
        for origin in ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:1"] {
            assert_eq!(code(&Method::GET, &[host, ("origin", origin)]), None, "{origin}");
        }
        for origin in ["https://example.org", "null", "file://", "http://127.0.0.1.example.org"] {
            let refused = code(&Method::GET, &[host, ("origin", origin)]);
            assert_eq!(refused.as_deref(), Some("foreign_origin"), "{origin}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_refused_also_for_what_names_no_origin() {
        let (host, own) = (("host", "localhost:8400"), ("origin", "http://localhost:3000"));
        let site = |site| ("sec-fetch-site", site);
        for passed in [site("same-origin"), site("none")] {
            assert_eq!(code(&Method::GET, &[host, passed]), None, "{passed:?}");
        }
        for refused in [site("cross-site"), site("same-site"), site("same-planet"), site("")] {
            let answer = code(&Method::GET, &[host, refused]);
            assert_eq!(answer.as_deref(), Some("foreign_site"), "{refused:?}");
        }
        assert_eq!(code(&Method::GET, &[host, own, site("same-site")]), None);
        let answer = code(&Method::GET, &[host, own, site("cross-site")]);
        assert_eq!(answer.as_deref(), Some("foreign_site"));
    }

    #[test]
    fn a_change_must_be_declared_as_json() {
        let host = ("host", "localhost");
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(code(&Method::POST, &[host, json]), None);
        assert_eq!(code(&Method::POST, &[host]).as_deref(), Some("not_json"));
        let text = ("content-type", "text/plain");
        assert_eq!(code(&Method::POST, &[host, text]).as_deref(), Some("not_json"));
    }
}
