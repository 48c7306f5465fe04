//! The generated steps that define something first: functions, classes, ways to fail, loops.

use super::{Generator, Kind};

impl Generator<'_> {
    pub(super) fn function(&mut self) {
        self.names += 1;
        let name = format!("f{}", self.names);
        let params = self.pick(&[
            "a",
            "a, b=2",
            "a, b=[], *c",
            "*c",
            "a=1, **k",
            "a, *c, **k",
            "(a, b)",
            "a, (b, c)=(1, 2)",
        ]);
        self.line(0, &format!("def {name}({params}):"));
        let kept = self.expr(Kind::Any, 1);
        match self.random.below(4) {
            0 => self.line(1, "return a, b"),
            1 => self.line(1, "return (a, c)"),
            2 => {
                self.line(1, &format!("x = {kept}"));
                self.line(1, "def inner(y=3): return [x, y]");
                self.line(1, "return inner(), inner(a)");
            }
            _ => {
                self.line(1, "for i in range(3):");
                self.line(2, "if i == a: return i, 'found'");
                self.line(1, "return k");
            }
        }
        let argument = self.expr(Kind::Any, 1);
        let arguments = self.pick(&[
            "",
            "1",
            "1, 2",
            "1, 2, 3",
            "a=1",
            "1, b=5",
            "*[1, 2]",
            "**{'a': 4}",
            "(1, 2)",
            "1, 2, c=3",
            "*'xy'",
            "V",
            "V, V",
        ]);
        self.guarded(&[format!(
            "log(repr({name}({})), '\\n')",
            arguments.replace('V', &argument)
        )]);
    }

    pub(super) fn class(&mut self) {
        self.names += 1;
        let n = self.names;
        let base = self.pick(&[
            "",
            "(object)",
            "(Exception)",
            "(list)",
            "(dict)",
            "(int)",
            "(str)",
        ]);
        let value = self.expr(Kind::Any, 1);
        let field = self.expr(Kind::Any, 1);
        self.guarded(&[
            format!("class C{n}{base}:"),
            format!("  shared = {value}"),
            "  def method(self, x=1): return (self.shared, x)".to_owned(),
            "  def __str__(self): return 'text of C'".to_owned(),
        ]);
        let derived = self.random.below(2) == 0;
        if derived {
            self.guarded(&[
                format!("class D{n}(C{n}):"),
                format!("  def method(self, x=2): return C{n}.method(self, [x])"),
                "  def __repr__(self): return 'repr of D'".to_owned(),
            ]);
        }
        let name = if derived {
            format!("D{n}")
        } else {
            format!("C{n}")
        };
        self.guarded(&[
            format!("o = {name}()"),
            "log(o.method(), o.method(5), str(o), '%s' % o, isinstance(o, object), bool(o), '\\n')"
                .to_owned(),
            format!("o.field = {field}"),
            "log(o.field, o.shared, [o] == [o], o == 0, '\\n')".to_owned(),
            "o.missing".to_owned(),
        ]);
        let argument = self.expr(Kind::Any, 1);
        self.guarded(&[format!("log(str({name}({argument})), '\\n')")]);
    }

    pub(super) fn exceptions(&mut self) {
        let class = self.pick(&[
            "ValueError",
            "KeyError",
            "IndexError",
            "TypeError",
            "RuntimeError",
            "IOError",
            "StopIteration",
            "AssertionError",
        ]);
        let raised = self.expr(Kind::Any, 1);
        let raise = match self.random.below(5) {
            0 => format!("raise {class}({raised})"),
            1 => format!("raise {class}, {raised}"),
            2 => format!("raise {class}({raised}, 2)"),
            3 => format!("assert {raised}, 'words'"),
            _ => self.expr(Kind::Any, 2),
        };
        let caught = self.pick(&[
            "ValueError",
            "LookupError",
            "(KeyError, TypeError)",
            "Exception",
            "StandardError",
            "EnvironmentError",
        ]);
        let last = self.pick(&[
            "pass",
            "log('more')",
            "raise",
            "x = e.args",
            "1 / 0",
            "e.args = (e, 1); log(repr(e))",
            "e.args = [e, e.args]; log(e)",
            "e.args = (e,); log(repr(e), [e])",
            "e.args = 'ab'; log(e, repr(e), e.args, e.message)",
            "e.args = 5",
        ]);
        self.guarded(&[
            "try:".to_owned(),
            "  try:".to_owned(),
            format!("    {raise}"),
            format!("  except {caught}, e:"),
            "    log('caught', type(e), e, repr(e), e.args)".to_owned(),
            format!("    {last}"),
            "  else:".to_owned(),
            "    log('else')".to_owned(),
            "finally:".to_owned(),
            "  log('finally\\n')".to_owned(),
        ]);
    }

    /// Data that holds methods of itself, or whose parts have a `__repr__` that shows more data.
    pub(super) fn self_showing(&mut self) {
        self.names += 1;
        let n = self.names;
        let base = self.pick(&["(list)", "(Exception)", "(dict)", "(tuple)"]);
        let inner = self.expr(Kind::Any, 1);
        let deep = self.pick(&["1", "3", "20", "40"]);
        let again = self.pick(&["1", "2", "5"]);
        self.guarded(&[
            format!("class M{n}{base}:"),
            "  def method(self): return 1".to_owned(),
            format!("class R{n}(object):"),
            "  def __init__(self, inner): self.inner = inner".to_owned(),
            "  def __repr__(self): return repr(self.inner)".to_owned(),
        ]);
        let hold = match base {
            "(list)" => "m.append(m.method)",
            "(dict)" => "m[1] = [m.method, m]",
            "(Exception)" => "m.args = (m.method, m)",
            _ => "m = [m.method]",
        };
        self.guarded(&[
            format!("m = M{n}()"),
            hold.to_owned(),
            "log(repr(m), [m], m == m, '\\n')".to_owned(),
            "log(str(m), '%s %r' % ([m], (m,)), '\\n')".to_owned(),
        ]);
        self.guarded(&[
            format!("r = {inner}"),
            format!("for i in range({again}):"),
            format!("  for k in range({deep}):"),
            "    r = [r]".to_owned(),
            format!("  r = R{n}(r)"),
            "log(len(repr(r)), '\\n')".to_owned(),
        ]);
        self.guarded(&[
            "x = []".to_owned(),
            format!("x.append(R{n}((x, {inner})))"),
            "log(repr(x), '\\n')".to_owned(),
        ]);
    }

    pub(super) fn lines_of_loop(&mut self) {
        let kind = self.any();
        let items = self.expr(kind, 2);
        let leave = self.pick(&["break", "continue", "pass", "raise ValueError(i)"]);
        let condition = self.pick(&["i == 1", "i", "i == 'a'", "not i", "i > 2"]);
        self.guarded(&[
            format!("for i in {items}:"),
            format!("  if {condition}: {leave}"),
            "  log(repr(i))".to_owned(),
            "else: log('else')".to_owned(),
            "log('\\n')".to_owned(),
        ]);
    }
}
