//! Programs that do something, made from a seed: arithmetic, text, slices, formatting, containers, functions, classes,
//! exceptions, loops. Each step prints its result or its error, so that one wrong step does not hide the next.
//!
//! Sizes stay small by construction: exponents, shifts and repetitions are small literals.

mod definitions;

use crate::random::Random;

/// Kinds of value an expression may be asked for; the wrong kind turns up now and then, for the errors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Int,
    Float,
    Text,
    List,
    Tuple,
    Dict,
}

const SCALARS: [Kind; 3] = [Kind::Int, Kind::Float, Kind::Text];
const ALL: [Kind; 6] = [
    Kind::Int,
    Kind::Float,
    Kind::Text,
    Kind::List,
    Kind::Tuple,
    Kind::Dict,
];

const INTS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "7",
    "10",
    "-1",
    "-2",
    "-7",
    "100",
    "255",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "1L",
    "0L",
    "-3L",
    "12345678901234567890",
    "True",
    "False",
    "0x7f",
    "0777",
    "(10 ** 20)",
    "(-10 ** 25)",
];
const FLOATS: &[&str] = &[
    "0.0",
    "-0.0",
    "1.0",
    "0.5",
    "-1.5",
    "2.5",
    "0.1",
    "1e10",
    "1e16",
    "1e17",
    "123456.789",
    "1e-5",
    "1e-4",
    "3.14159",
    "1e100",
    "-1e300",
    "1e-300",
    "2.675",
    "0.3",
    "(1.0 / 3)",
    "1e22",
    "5e-324",
];
const TEXTS: &[&str] = &[
    "''",
    "'a'",
    "'abc'",
    "'Hello World'",
    "' padded '",
    "'a,b,,c'",
    "'x\\ty\\nz'",
    "\"it's\"",
    "'\"'",
    "'\\x00\\xff'",
    "'12'",
    "'-7'",
    "'1.5'",
    "'aaa'",
    "'AbC'",
    "'abcabc'",
    "'gr\\xc3\\xbcn'",
    "'%d'",
    "'{0}'",
    "'0x1f'",
    "'longer text of words'",
];
const SMALL: &[&str] = &["0", "1", "2", "3", "-1", "-2", "5", "100", "-100"];

/// Writes one program.
pub(crate) struct Generator<'random> {
    random: &'random mut Random,
    out: String,
    /// How many variables `v0`, `v1`, ... there are.
    variables: usize,
    /// Names of functions and classes must differ.
    names: usize,
}

impl<'random> Generator<'random> {
    pub(crate) fn program(random: &'random mut Random) -> String {
        let mut generator = Generator {
            random,
            out: String::new(),
            variables: 0,
            names: 0,
        };
        for kind in ALL {
            let value = generator.expr(kind, 1);
            generator.step(&value);
        }
        for _ in 0..4 + generator.random.below(12) {
            generator.statement();
        }
        generator.out
    }

    fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        self.random.one(choices)
    }

    fn line(&mut self, indent: usize, text: &str) {
        self.out.push_str(&"  ".repeat(indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn variable(&mut self) -> String {
        format!("v{}", self.random.below(self.variables.max(1)))
    }

    /// Lines that may fail, and what is said then.
    fn guarded(&mut self, lines: &[String]) {
        self.line(0, "try:");
        for line in lines {
            self.line(1, line);
        }
        self.line(0, "except Exception, e:");
        self.line(1, "log(type(e), e, '\\n')");
    }

    /// A new variable with the value of `expr`, printed.
    fn step(&mut self, expr: &str) {
        let name = format!("v{}", self.variables);
        self.line(0, &format!("{name} = None"));
        self.variables += 1;
        self.guarded(&[
            format!("{name} = {expr}"),
            format!("log(repr({name}), '\\n')"),
        ]);
    }

    fn statement(&mut self) {
        match self.random.below(17) {
            0..5 => {
                let kind = ALL[self.random.below(ALL.len())];
                let expr = self.expr(kind, 3);
                self.step(&expr);
            }
            5 => self.augmented(),
            6 => self.change_container(),
            7 | 8 => {
                let expr = self.formatting();
                self.step(&expr);
            }
            9 => self.function(),
            10 => self.class(),
            11 => self.exceptions(),
            12 => self.lines_of_loop(),
            13 => self.comparisons(),
            14 => self.conversions(),
            15 => self.self_showing(),
            _ => {
                let expr = self.method();
                self.step(&expr);
            }
        }
    }

    fn any(&mut self) -> Kind {
        ALL[self.random.below(ALL.len())]
    }

    fn expr(&mut self, kind: Kind, depth: usize) -> String {
        // Now and then something else, or a variable of whatever kind.
        match self.random.below(24) {
            0 => {
                let other = self.any();
                return self.of_kind(other, depth.saturating_sub(1));
            }
            1 if self.variables > 0 => return self.variable(),
            2 => return "None".to_owned(),
            _ => {}
        }
        self.of_kind(kind, depth)
    }

    fn of_kind(&mut self, kind: Kind, depth: usize) -> String {
        if depth == 0 {
            return match kind {
                Kind::Int => self.pick(INTS).to_owned(),
                Kind::Float => self.pick(FLOATS).to_owned(),
                Kind::Text => self.pick(TEXTS).to_owned(),
                Kind::List => self
                    .pick(&["[]", "[1, 2, 3]", "['b', 'a']", "range(5)", "[[1], 2.5]"])
                    .to_owned(),
                Kind::Tuple => self
                    .pick(&["()", "(1,)", "(1, 'a', 2.5)", "(3, 1, 2)"])
                    .to_owned(),
                Kind::Dict => self
                    .pick(&["{}", "{1: 'a', 'k': 2}", "dict(x=1, y=2)", "{(1, 2): []}"])
                    .to_owned(),
                Kind::Any => self.pick(&["None", "True", "5", "'s'"]).to_owned(),
            };
        }
        let d = depth - 1;
        match kind {
            Kind::Any => {
                let kind = self.any();
                self.of_kind(kind, d)
            }
            Kind::Int => self.int(d),
            Kind::Float => self.float(d),
            Kind::Text => self.text(d),
            Kind::List => self.list(d),
            Kind::Tuple => match self.random.below(5) {
                0 => format!("tuple({})", self.expr(Kind::List, d)),
                1 => format!(
                    "({} + {})",
                    self.expr(Kind::Tuple, d),
                    self.expr(Kind::Tuple, d)
                ),
                2 => format!("{}[{}]", self.of_kind(Kind::Tuple, d), self.slice()),
                _ => format!("({}, {})", self.expr(Kind::Any, d), self.expr(Kind::Any, d)),
            },
            Kind::Dict => match self.random.below(4) {
                0 => format!(
                    "dict(zip(str({}), {}))",
                    self.expr(Kind::Text, d),
                    self.expr(Kind::List, d)
                ),
                1 => format!(
                    "dict({}, k={})",
                    self.expr(Kind::Dict, d),
                    self.expr(Kind::Any, d)
                ),
                _ => {
                    let key = SCALARS[self.random.below(3)];
                    let (first, second) = (self.key(key), self.key(key));
                    format!(
                        "{{{first}: {}, {second}: {}}}",
                        self.expr(Kind::Any, d),
                        self.expr(Kind::Any, d)
                    )
                }
            },
        }
    }

    /// A key of which CPython's order is known: that of None depends on where None lies in memory.
    fn key(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Int => self.pick(INTS).to_owned(),
            Kind::Float => self.pick(FLOATS).to_owned(),
            _ => format!("str({})", self.expr(Kind::Text, 1)),
        }
    }

    fn int(&mut self, d: usize) -> String {
        match self.random.below(14) {
            0..6 => {
                let op = self.pick(&["+", "-", "/", "//", "%", "&", "|", "^"]);
                format!(
                    "({} {op} {})",
                    self.expr(Kind::Int, d),
                    self.expr(Kind::Int, d)
                )
            }
            // A list or text times a large number would fill the memory.
            6 if self.random.below(2) == 0 => {
                format!(
                    "({} * {})",
                    self.of_kind(Kind::Int, 0),
                    self.of_kind(Kind::Int, d)
                )
            }
            6 => format!(
                "({} ** {})",
                self.expr(Kind::Int, d),
                self.pick(&["0", "1", "2", "3", "5"])
            ),
            7 => format!(
                "({} {} {})",
                self.expr(Kind::Int, d),
                self.pick(&["<<", ">>"]),
                self.pick(&["0", "1", "31", "32", "63", "64"])
            ),
            8 => format!(
                "({}{})",
                self.pick(&["-", "~", "+", "not "]),
                self.expr(Kind::Int, d)
            ),
            9 => format!("len({})", self.expr(Kind::Any, d)),
            10 => format!("int({})", self.expr(Kind::Float, d)),
            11 => format!(
                "{}.{}({})",
                self.of_kind(Kind::Text, d),
                self.pick(&["find", "count", "rfind", "index"]),
                self.expr(Kind::Text, 0)
            ),
            12 => format!(
                "pow({}, {}, {})",
                self.expr(Kind::Int, d),
                self.pick(SMALL),
                self.expr(Kind::Int, d)
            ),
            _ => format!(
                "{}({}, {})",
                self.pick(&["cmp", "max", "min"]),
                self.expr(Kind::Int, d),
                self.expr(Kind::Int, d)
            ),
        }
    }

    fn float(&mut self, d: usize) -> String {
        match self.random.below(9) {
            0..4 => {
                let op = self.pick(&["+", "-", "*", "/", "//", "%"]);
                // A float, whatever happens: a list times a number would fill the memory.
                let left = self.pick(FLOATS);
                let other = if self.random.below(2) == 0 {
                    Kind::Int
                } else {
                    Kind::Float
                };
                format!("({left} {op} {})", self.expr(other, d))
            }
            4 => format!(
                "({} ** {})",
                self.expr(Kind::Float, d),
                self.pick(&["2", "0.5", "-1", "3", "0"])
            ),
            5 => format!("float({})", self.expr(Kind::Int, d)),
            6 => format!(
                "round({}, {})",
                self.expr(Kind::Float, d),
                self.pick(&["0", "1", "2", "3", "-1", "-2"])
            ),
            7 => format!("abs({})", self.expr(Kind::Float, d)),
            _ => format!(
                "divmod({}, {})[{}]",
                self.expr(Kind::Float, d),
                self.expr(Kind::Float, d),
                self.pick(&["0", "1"])
            ),
        }
    }

    fn text(&mut self, d: usize) -> String {
        match self.random.below(10) {
            0 => format!(
                "({} + {})",
                self.expr(Kind::Text, d),
                self.expr(Kind::Text, d)
            ),
            1 => format!(
                "({} * {})",
                self.expr(Kind::Text, d),
                self.pick(&["0", "1", "2", "3", "-1"])
            ),
            2 => format!("{}[{}]", self.of_kind(Kind::Text, d), self.slice()),
            3 => format!("{}[{}]", self.of_kind(Kind::Text, d), self.pick(SMALL)),
            4 => format!("str({})", self.expr(Kind::Any, d)),
            5 => format!("repr({})", self.expr(Kind::Any, d)),
            6 => format!(
                "{}.join([str(x) for x in {}])",
                self.of_kind(Kind::Text, 0),
                self.expr(Kind::List, d)
            ),
            7 => format!(
                "{}({})",
                self.pick(&["chr", "hex", "oct"]),
                self.expr(Kind::Int, d)
            ),
            _ => {
                let method = self.pick(&[
                    "upper()",
                    "lower()",
                    "strip()",
                    "title()",
                    "swapcase()",
                    "capitalize()",
                    "center(9, '*')",
                    "ljust(6)",
                    "rjust(6, '0')",
                    "zfill(5)",
                    "replace('a', 'bb')",
                    "replace('', '-')",
                    "expandtabs(4)",
                    "lstrip('a ')",
                    "rstrip('c')",
                    "replace('b', '', 1)",
                ]);
                format!("{}.{method}", self.of_kind(Kind::Text, d))
            }
        }
    }

    fn list(&mut self, d: usize) -> String {
        match self.random.below(12) {
            0 => format!(
                "[{}, {}, {}]",
                self.expr(Kind::Any, d),
                self.expr(Kind::Any, d),
                self.expr(Kind::Any, d)
            ),
            1 => format!(
                "({} + {})",
                self.expr(Kind::List, d),
                self.expr(Kind::List, d)
            ),
            2 => format!(
                "({} * {})",
                self.expr(Kind::List, d),
                self.pick(&["0", "1", "2", "-1"])
            ),
            3 => format!("{}[{}]", self.of_kind(Kind::List, d), self.slice()),
            4 => format!(
                "range({}, {}, {})",
                self.pick(SMALL),
                self.pick(&["0", "3", "8", "-4"]),
                self.pick(&["1", "2", "-1", "0", "-3"])
            ),
            5 => {
                let split = self.pick(&[
                    "split()",
                    "split('a')",
                    "split(',')",
                    "splitlines()",
                    "partition('b')",
                    "rsplit(None, 1)",
                    "split('b', 1)",
                ]);
                format!("{}.{split}", self.of_kind(Kind::Text, d))
            }
            6 => {
                let kind = [Kind::List, Kind::Text, Kind::Tuple][self.random.below(3)];
                let element = self.pick(&[
                    "x",
                    "(x, x)",
                    "[x] * 2",
                    "x * 2",
                    "str(x)",
                    "x == 1",
                    "repr(x)[1:]",
                ]);
                let condition = self.pick(&["", "", " if x", " if x != 'a'", " if not x"]);
                format!("[{element} for x in {}{condition}]", self.expr(kind, d))
            }
            7 => format!(
                "zip({}, {})",
                self.expr(Kind::List, d),
                self.expr(Kind::Text, d)
            ),
            8 => format!(
                "map({}, {})",
                self.pick(&["str", "repr", "len", "None", "abs", "bool"]),
                self.expr(Kind::List, d)
            ),
            9 => format!(
                "filter({}, {})",
                self.pick(&["None", "bool", "str", "len"]),
                self.expr(Kind::List, d)
            ),
            10 => format!(
                "{}.{}()",
                self.of_kind(Kind::Dict, d),
                self.pick(&["keys", "values", "items", "copy"])
            ),
            _ => format!("list({})", self.expr(Kind::Any, d)),
        }
    }

    fn slice(&mut self) -> String {
        let bound = |generator: &mut Self| {
            if generator.random.below(3) == 0 {
                ""
            } else {
                generator.pick(SMALL)
            }
        };
        let (low, high) = (bound(self), bound(self));
        if self.random.below(3) == 0 {
            let step = self.pick(&["1", "2", "-1", "-2", "0", ""]);
            return format!("{low}:{high}:{step}");
        }
        format!("{low}:{high}")
    }

    fn augmented(&mut self) {
        let name = self.variable();
        let op = self.pick(&["+", "-", "*", "/", "//", "%", "&", "|", "^"]);
        // A product of two texts or lists is an error, of a text and a small number is small.
        let value = if op == "*" {
            self.pick(&["2", "0", "-1", "1.5", "3L"]).to_owned()
        } else {
            let kind = self.any();
            self.expr(kind, 1)
        };
        self.guarded(&[
            format!("{name} {op}= {value}"),
            format!("log(repr({name}), '\\n')"),
        ]);
    }

    fn change_container(&mut self) {
        let (kind, lines): (Kind, Vec<String>) = if self.random.below(3) == 0 {
            let key = self.key(Kind::Text);
            let value = self.expr(Kind::Any, 1);
            let lines = match self.random.below(6) {
                0 => vec![format!("c[{key}] = {value}")],
                1 => vec![format!("del c[{key}]")],
                2 => vec![format!("log(c.pop({key}, {value}))")],
                3 => vec![format!("log(c.setdefault({key}, {value}))")],
                4 => vec![format!("c.update({})", self.expr(Kind::Dict, 1))],
                _ => vec![format!("log(c.get({key}), {key} in c, len(c))")],
            };
            (Kind::Dict, lines)
        } else {
            let value = self.expr(Kind::Any, 1);
            let lines = match self.random.below(9) {
                0 => vec![format!(
                    "c[{}] = {}",
                    self.slice(),
                    self.expr(Kind::List, 1)
                )],
                1 => vec![format!("del c[{}]", self.slice())],
                2 => vec![format!("c[{}] = {value}", self.pick(SMALL))],
                3 => vec![format!("c.insert({}, {value})", self.pick(SMALL))],
                4 => vec![format!("log(c.pop({}))", self.pick(SMALL))],
                5 => vec![format!("c.extend({value})")],
                6 => vec!["c.sort()".to_owned(), "c.reverse()".to_owned()],
                7 => vec![format!("c.remove({value})")],
                _ => vec![format!("log(c.index({value}), c.count({value}))")],
            };
            (Kind::List, lines)
        };
        let made = self.of_kind(kind, 2);
        let mut all = vec![format!("c = {made}")];
        all.extend(lines);
        all.push("log(repr(c), '\\n')".to_owned());
        self.guarded(&all);
    }

    fn formatting(&mut self) -> String {
        let flags = self.pick(&["", "", "-", "0", "+", " ", "#", "-#", "+0"]);
        let width = self.pick(&["", "", "1", "5", "8", "12"]);
        let precision = self.pick(&["", "", ".0", ".1", ".3", ".10"]);
        match self.random.below(6) {
            0 => format!(
                "'[%{flags}{width}{precision}{}]' % ({},)",
                self.pick(&["d", "i", "x", "X", "o", "u"]),
                self.expr(Kind::Int, 2)
            ),
            1 => format!(
                "'[%{flags}{width}{precision}{}]' % ({},)",
                self.pick(&["e", "f", "g", "E", "G", "F"]),
                self.expr(Kind::Float, 2)
            ),
            2 => format!(
                "'[%{flags}{width}{precision}{}]' % ({},)",
                self.pick(&["s", "r"]),
                self.expr(Kind::Any, 2)
            ),
            3 => format!(
                "'%s|%r|%5.2f%%' % ({}, {}, {})",
                self.expr(Kind::Any, 1),
                self.expr(Kind::Any, 1),
                self.expr(Kind::Float, 1)
            ),
            4 => {
                let align = self.pick(&["", "<", ">", "^", "*<", "0>", "="]);
                let sign = self.pick(&["", "", "+", "-", " "]);
                let (kind, code) = match self.random.below(3) {
                    0 => (
                        Kind::Int,
                        self.pick(&["", "d", "x", "o", "b", "#x", ",", "e", "f", "c"]),
                    ),
                    1 => (
                        Kind::Float,
                        self.pick(&["", "f", "e", "g", "%", ".2f", ".3e", ".0f", ".5", ",.1f"]),
                    ),
                    _ => (Kind::Text, self.pick(&["", "s", ".2", ".0s"])),
                };
                format!(
                    "'{{0:{align}{sign}{width}{code}}}'.format({})",
                    self.expr(kind, 1)
                )
            }
            _ => format!(
                "'%(a)s %(b)r %(a)5s' % {{'a': {}, 'b': {}}}",
                self.expr(Kind::Any, 1),
                self.expr(Kind::Any, 1)
            ),
        }
    }

    fn method(&mut self) -> String {
        let method = self.pick(&[
            "count",
            "endswith",
            "startswith",
            "find",
            "index",
            "join",
            "partition",
            "replace",
            "rfind",
            "rpartition",
            "rsplit",
            "split",
            "splitlines",
            "strip",
            "isalnum",
            "isalpha",
            "isdigit",
            "islower",
            "isspace",
            "istitle",
            "isupper",
            "append",
            "extend",
            "pop",
            "keys",
            "has_key",
            "get",
            "items",
            "sort",
            "reverse",
            "nothing",
        ]);
        let count = [0, 1, 1, 1, 2][self.random.below(5)];
        let kind = self.any();
        let arguments: Vec<String> = (0..count)
            .map(|_| self.expr(SCALARS[count % 3], 1))
            .collect();
        format!(
            "{}.{method}({})",
            self.of_kind(kind, 1),
            arguments.join(", ")
        )
    }

    fn comparisons(&mut self) {
        let (a, b) = (self.expr(Kind::Any, 2), self.expr(Kind::Any, 2));
        let op = self.pick(&["<", "<=", "==", "!=", ">", ">=", "in", "not in"]);
        let (a2, b2) = (a.clone(), b.clone());
        self.step(&format!("({a} {op} {b})"));
        self.step(&format!(
            "(cmp({a2}, {b2}), ({a2} and {b2}), ({a2} or {b2}), not {a2})"
        ));
        let mixed: Vec<String> = (0..5).map(|_| self.expr(Kind::Any, 0)).collect();
        let mixed = mixed.join(", ");
        self.guarded(&[
            format!("l = [{mixed}]"),
            "l.sort()".to_owned(),
            "log(l, min(l), max(l), '\\n')".to_owned(),
        ]);
    }

    fn conversions(&mut self) {
        let function = self.pick(&[
            "int", "float", "long", "str", "bool", "list", "tuple", "repr", "complex", "ord", "sum",
        ]);
        let kind = self.any();
        let value = self.expr(kind, 1);
        self.step(&format!("{function}({value})"));
    }
}
