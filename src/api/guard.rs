//! Who may ask: bearer tokens; without them, on the loopback, no page of a browser that came from elsewhere.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::{Choice, ConstantTimeEq};

use super::Api;
use super::problem::Problem;
use crate::config::Secret;

/// Probes of an orchestrator carry no token and learn nothing but whether the process works.
const OPEN_PATHS: [&str; 2] = ["/livez", "/readyz"];

#[derive(Clone, Debug, Default)]
pub struct Guard {
    tokens: Vec<Secret>,
    /// A name beside those of the loopback under which this engine is reached.
    advertised_host: Option<String>,
}

impl Guard {
    pub fn new(tokens: Vec<Secret>, advertised: Option<&str>) -> Self {
        let advertised_host = advertised.and_then(host_of_url).map(str::to_owned);
        Guard { tokens, advertised_host }
    }

    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
        if OPEN_PATHS.contains(&path) {
            return Ok(());
        }
        if self.tokens.is_empty() {
            return self.check_local(headers);
        }
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let Some(given) = given else {
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "expected an Authorization header with a bearer token"));
        };
        // All are compared, each in constant time, so that the time tells nothing about any of them.
        let known = self
            .tokens
            .iter()
            .fold(Choice::from(0), |known, token| known | token.expose().as_bytes().ct_eq(given.as_bytes()));
        if bool::from(known) {
            Ok(())
        } else {
            Err(Problem::new(StatusCode::UNAUTHORIZED, "the bearer token is not known"))
        }
    }

    /// A browser sends any page's requests to the loopback; what they cannot forge are `Host` and `Origin`.
    fn check_local(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let strange = |host: &str| !self.is_local(host);
        if text(header::HOST).is_some_and(|host| strange(host_of_authority(host))) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "the Host header names another machine; set http.tokens, or http.advertised",
            ));
        }
        if text(header::ORIGIN).is_some_and(|origin| host_of_url(origin).is_none_or(strange)) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "the request comes from a page of another site"));
        }
        Ok(())
    }

    fn is_local(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            || self.advertised_host.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(host))
    }
}

fn host_of_url(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    Some(host_of_authority(authority))
}

fn host_of_authority(authority: &str) -> &str {
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

pub async fn admit(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    match api.guard.check(request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    fn status(guard: &Guard, path: &str, pairs: &[(&'static str, &'static str)]) -> u16 {
        guard.check(path, &headers(pairs)).map_or_else(|problem| problem.status.as_u16(), |()| 200)
    }

    #[test]
    fn with_tokens_all_but_the_probes_ask_for_one() {
        let guard = Guard::new(vec![Secret::new("0123456789abcdef"), Secret::new("fedcba9876543210")], None);
        assert_eq!(status(&guard, "/livez", &[]), 200);
        assert_eq!(status(&guard, "/readyz", &[]), 200);
        assert_eq!(status(&guard, "/metrics", &[]), 401);
        assert_eq!(status(&guard, "/v1/events", &[("authorization", "Bearer 0123456789abcdef")]), 200);
        assert_eq!(status(&guard, "/v1/events", &[("authorization", "bearer fedcba9876543210")]), 200);
        for wrong in [
            "Bearer 0123456789abcdeX",
            "Bearer 0123456789abcde",
            "Bearer ",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            assert_eq!(status(&guard, "/v1/events", &[("authorization", wrong)]), 401, "{wrong}");
        }
    }

    #[test]
    fn without_tokens_pages_of_other_sites_are_refused() {
        let guard = Guard::new(Vec::new(), Some("https://plazo.example:8443/"));
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost", "plazo.example:8443"] {
            let host: &'static str = host;
            assert_eq!(status(&guard, "/v1/events", &[("host", host)]), 200, "{host}");
        }
        assert_eq!(status(&guard, "/v1/events", &[("host", "evil.example:8080")]), 403);
        assert_eq!(status(&guard, "/v1/events", &[("host", "localhost"), ("origin", "https://evil.example")]), 403);
        assert_eq!(status(&guard, "/v1/events", &[("host", "localhost"), ("origin", "null")]), 403);
        assert_eq!(status(&guard, "/v1/events", &[("host", "localhost"), ("origin", "http://localhost:3000")]), 200);
        assert_eq!(status(&guard, "/v1/events", &[]), 200);
    }
}
