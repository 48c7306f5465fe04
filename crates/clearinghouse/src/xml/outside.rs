//! What may stand outside a document's root element: blanks, comments, instructions, the XML declaration.
//! All else has no place there; what it is decides what the parser says of it.

use super::scanner::{Mistake, Scanner};

/// A piece of a document outside its root element.
pub(super) enum Outside {
    /// Blanks, a comment or a processing instruction, up to there.
    Skip(usize),
    /// `<?xml …?>`, up to there.
    Declaration(usize),
    /// `<!DOCTYPE`.
    DocumentType,
    /// `<` and a name.
    Element,
    /// The document's end.
    End,
    /// Something that has no place there, such as text.
    Other,
}

impl<'a> Scanner<'a> {
    /// The next piece outside the root element.
    pub(super) fn outside(&self, at: usize) -> Result<Outside, Mistake> {
        let Some(first) = self.symbol(at, at)? else {
            return Ok(Outside::End);
        };
        if first.is_blank() {
            return Ok(Outside::Skip(at + 1));
        }
        match first.character {
            '<' => {}
            quote @ ('"' | '\'') => return self.literal(at, quote),
            ',' | '[' | ']' | '(' | '|' | '>' => return Ok(Outside::Other),
            _ if first.is_in_name() => return self.word(at),
            _ => return Err(Mistake::invalid(at)),
        }
        let second = self.need(at + 1, at)?;
        match second.character {
            '?' => self.instruction(at).map(|(end, declaration)| {
                if declaration {
                    Outside::Declaration(end)
                } else {
                    Outside::Skip(end)
                }
            }),
            '!' => match self.need(at + 2, at)?.character {
                '-' => self.comment(at).map(Outside::Skip),
                '[' => Ok(Outside::Other),
                _ => {
                    let end = self.name(at + 2, at)?;
                    if !self.need(end, at)?.is_blank() {
                        return Err(Mistake::invalid(end));
                    }
                    match self.text(at + 2, end) {
                        "DOCTYPE" => Ok(Outside::DocumentType),
                        _ => Ok(Outside::Other),
                    }
                }
            },
            _ if second.starts_name() => Ok(Outside::Element),
            _ => Err(Mistake::invalid(at + 1)),
        }
    }

    /// A word outside the root: it has no place there, and what follows it may have none either.
    fn word(&self, at: usize) -> Result<Outside, Mistake> {
        let mut end = at;
        let mut is_name = true;
        while let Some(symbol) = self.symbol(end, at)? {
            if !symbol.is_in_name() {
                let ends = symbol.is_blank()
                    || matches!(symbol.character, '>' | ')' | ',' | '|' | '[' | '%');
                let counted = matches!(symbol.character, '+' | '*' | '?') && is_name;
                if ends || counted {
                    break;
                }
                return Err(Mistake::invalid(end));
            }
            is_name &= end > at || symbol.starts_name();
            end += symbol.length;
        }
        Ok(Outside::Other)
    }

    /// Text in quotes outside the root.
    fn literal(&self, token: usize, quote: char) -> Result<Outside, Mistake> {
        let mut at = token + 1;
        loop {
            let symbol = self.need(at, token)?;
            at += symbol.length;
            if symbol.is(quote) {
                break;
            }
        }
        match self.symbol(at, token)? {
            Some(next) if !next.is_blank() && !matches!(next.character, '>' | '%' | '[') => {
                Err(Mistake::invalid(at))
            }
            _ => Ok(Outside::Other),
        }
    }

    /// Checks what stands between `<?xml` and `?>`; gives the encoding.
    pub(super) fn declaration(&self, from: usize, to: usize) -> Result<Option<&'a str>, Mistake> {
        let bad = |at| Mistake::new("XML declaration not well-formed", at);
        let mut rest = Declaration {
            scanner: self,
            at: from,
            to,
        };
        let Some((at, name, _)) = rest.attribute().map_err(bad)? else {
            return Err(bad(from));
        };
        if name != "version" {
            return Err(bad(at));
        }
        let mut encoding = None;
        let mut next = rest.attribute().map_err(bad)?;
        if let Some((_, "encoding", (at, value))) = next {
            if !value.starts_with(|c: char| c.is_ascii_alphabetic()) {
                return Err(bad(at));
            }
            encoding = Some(value);
            next = rest.attribute().map_err(bad)?;
        }
        if let Some((at, name, (value_at, value))) = next {
            if name != "standalone" {
                return Err(bad(at));
            }
            if !matches!(value, "yes" | "no") {
                return Err(bad(value_at));
            }
            rest.blanks();
            if rest.at < to {
                return Err(bad(rest.at));
            }
        }
        Ok(encoding)
    }
}

/// What is left of an XML declaration.
struct Declaration<'s, 'a> {
    scanner: &'s Scanner<'a>,
    at: usize,
    to: usize,
}

/// An attribute of the declaration: where its name is, its name, where its value is, its value.
type DeclarationAttribute<'a> = (usize, &'a str, (usize, &'a str));

impl<'a> Declaration<'_, 'a> {
    /// The next byte; 0 at the end, which is no character of a declaration.
    fn byte(&self) -> u8 {
        let byte = self.scanner.bytes.get(self.at).copied();
        byte.filter(|_| self.at < self.to).unwrap_or(0)
    }

    fn blanks(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    /// The next attribute, if there is one.
    ///
    /// # Errors
    /// Where it stops being one.
    fn attribute(&mut self) -> Result<Option<DeclarationAttribute<'a>>, usize> {
        let before = self.at;
        self.blanks();
        if self.at == self.to {
            return Ok(None);
        }
        if self.at == before {
            return Err(self.at);
        }
        let name_at = self.at;
        while !matches!(self.byte(), b'=' | b' ' | b'\t' | b'\r' | b'\n') {
            if self.byte() == 0 || !self.byte().is_ascii() {
                return Err(self.at);
            }
            self.at += 1;
        }
        let name = self.scanner.text(name_at, self.at);
        self.blanks();
        if self.byte() != b'=' || name.is_empty() {
            return Err(self.at);
        }
        self.at += 1;
        self.blanks();
        let quote = self.byte();
        if !matches!(quote, b'"' | b'\'') {
            return Err(self.at);
        }
        self.at += 1;
        let value_at = self.at;
        while self.byte() != quote {
            if !(self.byte().is_ascii_alphanumeric() || matches!(self.byte(), b'.' | b'-' | b'_')) {
                return Err(self.at);
            }
            self.at += 1;
        }
        let value = self.scanner.text(value_at, self.at);
        self.at += 1;
        Ok(Some((name_at, name, (value_at, value))))
    }
}
