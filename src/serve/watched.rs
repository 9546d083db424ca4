//! The file that `report --watch` writes while a sweep runs: the report, which says so and loads itself anew.

/// Seconds between two times that the page loads itself.
const SECONDS: u32 = 5;

/// A report as it is while its sweep runs.
#[must_use]
pub fn watched(html: &str) -> String {
    let refresh = format!("<head>\n<meta http-equiv=\"refresh\" content=\"{SECONDS}\">");
    let note = "<main>\n<p class=\"how\" role=\"note\">This sweep is running. The page is written anew when something changes, and \
                loads itself every 5 seconds until the sweep has ended.</p>";
    html.replacen("<head>", &refresh, 1).replacen("<main>", note, 1)
}
