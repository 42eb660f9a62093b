//! A walk over TOML that collects faults instead of stopping at the first.

use std::cell::RefCell;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, nearest, place};

/// One file while it is read.
pub struct Source<'t> {
    pub file: &'t str,
    pub text: &'t str,
    pub faults: RefCell<Vec<Fault>>,
    pub warnings: RefCell<Vec<Fault>>,
}

impl<'t> Source<'t> {
    pub fn new(file: &'t str, text: &'t str) -> Self {
        Source { file, text, faults: RefCell::default(), warnings: RefCell::default() }
    }

    fn at(&self, offset: usize, message: String, suggestion: Option<String>) -> Fault {
        let (line, column) = place(self.text, offset);
        Fault { file: self.file.to_owned(), line, column, message, suggestion }
    }

    pub fn fault(&self, span: &Range<usize>, message: impl Into<String>) {
        self.faults.borrow_mut().push(self.at(span.start, message.into(), None));
    }

    /// A fault with a word that may have been meant.
    pub fn fault_near(&self, span: &Range<usize>, message: impl Into<String>, near: Option<String>) {
        self.faults.borrow_mut().push(self.at(span.start, message.into(), near));
    }

    /// A word that is none of the right ones.
    pub fn unknown<'w>(&self, span: &Range<usize>, what: &str, word: &str, right: impl IntoIterator<Item = &'w str>) {
        let right: Vec<&str> = right.into_iter().collect();
        let expected = if right.is_empty() { "nothing".to_owned() } else { right.join(", ") };
        let message = format!("unknown {what} {word:?}; expected {expected}");
        self.faults.borrow_mut().push(self.at(span.start, message, nearest(word, right)));
    }

    pub fn warn(&self, span: &Range<usize>, message: impl Into<String>) {
        self.warnings.borrow_mut().push(self.at(span.start, message.into(), None));
    }
}

/// A value and where it stands.
#[derive(Clone)]
pub struct Value<'s, 'd> {
    pub source: &'s Source<'s>,
    pub span: Range<usize>,
    value: &'d DeValue<'d>,
}

/// A table, which knows the keys that were asked of it.
pub struct Table<'s, 'd> {
    pub source: &'s Source<'s>,
    pub span: Range<usize>,
    /// What the table is, for messages: `[[sla]]`.
    what: String,
    table: &'d DeTable<'d>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'s, 'd> Table<'s, 'd> {
    pub fn root(source: &'s Source<'s>, table: &'d DeTable<'d>, span: Range<usize>) -> Self {
        Table { source, span, what: "the file".to_owned(), table, asked: RefCell::default() }
    }

    /// The value of a key; asking makes the key a known one.
    pub fn get(&self, key: &'static str) -> Option<Value<'s, 'd>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.find(key)
    }

    fn find(&self, key: &str) -> Option<Value<'s, 'd>> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Value { source: self.source, span: value.span(), value: value.get_ref() })
    }

    pub fn require(&self, key: &'static str, what: &str) -> Option<Value<'s, 'd>> {
        let found = self.get(key);
        if found.is_none() {
            self.source.fault(&self.span, format!("{} needs `{key}`: {what}", self.what));
        }
        found
    }

    /// Every entry, in the order of the file: for tables whose keys are names.
    pub fn entries(&self) -> Vec<(String, Range<usize>, Value<'s, 'd>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| {
                let found = Value { source: self.source, span: value.span(), value: value.get_ref() };
                (key.get_ref().to_string(), key.span(), found)
            })
            .collect();
        entries.sort_by_key(|entry| entry.1.start);
        entries
    }

    /// Refuses the keys that nobody asked for.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            if !asked.iter().any(|known| key.get_ref() == known) {
                let what = format!("key in {}", self.what);
                self.source.unknown(&key.span(), &what, key.get_ref(), asked.iter().copied());
            }
        }
    }

    pub fn string(&self, key: &'static str) -> Option<String> {
        self.get(key)?.string()
    }
}

impl<'s, 'd> Value<'s, 'd> {
    pub fn fault(&self, message: impl Into<String>) {
        self.source.fault(&self.span, message);
    }

    fn expected(&self, what: &str) {
        self.fault(format!("expected {what}, found {}", self.describe()));
    }

    fn describe(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("the text {text:?}"),
            DeValue::Integer(number) => format!("the number {}", number.as_str()),
            DeValue::Float(number) => format!("the number {}", number.as_str()),
            DeValue::Boolean(yes) => yes.to_string(),
            DeValue::Datetime(time) => format!("the time {time}"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    pub fn string(&self) -> Option<String> {
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => {
                self.fault("expected a text, found an empty one");
                None
            }
            DeValue::String(text) => Some(text.to_string()),
            _ => {
                self.expected("a text");
                None
            }
        }
    }

    /// A text, a number or yes/no, as the text that facts are compared with.
    pub fn word(&self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(_) => self.integer().map(|number| number.to_string()),
            DeValue::Float(_) => {
                let raw = self.source.text.get(self.span.clone()).unwrap_or_default();
                Some(raw.replace('_', "").trim_start_matches('+').to_owned())
            }
            DeValue::Boolean(yes) => Some(yes.to_string()),
            _ => {
                self.expected("a word, a number or true/false");
                None
            }
        }
    }

    /// A text with offset, or TOML's own offset date-time.
    pub fn instant_text(&self) -> Option<String> {
        match self.value {
            DeValue::Datetime(time) => Some(time.to_string()),
            _ => self.string(),
        }
    }

    pub fn bool(&self) -> Option<bool> {
        if let DeValue::Boolean(yes) = self.value {
            return Some(*yes);
        }
        self.expected("true or false");
        None
    }

    pub fn integer(&self) -> Option<i64> {
        if let DeValue::Integer(number) = self.value
            && let Ok(value) = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix())
        {
            return Some(value);
        }
        self.expected("a whole number");
        None
    }

    pub fn number(&self) -> Option<f64> {
        let parsed = match self.value {
            DeValue::Integer(number) => {
                i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok().map(|n| n as f64)
            }
            DeValue::Float(number) => number.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        let parsed = parsed.filter(|number: &f64| number.is_finite());
        if parsed.is_none() {
            self.expected("a number");
        }
        parsed
    }

    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub fn is_string(&self) -> bool {
        self.value.is_str()
    }

    pub fn table(&self, what: impl Into<String>) -> Option<Table<'s, 'd>> {
        let what = what.into();
        match self.value {
            DeValue::Table(table) => {
                Some(Table { source: self.source, span: self.span.clone(), what, table, asked: RefCell::default() })
            }
            _ => {
                self.expected(&format!("a table ({what})"));
                None
            }
        }
    }

    /// The elements of a list; one value alone is a list of one.
    pub fn list(&self) -> Vec<Value<'s, 'd>> {
        match self.value {
            DeValue::Array(array) => array
                .iter()
                .map(|element| Value { source: self.source, span: element.span(), value: element.get_ref() })
                .collect(),
            _ => vec![self.clone()],
        }
    }

    /// One text, or a list of at least one.
    pub fn strings(&self) -> Vec<(String, Range<usize>)> {
        let list = self.list();
        if list.is_empty() {
            self.fault("expected at least one word, found an empty list");
        }
        list.iter().filter_map(|element| Some((element.string()?, element.span.clone()))).collect()
    }

    /// An array of tables such as `[[sla]]`: at least one.
    pub fn tables(&self, what: &str) -> Vec<Table<'s, 'd>> {
        if !self.is_list() {
            self.expected(&format!("{what} tables"));
            return Vec::new();
        }
        if self.list().is_empty() {
            self.fault(format!("expected at least one {what}, found an empty list"));
        }
        self.list().iter().filter_map(|element| element.table(what)).collect()
    }
}
