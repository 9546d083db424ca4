//! The report read back in a browser: no message on the console, no request for anything outside the file, all content
//! there. Skipped, loudly, where there is no Chromium.

use std::path::Path;
use std::process::Command;

use crate::support::{Room, experiment, small};

/// What a browser saw of a page.
struct Seen {
    dom: String,
    console: Vec<String>,
    requests: Vec<String>,
}

fn chromium() -> Option<&'static str> {
    let there = |name: &&str| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|o| o.status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(there)
}

/// Opens a page in headless Chromium without any network.
fn open(browser: &str, room: &Room, page: &Path) -> Seen {
    let log = room.path().join("net.json");
    let quiet = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-extensions",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--enable-logging=stderr",
        "--virtual-time-budget=3000",
        "--dump-dom",
    ];
    let output = Command::new(browser)
        .args(quiet)
        .arg(format!("--user-data-dir={}", room.path().join("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let net = std::fs::read_to_string(log).unwrap();
    let urls = net
        .split("\"url\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    // The browser itself asks for the time, for updates of its own and for an account.
    let housekeeping = [
        "clients2.google.com/",
        "accounts.google.com/ListAccounts",
        "update.googleapis.com/",
        "www.google.com/async/",
    ];
    let own = |url: &&str| housekeeping.iter().any(|part| url.contains(part));
    Seen {
        dom: String::from_utf8_lossy(&output.stdout).into_owned(),
        console: said
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .map(str::to_string)
            .collect(),
        requests: urls
            .filter(|url| url.starts_with("http") && !own(url))
            .map(str::to_string)
            .collect(),
    }
}

#[test]
fn the_report_is_whole_and_silent_in_a_browser() {
    let Some(browser) = chromium() else {
        // Past the test harness, which swallows what passing tests print.
        let said = "##### SKIPPED: no Chromium on this machine, the report was not read back in a browser #####";
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        return;
    };
    let room = Room::new();
    let bad = "<script>console.error('heard')</script><img src='http://elsewhere.invalid/x.png'>";
    let seen = open(browser, &room, &room.write("bad.html", bad));
    assert!(
        seen.console.iter().any(|line| line.contains("heard")),
        "the check hears the console: {:?}",
        seen.console
    );
    assert!(
        seen.requests.iter().any(|url| url.contains("elsewhere.invalid")),
        "the check sees requests"
    );

    room.write("x.toml", &experiment(2));
    room.ok(&small(&["sweep", "x.toml"]));
    let seen = open(browser, &room, &room.path().join("reports/tiny/index.html"));
    assert_eq!(seen.console, Vec::<String>::new());
    assert_eq!(seen.requests, Vec::<String>::new());
    for content in [
        "Does it run?",
        "<table",
        "<svg",
        "data:image/png;base64,",
        "mask.ratio",
        "Appendix",
    ] {
        assert!(seen.dom.contains(content), "the page shows {content}");
    }
}
