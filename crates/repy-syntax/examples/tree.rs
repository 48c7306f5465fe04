//! Prints what the front end makes of the files named, one line each: `VERDICT COMPILES TREE`.
//!
//! VERDICT is that of the safety check (accepted, unsafe, syntax; deep if a limit was met), COMPILES whether the rules of the compiler hold too, TREE is written as
//! `tests/compare_trees.py` writes that of CPython 2.7, so that the two can be compared.

use std::fmt::Write;

use overlord_repy_syntax::ast::{
    BinaryOp, Body, CallExpr, CompFor, CompareOp, Comprehension, Expr, ExprKind, Index, Module,
    Param, Params, RefusedExpr, RefusedStmt, SlicePart, Stmt, StmtKind, Symbol, Symbols, Try,
    UnaryOp,
};
use overlord_repy_syntax::syntax_error::SyntaxError;
use overlord_repy_syntax::{check, compile_rules, parser::parse, source::SourceText};

#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() {
    for file in std::env::args_os().skip(1) {
        println!("{}", judge(&std::fs::read(&file).unwrap_or_default()));
    }
}

/// The line of one file.
pub(crate) fn judge(bytes: &[u8]) -> String {
    let module = match SourceText::new(bytes).and_then(|source| parse(&source)) {
        Ok(module) => module,
        Err(error) if is_limit(&error) => return "deep - -".to_owned(),
        Err(_) => return "syntax - -".to_owned(),
    };
    let tree = Printer::print(&module);
    if check::check(&module).is_err() {
        return format!("unsafe - {tree}");
    }
    let compiles = if compile_rules::check(&module).is_ok() {
        "yes"
    } else {
        "no"
    };
    format!("accepted {compiles} {tree}")
}

/// Whether the file was refused for its depth, where CPython's limits differ from ours.
fn is_limit(error: &SyntaxError) -> bool {
    error.message.contains("nested more than") || error.message.contains("levels high")
}

struct Printer<'tree> {
    symbols: &'tree Symbols,
    out: String,
}

impl<'tree> Printer<'tree> {
    fn print(module: &'tree Module) -> String {
        let mut printer = Self {
            symbols: &module.symbols,
            out: String::new(),
        };
        printer.node("Module", |p| p.body(&module.body));
        printer.out
    }

    fn node(&mut self, name: &str, parts: impl FnOnce(&mut Self)) {
        let _ = write!(self.out, "({name}");
        parts(self);
        self.out.push(')');
    }

    fn word(&mut self, word: impl std::fmt::Display) {
        let _ = write!(self.out, " {word}");
    }

    fn raw(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(text);
    }

    fn name(&mut self, symbol: Symbol) {
        let name = self.symbols.name(symbol).to_owned();
        self.word(name);
    }

    fn maybe_name(&mut self, symbol: Option<Symbol>) {
        match symbol {
            Some(symbol) => self.name(symbol),
            None => self.word("-"),
        }
    }

    fn body(&mut self, body: &Body) {
        self.stmts(&body.stmts);
    }

    fn stmts(&mut self, stmts: &[Stmt]) {
        self.node("Stmt", |p| stmts.iter().for_each(|stmt| p.stmt(stmt)));
    }

    fn orelse(&mut self, stmts: &[Stmt]) {
        if stmts.is_empty() {
            self.word("-")
        } else {
            self.stmts(stmts)
        }
    }

    fn line(&mut self, stmt: &Stmt) {
        self.word(stmt.pos.line);
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Expr(value) => self.node("Discard", |p| p.expr(value)),
            StmtKind::Assign { targets, value } => self.node("Assign", |p| {
                targets
                    .iter()
                    .for_each(|target| p.target(target, "OP_ASSIGN"));
                p.expr(value);
            }),
            StmtKind::AugAssign { target, op, value } => self.node("AugAssign", |p| {
                p.expr(target);
                p.word(binary(*op));
                p.expr(value);
            }),
            StmtKind::Delete(targets) => self.deleted(targets),
            StmtKind::Pass => self.node("Pass", |p| p.line(stmt)),
            StmtKind::Break => self.node("Break", |p| p.line(stmt)),
            StmtKind::Continue => self.node("Continue", |p| p.line(stmt)),
            StmtKind::Return(value) => self.node("Return", |p| {
                p.line(stmt);
                p.maybe(value);
            }),
            StmtKind::Raise {
                exception,
                value,
                traceback,
            } => self.node("Raise", |p| {
                p.line(stmt);
                p.maybe(exception);
                p.maybe(value);
                p.maybe(traceback);
            }),
            StmtKind::Assert { test, message } => self.node("Assert", |p| {
                p.line(stmt);
                p.expr(test);
                p.maybe(message);
            }),
            StmtKind::If { branches, orelse } => self.node("If", |p| {
                p.line(stmt);
                for (test, body) in branches {
                    p.expr(test);
                    p.stmts(body);
                }
                p.orelse(orelse);
            }),
            StmtKind::While { test, body, orelse } => self.node("While", |p| {
                p.line(stmt);
                p.expr(test);
                p.stmts(body);
                p.orelse(orelse);
            }),
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
            } => self.node("For", |p| {
                p.line(stmt);
                p.target(target, "OP_ASSIGN");
                p.expr(iter);
                p.stmts(body);
                p.orelse(orelse);
            }),
            StmtKind::Try(parts) => self.try_stmt(parts),
            StmtKind::Function(function) => self.node("Function", |p| {
                p.decorators(&function.decorators);
                p.name(function.name);
                p.params(&function.params);
                p.body(&function.body);
            }),
            StmtKind::Class(class) => self.node("Class", |p| {
                p.decorators(&class.decorators);
                p.name(class.name);
                p.node("Bases", |p| p.exprs(&class.bases));
                p.body(&class.body);
            }),
            StmtKind::Refused(refused) => self.refused_stmt(refused),
        }
    }

    /// A comma after a lone target makes no difference, and our tree does not have it.
    fn deleted(&mut self, targets: &[Expr]) {
        match targets {
            [
                Expr {
                    kind: ExprKind::Tuple(inner),
                    ..
                },
            ] => self.deleted(inner),
            [only] => self.target(only, "OP_DELETE"),
            many => self.node("AssTuple", |p| {
                many.iter().for_each(|target| p.target(target, "OP_DELETE"));
            }),
        }
    }

    fn try_stmt(&mut self, parts: &Try) {
        if parts.handlers.is_empty() {
            return self.node("TryFinally", |p| {
                p.stmts(&parts.body);
                p.stmts(&parts.finally);
            });
        }
        if !parts.finally.is_empty() {
            let inner = Try {
                finally: Vec::new(),
                ..parts.clone()
            };
            return self.node("TryFinally", |p| {
                p.try_stmt(&inner);
                p.stmts(&parts.finally);
            });
        }
        self.node("TryExcept", |p| {
            p.stmts(&parts.body);
            for handler in &parts.handlers {
                p.maybe(&handler.exception);
                match &handler.target {
                    Some(target) => p.target(target, "OP_ASSIGN"),
                    None => p.word("-"),
                }
                p.stmts(&handler.body);
            }
            p.orelse(&parts.orelse);
        });
    }

    fn decorators(&mut self, decorators: &[Expr]) {
        if decorators.is_empty() {
            self.word("-");
        } else {
            self.node("Decorators", |p| p.exprs(decorators));
        }
    }

    fn params(&mut self, params: &Params) {
        self.node("Params", |p| {
            params.positional.iter().for_each(|param| p.param(param));
            for &name in params.varargs.iter().chain(&params.kwargs) {
                p.name(name);
            }
        });
        self.word(4 * u32::from(params.varargs.is_some()) + 8 * u32::from(params.kwargs.is_some()));
        self.node("Defaults", |p| p.exprs(&params.defaults));
    }

    fn param(&mut self, param: &Param) {
        match param {
            Param::Name(name) => self.name(*name),
            Param::Tuple(parts) => self.node("", |p| parts.iter().for_each(|part| p.param(part))),
        }
    }

    fn refused_stmt(&mut self, refused: &RefusedStmt) {
        match refused {
            RefusedStmt::Print {
                file,
                values,
                newline,
            } => self.node(if *newline { "Printnl" } else { "Print" }, |p| {
                p.maybe(file);
                p.exprs(values);
            }),
            RefusedStmt::Exec {
                code,
                globals,
                locals,
            } => self.node("Exec", |p| {
                p.expr(code);
                p.maybe(globals);
                p.maybe(locals);
            }),
            RefusedStmt::Import(modules) => self.node("Import", |p| p.imported(modules)),
            RefusedStmt::From { module, names } => self.node("From", |p| {
                p.word(module);
                p.imported(names);
            }),
            RefusedStmt::Global(names) => {
                self.node("Global", |p| names.iter().for_each(|name| p.name(*name)))
            }
            RefusedStmt::With { items, body } => self.with(items, body),
        }
    }

    fn imported(&mut self, names: &[(String, Option<Symbol>)]) {
        for (name, alias) in names {
            self.word(name);
            self.maybe_name(*alias);
        }
    }

    fn with(&mut self, items: &[(Expr, Option<Expr>)], body: &[Stmt]) {
        let Some(((manager, target), rest)) = items.split_first() else {
            return self.stmts(body);
        };
        self.node("With", |p| {
            p.expr(manager);
            match target {
                Some(target) => p.target(target, "OP_ASSIGN"),
                None => p.word("-"),
            }
            p.with(rest, body);
        });
    }

    fn target(&mut self, target: &Expr, flag: &str) {
        let each =
            |p: &mut Self, items: &[Expr]| items.iter().for_each(|item| p.target(item, flag));
        match &target.kind {
            ExprKind::Name(name) => self.node("AssName", |p| {
                p.name(*name);
                p.word(target.pos.line);
                p.word(flag);
            }),
            ExprKind::Attribute { value, name, .. } => self.node("AssAttr", |p| {
                p.expr(value);
                p.name(*name);
                p.word(flag);
            }),
            ExprKind::Tuple(items) => self.node("AssTuple", |p| each(p, items)),
            ExprKind::List(items) => self.node("AssList", |p| each(p, items)),
            ExprKind::Subscript { value, index } => self.subscript(value, index, flag),
            ExprKind::Refused(refused) => match &**refused {
                RefusedExpr::GenExpr(Comprehension { element, .. }) => {
                    self.node("AssTuple", |p| p.target(element, flag))
                }
                _ => self.word("?"),
            },
            _ => self.word("?"),
        }
    }

    fn exprs(&mut self, exprs: &[Expr]) {
        exprs.iter().for_each(|expr| self.expr(expr));
    }

    fn maybe(&mut self, expr: &Option<Expr>) {
        match expr {
            Some(expr) => self.expr(expr),
            None => self.word("-"),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => self.node("Name", |p| {
                p.name(*name);
                p.word(expr.pos.line);
            }),
            ExprKind::Int(int) if *int == i64::MIN => {
                self.raw(format_args!("(UnarySub(Long 9223372036854775808))"))
            }
            ExprKind::Int(int) if *int < 0 => self.raw(format_args!("(UnarySub(Int {}))", -int)),
            ExprKind::Int(int) => self.node("Int", |p| p.word(int)),
            ExprKind::Long(long) if long < &0.into() => {
                self.raw(format_args!("(UnarySub(Long {}))", -long));
            }
            ExprKind::Long(long) => self.node("Long", |p| p.word(long)),
            ExprKind::Float(float) => self.float("Float", *float),
            ExprKind::Imaginary(float) => self.float("Imaginary", *float),
            ExprKind::Bytes(bytes) => self.node("Bytes", |p| {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                p.word(hex);
            }),
            ExprKind::And(items) => self.node("And", |p| p.exprs(items)),
            ExprKind::Or(items) => self.node("Or", |p| p.exprs(items)),
            ExprKind::Binary { first, rest } => {
                let ops: Vec<&str> = rest.iter().map(|step| binary(step.op)).collect();
                if matches!(ops[0], "Bitor" | "Bitxor" | "Bitand") {
                    return self.node(ops[0], |p| {
                        p.expr(first);
                        rest.iter().for_each(|step| p.expr(&step.right));
                    });
                }
                ops.iter().rev().for_each(|op| {
                    let _ = write!(self.out, "({op}");
                });
                self.expr(first);
                for step in rest {
                    self.expr(&step.right);
                    self.out.push(')');
                }
            }
            ExprKind::Unary { op, operand } => {
                let name = match op {
                    UnaryOp::Invert => "Invert",
                    UnaryOp::Minus => "UnarySub",
                    UnaryOp::Not => "Not",
                    UnaryOp::Plus => "UnaryAdd",
                };
                let start = self.out.len();
                self.node(name, |p| p.expr(operand));
                // The same as the literal `-0`, which has no sign.
                if self.out.get(start..) == Some("(UnarySub(Int 0))") {
                    self.out.truncate(start);
                    self.out.push_str("(Int 0)");
                }
            }
            ExprKind::Compare { first, rest } => self.node("Compare", |p| {
                p.expr(first);
                for (op, right) in rest {
                    p.word(compare(*op));
                    p.expr(right);
                }
            }),
            ExprKind::Call(call) => self.call(call),
            ExprKind::Attribute { value, name, .. } => self.node("Getattr", |p| {
                p.expr(value);
                p.name(*name);
            }),
            ExprKind::Subscript { value, index } => self.subscript(value, index, "OP_APPLY"),
            ExprKind::Tuple(items) => self.node("Tuple", |p| p.exprs(items)),
            ExprKind::List(items) => self.node("List", |p| p.exprs(items)),
            ExprKind::Dict(items) => self.node("Dict", |p| {
                for (key, value) in items {
                    p.expr(key);
                    p.expr(value);
                }
            }),
            ExprKind::ListComp(comprehension) => {
                self.node("ListComp", |p| p.comprehension(comprehension))
            }
            ExprKind::Refused(refused) => self.refused_expr(refused),
        }
    }

    fn float(&mut self, name: &str, float: f64) {
        let bits = float.abs().to_bits();
        if float.is_sign_negative() {
            self.raw(format_args!("(UnarySub({name} {bits:x}))"));
        } else {
            self.node(name, |p| p.word(format_args!("{bits:x}")));
        }
    }

    fn call(&mut self, call: &CallExpr) {
        self.node("CallFunc", |p| {
            p.expr(&call.function);
            p.exprs(&call.args);
            for keyword in &call.keywords {
                p.node("Keyword", |p| {
                    p.name(keyword.name);
                    p.word(keyword.pos.line);
                    p.expr(&keyword.value);
                });
            }
            p.maybe(&call.star);
            p.maybe(&call.star_star);
        });
    }

    fn subscript(&mut self, value: &Expr, index: &Index, flag: &str) {
        if let Index::Slice { low, high } = index {
            return self.node("Slice", |p| {
                p.word(flag);
                p.expr(value);
                p.maybe(low);
                p.maybe(high);
            });
        }
        self.node("Subscript", |p| {
            p.word(flag);
            p.expr(value);
            match index {
                Index::Item(Expr {
                    kind: ExprKind::Tuple(items),
                    ..
                }) => p.exprs(items),
                Index::Item(item) => p.expr(item),
                Index::Slice { .. } => {}
                Index::Extended { parts, .. } => parts.iter().for_each(|part| match part {
                    SlicePart::Item(item) => p.expr(item),
                    SlicePart::Slice { low, high, step } => p.node("Sliceobj", |p| {
                        p.maybe(low);
                        p.maybe(high);
                        if step.is_some() {
                            p.maybe(step);
                        }
                    }),
                    SlicePart::Ellipsis => p.word("(Ellipsis)"),
                }),
            }
        });
    }

    fn comprehension(&mut self, comprehension: &Comprehension) {
        self.expr(&comprehension.element);
        for CompFor {
            target, iter, ifs, ..
        } in &comprehension.fors
        {
            self.node("For", |p| {
                p.target(target, "OP_ASSIGN");
                p.expr(iter);
                p.exprs(ifs);
            });
        }
    }

    fn refused_expr(&mut self, refused: &RefusedExpr) {
        match refused {
            RefusedExpr::Unicode(_) => self.word("(Unicode)"),
            RefusedExpr::Backquote(value) => self.node("Backquote", |p| p.expr(value)),
            RefusedExpr::Lambda(params, body) => self.node("Lambda", |p| {
                p.params(params);
                p.expr(body);
            }),
            RefusedExpr::Yield(value) => self.node("Yield", |p| p.maybe(value)),
            RefusedExpr::IfExp { test, then, orelse } => self.node("IfExp", |p| {
                p.expr(test);
                p.expr(then);
                p.expr(orelse);
            }),
            RefusedExpr::GenExpr(comprehension) => {
                self.node("GenExpr", |p| p.comprehension(comprehension))
            }
            RefusedExpr::Set(items) => self.node("Set", |p| p.exprs(items)),
            RefusedExpr::SetComp(comprehension) => {
                self.node("SetComp", |p| p.comprehension(comprehension))
            }
            RefusedExpr::DictComp(comprehension, value) => self.node("DictComp", |p| {
                p.expr(value);
                p.comprehension(comprehension);
            }),
        }
    }
}

fn binary(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "Add",
        BinaryOp::BitAnd => "Bitand",
        BinaryOp::BitOr => "Bitor",
        BinaryOp::BitXor => "Bitxor",
        BinaryOp::Div => "Div",
        BinaryOp::FloorDiv => "FloorDiv",
        BinaryOp::LeftShift => "LeftShift",
        BinaryOp::Mod => "Mod",
        BinaryOp::Mul => "Mul",
        BinaryOp::Pow => "Power",
        BinaryOp::RightShift => "RightShift",
        BinaryOp::Sub => "Sub",
    }
}

fn compare(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "==",
        CompareOp::Greater => ">",
        CompareOp::GreaterEqual => ">=",
        CompareOp::In => "in",
        CompareOp::Is => "is",
        CompareOp::IsNot => "is not",
        CompareOp::Less => "<",
        CompareOp::LessEqual => "<=",
        CompareOp::NotEqual => "!=",
        CompareOp::NotIn => "not in",
    }
}
