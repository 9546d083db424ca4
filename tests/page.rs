//! The report used in a browser: tables sort and filter, the explorer and full size work by mouse and keyboard, all content
//! is there without scripts, text has enough contrast on light and dark screens, and it prints. Skipped, loudly, where there
//! is no Chromium. Pictures of the pages are kept in the build's folder under `screenshots`, to be looked at.

use std::path::PathBuf;

use serde_json::json;

use crate::chromium::{Browser, installed};
use crate::support::{Room, experiment, project, small};

/// A browser and a room with the report of a small sweep, or a loud word.
fn opened(name: &str) -> Option<(Browser, Room, PathBuf)> {
    with_report_of(name, &experiment(3), &[])
}

/// The same with what more the sweep is told.
fn with_report_of(name: &str, experiment: &str, more: &[&str]) -> Option<(Browser, Room, PathBuf)> {
    let Some(program) = installed() else {
        // Past the test harness, which swallows what passing tests print.
        let said = format!("##### SKIPPED: no Chromium on this machine: {name} #####\n");
        std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        return None;
    };
    let room = Room::new();
    room.write("x.toml", experiment);
    let mut args = small(&["sweep", "x.toml"]);
    args.extend(more);
    room.ok(&args);
    let page = room.path().join("reports/tiny/index.html");
    Some((Browser::start(program, room.path()), room, page))
}

fn keep(name: &str, bytes: &[u8]) {
    let folder = project().join("target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

const COLUMN: &str = "[...document.querySelectorAll('table.sortable')].at(-1)";

#[test]
fn tables_sort_and_filter() {
    let Some((mut browser, _room, page)) = opened("tables_sort_and_filter") else {
        return;
    };
    browser.open(&page);
    let ids = format!("[...{COLUMN}.tBodies[0].rows].map(row => row.cells[0].textContent).join()");
    let seconds =
        format!("[...{COLUMN}.tBodies[0].rows].map(row => Number(row.cells[row.cells.length - 1].dataset.v))");
    let before = browser.eval(&ids);
    let press = format!("[...{COLUMN}.querySelectorAll('thead button')].at(-1).click()");
    let state = format!("{COLUMN}.querySelector('thead th:last-child').getAttribute('aria-sort')");
    for (word, sign) in [("ascending", 1.0), ("descending", -1.0)] {
        browser.eval(&press);
        assert_eq!(browser.eval(&state), word);
        let found = browser.eval(&seconds);
        let times: Vec<f64> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap() * sign)
            .collect();
        assert_eq!(times.len(), 6);
        assert!(times.windows(2).all(|w| w[0] <= w[1]), "{word}: {times:?}");
    }
    browser.eval(&press);
    assert_eq!(
        (browser.eval(&state), browser.eval(&ids)),
        (json!("none"), before),
        "as it was"
    );

    browser.eval(&format!(
        "{COLUMN}.parentElement.previousElementSibling.querySelector('input').focus()"
    ));
    browser.call("Input.insertText", json!({"text": "SEED=1"}));
    let shown = browser.eval(&format!(
        "[...{COLUMN}.tBodies[0].rows].filter(row => row.checkVisibility()).length"
    ));
    assert_eq!(shown, 2);
    let told = browser.eval(&format!(
        "{COLUMN}.parentElement.previousElementSibling.querySelector('output').textContent"
    ));
    assert_eq!(told, "2 of 6 rows");
    browser.assert_quiet();
}

#[test]
fn the_explorer_shows_one_picture_and_epoch_of_the_chosen_points() {
    let Some((mut browser, _room, page)) = opened("the_explorer") else {
        return;
    };
    browser.open(&page);
    let seen = |what: &str| {
        format!("[...document.querySelectorAll('.explorer {what}')].filter(e => e.checkVisibility()).length")
    };
    assert_eq!(
        browser.eval("document.querySelector('.explorer form').checkVisibility()"),
        true
    );
    assert_eq!(browser.eval(&seen(".view")), 1);
    assert_eq!(
        (browser.eval(&seen(".stage")), browser.eval(&seen(".cell"))),
        (json!(1), json!(2))
    );
    let epoch = "document.querySelector('.explorer .stage:not([hidden]) .name').textContent";
    let last = browser.eval(epoch);
    browser.eval("document.querySelector('.explorer input[type=range]').focus()");
    browser.press("Home", 36);
    assert_eq!(browser.eval(epoch), "epoch 0", "after {last}");
    assert_ne!(last, "epoch 0");
    let choose = |select: &str, value: &str| {
        format!(
            "{{ const s = document.querySelector('{select}'); s.value = '{value}'; \
             s.dispatchEvent(new Event('input', {{bubbles: true}})); }}"
        )
    };
    browser.eval(&choose(".explorer select[data-key]", "1"));
    assert_eq!(browser.eval(&seen(".cell")), 1);
    browser.eval(&choose(".explorer select[name=item]", "1"));
    assert_eq!(
        browser.eval("document.querySelector('.explorer .view:not([hidden])').dataset.item"),
        "1"
    );
    assert_eq!(browser.eval(&seen("img.map")), 1, "the error map");
    browser.assert_quiet();
}

#[test]
fn pictures_open_at_full_size_by_keyboard_and_escape_closes() {
    let Some((mut browser, _room, page)) = opened("pictures_open") else {
        return;
    };
    browser.open(&page);
    browser.eval("document.querySelector('.explorer .stage:not([hidden]) .cell button.picture').focus()");
    browser.press("Enter", 13);
    let open = "document.querySelector('dialog').open";
    assert_eq!(browser.eval(open), true);
    let alt = "document.querySelector('dialog img').alt";
    let first = browser.eval(alt);
    browser.press("ArrowRight", 39);
    assert_ne!(browser.eval(alt), first, "the neighbour");
    browser.press("Escape", 27);
    assert_eq!(browser.eval(open), false);
    assert_eq!(
        browser.eval("document.activeElement.className"),
        "picture",
        "focus is back"
    );
    browser.assert_quiet();
}

#[test]
fn everything_is_there_without_scripts() {
    let Some((mut browser, _room, page)) = opened("everything_without_scripts") else {
        return;
    };
    browser.call("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    browser.open(&page);
    let count = |what: &str| format!("document.querySelectorAll('{what}').length");
    assert_eq!(browser.eval(&count("button")), 0, "nothing that would do nothing");
    assert_eq!(
        browser.eval("document.querySelector('.explorer form').checkVisibility()"),
        false
    );
    assert_eq!(
        browser.eval("document.querySelector('table.gallery img').checkVisibility()"),
        true
    );
    browser.eval("document.querySelectorAll('details').forEach(one => one.open = true)");
    let hidden = browser
        .eval("[...document.querySelectorAll('main img, main tr, main svg')].filter(e => !e.checkVisibility()).length");
    assert_eq!(hidden, 0);
    assert_eq!(browser.eval(&count("details.trial")), 6);
    browser.assert_quiet();
}

/// Texts with less than the contrast of WCAG 2.1 AA (4.5, or 3 where they are large) on the ground they stand on.
const FAINT: &str = r"(() => {
  const channels = (text) => text.match(/[\d.]+/g).map(Number);
  const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (node) => {
    for (let at = node; at !== null; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === '' || node.closest('svg, script, option') || !node.checkVisibility()) continue;
    const style = getComputedStyle(node);
    const pair = [light(channels(style.color)), light(ground(node))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < (Number.parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) faint.add(`${node.tagName}.${node.className} ${ratio}`);
  }
  return [...faint];
})()";

#[test]
fn it_reads_on_light_and_dark_and_narrow_screens_and_prints() {
    let five = experiment(2).replace("[0.5, 0.75]", "[0.2, 0.4, 0.5, 0.6, 0.8]");
    let tasks = ["--set", "eval.tasks=[\"reconstruction\",\"knn\",\"retrieval\"]"];
    let Some((mut browser, room, page)) = with_report_of("it_reads_and_prints", &five, &tasks) else {
        return;
    };
    // Under another seed, so that it is no figure of the sweep itself.
    room.ok(&["eval", "tiny", "--task", "clustering", "--set", "seed=9"]);
    room.ok(&["report", "tiny"]);
    browser.open(&page);
    browser.eval("document.querySelector('details.trial').open = true");
    let headings = browser
        .eval("[...document.querySelectorAll('h2')].map(h => h.textContent)")
        .to_string();
    for heading in [
        "Tasks",
        "Reconstruction and tasks",
        "Reconstruction quality",
        "Later evaluations",
    ] {
        assert!(headings.contains(heading), "{heading}: {headings}");
    }
    assert_eq!(
        browser.eval("document.querySelectorAll('#relation tbody tr').length"),
        2
    );
    let numbers = browser
        .eval("[...document.querySelectorAll('caption b')].map(b => Number(b.textContent.match(/Table (\\d+)/)[1]))");
    let numbers: Vec<u64> = numbers
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .collect();
    assert_eq!(
        numbers,
        (1..=numbers.len() as u64).collect::<Vec<_>>(),
        "tables count up"
    );
    let mut papers = vec![];
    for scheme in ["light", "dark"] {
        for width in [1400, 400] {
            browser.look(width, scheme);
            assert_eq!(browser.eval(FAINT), json!([]), "{scheme} at {width} pixels");
            let wide = browser.eval("document.documentElement.scrollWidth");
            assert!(
                wide.as_u64().unwrap() <= u64::from(width),
                "{wide} pixels wide at {width}"
            );
            let picture = browser.picture();
            keep(&format!("report_{scheme}_{width}.png"), &picture);
            let drawn = image::load_from_memory(&picture).unwrap().to_rgb8();
            papers.push(drawn.get_pixel(2, 2).0);
        }
    }
    assert!(papers[0][0] > 240 && papers[2][0] < 60, "light and dark: {papers:?}");
    let pdf = browser.print();
    keep("report.pdf", &pdf);
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 20_000, "{} bytes", pdf.len());
    browser.assert_quiet();
}

#[test]
fn the_policy_stops_other_scripts_and_requests() {
    let Some((mut browser, room, page)) = opened("the_policy") else {
        return;
    };
    let text = std::fs::read_to_string(page).unwrap();
    let evil = "<script>document.title = 'taken'</script><img src=\"http://elsewhere.invalid/x.png\"></main>";
    let path = room.write("evil.html", &text.replacen("</main>", evil, 1));
    browser.open(&path);
    assert_eq!(browser.eval("document.title"), "tiny");
    assert!(
        browser
            .console
            .iter()
            .any(|line| line.contains("Content Security Policy")),
        "{:?}",
        browser.console
    );
    assert_eq!(
        browser.eval("document.querySelectorAll('button.sort').length > 0"),
        true,
        "its own script runs"
    );
}
