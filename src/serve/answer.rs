//! Answers, with the headers that every one of them has.

use std::sync::Arc;

/// What is sent back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code of HTTP.
    pub status: u16,
    /// Headers, the length of the body excepted.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Arc<[u8]>,
}

/// Headers of every answer: nothing is guessed, told to other sites, kept, or shown within their pages.
const ALWAYS: [(&str, &str); 6] = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "SAMEORIGIN"),
];

impl Answer {
    fn new(status: u16, kind: &str, policy: &str, body: Arc<[u8]>) -> Self {
        let mut headers = vec![
            ("Content-Type", kind.to_owned()),
            ("Content-Security-Policy", policy.to_owned()),
        ];
        headers.extend(ALWAYS.map(|(name, value)| (name, value.to_owned())));
        Self { status, headers, body }
    }

    /// A page under a policy.
    pub(super) fn html(status: u16, policy: &str, body: Arc<[u8]>) -> Self {
        Self::new(status, "text/html; charset=utf-8", policy, body)
    }

    /// A JSON document.
    pub(super) fn json(document: &serde_json::Value) -> Self {
        // Within JSON it stands in texts alone, where this means the same; nothing here can be taken for a tag.
        let text = document.to_string().replace('<', "\\u003c");
        let body = text.into_bytes().into();
        Self::new(200, "application/json", "default-src 'none'", body)
    }

    /// Go there instead.
    pub(super) fn redirect(to: &str) -> Self {
        let kind = "text/plain; charset=utf-8";
        Self::new(303, kind, "default-src 'none'", Arc::new([])).with("Location", to)
    }

    /// With one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of a header, if it is there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }
}
