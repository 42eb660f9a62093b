//! A document as CommonMark with tables.

use super::document::{Block, Document, Line};

/// The whole document; ends with a line break.
pub fn markdown(document: &Document) -> String {
    let mut out = format!("# {}\n\n", inline(&document.title));
    items(&mut out, &document.facts, |_| "-".to_owned());
    for section in &document.sections {
        let marks = "#".repeat(usize::from(section.level));
        out.push_str(&format!("{marks} {}\n\n", inline(&section.title)));
        for block in &section.blocks {
            match block {
                Block::Text { line } => out.push_str(&format!("{}\n\n", told(line))),
                Block::List { lines } => items(&mut out, lines, |_| "-".to_owned()),
                Block::Steps { lines } => items(&mut out, lines, |at| format!("{}.", at + 1)),
                Block::Table { head, rows } => table(&mut out, head, rows),
                Block::Signatures { head, parties } => {
                    let row = |party: &String| {
                        let mut cells = vec![String::new(); head.len()];
                        if let Some(first) = cells.first_mut() {
                            first.clone_from(party);
                        }
                        cells
                    };
                    table(&mut out, head, &parties.iter().map(row).collect::<Vec<_>>());
                }
            }
        }
    }
    out.push_str(&format!("---\n\n{}\n", escaped(&document.foot)));
    out
}

fn items(out: &mut String, lines: &[Line], mark: impl Fn(usize) -> String) {
    for (at, line) in lines.iter().enumerate() {
        out.push_str(&format!("{} {}\n", mark(at), told(line)));
    }
    out.push('\n');
}

fn told(line: &Line) -> String {
    let text = escaped(&line.text);
    let text = if line.missing { format!("_{text}_") } else { text };
    match line.label.is_empty() {
        true => text,
        false => format!("**{}:** {text}", escaped(&line.label)),
    }
}

fn table(out: &mut String, head: &[String], rows: &[Vec<String>]) {
    let row = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    out.push_str(&row(head));
    out.push_str(&format!("|{}\n", "---|".repeat(head.len())));
    for cells in rows {
        out.push_str(&row(cells));
    }
    out.push('\n');
}

/// Text at the beginning of a line or of an item.
fn escaped(text: &str) -> String {
    numbered(inline(text))
}

/// Text that stands for itself: whatever means something in Markdown or HTML is escaped, and it stays on one line.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let words = text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(' ');
        }
        for (at, sign) in word.chars().enumerate() {
            let first = index == 0 && at == 0;
            let everywhere =
                matches!(sign, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '!' | '#');
            if everywhere || (first && matches!(sign, '+' | '-' | '=')) {
                out.push('\\');
            }
            out.push(sign);
        }
    }
    out
}

/// A text that begins as `1.` or `1)` would be a list.
fn numbered(text: String) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.as_bytes().get(digits) {
        Some(b'.' | b')') if digits > 0 => format!("{}\\{}", &text[..digits], &text[digits..]),
        _ => text,
    }
}
