//! Requests and answers without a socket.

use std::time::Duration;

use super::*;
use crate::store::Progressed;

const HOSTILE: &str = "<script>alert(1)</script>";

/// Two sweeps: `s1` is sound, `s2` has a report that cannot be made; everything that a person can name is hostile.
struct Fake(Cache);

impl Source for Fake {
    fn sweeps(&self) -> Result<Vec<Sweep>, Trouble> {
        Ok(vec![sweep("s1"), sweep("s2")])
    }

    fn sweep(&self, id: &str) -> Result<Sweep, Trouble> {
        match id {
            "s1" | "s2" => Ok(sweep(id)),
            "gone" => Err(Trouble::Failed(format!("the disk says {HOSTILE}"))),
            _ => Err(Trouble::Unknown),
        }
    }

    fn page(&self, id: &str) -> Result<Page, Trouble> {
        let html = "<!DOCTYPE html><html><head><style>p{}</style></head><body><main>report</main></body></html>";
        let build = || match id {
            "s1" => Ok(("v1".to_owned(), html.to_owned())),
            _ => Err(Trouble::Failed("no".into())),
        };
        self.0.page(id, &|| Duration::ZERO, || Ok("v1".into()), build)
    }
}

fn sweep(id: &str) -> Sweep {
    let trial = Trial {
        id: "r1".into(),
        label: format!("mask.ratio={HOSTILE}"),
        progressed: Some(Progressed {
            step: 48,
            epoch: 2.4,
            loss: Some(0.43219),
        }),
        epochs: 8,
        silent_ms: Some(4_200),
        notes: vec![format!("look: {HOSTILE}"), "\"><img src=x onerror=alert(1)>".into()],
        gone: Some(format!("killed by {HOSTILE}")),
        ..Trial::default()
    };
    Sweep {
        id: id.into(),
        name: HOSTILE.into(),
        question: format!("Why {HOSTILE}?"),
        created_at: "2026-01-02T03:04:05Z".into(),
        tally: [("finished", 1), ("queued", 1), ("running", 1)].into(),
        trials: vec![trial],
    }
}

fn get(target: &str) -> Request {
    Request {
        method: "GET".into(),
        target: target.into(),
        host: Some("127.0.0.1:4000".into()),
        cookies: String::new(),
    }
}

fn open() -> Access {
    Access::new(&[], false, 4000, None)
}

fn answer(request: &Request) -> Answer {
    respond(request, &open(), &Fake(Cache::default()))
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[test]
fn addresses_lead_where_they_should() {
    for (target, status, shown) in [
        ("/", 200, "<h1>Sweeps</h1>"),
        ("/sweep?id=s1", 200, "src=\"/report?id=s1\""),
        ("/report?id=s1", 200, "<main>report</main>"),
        ("/live", 200, "{\"html\":"),
        ("/live?id=s1", 200, "\"version\":\"v1\""),
        ("/live?id=s2", 200, "\"trouble\":\"no\""),
        ("/sweep?id=s2", 503, "Nothing to show"),
        ("/sweep?id=none", 404, "No such sweep"),
        ("/report?id=none", 503, "Nothing to show"),
        ("/live?id=none", 404, "No such sweep"),
        ("/sweep", 404, "No such sweep"),
        ("/favicon.ico", 404, "Nothing here"),
        ("/../etc/passwd", 404, "Nothing here"),
        ("", 404, "Nothing here"),
    ] {
        let answer = answer(&get(target));
        assert_eq!(answer.status, status, "{target}");
        assert!(text(&answer).contains(shown), "{target}: {}", text(&answer));
    }
}

#[test]
fn other_hosts_and_methods_are_refused_first() {
    for host in [None, Some("evil.example"), Some("evil.example:4000")] {
        let request = Request {
            host: host.map(str::to_owned),
            ..get("/")
        };
        assert_eq!(answer(&request).status, 403, "{host:?}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", ""] {
        let request = Request {
            method: method.into(),
            ..get("/")
        };
        let answer = answer(&request);
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("GET, HEAD")),
            "{method}"
        );
    }
}

#[test]
fn every_answer_has_the_headers_that_keep_it_in() {
    let foreign = Request { host: None, ..get("/") };
    let requests = [
        get("/"),
        get("/sweep?id=s1"),
        get("/report?id=s1"),
        get("/live"),
        get("/none"),
        get("/?token=x"),
        foreign,
    ];
    for request in requests {
        let answer = answer(&request);
        let header = |name| answer.header(name).unwrap_or_default();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{request:?}: {policy}");
        assert!(!policy.contains("script-src 'unsafe") && !policy.contains('*') && !policy.contains("http"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cache-control"), "no-store");
    }
    let frame = answer(&get("/sweep?id=s1"));
    let policy = frame.header("content-security-policy").unwrap();
    assert!(
        policy.contains("connect-src 'self'") && policy.contains("script-src 'sha256-"),
        "{policy}"
    );
    let report = answer(&get("/report?id=s1"));
    let policy = report.header("content-security-policy").unwrap();
    assert!(
        policy.contains("script-src 'none'") && !policy.contains("connect-src"),
        "{policy}"
    );
}

#[test]
fn hostile_names_and_notes_stay_text() {
    for target in ["/", "/sweep?id=s1", "/sweep?id=gone", "/live", "/live?id=s1"] {
        let said = text(&answer(&get(target)));
        // The document's own script stands for itself; in JSON there is none.
        assert!(!said.contains("<script>alert"), "{target}: {said}");
        assert!(!said.contains("<img"), "{target}: {said}");
        assert!(
            said.contains("&#60;script&#62;alert(1)&#60;/script&#62;"),
            "{target}: {said}"
        );
    }
    let odd = text(&answer(&get("/sweep?id=%22%3E%3Cscript%3Ealert(1)")));
    assert!(!odd.contains("alert(1)"), "{odd}");
}

#[test]
fn what_is_being_trained_is_told_with_its_progress() {
    let said = text(&answer(&get("/live?id=s1")));
    for part in [
        "48 of 160",
        "2.40 of 8",
        "0.4322",
        "4 s ago",
        "1 of 3 trials finished, 1 queued, 1 running",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("\"over\":false"));
}

#[test]
fn a_token_is_asked_for_taken_once_and_then_a_cookie() {
    let access = Access::new(&[], false, 4000, Some("0123456789abcdef"));
    let ask = |target: &str, cookies: &str| {
        let request = Request {
            cookies: cookies.into(),
            ..get(target)
        };
        respond(&request, &access, &Fake(Cache::default()))
    };
    for target in ["/", "/sweep?id=s1", "/report?id=s1", "/live", "/live?id=s1", "/none"] {
        let refused = ask(target, "");
        assert_eq!(refused.status, 401, "{target}");
        assert!(!text(&refused).contains("script"), "nothing is shown");
    }
    assert_eq!(ask("/?token=0123456789abcdeg", "").status, 401);
    assert_eq!(ask("/?token=", "").status, 401);
    let let_in = ask("/sweep?token=0123456789abcdef&id=s1", "");
    assert_eq!((let_in.status, let_in.header("location")), (303, Some("/sweep?id=s1")));
    let cookie = let_in.header("set-cookie").unwrap().split(';').next().unwrap();
    assert_eq!(ask("/sweep?id=s1", cookie).status, 200);
    assert_eq!(ask("/sweep?id=s1", "mae-exp-4000=0123456789abcdef").status, 401);
    let led = ask("//evil.example/?token=0123456789abcdef", "");
    assert_eq!(led.header("location"), Some("/evil.example/"), "it leads nowhere else");
}

#[test]
fn a_watched_page_loads_itself_and_says_so() {
    let page = watched("<html>\n<head>\n<title>x</title></head><body>\n<main>\n<h1>y</h1></main></body></html>");
    assert_eq!(page.matches("http-equiv=\"refresh\"").count(), 1);
    assert!(page.find("refresh").unwrap() < page.find("<title>").unwrap());
    assert!(page.contains("This sweep is running") && page.contains("<h1>y</h1>"));
}
