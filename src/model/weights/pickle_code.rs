//! The instructions of pickles, protocols 0 to 5, reduced to what they do to the stack.
//! Source: CPython's `Lib/pickletools.py`. Lengths are checked against what is there; long values are skipped, not held.

use std::io::{BufRead, ErrorKind, Read};

/// Longest text kept, in bytes; longer ones cannot be a name that matters here.
const TEXT_LIMIT: u64 = 4096;
/// Longest line of a protocol-0 value, in bytes.
const LINE_LIMIT: u64 = 1 << 20;

/// What one instruction does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Nothing that matters: a protocol number, a frame.
    Pass,
    /// Pushes text; `None` where it is too long, escaped or no UTF-8.
    Text(Option<String>),
    Int(i64),
    Bool(bool),
    Dict,
    /// Pushes any other value.
    Other,
    Mark,
    Pop,
    PopMark,
    Dup,
    Get(u64),
    Put(u64),
    Memoize,
    /// Pushes what `module.name` refers to.
    Global(String, String),
    /// The same, with module and name from the stack.
    StackGlobal,
    /// Calls `module.name` with what is above the mark.
    Inst(String, String),
    /// Calls the first value above the mark with the others.
    Obj,
    /// Pops the given number of arguments and a callable; pushes what the call gives.
    Call(usize),
    Build,
    /// Everything above the mark becomes one value.
    Gather,
    /// Everything above the mark becomes a dictionary.
    GatherDict,
    /// So many values become one.
    Fold(usize),
    SetItem,
    SetItems,
    /// Pops one value into the one below.
    Append,
    /// Pops everything above the mark into the value below.
    Appends,
    /// Refers to a table that only the writing process had.
    Extension,
    Stop,
}

/// Reads one instruction.
///
/// # Errors
/// Says what is wrong when the pickle ends too early or holds what no protocol knows.
pub(super) fn step(from: &mut impl BufRead) -> Result<Step, String> {
    let [code] = fixed(from)?;
    match code {
        b'(' | b'0' | b'1' | b'2' | b'.' | b'N' | b')' | b']' | b'}' | 0x88..=0x89 | 0x8f | 0x94 => Ok(simple(code)),
        b'R'
        | b'b'
        | b'd'
        | b'l'
        | b't'
        | b's'
        | b'u'
        | b'a'
        | b'e'
        | b'o'
        | b'Q'
        | 0x81
        | 0x85..=0x87
        | 0x90..=0x93 => Ok(acting(code)),
        0x80 => fixed::<1>(from).map(|_| Step::Pass),
        0x95 => fixed::<8>(from).map(|_| Step::Pass),
        0x97 => Ok(Step::Other),
        0x98 => Ok(Step::Pass),
        0x82 => fixed::<1>(from).map(|_| Step::Extension),
        0x83 => fixed::<2>(from).map(|_| Step::Extension),
        0x84 => fixed::<4>(from).map(|_| Step::Extension),
        b'h' => Ok(Step::Get(unsigned::<1>(from)?)),
        b'j' => Ok(Step::Get(unsigned::<4>(from)?)),
        b'q' => Ok(Step::Put(unsigned::<1>(from)?)),
        b'r' => Ok(Step::Put(unsigned::<4>(from)?)),
        b'J' => Ok(Step::Int(i64::from(i32::from_le_bytes(fixed(from)?)))),
        b'K' => fixed(from).map(|[value]| Step::Int(i64::from(value))),
        b'M' => Ok(Step::Int(i64::from(u16::from_le_bytes(fixed(from)?)))),
        b'G' => fixed::<8>(from).map(|_| Step::Other),
        b'U' | 0x8c => unsigned::<1>(from).and_then(|size| text(from, size)),
        b'X' | b'T' => unsigned::<4>(from).and_then(|size| text(from, size)),
        0x8d => unsigned::<8>(from).and_then(|size| text(from, size)),
        b'C' | 0x8a => unsigned::<1>(from).and_then(|size| skip(from, size)),
        b'B' | 0x8b => unsigned::<4>(from).and_then(|size| skip(from, size)),
        0x8e | 0x96 => unsigned::<8>(from).and_then(|size| skip(from, size)),
        _ => in_lines(from, code),
    }
}

/// Instructions of one byte that push or drop.
fn simple(code: u8) -> Step {
    match code {
        b'(' => Step::Mark,
        b'0' => Step::Pop,
        b'1' => Step::PopMark,
        b'2' => Step::Dup,
        b'.' => Step::Stop,
        b'}' => Step::Dict,
        0x88 => Step::Bool(true),
        0x89 => Step::Bool(false),
        0x94 => Step::Memoize,
        _ => Step::Other,
    }
}

/// Instructions of one byte that use what is on the stack.
fn acting(code: u8) -> Step {
    match code {
        b'R' | 0x81 => Step::Call(1),
        0x92 => Step::Call(2),
        b'b' => Step::Build,
        b'd' => Step::GatherDict,
        b's' => Step::SetItem,
        b'u' => Step::SetItems,
        b'a' => Step::Append,
        b'e' | 0x90 => Step::Appends,
        b'o' => Step::Obj,
        b'Q' | 0x85 => Step::Fold(1),
        0x86 => Step::Fold(2),
        0x87 => Step::Fold(3),
        0x93 => Step::StackGlobal,
        _ => Step::Gather,
    }
}

/// Instructions of protocol 0, whose arguments are lines.
fn in_lines(from: &mut impl BufRead, code: u8) -> Result<Step, String> {
    match code {
        b'c' => Ok(Step::Global(line(from)?, line(from)?)),
        b'i' => Ok(Step::Inst(line(from)?, line(from)?)),
        b'g' => Ok(Step::Get(index(from)?)),
        b'p' => Ok(Step::Put(index(from)?)),
        b'I' => line(from).map(|text| match text.as_str() {
            "00" => Step::Bool(false),
            "01" => Step::Bool(true),
            text => text.trim().parse().map_or(Step::Other, Step::Int),
        }),
        b'L' => line(from).map(|text| text.trim_end_matches('L').parse().map_or(Step::Other, Step::Int)),
        b'F' | b'P' => line(from).map(|_| Step::Other),
        b'V' => line(from).map(|text| Step::Text(plain(&text))),
        b'S' => line(from).map(|text| Step::Text(unquoted(&text).and_then(plain))),
        _ => Err(format!("byte {code:#04x} is no instruction of a pickle")),
    }
}

/// Text without escapes; with them it is not worth decoding, for no name needs any.
fn plain(text: &str) -> Option<String> {
    (!text.contains('\\')).then(|| text.to_owned())
}

fn unquoted(text: &str) -> Option<&str> {
    let text = text.trim();
    let within = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    within('\'').or_else(|| within('"'))
}

fn fixed<const N: usize>(from: &mut impl Read) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => ended(),
        _ => error.to_string(),
    })?;
    Ok(bytes)
}

fn unsigned<const N: usize>(from: &mut impl Read) -> Result<u64, String> {
    let mut bytes = [0; 8];
    bytes[..N].copy_from_slice(&fixed::<N>(from)?);
    Ok(u64::from_le_bytes(bytes))
}

fn text(from: &mut impl Read, size: u64) -> Result<Step, String> {
    if size > TEXT_LIMIT {
        return skip(from, size).map(|_| Step::Text(None));
    }
    let mut bytes = Vec::new();
    from.take(size)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 != size {
        return Err(ended());
    }
    Ok(Step::Text(String::from_utf8(bytes).ok()))
}

fn skip(from: &mut impl Read, size: u64) -> Result<Step, String> {
    let skipped = std::io::copy(&mut from.take(size), &mut std::io::sink()).map_err(|error| error.to_string())?;
    if skipped == size { Ok(Step::Other) } else { Err(ended()) }
}

fn line(from: &mut impl BufRead) -> Result<String, String> {
    let mut bytes = Vec::new();
    from.take(LINE_LIMIT)
        .read_until(b'\n', &mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.pop() != Some(b'\n') {
        return Err(ended());
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\r').to_owned())
}

fn index(from: &mut impl BufRead) -> Result<u64, String> {
    let text = line(from)?;
    text.trim()
        .parse()
        .map_err(|_| format!("`{}` is no place in a pickle's memo", super::raw::shown(&text)))
}

fn ended() -> String {
    "the pickle ends in the middle".to_owned()
}
