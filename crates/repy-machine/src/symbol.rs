//! Names as numbers: every attribute, variable and keyword name of the programs loaded.

use std::collections::HashMap;

use crate::string::Str;

/// A name known to the machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Sym(pub(crate) u32);

/// All names. They come from source text only, so there are no more than the programs have.
pub(crate) struct Interner {
    strings: Vec<Str>,
    index: HashMap<Str, Sym>,
}

macro_rules! known {
    ($($constant:ident = $text:literal,)*) => {
        /// Names the machine itself asks for.
        #[expect(non_upper_case_globals, reason = "the constants are spelled as the names are")]
        pub(crate) mod known {
            use super::Sym;
            #[expect(non_camel_case_types, reason = "numbers the names only")]
            enum Order { $($constant,)* }
            $(pub(crate) const $constant: Sym = Sym(Order::$constant as u32);)*
            pub(crate) const ALL: &[&str] = &[$($text,)*];
        }
    };
}

known! {
    init = "__init__",
    del = "__del__",
    iter = "__iter__",
    repr = "__repr__",
    str_ = "__str__",
    next = "next",
    args = "args",
    message = "message",
    errno = "errno",
    strerror = "strerror",
    filename = "filename",
    code = "code",
    msg = "msg",
    lineno = "lineno",
    offset = "offset",
    text = "text",
    print_file_and_line = "print_file_and_line",
    encoding = "encoding",
    object = "object",
    end = "end",
    reason = "reason",
    real = "real",
    imag = "imag",
    start = "start",
    stop = "stop",
    step = "step",
    numerator = "numerator",
    denominator = "denominator",
    assertion_error = "AssertionError",
}

impl Interner {
    /// No names, not even those that the machine asks for.
    pub(crate) fn empty() -> Interner {
        Interner {
            strings: Vec::new(),
            index: HashMap::new(),
        }
    }

    pub(crate) fn new() -> Interner {
        let mut interner = Interner::empty();
        for name in known::ALL {
            interner.intern(name.as_bytes());
        }
        interner
    }

    pub(crate) fn intern(&mut self, name: &[u8]) -> Sym {
        if let Some(&known) = self.index.get(name) {
            return known;
        }
        let string = Str::new(name);
        let sym = Sym(self.strings.len() as u32);
        self.strings.push(string.clone());
        self.index.insert(string, sym);
        sym
    }

    pub(crate) fn intern_str(&mut self, name: &Str) -> Sym {
        if let Some(&known) = self.index.get(name.as_bytes()) {
            return known;
        }
        let sym = Sym(self.strings.len() as u32);
        self.strings.push(name.clone());
        self.index.insert(name.clone(), sym);
        sym
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<Sym> {
        self.index.get(name).copied()
    }

    pub(crate) fn string(&self, sym: Sym) -> Str {
        self.strings
            .get(sym.0 as usize)
            .cloned()
            .unwrap_or_else(Str::empty)
    }
}
