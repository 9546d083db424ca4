//! The live page in a browser: it renews itself, keeps what the reader did to it, and says nothing on the console. Skipped,
//! loudly, where there is no Chromium.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::serving::{Server, finished};
use crate::support::{experiment, small};

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

/// A browser that is spoken to in the Chrome DevTools Protocol over a pipe, and reaches this machine only.
struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Json,
    last: u64,
    console: Vec<String>,
}

impl Browser {
    fn open(program: &str, folder: &Path, url: &str) -> Self {
        // Descriptors 3 and 4 are the browser's ear and mouth.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>&2", program])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-extensions",
            ])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", folder.join("driven").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (
            child.stdin.take().unwrap(),
            BufReader::new(child.stdout.take().unwrap()),
        );
        let (session, console) = (Json::Null, Vec::new());
        let mut browser = Self {
            child,
            to,
            from,
            session,
            last: 0,
            console,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        browser.session = browser.call("Target.attachToTarget", target)["sessionId"].clone();
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Page.navigate", json!({ "url": url }));
        browser
    }

    #[track_caller]
    fn call(&mut self, method: &str, params: Json) -> Json {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut bytes = vec![];
            self.from.read_until(0, &mut bytes).unwrap();
            assert_eq!(bytes.pop(), Some(0), "the browser went away");
            let mut heard: Json = serde_json::from_slice(&bytes).unwrap();
            if heard["id"] == self.last {
                assert!(heard["error"].is_null(), "{method}: {}", heard["error"]);
                return heard["result"].take();
            }
            let told = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
            if told.iter().any(|method| heard["method"] == *method) {
                self.console.push(heard["params"].to_string());
            }
        }
    }

    /// The value of an expression in the page.
    #[track_caller]
    fn eval(&mut self, expression: &str) -> Json {
        let arguments = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut told = self.call("Runtime.evaluate", arguments);
        assert!(told["exceptionDetails"].is_null(), "{expression}: {told}");
        told["result"]["value"].take()
    }

    #[track_caller]
    fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.eval(expression) != true {
            let page = || "document.body.innerText";
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "never {expression}: {}",
                self.eval(page())
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // One that has gone by itself needs no ending.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_live_page_renews_itself_and_keeps_what_the_reader_did() {
    let Some(program) = chromium() else {
        let said = "##### SKIPPED: no Chromium on this machine, the live page was not looked at in a browser #####";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    };
    let room = finished();
    let server = Server::start(&room, &["latest"]);
    let mut browser = Browser::open(program, room.path(), &server.url);
    let report = "document.querySelector('iframe:not(.coming)')";
    let content = format!("{report}.contentDocument");
    browser.wait_for(&format!("{report}?.contentDocument?.readyState === 'complete'"));
    browser.wait_for("document.getElementById('live').innerText.includes('1 of 1 trial finished')");
    browser.wait_for(&format!("{content}.querySelector('h2') !== null"));
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
