//! The sandbox of the strategy `script`: compiles and calls scripts in the language Rhai under limits on operations, size
//! and depth, and puts their errors into one line with line and column. A script has no way to files, network, clock or
//! other modules, keeps nothing from call to call, cannot run for ever, and cannot fill memory: there are numbers and short
//! strings, and no arrays or maps, because the language checks no limit when an element of one is assigned.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rhai::packages::{BasicMathPackage, CorePackage, LogicPackage, Package};
use rhai::{
    AST, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, Module, OptimizationLevel, Position, Scope, Shared,
};

use crate::canvas;
use crate::{Error, Grid};

/// Operations for one mask: about a tenth of a second.
const OPERATIONS: u64 = 1_000_000;
/// Operations for one patch, however many patches there are.
const LEAST_OPERATIONS: u64 = 1_000;
/// Bytes of a script.
const LENGTH: usize = 64 << 10;
/// Bytes of a string.
const STRING: usize = 1_000;
/// Elements of arrays and entries of maps, should some function return one.
const ELEMENTS: usize = 100;
/// Functions calling one another.
const CALLS: usize = 32;
/// Variables at a time.
const VARIABLES: usize = 100;
/// Nested expressions, outside of functions and within.
const DEPTH: usize = 64;

/// What a script may not even name.
const FORBIDDEN: [&str; 6] = ["eval", "import", "export", "[", "?[", "#{"];

/// A compiled script.
pub(crate) struct Program {
    engine: Engine,
    ast: AST,
    /// What messages call it.
    name: String,
    operations: u64,
    /// Lines of its functions, from 1.
    lines: Vec<(String, u16)>,
}

impl Program {
    /// Compiles a script whose functions are called `calls` times for each mask of a grid.
    pub(crate) fn compile(source: &str, name: &str, grid: Grid, calls: usize) -> Result<Self, Error> {
        if source.len() > LENGTH {
            let length = source.len();
            return Err(Error::Refused(format!(
                "script {name} has {length} bytes: scripts have at most {LENGTH}"
            )));
        }
        let operations = (OPERATIONS.max(50 * grid.len() as u64) / calls.max(1) as u64).max(LEAST_OPERATIONS);
        let engine = engine(operations);
        let ast = engine.compile(source).map_err(|error| {
            let text = error.err_type().to_string();
            at(name, error.position(), &text)
        })?;
        Ok(Self {
            engine,
            ast,
            name: name.to_owned(),
            operations,
            lines: (1..).zip(source.lines()).filter_map(function_on).collect(),
        })
    }

    /// Whether it has a function of this name and one parameter.
    pub(crate) fn has(&self, function: &str) -> bool {
        let mut functions = self.ast.iter_functions();
        functions.any(|found| found.name == function && found.params.len() == 1)
    }

    /// Calls a function of the script. `arguments` makes what it is handed, anew where a limit is to be located.
    pub(crate) fn call<A: FuncArgs>(&self, function: &str, arguments: impl Fn() -> A) -> Result<Dynamic, Error> {
        let called = self.call_in(&self.engine, function, arguments());
        called.map_err(|error| {
            let place = if error.is_system_exception() {
                self.located(function, &arguments)
            } else {
                Position::NONE
            };
            self.explained(function, *error, place)
        })
    }

    fn call_in(
        &self,
        engine: &Engine,
        function: &str,
        arguments: impl FuncArgs,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let options = CallFnOptions::new().eval_ast(false);
        engine.call_fn_with_options(options, &mut Scope::new(), &self.ast, function, arguments)
    }

    /// Where a call that reaches a limit last looked at a variable. The language overwrites the place of a limit with that of
    /// the call, which has none; but it keeps the place of an error at a variable. So the call is made twice more: once to
    /// count what it looks at, and once to fail at the last of these.
    fn located<A: FuncArgs>(&self, function: &str, arguments: &impl Fn() -> A) -> Position {
        let seen = Arc::new(AtomicU64::new(0));
        let _limit = self.call_in(&watched(self.operations, &seen, u64::MAX), function, arguments());
        let last = seen.swap(0, Ordering::Relaxed);
        let again = self.call_in(&watched(self.operations, &seen, last), function, arguments());
        again.map_or_else(|error| innermost(*error).1, |_| Position::NONE)
    }

    /// The line that a function of the script begins on.
    pub(crate) fn line(&self, function: &str) -> Option<u16> {
        let found = self.lines.iter().find(|(name, _)| name == function);
        found.map(|(_, line)| *line)
    }

    /// What is wrong with what a function of the script returns.
    pub(crate) fn refused_in(&self, function: &str, what: &str) -> Error {
        let place = self
            .line(function)
            .map_or(Position::NONE, |line| Position::new(line, 0));
        at(&self.name, place, what)
    }

    /// What is wrong with the script as a whole.
    pub(crate) fn refused(&self, what: &str) -> Error {
        Error::Refused(format!("script {}: {what}", self.name))
    }

    /// An error of the language in a call of a function, in one line, with place and, where a limit was reached, the limit.
    /// `limit` is where that was, as far as it could be told.
    fn explained(&self, function: &str, error: EvalAltResult, limit: Position) -> Error {
        let (mut error, mut place) = innermost(error);
        let mut who = String::new();
        if place.is_none() {
            who = format!("{function} ");
            place = match self.line(function) {
                _ if !limit.is_none() => limit,
                Some(line) => Position::new(line, 0),
                None => place,
            };
        }
        let text = match &error {
            EvalAltResult::ErrorTooManyOperations(_) => format!(
                "stopped after {} operations: a loop has no end, or computes too much for one mask",
                self.operations
            ),
            EvalAltResult::ErrorStackOverflow(_) => {
                format!("stopped at {CALLS} functions calling one another: end the recursion")
            }
            EvalAltResult::ErrorTooManyVariables(_) => format!("stopped at {VARIABLES} variables: use fewer"),
            EvalAltResult::ErrorDataTooLarge(what, _) => too_large(what),
            EvalAltResult::ErrorRuntime(said, _) if !said.is_unit() => said.to_string(),
            EvalAltResult::ErrorFunctionNotFound(what, _) => {
                format!("there is no function {what}; scripts have no access to files, network, clock or other modules")
            }
            _ => {
                error.clear_position();
                one_line(&error.to_string())
            }
        };
        at(&self.name, place, &format!("{who}{text}"))
    }
}

/// The error at the bottom of calls, and the innermost place that is known.
fn innermost(mut error: EvalAltResult) -> (EvalAltResult, Position) {
    let mut place = error.position();
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) = error {
        error = *inner;
        if !error.position().is_none() {
            place = error.position();
        }
    }
    (error, place)
}

/// An engine that counts looks at variables and fails at number `last`, from 1.
#[expect(
    deprecated,
    reason = "the language calls its hook at variables volatile, not obsolete"
)]
fn watched(operations: u64, seen: &Arc<AtomicU64>, last: u64) -> Engine {
    let (mut engine, seen) = (engine(operations), seen.clone());
    engine.on_var(move |_, _, _| {
        if seen.fetch_add(1, Ordering::Relaxed) + 1 == last {
            return Err("the last variable before a limit".into());
        }
        Ok(None)
    });
    engine
}

/// The function that begins on a line.
fn function_on((number, line): (u16, &str)) -> Option<(String, u16)> {
    let (name, _) = line.trim_start().strip_prefix("fn ")?.split_once('(')?;
    Some((name.trim().to_owned(), number))
}

fn too_large(what: &str) -> String {
    if what.contains("string") {
        format!("stopped, a string grows beyond {STRING} bytes")
    } else {
        format!("stopped, {what} goes beyond {ELEMENTS}")
    }
}

/// A message about a place in a script.
fn at(name: &str, place: Position, text: &str) -> Error {
    let place = match (place.line(), place.position()) {
        (Some(line), Some(column)) => format!(", line {line}, column {column}"),
        (Some(line), None) => format!(", line {line}"),
        _ => String::new(),
    };
    Error::Refused(format!("script {name}{place}: {}", one_line(text)))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An engine with arithmetic, logic and text, and nothing else.
fn engine(operations: u64) -> Engine {
    let mut engine = Engine::new_raw();
    for module in packages() {
        engine.register_global_module(module.clone());
    }
    canvas::register(&mut engine);
    // The language's own would hold up the thread, beyond any limit on operations.
    engine.register_fn("sleep", |_: i64| asleep());
    engine.register_fn("sleep", |_: f64| asleep());
    for symbol in FORBIDDEN {
        engine.disable_symbol(symbol);
    }
    engine
        .set_optimization_level(OptimizationLevel::Simple)
        .set_max_operations(operations)
        .set_max_array_size(ELEMENTS)
        .set_max_string_size(STRING)
        .set_max_map_size(ELEMENTS)
        .set_max_call_levels(CALLS)
        .set_max_variables(VARIABLES)
        .set_max_functions(VARIABLES)
        .set_max_modules(0)
        .set_max_expr_depths(DEPTH, DEPTH);
    engine
}

fn asleep() -> Result<(), Box<EvalAltResult>> {
    Err("there is no function sleep: scripts do not wait".into())
}

/// The functions of the language itself, made once.
fn packages() -> &'static [Shared<Module>] {
    static PACKAGES: OnceLock<Vec<Shared<Module>>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        vec![
            CorePackage::new().as_shared_module(),
            LogicPackage::new().as_shared_module(),
            BasicMathPackage::new().as_shared_module(),
        ]
    })
}
