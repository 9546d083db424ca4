//! What a recorded run says about how it is to be judged, for work on its weights long after.

use serde_json::Value;

use super::resolve::flatten;
use super::scripts;

/// Keys of `[data]`, `[eval]` and the seed of a recorded configuration, with their values. Columns of the cross table are left
/// out: they may name files that are gone.
#[must_use]
pub fn judged_by(config: &Value) -> Vec<(String, Value)> {
    let ours = |key: &str| key == "seed" || key.starts_with("data.") || key.starts_with("eval.");
    flatten(config)
        .into_iter()
        .filter(|(key, _)| ours(key) && key != super::column::CROSS && !scripts::is_path(config, key))
        .collect()
}
