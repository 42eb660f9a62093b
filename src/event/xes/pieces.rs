//! The bytes of a log, cut where a tag cannot go on: a quote that nothing closes would take in the rest of the file.

use std::io::{self, BufRead, BufReader, Read};

/// A tag, a comment or a text may be as long.
const MOST_BYTES: usize = 4 * crate::event::MAX_EVENT_BYTES;

/// Where in XML a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Text,
    /// After `<`.
    Opened,
    Tag,
    /// A value, which holds no `<`.
    Quotes(u8),
    /// After `<!`, and after `<!-`.
    Bang,
    Dash,
    /// With the closing signs met so far.
    Comment(u8),
    Data(u8),
    Instruction(u8),
    /// With the brackets open in it.
    Declaration(u8),
}

impl Within {
    /// Where the next byte stands; `None`: it cannot stand there.
    fn after(self, byte: u8) -> Option<Within> {
        let closing = |met: u8, sign: u8, make: fn(u8) -> Within, needed: u8| match byte {
            b'>' if met >= needed => Within::Text,
            _ if byte == sign => make(met.saturating_add(1)),
            _ => make(0),
        };
        Some(match (self, byte) {
            (Within::Text, b'<') => Within::Opened,
            (Within::Text, _) => Within::Text,
            (Within::Opened | Within::Tag | Within::Quotes(_), b'<') => return None,
            (Within::Opened, b'!') => Within::Bang,
            (Within::Opened, b'?') => Within::Instruction(0),
            (Within::Opened | Within::Tag, b'>') => Within::Text,
            (Within::Tag, b'"' | b'\'') => Within::Quotes(byte),
            (Within::Quotes(quote), _) if byte != quote => self,
            (Within::Opened | Within::Tag | Within::Quotes(_), _) => Within::Tag,
            (Within::Bang, b'-') => Within::Dash,
            (Within::Bang, b'[') => Within::Data(0),
            (Within::Dash, b'-') => Within::Comment(0),
            (Within::Bang | Within::Dash | Within::Declaration(0), b'>') => Within::Text,
            (Within::Bang | Within::Dash, _) => Within::Declaration(0),
            (Within::Comment(met), _) => closing(met, b'-', Within::Comment, 2),
            (Within::Data(met), _) => closing(met, b']', Within::Data, 2),
            (Within::Instruction(met), _) => closing(met, b'?', Within::Instruction, 1),
            (Within::Declaration(open), b'[') => Within::Declaration(open.saturating_add(1)),
            (Within::Declaration(open), b']') => Within::Declaration(open.saturating_sub(1)),
            (Within::Declaration(_), _) => self,
        })
    }
}

/// Ends before a byte that cannot stand where it does, until told to go on with it. Counts the line breaks that were read.
pub(super) struct Pieces<R> {
    inner: BufReader<R>,
    pub(super) lines: u64,
    within: Within,
    /// Since `within` has become what it is, or since the cut.
    length: usize,
    /// Bytes ahead that were looked at and are good.
    good: usize,
    cut: bool,
}

impl<R: Read> Pieces<R> {
    pub(super) fn new(reader: R) -> Self {
        let inner = BufReader::with_capacity(1 << 16, reader);
        Pieces { inner, lines: 0, within: Within::Text, length: 0, good: 0, cut: false }
    }

    /// Whether it ends here although the file goes on.
    pub(super) fn is_cut(&self) -> bool {
        self.cut && self.good == 0
    }

    /// Goes on behind a cut, as with a new piece.
    pub(super) fn go_on(&mut self) {
        self.cut = false;
        self.within = Within::Text;
        self.length = 0;
    }
}

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(out.len());
        out[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Pieces<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.inner.fill_buf()?;
        while let (false, Some(byte)) = (self.cut, bytes.get(self.good)) {
            match self.within.after(*byte).filter(|_| self.length < MOST_BYTES) {
                Some(next) => {
                    let same = std::mem::discriminant(&next) == std::mem::discriminant(&self.within);
                    self.length = if same { self.length + 1 } else { 0 };
                    self.within = next;
                    self.good += 1;
                }
                None => self.cut = true,
            }
        }
        Ok(&bytes[..self.good])
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.good);
        let read = &self.inner.buffer()[..amount];
        self.lines += read.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.good -= amount;
        self.inner.consume(amount);
    }
}
