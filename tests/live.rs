//! The live page in a browser: it renews itself, keeps what the reader did to it, and says nothing on the console. Skipped,
//! loudly, where there is no Chromium.
#![cfg(unix)]

use std::io::Write as _;

use serde_json::json;

use crate::chromium::{Browser, installed};
use crate::serving::{Server, finished};
use crate::support::{experiment, small};

#[test]
fn a_live_page_renews_itself_and_keeps_what_the_reader_did() {
    let Some(program) = installed() else {
        let said = "##### SKIPPED: no Chromium on this machine, the live page was not looked at in a browser #####\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    };
    let room = finished();
    let server = Server::start(&room, &["latest"]);
    let mut browser = Browser::start(program, room.path());
    browser.call("Page.navigate", json!({ "url": server.url }));
    let report = "document.querySelector('iframe:not(.coming)')";
    let content = format!("{report}.contentDocument");
    // An empty document, whole as well, stands in the frame until the report begins to come.
    browser.wait_for(&format!(
        "{content}.URL !== 'about:blank' && {content}.readyState === 'complete'"
    ));
    browser.wait_for("document.getElementById('live').innerText.includes('1 of 1 trial finished')");
    // Something that a reader leaves behind: a place further down, told by its heading. Minus zero is no number in JSON.
    let top = format!(
        "Math.round([...{content}.querySelectorAll('h3')].find((h) => h.textContent === 'Environment').getBoundingClientRect().top) + 0"
    );
    browser.eval(&format!(
        "[...{content}.querySelectorAll('h3')].find((h) => h.textContent === 'Environment').scrollIntoView()"
    ));
    let before = browser.eval(&top).as_i64().unwrap();
    let version = browser.eval("document.getElementById('report').dataset.version");

    room.write(
        "x.toml",
        &experiment(1).replace("Does it run?", "<script>alert(1)</script>"),
    );
    room.ok(&small(&["sweep", "x.toml"]));
    browser.wait_for("document.getElementById('live').innerText.includes('2 of 2 trials finished')");
    browser.wait_for(&format!("{content}.body.innerText.includes('0.5')"));
    browser.wait_for("document.title === 'tiny · 2/2'");
    browser.wait_for(&format!(
        "document.getElementById('report').dataset.version !== {version}"
    ));
    browser.wait_for("document.querySelectorAll('iframe').length === 1");
    let after = browser.eval(&top).as_i64().unwrap();
    assert!((after - before).abs() <= 2, "the place is kept: {before}, then {after}");
    assert_eq!(browser.console, Vec::<String>::new());

    assert_eq!(server.end().code(), Some(0));
    browser.wait_for("document.getElementById('note').innerText.includes('does not answer')");
}
