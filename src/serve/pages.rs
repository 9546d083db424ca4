//! What the server shows around reports: the list of sweeps, the frame in which a report renews itself, the trials that are
//! being trained. Names and notes come from the store and are escaped by the templates.

use askama::Template;
use serde_json::json;

use crate::store::rows::Status;
use crate::store::{Progressed, Tally};

use super::answer::Answer;
use super::policy::{Role, policy};
use super::{Source, Trouble};

/// A sweep as the list and the frame show it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sweep {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its question; may be empty.
    pub question: String,
    /// When it was first started: RFC 3339.
    pub created_at: String,
    /// Its trials by state.
    pub tally: Tally,
    /// The trials that are being trained, or were when their process went away.
    pub trials: Vec<Trial>,
}

/// A trial that is being trained.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trial {
    /// Id of its run.
    pub id: String,
    /// Its label.
    pub label: String,
    /// How far it has come; none before its first point.
    pub progressed: Option<Progressed>,
    /// Passes over the data that it is to do.
    pub epochs: u64,
    /// The most optimiser steps that it is to do, where that is limited.
    pub max_steps: Option<u64>,
    /// Milliseconds since its process gave a sign of life; none where it never did.
    pub silent_ms: Option<u64>,
    /// Why nobody trains it any more, if nobody does.
    pub gone: Option<String>,
    /// What was noted about it, oldest first.
    pub notes: Vec<String>,
}

#[derive(Template)]
#[template(path = "live_list.html")]
struct List {
    sweeps: String,
}

#[derive(Template)]
#[template(path = "live_sweeps.html")]
struct Sweeps<'a> {
    sweeps: &'a [Sweep],
}

#[derive(Template)]
#[template(path = "live_frame.html")]
struct Frame<'a> {
    sweep: &'a Sweep,
    version: &'a str,
    trials: String,
}

#[derive(Template)]
#[template(path = "live_trials.html")]
struct Trials<'a> {
    sweep: &'a Sweep,
}

#[derive(Template)]
#[template(path = "live_message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
}

impl Sweep {
    /// Its id within an address.
    fn key(&self) -> String {
        form_urlencoded::byte_serialize(self.id.as_bytes()).collect()
    }

    fn runs(&self) -> u64 {
        self.tally.values().sum()
    }

    fn done(&self) -> u64 {
        self.tally.get("finished").copied().unwrap_or(0)
    }

    /// Whether no trial is left to be trained.
    fn is_over(&self) -> bool {
        !self.tally.contains_key("running") && !self.tally.contains_key("queued")
    }

    /// `3 of 15 trials finished, 1 running, 11 queued`.
    fn counts(&self) -> String {
        let runs = self.runs();
        let mut text = format!(
            "{} of {runs} trial{} finished",
            self.done(),
            if runs == 1 { "" } else { "s" }
        );
        for status in Status::ALL.into_iter().filter(|status| *status != Status::Finished) {
            if let Some(count) = self.tally.get(status.as_str()) {
                text += &format!(", {count} {status}");
            }
        }
        text
    }

    fn started(&self) -> String {
        let parsed = self.created_at.parse::<jiff::Timestamp>();
        parsed.map_or_else(
            |_| self.created_at.clone(),
            |time| time.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        )
    }

    fn title(&self) -> String {
        format!("{} · {}/{}", self.name, self.done(), self.runs())
    }
}

impl Trial {
    /// Optimiser steps of the whole trial, as far as they follow from the point that it has come to.
    fn steps(&self) -> Option<u64> {
        let at = self.progressed.filter(|at| at.epoch > 0.0 && at.step > 0)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "steps are far below 2^53, and a float too large for the type becomes its largest number"
        )]
        let whole = (at.step as f64 / at.epoch * self.epochs as f64).round() as u64;
        Some(
            self.max_steps
                .map_or(whole, |most| whole.min(most))
                .max(at.step.unsigned_abs()),
        )
    }

    fn step(&self) -> i64 {
        self.progressed.map_or(0, |at| at.step)
    }

    fn epoch(&self) -> String {
        self.progressed
            .map_or_else(|| "–".into(), |at| format!("{:.2} of {}", at.epoch, self.epochs))
    }

    fn loss(&self) -> String {
        match self.progressed.and_then(|at| at.loss) {
            Some(loss) if loss.is_finite() => format!("{loss:.4}"),
            Some(loss) => loss.to_string(),
            None => "–".into(),
        }
    }

    /// `4 s ago`, `3 min ago`, `2 h 07 min ago`.
    fn heard(&self) -> String {
        match self.silent_ms.map(|ms| ms / 1000) {
            None => "–".into(),
            Some(seconds @ 0..60) => format!("{seconds} s ago"),
            Some(seconds @ 60..3600) => format!("{} min ago", seconds / 60),
            Some(seconds) => format!("{} h {:02} min ago", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

fn rendered(template: &impl Template) -> Result<String, Trouble> {
    template.render().map_err(|error| Trouble::Failed(error.to_string()))
}

fn page(status: u16, html: String) -> Answer {
    let policy = policy(&html, Role::Frame);
    Answer::html(status, &policy, html.into_bytes().into())
}

/// A page that says something and no more.
pub(super) fn message(status: u16, title: &str, text: &str) -> Answer {
    let said = Message { title, text }.render();
    page(status, said.unwrap_or_else(|_| title.to_owned()))
}

pub(super) fn no_token() -> Answer {
    let text = "This server shows its pages to those who have its token: open the address with ?token=… that mae-exp serve printed.";
    message(401, "A token is needed", text)
}

pub(super) fn trouble(trouble: &Trouble) -> Answer {
    match trouble {
        Trouble::Unknown => message(
            404,
            "No such sweep",
            "It may have been removed. The list of sweeps has those that are there.",
        ),
        Trouble::Failed(why) => message(503, "Nothing to show at the moment", why),
    }
}

/// The list of sweeps.
pub(super) fn list(source: &dyn Source) -> Result<Answer, Trouble> {
    let sweeps = rendered(&Sweeps {
        sweeps: &source.sweeps()?,
    })?;
    Ok(page(200, rendered(&List { sweeps })?))
}

/// A report's frame.
pub(super) fn frame(source: &dyn Source, id: &str) -> Result<Answer, Trouble> {
    let (sweep, report) = (source.sweep(id)?, source.page(id)?);
    let trials = rendered(&Trials { sweep: &sweep })?;
    let (sweep, version) = (&sweep, report.version.as_str());
    Ok(page(200, rendered(&Frame { sweep, version, trials })?))
}

/// The report itself.
pub(super) fn report(source: &dyn Source, id: &str) -> Result<Answer, Trouble> {
    let page = source.page(id)?;
    Ok(Answer::html(200, &page.policy, page.html))
}

/// What is new in the list: `{"html"}`.
pub(super) fn live_list(source: &dyn Source) -> Result<Answer, Trouble> {
    let html = rendered(&Sweeps {
        sweeps: &source.sweeps()?,
    })?;
    Ok(Answer::json(&json!({ "html": html })))
}

/// What is new about a sweep: `{"html", "title", "over", "version", "trouble"}`; the version is null, and the trouble said,
/// where the report cannot be made.
pub(super) fn live_sweep(source: &dyn Source, id: &str) -> Result<Answer, Trouble> {
    let sweep = source.sweep(id)?;
    let report = source.page(id);
    Ok(Answer::json(&json!({
        "html": rendered(&Trials { sweep: &sweep })?,
        "title": sweep.title(),
        "over": sweep.is_over(),
        "version": report.as_ref().ok().map(|page| &page.version),
        "trouble": report.as_ref().err().map(ToString::to_string),
    })))
}
