//! Follows a pickle without running it, to refuse one that would make Python call what weights have no use for, and to
//! learn the training arguments beside the tensors. No object is built: values are text, numbers, mappings and "other".

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::rc::Rc;

use super::pickle_allow::{allows, is_mapping};
use super::pickle_code::{Step, step};
use super::raw::shown;

/// Most instructions followed over all pickles of a file: about fifty times those of the largest official checkpoint.
/// It bounds the memory of this scan and of the reader after it.
pub(super) const STEP_LIMIT: usize = 4_000_000;

const SAVE: &str = "load it with PyTorch and save only the tensors, as safetensors";

/// A value of the training arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plain {
    Text(String),
    Int(i64),
    Bool(bool),
}

/// What a pickle holds, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Whether the whole is a mapping.
    pub(super) is_mapping: bool,
    /// Texts, whole numbers and booleans under its key `args`.
    pub(super) args: BTreeMap<String, Plain>,
}

/// Why a pickle is not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is no pickle, or a damaged one.
    Damaged(String),
    /// It is refused; the text names the cure.
    Refused(String),
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Damaged(why)
    }
}

/// Follows one pickle to its end, using up `steps`.
///
/// # Errors
/// Says why when the pickle is damaged, too long, or asks for something that is not allowed.
pub(super) fn scan(from: &mut impl BufRead, steps: &mut usize) -> Result<Findings, Trouble> {
    let mut machine = Machine::default();
    loop {
        *steps = steps.checked_sub(1).ok_or_else(too_long)?;
        match step(from)? {
            Step::Stop => return machine.findings(),
            step => machine.apply(step)?,
        }
    }
}

#[derive(Debug, Clone)]
enum Value {
    Text(Rc<str>),
    Int(i64),
    Bool(bool),
    /// A mapping, by its place in `Machine::mappings`; shared by all who refer to it.
    Mapping(usize),
    /// A class whose instances are mappings.
    MappingClass,
    Other,
}

#[derive(Debug, Default)]
struct Machine {
    stack: Vec<Value>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
    mappings: Vec<Vec<(Rc<str>, Value)>>,
}

impl Machine {
    fn apply(&mut self, step: Step) -> Result<(), Trouble> {
        match step {
            Step::Pass => {}
            Step::Text(Some(text)) => self.stack.push(Value::Text(text.into())),
            Step::Text(None) | Step::Other => self.stack.push(Value::Other),
            Step::Int(value) => self.stack.push(Value::Int(value)),
            Step::Bool(value) => self.stack.push(Value::Bool(value)),
            Step::Dict => self.push_mapping(&[]),
            Step::Mark => self.marks.push(self.stack.len()),
            Step::Pop => self.drop_top()?,
            Step::PopMark => drop(self.pop_to_mark()?),
            Step::Dup => self.stack.push(self.top()?.clone()),
            Step::Get(place) => {
                let value = self.memo.get(&place).ok_or_else(underflow)?;
                self.stack.push(value.clone());
            }
            Step::Put(place) => drop(self.memo.insert(place, self.top()?.clone())),
            Step::Memoize => drop(self.memo.insert(self.memo.len() as u64, self.top()?.clone())),
            Step::Extension => return Err(unnamed()),
            Step::Stop => {}
            step => self.act(step)?,
        }
        Ok(())
    }

    /// The instructions that use values on the stack or refer to Python names.
    fn act(&mut self, step: Step) -> Result<(), Trouble> {
        match step {
            Step::Global(module, name) => self.push_global(&module, &name)?,
            Step::StackGlobal => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err(unnamed());
                };
                self.push_global(&module, &name)?;
            }
            Step::Inst(module, name) => {
                self.pop_to_mark()?;
                self.push_global(&module, &name)?;
                self.call(0)?;
            }
            Step::Obj => {
                let class = self.pop_to_mark()?.into_iter().next().ok_or_else(underflow)?;
                self.stack.push(class);
                self.call(0)?;
            }
            Step::Call(arguments) => self.call(arguments)?,
            Step::Gather => {
                self.pop_to_mark()?;
                self.stack.push(Value::Other);
            }
            Step::GatherDict => {
                let items = self.pop_to_mark()?;
                self.push_mapping(&items);
            }
            Step::Fold(count) => {
                (0..count).try_for_each(|_| self.pop().map(drop))?;
                self.stack.push(Value::Other);
            }
            step => self.fill(step)?,
        }
        Ok(())
    }

    /// The instructions that put values into the one below them.
    fn fill(&mut self, step: Step) -> Result<(), Trouble> {
        match step {
            Step::SetItem => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])
            }
            Step::SetItems => {
                let items = self.pop_to_mark()?;
                self.set(&items)
            }
            Step::Build => {
                let state = self.pop()?;
                if let (Value::Mapping(from), &Value::Mapping(to)) = (state, self.top()?) {
                    let attributes = std::mem::take(&mut self.mappings[from]);
                    self.mappings[to].extend(attributes);
                }
                Ok(())
            }
            Step::Appends => self.pop_to_mark().and_then(|_| self.top().map(drop)),
            _ => self.pop().and_then(|_| self.top().map(drop)),
        }
    }

    fn push_global(&mut self, module: &str, name: &str) -> Result<(), Trouble> {
        if !allows(module, name) {
            return Err(foreign(&format!("{module}.{name}")));
        }
        self.stack.push(if is_mapping(module, name) {
            Value::MappingClass
        } else {
            Value::Other
        });
        Ok(())
    }

    fn call(&mut self, arguments: usize) -> Result<(), Trouble> {
        (0..arguments).try_for_each(|_| self.pop().map(drop))?;
        match self.pop()? {
            Value::MappingClass => self.push_mapping(&[]),
            _ => self.stack.push(Value::Other),
        }
        Ok(())
    }

    fn push_mapping(&mut self, items: &[Value]) {
        self.mappings.push(pairs(items).collect());
        self.stack.push(Value::Mapping(self.mappings.len() - 1));
    }

    fn set(&mut self, items: &[Value]) -> Result<(), Trouble> {
        if let &Value::Mapping(place) = self.top()? {
            self.mappings[place].extend(pairs(items));
        }
        Ok(())
    }

    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<&Value, Trouble> {
        self.stack[self.floor()..].last().ok_or_else(underflow)
    }

    fn pop(&mut self) -> Result<Value, Trouble> {
        if self.stack.len() == self.floor() {
            return Err(underflow());
        }
        self.stack.pop().ok_or_else(underflow)
    }

    /// Python lets this instruction take a mark as well as a value.
    fn drop_top(&mut self) -> Result<(), Trouble> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, Trouble> {
        let mark = self.marks.pop().ok_or_else(underflow)?;
        Ok(self.stack.split_off(mark))
    }

    fn findings(mut self) -> Result<Findings, Trouble> {
        let Value::Mapping(root) = self.pop()? else {
            return Ok(Findings::default());
        };
        let args = match self.mappings[root].iter().rev().find(|(key, _)| &**key == "args") {
            Some((_, Value::Mapping(place))) => self.mappings[*place].iter().filter_map(argument).collect(),
            _ => BTreeMap::new(),
        };
        Ok(Findings { is_mapping: true, args })
    }
}

/// Keys that are text, with their values.
fn pairs(items: &[Value]) -> impl Iterator<Item = (Rc<str>, Value)> {
    items.as_chunks::<2>().0.iter().filter_map(|[key, value]| match key {
        Value::Text(key) => Some((Rc::clone(key), value.clone())),
        _ => None,
    })
}

fn argument((name, value): &(Rc<str>, Value)) -> Option<(String, Plain)> {
    let value = match value {
        Value::Text(text) => Plain::Text(text.to_string()),
        Value::Int(value) => Plain::Int(*value),
        Value::Bool(value) => Plain::Bool(*value),
        _ => return None,
    };
    Some((name.to_string(), value))
}

fn underflow() -> Trouble {
    Trouble::Damaged("the pickle uses values that are not there".to_owned())
}

fn too_long() -> Trouble {
    Trouble::Refused(format!("the pickle has more than {STEP_LIMIT} instructions; {SAVE}"))
}

fn foreign(callable: &str) -> Trouble {
    let callable = shown(callable);
    Trouble::Refused(format!(
        "the pickle asks Python to call {callable}; nothing was run. If you trust the file, {SAVE}"
    ))
}

fn unnamed() -> Trouble {
    foreign("a name it computes or hides")
}
