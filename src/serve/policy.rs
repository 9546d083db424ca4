//! The Content-Security-Policy of a page, made from the page: the scripts and styles that stand in its frame are let through by
//! their hashes, and nothing else is. A script within `<main>`, where all names and notes are, is never let through.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// What a page may do besides running its own scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A page with a report in it: asks this server what is new.
    Frame,
    /// A report: asks nobody anything.
    Report,
}

/// The policy of a page.
pub(super) fn policy(html: &str, role: Role) -> String {
    let (before, after) = around_main(html);
    let scripts = hashes("script", &[before, after]);
    let styles = hashes("style", &[html]);
    let role = match role {
        Role::Frame => "connect-src 'self'; frame-src 'self'; frame-ancestors 'none'",
        Role::Report => "style-src-attr 'unsafe-inline'; frame-ancestors 'self'",
    };
    format!(
        "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; base-uri 'none'; form-action 'none'; {role}"
    )
}

/// What stands before and after a page's `<main>`; the whole page where it has none.
fn around_main(html: &str) -> (&str, &str) {
    let before = html.find("<main").map_or(html, |at| &html[..at]);
    let after = html.rfind("</main>").map_or("", |at| &html[at..]);
    (before, after)
}

/// Hashes of the elements of a kind that are executed or applied, each once, in their order; `'none'` where there are none.
fn hashes(kind: &str, parts: &[&str]) -> String {
    let mut found: Vec<String> = Vec::new();
    for text in parts.iter().flat_map(|part| texts(part, kind)) {
        let hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
        if !found.contains(&hash) {
            found.push(hash);
        }
    }
    if found.is_empty() {
        "'none'".into()
    } else {
        found.join(" ")
    }
}

/// Texts of the elements of a kind, data aside.
fn texts<'a>(html: &'a str, kind: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{kind}"), format!("</{kind}>"));
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find(&open) {
        rest = &rest[at + open.len()..];
        let Some((attributes, inner)) = rest.split_once('>') else {
            break;
        };
        let Some((text, after)) = inner.split_once(&close) else {
            break;
        };
        if !attributes.contains("application/json") {
            found.push(text);
        }
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Role, policy};

    #[test]
    fn the_frame_of_a_page_is_let_through_and_nothing_within_it() {
        let page = "<head><style>a{}</style><script>one()</script></head><body><main>\
                    <script>alert(1)</script></main><script type=\"application/json\">{}</script>\
                    <script>two()</script></body>";
        let policy = policy(page, Role::Report);
        // echo -n 'one()' | openssl dgst -sha256 -binary | base64, and likewise below.
        for hash in [ONE, TWO, STYLE] {
            assert!(policy.contains(hash), "{policy} has {hash}");
        }
        assert_eq!(policy.matches("sha256-").count(), 3, "{policy}");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("connect-src"));
    }

    const ONE: &str = "'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4='";
    const TWO: &str = "'sha256-iMrPAWirDC2X0OhZzLsM2MRIWSmepJGI4r7D8ZlwBOw='";
    const STYLE: &str = "'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk='";

    #[test]
    fn a_page_without_scripts_lets_none_through() {
        let policy = policy("<main><p onclick=\"x()\">text</p></main>", Role::Frame);
        assert!(policy.contains("script-src 'none'; style-src 'none';"), "{policy}");
        assert!(policy.contains("connect-src 'self'"));
    }
}
