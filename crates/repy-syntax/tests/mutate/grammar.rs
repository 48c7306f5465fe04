//! Programs that Python 2.7's grammar allows, most of them with something Repy or the compiler refuses.

use crate::random::Random;

const NAMES: &[&str] = &[
    "a", "b", "c", "x", "y", "f", "g", "self", "item", "True", "_z",
];
const ODD_NAMES: &[&str] = &[
    "__init__",
    "__str__",
    "__class__",
    "a__b",
    "encode",
    "decode",
    "im_x",
    "func_y",
    "tb_z",
    "f_back",
    "co_q",
    "None",
];
const LITERALS: &[&str] = &[
    "0",
    "1",
    "-1",
    "42",
    "0x1F",
    "0777",
    "0b11",
    "10L",
    "9223372036854775808",
    "-9223372036854775808",
    "1.5",
    "5.",
    ".5e3",
    "2j",
    "'s'",
    "\"it's\"",
    "'''a\nb'''",
    "r'\\n'",
    "'\\x41\\n\\0'",
    "'a' 'b'",
    "'\u{e9}'",
    "()",
    "[]",
    "{}",
    "- 0",
    "-(3)",
];
const BINARY: &[&str] = &[
    "+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^",
];
const COMPARE: &[&str] = &[
    "<", ">", "==", "!=", "<>", "<=", ">=", "in", "not in", "is", "is not",
];

/// Writes one program.
pub(crate) struct Grammar<'random> {
    random: &'random mut Random,
    out: String,
    indent: usize,
    /// How often, in a thousand, something refused is chosen where it could be.
    refused: usize,
}

impl<'random> Grammar<'random> {
    pub(crate) fn program(random: &'random mut Random) -> Vec<u8> {
        let refused = [0, 0, 3, 30][random.below(4)];
        let mut grammar = Grammar {
            random,
            out: String::new(),
            indent: 0,
            refused,
        };
        for _ in 0..=grammar.random.below(5) {
            grammar.stmt(3);
        }
        grammar.out.into_bytes()
    }

    fn refuses(&mut self) -> bool {
        self.random.below(1000) < self.refused
    }

    fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        self.random.one(choices)
    }

    fn name(&mut self) -> &'static str {
        if self.random.below(1000) < self.refused.min(10) {
            self.pick(ODD_NAMES)
        } else {
            self.pick(NAMES)
        }
    }

    fn several(
        &mut self,
        least: usize,
        most: usize,
        mut part: impl FnMut(&mut Self) -> String,
    ) -> Vec<String> {
        let count = least + self.random.below(most - least + 1);
        (0..count).map(|_| part(self)).collect()
    }

    fn expr(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.below(4) == 0 {
            return if self.random.below(2) == 0 {
                self.name().to_owned()
            } else {
                self.pick(LITERALS).to_owned()
            };
        }
        if self.refuses() {
            return self.refused_expr(depth - 1);
        }
        let d = depth - 1;
        match self.random.below(14) {
            0 => format!("({})", self.expr(d)),
            1 | 2 => format!(
                "{} {} {}",
                self.operand(d),
                self.pick(BINARY),
                self.operand(d)
            ),
            3 => self.several(2, 4, |g| g.operand(d)).join(" + "),
            4 => {
                let first = self.operand(d);
                let rest = self
                    .several(1, 2, |g| format!(" {} {}", g.pick(COMPARE), g.operand(d)))
                    .concat();
                format!("({first}{rest})")
            }
            5 => format!(
                "({} {} {})",
                self.operand(d),
                self.pick(&["and", "or"]),
                self.operand(d)
            ),
            6 => format!(
                "{}{}",
                self.pick(&["-", "+", "~", "(not "]),
                self.operand(d)
            )
            .replace("(not ", "not "),
            7 => format!("{}.{}", self.base(d), self.name()),
            8 => format!("{}({})", self.base(d), self.arguments(d)),
            9 => format!("{}[{}]", self.base(d), self.index(d)),
            10 => format!("({},)", self.several(1, 3, |g| g.expr(d)).join(", ")),
            11 => format!("[{}]", self.several(0, 3, |g| g.expr(d)).join(", ")),
            12 => format!(
                "{{{}}}",
                self.several(0, 3, |g| format!("{}: {}", g.expr(d), g.expr(d)))
                    .join(", ")
            ),
            _ => format!("[{} {}]", self.expr(d), self.fors(d)),
        }
    }

    /// An expression that may stand between operators.
    fn operand(&mut self, depth: usize) -> String {
        let expr = self.expr(depth);
        let loose = [" if ", "lambda", "not "]
            .iter()
            .any(|word| expr.contains(word));
        if loose { format!("({expr})") } else { expr }
    }

    /// An expression that may stand before a trailer.
    fn base(&mut self, depth: usize) -> String {
        if self.random.below(3) == 0 {
            format!("({})", self.expr(depth))
        } else {
            self.name().to_owned()
        }
    }

    fn fors(&mut self, depth: usize) -> String {
        let mut text = format!(
            "for {} in {}",
            self.target(depth.min(1)),
            self.operand(depth)
        );
        if self.random.below(3) == 0 {
            text += &format!(" if {}", self.operand(depth));
        }
        text
    }

    fn refused_expr(&mut self, d: usize) -> String {
        match self.random.below(9) {
            0 => format!("`{}`", self.expr(d)),
            1 => format!("(lambda {}: {})", self.params(d), self.expr(d)),
            2 => format!(
                "({} if {} else {})",
                self.operand(d),
                self.operand(d),
                self.operand(d)
            ),
            3 => format!("({} {})", self.expr(d), self.fors(d)),
            4 => format!("{{{}}}", self.several(1, 3, |g| g.expr(d)).join(", ")),
            5 => format!("{{{} {}}}", self.expr(d), self.fors(d)),
            6 => format!("{{{}: {} {}}}", self.expr(d), self.expr(d), self.fors(d)),
            7 => self.pick(&["u'x'", "ur'\\d'", "U\"a\" 'b'"]).to_owned(),
            _ => format!("(yield {})", self.expr(d)),
        }
    }

    fn arguments(&mut self, d: usize) -> String {
        let mut parts = self.several(0, 2, |g| g.expr(d));
        if self.random.below(3) == 0 {
            parts.extend(self.several(1, 2, |g| format!("{}={}", g.name(), g.expr(d))));
        }
        if self.random.below(6) == 0 {
            parts.push(format!("*{}", self.expr(d)));
        }
        if self.random.below(6) == 0 {
            parts.push(format!("**{}", self.expr(d)));
        }
        parts.join(", ")
    }

    fn index(&mut self, d: usize) -> String {
        match self.random.below(6) {
            0..3 => self.expr(d),
            3 => format!("{}:{}", self.expr(d), self.expr(d)),
            4 => self
                .pick(&[
                    ":", "::", "1:", ":x", "::2", "...", "a, b", "a:b, c", "1,", "..., :",
                ])
                .to_owned(),
            _ => format!("{}:{}:{}", self.expr(d), self.expr(d), self.expr(d)),
        }
    }

    fn target(&mut self, depth: usize) -> String {
        match self.random.below(if depth == 0 { 4 } else { 8 }) {
            0..4 => self.name().to_owned(),
            4 => format!("{}.{}", self.base(0), self.name()),
            5 => format!("{}[{}]", self.base(0), self.index(0)),
            6 => format!(
                "({})",
                self.several(2, 3, |g| g.target(depth - 1)).join(", ")
            ),
            _ => format!(
                "[{}]",
                self.several(1, 3, |g| g.target(depth - 1)).join(", ")
            ),
        }
    }

    fn params(&mut self, d: usize) -> String {
        let mut parts = self.several(0, 2, |g| {
            if g.random.below(8) == 0 {
                format!("({}, {})", g.name(), g.name())
            } else {
                g.name().to_owned()
            }
        });
        if self.random.below(3) == 0 {
            parts.push(format!("{}={}", self.name(), self.expr(d)));
        }
        if self.random.below(5) == 0 {
            parts.push(format!("*{}", self.name()));
        }
        if self.random.below(5) == 0 {
            parts.push(format!("**{}", self.name()));
        }
        parts.join(", ")
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(&"  ".repeat(self.indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn block(&mut self, depth: usize, head: &str) {
        if depth == 0 || self.random.below(4) == 0 {
            let body = self.simple();
            return self.line(&format!("{head} {body}"));
        }
        self.line(head);
        self.indent += 1;
        if self.random.below(8) == 0 {
            self.line("'documentation'");
        }
        for _ in 0..=self.random.below(2) {
            self.stmt(depth - 1);
        }
        self.indent -= 1;
    }

    fn stmt(&mut self, depth: usize) {
        match self.random.below(if depth == 0 { 1 } else { 12 }) {
            0..5 => {
                let line = self.several(1, 2, Self::simple).join("; ");
                self.line(&line);
            }
            5 => {
                let head = format!("if {}:", self.expr(2));
                self.block(depth, &head);
                if self.random.below(2) == 0 {
                    let head = format!("elif {}:", self.expr(2));
                    self.block(depth, &head);
                }
                self.maybe_else(depth);
            }
            6 => {
                let head = format!("while {}:", self.name());
                self.block(depth, &head);
                self.maybe_else(depth);
            }
            7 => {
                let head = format!("for {} in {}:", self.target(2), self.expr(2));
                self.block(depth, &head);
                self.maybe_else(depth);
            }
            8 => self.try_stmt(depth),
            9 => {
                let head = format!("def {}({}):", self.name(), self.params(1));
                self.decorate();
                self.block(depth, &head);
            }
            10 => {
                let bases = ["", "()", "(a)", "(a, b.c)"][self.random.below(4)];
                let head = format!("class {}{bases}:", self.name());
                self.decorate();
                self.block(depth, &head);
            }
            _ if self.refuses() => {
                let head = format!("with {} as {}:", self.expr(1), self.target(1));
                self.block(depth, &head);
            }
            _ => self.line("# only a comment"),
        }
    }

    fn decorate(&mut self) {
        if self.refuses() {
            let line = format!("@{}", self.pick(&["a", "a.b", "a.b(1)"]));
            self.line(&line);
        }
    }

    fn maybe_else(&mut self, depth: usize) {
        if self.random.below(4) == 0 {
            self.block(depth, "else:");
        }
    }

    fn try_stmt(&mut self, depth: usize) {
        self.block(depth, "try:");
        let handlers = self.random.below(3);
        for _ in 0..handlers {
            let head = match self.random.below(6) {
                0 => "except:".to_owned(),
                1 => format!("except {}:", self.expr(1)),
                2 => format!("except {} as {}:", self.expr(1), self.target(1)),
                _ => format!("except {}, {}:", self.expr(1), self.target(1)),
            };
            self.block(depth, &head);
        }
        if handlers > 0 {
            self.maybe_else(depth);
        }
        if handlers == 0 || self.random.below(3) == 0 {
            self.block(depth, "finally:");
        }
    }

    fn simple(&mut self) -> String {
        if self.refuses() {
            return match self.random.below(8) {
                0 => format!("print {},", self.expr(1)),
                1 => format!("print >>{}, {}", self.expr(1), self.expr(1)),
                2 => format!("exec {} in {}", self.operand(1), self.expr(1)),
                3 => self
                    .pick(&[
                        "import a.b as c, d",
                        "from . import a",
                        "from a.b import (c as d, e,)",
                    ])
                    .to_owned(),
                4 => "global a, b".to_owned(),
                5 => format!("yield {}", self.expr(1)),
                6 => format!("{} = (x for x in y)", self.target(1)),
                _ => format!("(x for x in y) = {}", self.expr(1)),
            };
        }
        match self.random.below(16) {
            0..3 => self.expr(3),
            3..6 => format!("{} = {}", self.target(2), self.expr(3)),
            6 => format!("{} = {} = {}", self.target(1), self.target(2), self.expr(2)),
            7 => format!("{} {}= {}", self.name(), self.pick(BINARY), self.expr(2)),
            8 => format!("{}.{} += {}", self.base(1), self.name(), self.expr(1)),
            9 => format!("del {}", self.several(1, 3, |g| g.target(1)).join(", ")),
            10 => self
                .pick(&["pass", "break", "continue", "return", "raise"])
                .to_owned(),
            11 => format!("return {}", self.expr(2)),
            12 => format!("raise {}", self.several(1, 3, |g| g.expr(1)).join(", ")),
            13 => format!("assert {}", self.several(1, 2, |g| g.expr(1)).join(", ")),
            _ => format!("{}({})", self.base(1), self.arguments(2)),
        }
    }
}
