//! Integration tests: one binary, since each links burn. The program is run as a user runs it, in folders of its own.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop, and says what it skipped or measured"
)]

mod anomaly;
mod browser;
mod catalogue;
mod chromium;
mod continuing;
mod crashing;
mod crossing;
mod custom;
mod disk;
mod errors;
mod housekeeping;
mod judging;
mod killing;
mod laws;
mod live;
mod masks;
mod page;
mod paper;
mod parity;
mod quality;
mod reading;
mod recipe;
mod reference;
mod searching;
mod serving;
mod shipped;
mod support;
mod sweeping;
mod weights;
mod workers;
