//! What a written agreement is made of, whatever it is written in.

use serde::Serialize;

/// The whole text, in reading order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// As RFC 5646 writes it.
    pub lang: &'static str,
    pub title: String,
    /// What the head names: the parties, from when, which version.
    pub facts: Vec<Line>,
    pub sections: Vec<Section>,
    /// The last line.
    pub foot: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    pub title: String,
    /// 2 for a section, 3 for a part of the one before it.
    pub level: u8,
    pub blocks: Vec<Block>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Block {
    Text {
        line: Line,
    },
    List {
        lines: Vec<Line>,
    },
    /// In an order that counts.
    Steps {
        lines: Vec<Line>,
    },
    Table {
        head: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// A row for each party, to be filled in by hand.
    Signatures {
        head: Vec<String>,
        parties: Vec<String>,
    },
}

/// A sentence or several, with what they are about in front where there is something to name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    pub label: String,
    pub text: String,
    /// The policy does not say what should stand here.
    pub missing: bool,
}

impl Line {
    pub fn new(text: impl Into<String>) -> Self {
        Line { text: text.into(), ..Line::default() }
    }

    pub fn labelled(label: impl Into<String>, text: impl Into<String>) -> Self {
        Line { label: label.into(), text: text.into(), missing: false }
    }

    pub fn missing(label: impl Into<String>, text: impl Into<String>) -> Self {
        Line { label: label.into(), text: text.into(), missing: true }
    }
}

impl Block {
    fn lines(&self) -> &[Line] {
        match self {
            Block::Text { line } => std::slice::from_ref(line),
            Block::List { lines } | Block::Steps { lines } => lines,
            Block::Table { .. } | Block::Signatures { .. } => &[],
        }
    }
}

impl Document {
    /// Every line that stands in it, in order.
    fn lines(&self) -> impl Iterator<Item = &Line> {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        self.facts.iter().chain(blocks.flat_map(Block::lines))
    }

    /// How many things the policy leaves unsaid that the document should say.
    pub fn missing(&self) -> usize {
        self.lines().filter(|line| line.missing).count()
    }

    /// The text alone, a line for each line, cell and title.
    pub fn plain(&self) -> String {
        let mut parts: Vec<&str> = vec![&self.title];
        let mut lines: Vec<&Line> = self.facts.iter().collect();
        for section in &self.sections {
            parts.extend(lines.drain(..).flat_map(|line| [line.label.as_str(), line.text.as_str()]));
            parts.push(&section.title);
            for block in &section.blocks {
                parts.extend(block.lines().iter().flat_map(|line| [line.label.as_str(), line.text.as_str()]));
                match block {
                    Block::Text { .. } | Block::List { .. } | Block::Steps { .. } => {}
                    Block::Table { head, rows } => {
                        parts.extend(head.iter().chain(rows.iter().flatten()).map(String::as_str));
                    }
                    Block::Signatures { head, parties } => {
                        parts.extend(head.iter().chain(parties).map(String::as_str));
                    }
                }
            }
        }
        parts.push(&self.foot);
        parts.retain(|part| !part.is_empty());
        parts.join("\n")
    }
}
