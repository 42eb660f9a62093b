//! The policy with the recommended targets, each with its reason in a comment; all else stays as it is written.

use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, RawString, Table, Value};

use super::Suggestion;
use super::survival::Quantile;
use super::weigh::{Figures, SlaFinding, TargetFinding};
use super::words::Words;
use crate::calendar::Duration;
use crate::language::Lang;
use crate::policy::Promise;
use crate::report::NONE;

/// Why there is no draft.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error("the policy cannot be written anew: {0}")]
    Toml(#[from] toml_edit::TomlError),
    #[error("the policy cannot be written anew: expected its {0} as a list of tables")]
    Shape(&'static str),
}

/// The text of the draft, its comments in `lang`.
///
/// # Errors
/// [`DraftError`]: no policy that was read before.
pub fn draft(suggestion: &Suggestion, lang: Lang) -> Result<String, DraftError> {
    let words = Words::new(lang, suggestion);
    let mut document: DocumentMut = suggestion.version.text.parse()?;
    let slas = tables(document.as_table_mut(), "sla", "`sla`")?;
    for (written, finding) in slas.iter_mut().zip(&suggestion.slas) {
        rewrite(words, written, finding)?;
    }
    let mut text = String::new();
    for line in head(words) {
        text.push_str(&format!("# {line}\n"));
    }
    text.push('\n');
    text.push_str(&document.to_string());
    Ok(text)
}

fn head(words: Words<'_>) -> Vec<String> {
    let advice = match words.lang {
        Lang::En => [
            "Draft by plazo suggest. Set effective_from to the day from which both sides agree, and read every number's reason.",
            "met by: the share of past clocks that would have met it, with its 95% confidence interval.",
        ],
        Lang::Es => [
            "Borrador de plazo suggest. Ponga en effective_from el día desde el que ambas partes acuerdan y lea la razón de cada número.",
            "lo cumple: la parte de los relojes pasados que lo habría cumplido, con su intervalo de confianza del 95 %.",
        ],
    };
    [words.headline()].into_iter().chain(advice.map(str::to_owned)).map(|line| plain(&line)).collect()
}

/// A list of tables under a key, also where it is written inline.
fn tables<'t>(table: &'t mut Table, key: &str, what: &'static str) -> Result<&'t mut ArrayOfTables, DraftError> {
    let item = table.get_mut(key).ok_or(DraftError::Shape(what))?;
    if !item.is_array_of_tables() {
        *item = match std::mem::take(item).into_array_of_tables() {
            Ok(list) => Item::ArrayOfTables(list),
            Err(_) => return Err(DraftError::Shape(what)),
        };
    }
    item.as_array_of_tables_mut().ok_or(DraftError::Shape(what))
}

fn rewrite(words: Words<'_>, written: &mut Table, finding: &SlaFinding) -> Result<(), DraftError> {
    let targets = tables(written, "target", "`target`")?;
    let rules = words.suggestion.version.slas.iter().find(|sla| sla.name == finding.name);
    // From the last, so that what is put in before one leaves the places of those before it.
    for found in finding.targets.iter().rev() {
        let promise = rules.and_then(|sla| sla.targets.get(found.index)).map(|target| &target.promise);
        let (Some(table), Some(Promise::Within(present))) = (targets.get_mut(found.index), promise) else {
            continue;
        };
        let original = table.clone();
        let told = found.rest.as_ref().unwrap_or(&found.figures);
        let new = told.recommended().map(|best| &best.duration);
        comment(table, &reason(words, told, present, found.rest.is_some()));
        if let Some(new) = new.filter(|new| *new != present) {
            set(table, new);
        }
        for (place, index) in found.split.iter().enumerate() {
            if let Some(table) = own_target(words, &original, found, *index) {
                targets.insert(found.index + place, table);
            }
        }
    }
    Ok(())
}

/// A target for one segment, to stand before the one that it is an exception from.
fn own_target(words: Words<'_>, original: &Table, found: &TargetFinding, index: usize) -> Option<Table> {
    let segment = &found.segments[index];
    let own = segment.figures.recommended()?;
    let mut table = original.clone();
    table.set_position(None);
    let indent = indent(table.decor().prefix());
    table.decor_mut().set_prefix(format!("\n{indent}"));
    table.remove("name");
    let mut when = match table.remove("when").map(Item::into_value) {
        Some(Ok(Value::InlineTable(when))) => when,
        _ => InlineTable::new(),
    };
    let value: Value = match segment.value.as_str() {
        NONE => [("present", false)].into_iter().collect::<InlineTable>().into(),
        value => value.into(),
    };
    when.insert(words.dimension(segment.dimension).name(), value);
    when.fmt();
    let within = table.remove("within");
    let inner = self::indent(original.key("within").and_then(|key| key.leaf_decor().prefix()));
    let rest: Vec<(String, Item)> = table.iter().map(|(key, item)| (key.to_owned(), item.clone())).collect();
    table.clear();
    table.insert("when", Item::Value(when.into()));
    table.insert("within", within?);
    for (key, item) in rest {
        table.insert(&key, item);
    }
    for key in ["when", "within"] {
        if let Some(mut key) = table.key_mut(key) {
            key.leaf_decor_mut().set_prefix(inner.clone());
        }
    }
    set(&mut table, &own.duration);
    let clocks = words.clocks(segment.figures.clocks);
    let share = found.figures.recommended().or(found.figures.present()).and_then(|reference| {
        let mine = segment.figures.share_of(&reference.duration)?;
        Some((words.duration(&reference.duration), words.share(mine)))
    });
    let mut lines = vec![format!("{}: {}", words.segment(segment), words.verdict(segment.verdict))];
    if let Some((target, share)) = share {
        lines.push(match words.lang {
            Lang::En => format!("At {target} it would have met {share} of its {clocks}."),
            Lang::Es => format!("Con {target} habría cumplido el {share} de sus {clocks}."),
        });
    }
    lines.push(words.recommendation(&segment.figures));
    comment(&mut table, &lines);
    Some(table)
}

fn reason(words: Words<'_>, figures: &Figures, present: &Duration, rest: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let within = words.lang.within(present);
    let clocks = words.clocks(figures.clocks);
    let of = match (words.lang, rest) {
        (Lang::En, false) => clocks,
        (Lang::En, true) => format!("{clocks} without the exceptions above"),
        (Lang::Es, false) => clocks,
        (Lang::Es, true) => format!("{clocks} sin las excepciones de arriba"),
    };
    if let Some(share) = figures.present().and_then(|present| present.share) {
        let share = words.share(share);
        lines.push(match words.lang {
            Lang::En => format!("So far: {within}, met by {share} of {of}."),
            Lang::Es => format!("Hasta ahora: {within}; lo cumple el {share} de {of}."),
        });
    }
    let [half @ Quantile { time: Some(_), .. }, ..] = figures.quantiles else {
        lines.push(words.recommendation(figures));
        return lines;
    };
    let half = words.quantile(half);
    lines.push(match words.lang {
        Lang::En => format!("Half stopped within {half}."),
        Lang::Es => format!("La mitad se detuvo en {half}."),
    });
    lines.push(words.recommendation(figures));
    lines
}

/// Comment lines above `within`, at its indentation.
fn comment(table: &mut Table, lines: &[String]) {
    let Some(mut key) = table.key_mut("within") else { return };
    let prefix = key.leaf_decor().prefix().and_then(RawString::as_str).unwrap_or("").to_owned();
    let indent = prefix.rsplit('\n').next().unwrap_or("").to_owned();
    let mut text = prefix;
    for line in lines {
        text.push_str(&format!("# {}\n{indent}", plain(line)));
    }
    key.leaf_decor_mut().set_prefix(text);
}

/// A comment ends with its line, and TOML allows no control characters in it.
fn plain(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect()
}

/// Puts a duration in place of another, with what stands around it.
fn set(table: &mut Table, duration: &Duration) {
    let Some(value) = table.get_mut("within").and_then(Item::as_value_mut) else { return };
    let mut new = Value::from(duration.to_string());
    *new.decor_mut() = value.decor().clone();
    *value = new;
}

fn indent(prefix: Option<&RawString>) -> String {
    let prefix = prefix.and_then(RawString::as_str).unwrap_or("");
    let last = prefix.rsplit('\n').next().unwrap_or("");
    last.chars().take_while(|sign| sign.is_whitespace()).collect()
}
