//! Headless Chromium as the tests drive it: it reaches this machine only, and is spoken to in the Chrome DevTools Protocol over a pipe
//! (`--remote-debugging-pipe`: JSON messages that end in a zero byte), with everything heard that a page should not say.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value as Json, json};

/// The browser's command, where there is one.
pub(crate) fn installed() -> Option<&'static str> {
    let there = |name: &&str| {
        let said = Command::new(name).arg("--version").output();
        said.is_ok_and(|o| o.status.success())
    };
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(there)
}

/// Options of a browser that stays by itself.
pub(crate) const QUIET: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: String,
    last: u64,
    /// Messages on the console, exceptions, and what the browser complains about.
    pub(crate) console: Vec<String>,
    /// Addresses that were asked for, other than files and data in the page.
    pub(crate) requests: Vec<String>,
}

impl Browser {
    /// Starts the browser with a profile in `folder`.
    pub(crate) fn start(program: &str, folder: &Path) -> Self {
        // Descriptors 3 and 4 are the browser's ear and mouth.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>&2", program])
            .args(QUIET)
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
        let (console, requests) = (vec![], vec![]);
        let mut browser = Self {
            child,
            to,
            from,
            session: String::new(),
            last: 0,
            console,
            requests,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached = browser.call(
            "Target.attachToTarget",
            json!({"targetId": target["targetId"], "flatten": true}),
        );
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method of the protocol and returns its result.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: Json) -> Json {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut heard = self.hear();
            if heard["id"] == self.last {
                assert!(heard["error"].is_null(), "{method}: {}", heard["error"]);
                return heard["result"].take();
            }
        }
    }

    /// The next message, noted where it is one that a page should not cause.
    fn hear(&mut self) -> Json {
        let mut bytes = vec![];
        self.from.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser went away");
        let heard: Json = serde_json::from_slice(&bytes).unwrap();
        let params = &heard["params"];
        match heard["method"].as_str().unwrap_or_default() {
            "Runtime.consoleAPICalled" => self.console.push(params["args"].to_string()),
            "Runtime.exceptionThrown" => self.console.push(params["exceptionDetails"].to_string()),
            "Log.entryAdded" => self.console.push(params["entry"]["text"].to_string()),
            "Network.requestWillBeSent" => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                if !url.starts_with("file:") && !url.starts_with("data:") {
                    self.requests.push(url.to_owned());
                }
            }
            _ => {}
        }
        heard
    }

    /// Opens a file and waits until it has loaded.
    pub(crate) fn open(&mut self, page: &Path) {
        self.call("Page.navigate", json!({"url": format!("file://{}", page.display())}));
        while self.hear()["method"] != "Page.loadEventFired" {}
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub(crate) fn eval(&mut self, expression: &str) -> Json {
        let mut told = self.evaluate(expression);
        assert!(told["exceptionDetails"].is_null(), "{expression}: {told}");
        told["result"]["value"].take()
    }

    #[track_caller]
    fn evaluate(&mut self, expression: &str) -> Json {
        let arguments = json!({"expression": expression, "returnByValue": true, "userGesture": true});
        self.call("Runtime.evaluate", arguments)
    }

    /// Waits until an expression is true, at most a minute. One that fails, on a page of which half has come, is not true yet.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let begun = Instant::now();
        loop {
            let told = self.evaluate(expression);
            if told["result"]["value"] == true {
                return;
            }
            let page = self.eval("document.body?.innerText");
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "never {expression}: {told}: {page}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Nothing was said on the console, and nothing was asked for.
    #[track_caller]
    pub(crate) fn assert_quiet(&self) {
        let nothing: [&[String]; 2] = [&[], &[]];
        assert_eq!([self.console.as_slice(), self.requests.as_slice()], nothing);
    }

    /// Presses and releases a key.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if key == "Enter" && kind == "keyDown" {
                event["text"] = json!("\r");
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Width of the window in pixels, and `light` or `dark`.
    pub(crate) fn look(&mut self, width: u32, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// A picture of the whole page as PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let told = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": true}));
        decoded(&told)
    }

    /// The page printed to PDF.
    pub(crate) fn print(&mut self) -> Vec<u8> {
        let told = self.call("Page.printToPDF", json!({"preferCSSPageSize": true}));
        decoded(&told)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn decoded(told: &Json) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD
        .decode(told["data"].as_str().unwrap())
        .unwrap()
}
