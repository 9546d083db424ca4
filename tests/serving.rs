//! Reports while sweeps run: the local server, and the file that follows its sweep.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::Value as Json;
use sha2::Digest as _;

use crate::support::{Room, experiment, small};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server under way, ended with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) port: u16,
}

/// An answer, as it came.
pub(crate) struct Got {
    status: u16,
    head: String,
    pub(crate) body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Server {
    pub(crate) fn start(room: &Room, args: &[&str]) -> Self {
        let mut all = vec!["serve", "--json"];
        all.extend(args);
        let mut child = room
            .command(&all)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: Json = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        let port = url.rsplit_once(':').unwrap().1.split('/').next().unwrap();
        let port = port.parse().unwrap();
        Self { child, url, port }
    }

    /// What comes back for these bytes.
    fn send(&self, bytes: &str) -> Got {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut all = Vec::new();
        // A server that refuses early may close before everything sent was read.
        let _ = stream.write_all(bytes.as_bytes());
        let _ = stream.read_to_end(&mut all);
        let text = String::from_utf8(all).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Got {
            status: head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn ask(&self, method: &str, target: &str, headers: &str) -> Got {
        let port = self.port;
        self.send(&format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}\r\n"
        ))
    }

    pub(crate) fn get(&self, target: &str) -> Got {
        self.ask("GET", target, "")
    }

    /// Asks for what is new until it is as wanted.
    fn wait_for(&self, target: &str, wanted: impl Fn(&Json) -> bool) -> Json {
        let begun = Instant::now();
        loop {
            let got = self.get(target);
            let news = if got.status == 200 { got.json() } else { Json::Null };
            if wanted(&news) {
                return news;
            }
            assert!(begun.elapsed() < PATIENCE, "{target} never became as wanted: {news}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn end(mut self) -> ExitStatus {
        interrupt(&self.child);
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already needs no ending.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Starts a sweep of two trials that takes some seconds, and waits until one is being trained.
fn training(room: &Room) -> Child {
    room.write("x.toml", &experiment(1));
    let mut args = small(&["sweep", "x.toml"]);
    args.extend([
        "--set",
        "train.epochs=60",
        "--set",
        "train.val_every=5",
        "--set",
        "train.log_every=1",
    ]);
    let child = room
        .command(&args)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let trains = || {
        let output = room.run(&["runs", "--ids", "--status", "running"]);
        output.status.success() && !output.stdout.is_empty()
    };
    while !trains() {
        assert!(begun.elapsed() < PATIENCE, "no trial was ever trained");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn id(room: &Room) -> String {
    let answer = room.json(&["query", "SELECT id FROM sweeps", "--json"]);
    answer["rows"][0][0].as_str().unwrap().to_owned()
}

/// A finished sweep of one trial whose question is hostile.
pub(crate) fn finished() -> Room {
    let room = Room::new();
    let question = "<script>alert(1)</script>";
    let text = experiment(1)
        .replace("Does it run?", question)
        .replace("[0.5, 0.75]", "[0.75]");
    room.write("x.toml", &text);
    room.ok(&small(&["sweep", "x.toml"]));
    room
}

#[test]
fn a_page_follows_its_sweep_from_running_to_finished() {
    let room = Room::new();
    let mut sweep = training(&room);
    let server = Server::start(&room, &["tiny"]);
    let id = id(&room);
    assert_eq!(server.url, format!("http://127.0.0.1:{}/sweep?id={id}", server.port));
    let live = format!("/live?id={id}");
    let html = |news: &Json| news["html"].as_str().unwrap_or_default().to_owned();
    let under_way = server.wait_for(&live, |news| html(news).contains("<progress"));
    assert_eq!(under_way["over"], false);
    assert!(
        html(&under_way).contains("running") && html(&under_way).contains(" ago"),
        "{under_way}"
    );
    let early = server.get(&format!("/report?id={id}"));
    assert_eq!(early.status, 200);
    assert!(early.body.contains("Does it run?") && early.body.trim_end().ends_with("</html>"));

    assert!(sweep.wait().unwrap().success(), "being looked at disturbs no sweep");
    let over = server.wait_for(&live, |news| {
        news["over"] == true && news["version"] != under_way["version"]
    });
    assert!(html(&over).contains("2 of 2 trials finished"), "{over}");
    assert!(!html(&over).contains("<progress"), "{over}");
    server.wait_for(&live, |_| server.get(&format!("/report?id={id}")).body != early.body);
    let list = server.get("/");
    assert!(list.body.contains("2 of 2 trials finished") && list.body.contains(&format!("/sweep?id={id}")));
    assert_eq!(server.end().code(), Some(0), "Ctrl-C ends it well");
}

#[test]
fn strangers_and_writers_are_refused_and_every_answer_is_locked_in() {
    let room = finished();
    let before = std::fs::read(room.path().join("runs/mae-exp.db")).unwrap();
    let server = Server::start(&room, &[]);
    let id = id(&room);
    let foreign = |host: &str| {
        server
            .send(&format!("GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n"))
            .status
    };
    assert_eq!(foreign("Host: evil.example\r\n"), 403);
    assert_eq!(foreign(&format!("Host: localhost:{}\r\n", server.port)), 200);
    assert_eq!(foreign("Host: localhost\r\nHost: localhost\r\n"), 403);
    assert_eq!(foreign(""), 403);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(server.ask(method, "/", "").status, 405, "{method}");
    }
    assert_eq!(server.ask("POST", "/", "Content-Length: 5\r\n\r\nhello").status, 405);
    let long = "x".repeat(40_000);
    assert!(
        [414, 431].contains(&server.get(&format!("/?{long}")).status),
        "a head has a limit"
    );
    assert_eq!(server.ask("GET", "/", &format!("X: {long}\r\n")).status, 431);
    assert_eq!(server.get("/sweep?id=latest").status, 404, "an address means one sweep");

    for target in [
        "/",
        "/live",
        &format!("/sweep?id={id}"),
        &format!("/live?id={id}"),
        &format!("/report?id={id}"),
    ] {
        let got = server.get(target);
        assert_eq!(got.status, 200, "{target}");
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(got.header("referrer-policy"), Some("no-referrer"));
        assert!(
            got.header("content-security-policy")
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert!(!got.body.contains("<script>alert"), "{target}: {}", got.body);
        let head = server.ask("HEAD", target, "");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 0);
    }
    let report = server.get(&format!("/report?id={id}"));
    assert!(report.body.contains("&#60;script&#62;alert(1)"));
    let policy = report.header("content-security-policy").unwrap();
    for (hash, what) in inline(&report.body) {
        assert!(policy.contains(&hash), "{policy} lets this through: {what}");
    }
    assert_eq!(server.end().code(), Some(0));
    let after = std::fs::read(room.path().join("runs/mae-exp.db")).unwrap();
    assert!(before == after, "the store is as it was");
}

/// Hash and beginning of every script and style of a page that a browser runs or applies.
fn inline(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for kind in ["script", "style"] {
        for piece in page.split(&format!("<{kind}")).skip(1) {
            let (attributes, rest) = piece.split_once('>').unwrap();
            let text = rest.split(&format!("</{kind}>")).next().unwrap();
            if !attributes.contains("application/json") {
                let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text));
                found.push((format!("'sha256-{hash}'"), text.chars().take(60).collect()));
            }
        }
    }
    assert!(!found.is_empty(), "the page has a style");
    found
}

#[test]
fn where_a_token_is_needed_nothing_is_shown_without_it() {
    let room = finished();
    let mut command = room.command(&["serve", "latest"]);
    let said = command.env("MAE_EXP_TOKEN", "too short").output().unwrap();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{error}");
    assert!(error.contains("16 characters"), "{error}");

    let server = Server::start(&room, &["--token", "0123456789abcdef"]);
    assert!(server.url.ends_with("/?token=0123456789abcdef"), "{}", server.url);
    for target in ["/", "/live", "/report?id=latest", "/?token=0123456789abcdeX"] {
        assert_eq!(server.get(target).status, 401, "{target}");
    }
    let let_in = server.get("/?token=0123456789abcdef");
    assert_eq!((let_in.status, let_in.header("location")), (303, Some("/")));
    let cookie = let_in.header("set-cookie").unwrap().split(';').next().unwrap();
    assert_eq!(server.ask("GET", "/", &format!("Cookie: {cookie}\r\n")).status, 200);
    assert_eq!(server.end().code(), Some(0));

    let refused = room.refused(&["serve", "--host", "no.such.host.invalid"]);
    assert!(refused.contains("--host"), "{refused}");
    let open = Server::start(&room, &["--host", "0.0.0.0"]);
    assert!(open.url.contains("token="), "other machines need a token: {}", open.url);
    assert_eq!(open.get("/").status, 401);
    assert_eq!(open.end().code(), Some(0));
}

#[test]
fn idle_and_many_connections_keep_nobody_from_being_answered() {
    let room = finished();
    let server = Server::start(&room, &[]);
    let idle: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(("127.0.0.1", server.port)).unwrap())
        .collect();
    for _ in 0..30 {
        assert_eq!(server.get("/live").status, 200);
    }
    drop(idle);
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn a_watched_file_is_whole_at_every_moment_and_ends_as_the_report() {
    let room = Room::new();
    let mut sweep = training(&room);
    let mut watching = room
        .command(&["report", "tiny", "--watch", "--out", "seen"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (page, begun) = (room.path().join("seen/index.html"), Instant::now());
    let (mut versions, mut last) = (0, String::new());
    while watching.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "it ends with its sweep");
        if let Ok(text) = std::fs::read_to_string(&page)
            && text != last
        {
            assert!(text.trim_end().ends_with("</html>"), "never half of it");
            versions += usize::from(text.contains("http-equiv=\"refresh\""));
            last = text;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(sweep.wait().unwrap().success() && watching.wait().unwrap().success());
    assert!(versions > 1, "it was written {versions} times while the sweep ran");
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(!text.contains("http-equiv=\"refresh\"") && !text.contains("This sweep is running"));
    assert!(!room.path().join("seen/index.html.part").exists());
    let again = room.ok(&["report", "tiny", "--watch", "--out", "again"]);
    assert!(
        again.trim_end().ends_with("index.html"),
        "of one that has ended it is written once: {again}"
    );
}
