//! Which runs a listing admits and in which order: the one place where conditions on runs become SQL.

use serde_json::Value as Json;
use sqlx::{QueryBuilder, Sqlite};

use super::rows::Status;

/// Which runs to list; empty fields admit all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Id of the sweep.
    pub sweep: Option<String>,
    /// State.
    pub status: Option<Status>,
    /// Tags, all of which a run must have.
    pub tags: Vec<String>,
    /// Dotted keys of the configuration and the values they must have, such as `mask.ratio` and 0.75.
    pub values: Vec<(String, Json)>,
    /// Only runs started (or, where they have not begun, planned) at this time or later: RFC 3339 in UTC.
    pub since: Option<String>,
    /// What comes first.
    pub order: Order,
    /// At most so many.
    pub limit: Option<usize>,
}

/// What comes first in a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest sweep, and within it the first position.
    #[default]
    Sweep,
    /// The run started last, or first.
    Started {
        /// Whether the earliest is to come first.
        ascending: bool,
    },
    /// The run with the highest last value of a metric, or the lowest; runs without a finite one come last.
    Metric {
        /// Name of the metric.
        name: String,
        /// Whether the lowest is to come first.
        ascending: bool,
    },
}

const STARTED: &str = "COALESCE(r.started_at, r.created_at)";
/// What decides between runs that are equal so far.
const PLACE: &str = "w.created_at, w.id, r.position, r.created_at, r.id";

/// Adds conditions, order and limit to a query on runs `r` and their sweeps `w` that ends in a `WHERE`.
pub(super) fn push(query: &mut QueryBuilder<Sqlite>, filter: &RunFilter) {
    if let Some(sweep) = &filter.sweep {
        query.push(" AND r.sweep_id = ").push_bind(sweep.clone());
    }
    if let Some(status) = filter.status {
        query.push(" AND r.status = ").push_bind(status.as_str());
    }
    for tag in &filter.tags {
        query.push(" AND EXISTS (SELECT 1 FROM tags t WHERE t.run_id = r.id AND t.tag = ");
        query.push_bind(tag.clone()).push(")");
    }
    for (key, value) in &filter.values {
        push_value(query, key, value);
    }
    if let Some(since) = &filter.since {
        query.push(format!(" AND {STARTED} >= ")).push_bind(since.clone());
    }
    push_order(query, &filter.order);
    if let Some(limit) = filter.limit {
        query
            .push(" LIMIT ")
            .push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
    }
}

/// A condition on one key of the configuration; numbers are compared as numbers, lists by their elements.
fn push_value(query: &mut QueryBuilder<Sqlite>, key: &str, value: &Json) {
    let parts: Vec<String> = key.split('.').map(|part| format!("\"{part}\"")).collect();
    let path = format!("$.{}", parts.join("."));
    let extract = |query: &mut QueryBuilder<Sqlite>, function: &str| {
        query
            .push(format!(" AND {function}(r.config, "))
            .push_bind(path.clone());
        query.push(") = ");
    };
    match value {
        Json::Bool(flag) => {
            extract(query, "json_type");
            query.push_bind(if *flag { "true" } else { "false" });
        }
        Json::Number(number) => {
            extract(query, "json_extract");
            match number.as_i64() {
                Some(whole) => query.push_bind(whole),
                None => query.push_bind(number.as_f64()),
            };
        }
        Json::String(text) => {
            extract(query, "json_extract");
            query.push_bind(text.clone());
        }
        list => {
            extract(query, "json_extract");
            query.push("json(").push_bind(list.to_string()).push(")");
        }
    }
}

fn push_order(query: &mut QueryBuilder<Sqlite>, order: &Order) {
    let direction = |ascending: bool| if ascending { "ASC" } else { "DESC" };
    query.push(" ORDER BY ");
    match order {
        Order::Sweep => {}
        Order::Started { ascending } => {
            query.push(format!("{STARTED} {}, ", direction(*ascending)));
        }
        Order::Metric { name, ascending } => {
            query.push(
                "(SELECT p.value FROM series s JOIN points p ON p.series_id = s.id WHERE s.run_id = r.id AND s.name = ",
            );
            query.push_bind(name.clone());
            query.push(format!(
                " ORDER BY p.step DESC LIMIT 1) {} NULLS LAST, ",
                direction(*ascending)
            ));
        }
    }
    query.push(PLACE);
}
