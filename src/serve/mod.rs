//! Reports as a local server shows them while sweeps run: a request in, an answer out. It knows no socket, no clock and no
//! file: the command line owns the connections, looks into the store and says what time it is.
//!
//! - `access`: who may ask: the `Host` header, the token.
//! - `answer`: what is sent back, with the headers that every answer has.
//! - `cache`: built pages, and when they are built anew.
//! - `pages`: the list of sweeps, the frame around a report, what is being trained.
//! - `policy`: the Content-Security-Policy of a page, made from the page.
//! - `watched`: the file that `report --watch` writes while a sweep runs.

mod access;
mod answer;
mod cache;
mod pages;
mod policy;
#[cfg(test)]
mod tests;
mod watched;

pub use access::{Access, SHORTEST_TOKEN};
pub use answer::Answer;
pub use cache::{Cache, Page};
pub use pages::{Sweep, Trial};
pub use watched::watched;

use std::borrow::Cow;

/// What a browser asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD` or another.
    pub method: String,
    /// Path and query, such as `/sweep?id=abc`.
    pub target: String,
    /// The `Host` header; none when it is missing, given twice or no text.
    pub host: Option<String>,
    /// All `Cookie` headers, joined with `; `.
    pub cookies: String,
}

/// Why there is nothing to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// There is no such sweep.
    #[error("there is no such sweep")]
    Unknown,
    /// The store cannot be read at the moment; why.
    #[error("{0}")]
    Failed(String),
}

/// Where the answers come from.
pub trait Source {
    /// Every sweep, newest first, without its trials.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn sweeps(&self) -> Result<Vec<Sweep>, Trouble>;
    /// One sweep with the trials that are being trained.
    ///
    /// # Errors
    /// When there is none of that id, or the store cannot be read.
    fn sweep(&self, id: &str) -> Result<Sweep, Trouble>;
    /// The report of a sweep, as new as it may be.
    ///
    /// # Errors
    /// When there is no such sweep, the store cannot be read or the page cannot be made.
    fn page(&self, id: &str) -> Result<Page, Trouble>;
}

/// The answer to a request.
#[must_use]
pub fn respond(request: &Request, access: &Access, source: &dyn Source) -> Answer {
    if !access.knows_host(request.host.as_deref()) {
        let why = "This server answers to its own address only: open the one that mae-exp serve printed.";
        return pages::message(403, "Not this address", why);
    }
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return pages::message(405, "Only reading", "Nothing can be changed here.").with("Allow", "GET, HEAD");
    }
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    if let Some(token) = parameter(query, "token") {
        return match access.cookie_for(&token) {
            Some(cookie) => Answer::redirect(&without_token(path, query)).with("Set-Cookie", cookie),
            None => pages::no_token(),
        };
    }
    if !access.admits(&request.cookies) {
        return pages::no_token();
    }
    let id = parameter(query, "id").unwrap_or_default();
    let answer = match path {
        "/" => pages::list(source),
        "/sweep" => pages::frame(source, &id),
        "/report" => pages::report(source, &id),
        "/live" if id.is_empty() => pages::live_list(source),
        "/live" => pages::live_sweep(source, &id),
        _ => Ok(pages::message(404, "Nothing here", "There is no page of this address.")),
    };
    answer.unwrap_or_else(|trouble| pages::trouble(&trouble))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut all = form_urlencoded::parse(query.as_bytes());
    all.find_map(|(key, value)| (key == name).then_some(value))
}

/// The same address without its token.
fn without_token(path: &str, query: &str) -> String {
    let mut rest = form_urlencoded::Serializer::new(String::new());
    rest.extend_pairs(form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key != "token"));
    let rest = rest.finish();
    // Two slashes at the beginning would lead to another server.
    let path = format!("/{}", path.trim_start_matches(['/', '\\']));
    if rest.is_empty() {
        path
    } else {
        format!("{path}?{rest}")
    }
}
