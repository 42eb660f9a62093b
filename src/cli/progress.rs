//! How far the reading of a history has come, on a terminal.

use std::cell::Cell;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Of a file: by its bytes.
const FILE: &str = "{bar:40} {percent:>3}% {bytes_per_sec} {eta} left";
/// Of a stream nobody knows the length.
const STREAM: &str = "{spinner} {bytes} {bytes_per_sec}";
/// An export was read and put in order: by what is handed on.
const IN_ORDER: &str = "{bar:40} {percent:>3}% in order of time {rate} {eta} left";

pub struct Progress {
    bar: ProgressBar,
    visible: bool,
    /// Records of an export, once it was put in order.
    records: Cell<Option<u64>>,
}

impl Progress {
    /// Only a terminal sees it.
    pub fn of(path: &Path) -> Self {
        let size = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
        match io::stderr().is_terminal() {
            true => Progress::on(ProgressDrawTarget::stderr(), size),
            false => Progress { bar: ProgressBar::hidden(), visible: false, records: Cell::new(None) },
        }
    }

    fn on(target: ProgressDrawTarget, size: Option<u64>) -> Self {
        let progress =
            Progress { bar: ProgressBar::with_draw_target(size, target), visible: true, records: Cell::new(None) };
        progress.style(if size.is_some() { FILE } else { STREAM });
        progress
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            let rate = |state: &ProgressState, out: &mut dyn Write| {
                // The bar is for looking at.
                let _ = write!(out, "{:.0}/s", state.per_sec());
            };
            self.bar.set_style(style.with_key("rate", rate));
        }
    }

    /// Sees the bytes that are read.
    pub fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    /// An event comes, and after it so much of an export that was put in order.
    pub fn handing_on(&self, left: Option<u64>) {
        let Some(left) = left.filter(|_| self.visible) else { return };
        match self.records.get() {
            Some(records) => self.bar.set_position(records.saturating_sub(left)),
            None => {
                self.records.set(Some(left));
                self.bar.reset();
                self.bar.set_length(left);
                self.style(IN_ORDER);
            }
        }
    }

    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use indicatif::InMemoryTerm;

    use super::*;

    fn shown(size: Option<u64>, act: impl FnOnce(&Progress)) -> String {
        let terminal = InMemoryTerm::new(3, 100);
        let progress = Progress::on(ProgressDrawTarget::term_like(Box::new(terminal.clone())), size);
        act(&progress);
        progress.bar.force_draw();
        let shown = terminal.contents();
        progress.end();
        assert_eq!(terminal.contents(), "", "nothing stays");
        shown
    }

    fn read(progress: &Progress, bytes: u64) {
        let read = io::copy(&mut progress.bar().wrap_read(io::repeat(0).take(bytes)), &mut io::sink());
        assert_eq!(read.ok(), Some(bytes));
    }

    #[test]
    fn of_a_file_share_rate_and_time_left_are_shown() {
        let shown = shown(Some(1 << 20), |progress| read(progress, 1 << 19));
        assert!(shown.contains(" 50% ") && shown.contains("B/s ") && shown.ends_with("s left"), "{shown}");
    }

    #[test]
    fn of_a_stream_the_rate_is_shown_and_no_time_left() {
        let shown = shown(None, |progress| read(progress, 1 << 20));
        assert!(shown.contains("1.00 MiB ") && shown.ends_with("B/s") && !shown.contains("left"), "{shown}");
    }

    #[test]
    fn an_export_is_counted_anew_once_it_is_in_order() {
        for size in [Some(1 << 20), None] {
            let shown = shown(size, |progress| {
                read(progress, 1 << 20);
                progress.handing_on(None);
                progress.handing_on(Some(200));
                progress.handing_on(Some(150));
            });
            assert!(shown.contains(" 25% in order of time ") && shown.ends_with("s left"), "{shown}");
        }
    }
}
