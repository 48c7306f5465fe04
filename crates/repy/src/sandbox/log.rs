//! The program's log, with Python 2's softspace: a space between things written, unless a line was just ended.

use std::io::Write;

use overlord_repy_machine::Str;

/// Writes what the program logs.
pub(crate) struct LogWriter {
    output: Box<dyn Write>,
    /// Where reports of errors go, if not to the log.
    errors: Option<Box<dyn Write>>,
    space: bool,
    /// Whether the last byte ended a line.
    line_ended: bool,
}

impl LogWriter {
    /// A log that goes to `output`; errors go to `errors`, or to the log too.
    pub(crate) fn new(output: Box<dyn Write>, errors: Option<Box<dyn Write>>) -> LogWriter {
        LogWriter {
            output,
            errors,
            space: false,
            line_ended: true,
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
        if let Some(last) = text.last() {
            self.line_ended = *last == b'\n';
        }
        // A log that cannot be written is no fault of the program's.
        let _ = self.output.write_all(text);
    }

    /// Writes a report about the program, which comes in parts, on lines of its own.
    pub(crate) fn report(&mut self, parts: &[&[u8]]) {
        if self.errors.is_none() && !self.line_ended {
            let _ = self.output.write_all(b"\n");
            self.line_ended = true;
        }
        let _ = self.output.flush();
        let output = self.errors.as_mut().unwrap_or(&mut self.output);
        for part in parts {
            let _ = output.write_all(part);
        }
        let _ = output.flush();
    }

    /// Makes everything written visible.
    pub(crate) fn flush(&mut self) {
        let _ = self.output.flush();
    }
}
