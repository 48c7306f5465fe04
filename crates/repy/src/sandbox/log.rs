//! The program's log, with Python 2's softspace: a space between things written, unless a line was just ended.

use std::io::Write;

use overlord_repy_machine::Str;

use super::Reports;

/// Writes what the program logs, and what is told about it.
pub(crate) struct LogWriter {
    output: Box<dyn Write>,
    reports: Reports,
    space: bool,
}

impl LogWriter {
    /// A log that goes to `output`.
    pub(crate) fn new(output: Box<dyn Write>, reports: Reports) -> LogWriter {
        LogWriter {
            output,
            reports,
            space: false,
        }
    }

    /// Writes the parts of one call of `log`; the flag says whether the part was a string itself. Returns how many
    /// bytes were written. Nothing is copied: the parts may be as large as memory.
    pub(crate) fn items(&mut self, items: &[(Str, bool)]) -> u64 {
        let mut written = 0;
        for (text, is_string) in items {
            if self.space {
                self.write(b" ");
                written += 1;
            }
            self.write(text.as_bytes());
            written += text.len() as u64;
            let ends_line = *is_string
                && matches!(
                    text.as_bytes().last(),
                    Some(b'\n' | b'\t' | b'\r' | 0x0b | 0x0c)
                );
            self.space = !ends_line;
        }
        written
    }

    fn write(&mut self, text: &[u8]) {
        // A log that cannot be written is no fault of the program's.
        let _ = self.output.write_all(text);
    }

    /// Writes a report of a fault of the program's, which comes in parts.
    pub(crate) fn fault(&mut self, parts: &[&[u8]]) {
        let in_log = matches!(self.reports, Reports::InLog);
        self.tell(in_log, parts);
    }

    /// Writes a note about the program, which comes in parts.
    pub(crate) fn note(&mut self, parts: &[&[u8]]) {
        let in_log = !matches!(self.reports, Reports::AllTo(_));
        self.tell(in_log, parts);
    }

    /// In the log a line left unfinished is continued, after the space that is due.
    fn tell(&mut self, in_log: bool, parts: &[&[u8]]) {
        if in_log && self.space {
            self.write(b" ");
            self.space = false;
        }
        let _ = self.output.flush();
        let stream = match &mut self.reports {
            Reports::FaultsTo(stream) | Reports::AllTo(stream) if !in_log => stream,
            _ => &mut self.output,
        };
        for part in parts {
            let _ = stream.write_all(part);
        }
        let _ = stream.flush();
    }

    /// Makes everything written visible.
    pub(crate) fn flush(&mut self) {
        let _ = self.output.flush();
    }
}
