//! The page's script, and what a browser may do with the page: run that script and show what is inside the file, nothing else.

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

/// The only script of the page.
pub(super) const SCRIPT: &str = include_str!("templates/page.js");

/// Content Security Policy of a page with one inline script (CSP Level 3: the script's SHA-256 in base64).
pub(super) fn policy(script: &str) -> String {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script));
    format!(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; \
         form-action 'none'"
    )
}

/// The same of a page without a script.
pub(super) const STILL: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // `printf "alert('Hello, world.');" | openssl dgst -sha256 -binary | base64`, the example of CSP Level 3.
        let text = policy("alert('Hello, world.');");
        assert!(
            text.contains("'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"),
            "{text}"
        );
    }

    #[test]
    fn the_script_can_stand_in_a_page() {
        for part in ["</", "<!--", "\r"] {
            assert!(!SCRIPT.contains(part), "{part:?} ends or changes a script in HTML");
        }
    }
}
