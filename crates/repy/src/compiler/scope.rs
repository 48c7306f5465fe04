//! Which block each name belongs to: decided for a whole file before anything is compiled.
//!
//! Python 2's rules without `global`: a name bound anywhere in a function is local to it; otherwise it belongs to
//! the nearest enclosing function that binds it, else it is global. Names bound in a class body are seen by the
//! body alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ast::{
    Body, Call, Class, Comprehension, Expr, ExprKind, Function, Index, Module, Param, Params,
    RefusedExpr, RefusedStmt, SlicePart, Stmt, StmtKind, Symbol,
};

/// Where a name lives, seen from one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// A slot of the frame.
    Local(u16),
    /// A slot that holds a shared variable.
    Cell(u16),
    /// The class body's own names.
    ClassName,
    Global,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Module,
    Function,
    Class,
}

/// One block's names.
pub(super) struct Scope {
    kind: Kind,
    /// In the order they are first bound: parameters first.
    bound: Vec<Symbol>,
    bound_set: BTreeSet<Symbol>,
    wanted: BTreeSet<Symbol>,
    inner: Vec<usize>,
    parent: usize,
    places: BTreeMap<Symbol, Place>,
    /// What each slot holds; None for the hidden slots of tuple parameters.
    pub(super) slots: Vec<Option<Symbol>>,
    /// Slots shared with inner functions.
    pub(super) cells: Vec<u16>,
    /// For each free variable, in the order of the last slots, the slot in the enclosing block.
    pub(super) captures: Vec<u16>,
}

impl Scope {
    fn new(kind: Kind) -> Scope {
        Scope {
            kind,
            bound: Vec::new(),
            bound_set: BTreeSet::new(),
            wanted: BTreeSet::new(),
            inner: Vec::new(),
            parent: 0,
            places: BTreeMap::new(),
            slots: Vec::new(),
            cells: Vec::new(),
            captures: Vec::new(),
        }
    }

    pub(super) fn place(&self, name: Symbol) -> Place {
        self.places.get(&name).copied().unwrap_or(Place::Global)
    }

    fn bind(&mut self, name: Symbol) {
        if self.bound_set.insert(name) {
            self.bound.push(name);
        }
    }
}

/// The scopes of a file, found by the address of the tree node they belong to.
pub(super) struct Scopes {
    all: Vec<Scope>,
    by_node: HashMap<usize, usize>,
}

pub(super) fn key<T>(node: &T) -> usize {
    std::ptr::from_ref(node) as usize
}

impl Scopes {
    pub(super) fn of_module(module: &Module) -> Scopes {
        let mut scopes = Scopes {
            all: vec![Scope::new(Kind::Module)],
            by_node: HashMap::new(),
        };
        scopes.body(0, &module.body);
        scopes.want();
        scopes.resolve(0, &BTreeMap::new());
        scopes
    }

    pub(super) fn module(&self) -> &Scope {
        &self.all[0]
    }

    /// The scope of a function, class or lambda of the tree.
    pub(super) fn of(&self, key: usize) -> Option<&Scope> {
        self.by_node
            .get(&key)
            .and_then(|&index| self.all.get(index))
    }

    fn open(&mut self, parent: usize, kind: Kind, key: usize) -> usize {
        let index = self.all.len();
        self.all.push(Scope::new(kind));
        self.all[parent].inner.push(index);
        self.all[index].parent = parent;
        self.by_node.insert(key, index);
        index
    }

    fn body(&mut self, at: usize, body: &Body) {
        self.stmts(at, &body.stmts);
    }

    fn stmts(&mut self, at: usize, stmts: &[Stmt]) {
        for stmt in stmts {
            self.stmt(at, stmt);
        }
    }

    fn stmt(&mut self, at: usize, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Expr(expr) => self.expr(at, expr),
            StmtKind::Assign { targets, value } => {
                self.expr(at, value);
                targets.iter().for_each(|target| self.target(at, target));
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(at, target);
                self.expr(at, value);
                self.target(at, target);
            }
            StmtKind::Delete(targets) => targets.iter().for_each(|target| self.target(at, target)),
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue => {}
            StmtKind::Return(value) => self.maybe(at, value.as_ref()),
            StmtKind::Raise {
                exception,
                value,
                traceback,
            } => {
                for part in [exception, value, traceback] {
                    self.maybe(at, part.as_ref());
                }
            }
            StmtKind::Assert { test, message } => {
                self.expr(at, test);
                self.maybe(at, message.as_ref());
            }
            StmtKind::If { branches, orelse } => {
                for (test, body) in branches {
                    self.expr(at, test);
                    self.stmts(at, body);
                }
                self.stmts(at, orelse);
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(at, test);
                self.stmts(at, body);
                self.stmts(at, orelse);
            }
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
            } => {
                self.expr(at, iter);
                self.target(at, target);
                self.stmts(at, body);
                self.stmts(at, orelse);
            }
            StmtKind::Try(node) => {
                self.stmts(at, &node.body);
                for handler in &node.handlers {
                    self.maybe(at, handler.exception.as_ref());
                    if let Some(target) = &handler.target {
                        self.target(at, target);
                    }
                    self.stmts(at, &handler.body);
                }
                self.stmts(at, &node.orelse);
                self.stmts(at, &node.finally);
            }
            StmtKind::Function(function) => self.function(at, function),
            StmtKind::Class(class) => self.class(at, class),
            StmtKind::Refused(refused) => self.refused_stmt(at, refused),
        }
    }

    fn refused_stmt(&mut self, at: usize, stmt: &RefusedStmt) {
        if let RefusedStmt::Print { file, values, .. } = stmt {
            self.maybe(at, file.as_ref());
            values.iter().for_each(|value| self.expr(at, value));
        }
    }

    fn function(&mut self, at: usize, function: &Function) {
        self.all[at].bind(function.name);
        function
            .decorators
            .iter()
            .for_each(|decorator| self.expr(at, decorator));
        function
            .params
            .defaults
            .iter()
            .for_each(|default| self.expr(at, default));
        let inner = self.open(at, Kind::Function, key(function));
        self.params(inner, &function.params);
        self.body(inner, &function.body);
    }

    fn class(&mut self, at: usize, class: &Class) {
        self.all[at].bind(class.name);
        class
            .decorators
            .iter()
            .for_each(|decorator| self.expr(at, decorator));
        class.bases.iter().for_each(|base| self.expr(at, base));
        let inner = self.open(at, Kind::Class, key(class));
        self.body(inner, &class.body);
    }

    fn params(&mut self, at: usize, params: &Params) {
        // Slots must come in the order of the parameters: tuples get hidden slots, their names follow.
        let mut later = Vec::new();
        for param in &params.positional {
            match param {
                Param::Name(name) => {
                    self.all[at].slots.push(Some(*name));
                    self.all[at].bound_set.insert(*name);
                }
                Param::Tuple(parts) => {
                    self.all[at].slots.push(None);
                    flatten(parts, &mut later);
                }
            }
        }
        for name in params.varargs.iter().chain(&params.kwargs) {
            self.all[at].slots.push(Some(*name));
            self.all[at].bound_set.insert(*name);
        }
        later.into_iter().for_each(|name| self.all[at].bind(name));
    }

    fn maybe(&mut self, at: usize, expr: Option<&Expr>) {
        if let Some(expr) = expr {
            self.expr(at, expr);
        }
    }

    fn target(&mut self, at: usize, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) => self.all[at].bind(*name),
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                parts.iter().for_each(|part| self.target(at, part))
            }
            _ => self.expr(at, target),
        }
    }

    fn expr(&mut self, at: usize, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => {
                self.all[at].wanted.insert(*name);
            }
            ExprKind::Int(_)
            | ExprKind::Long(_)
            | ExprKind::Float(_)
            | ExprKind::Imaginary(_)
            | ExprKind::Bytes(_) => {}
            ExprKind::And(parts)
            | ExprKind::Or(parts)
            | ExprKind::Tuple(parts)
            | ExprKind::List(parts) => {
                parts.iter().for_each(|part| self.expr(at, part));
            }
            ExprKind::Binary { first, rest } => {
                self.expr(at, first);
                rest.iter().for_each(|step| self.expr(at, &step.right));
            }
            ExprKind::Unary { operand, .. } => self.expr(at, operand),
            ExprKind::Compare { first, rest } => {
                self.expr(at, first);
                rest.iter().for_each(|(_, right)| self.expr(at, right));
            }
            ExprKind::Call(call) => self.call(at, call),
            ExprKind::Attribute { value, .. } => self.expr(at, value),
            ExprKind::Subscript { value, index } => {
                self.expr(at, value);
                self.index(at, index);
            }
            ExprKind::Dict(items) => items.iter().for_each(|(name, value)| {
                self.expr(at, value);
                self.expr(at, name);
            }),
            ExprKind::ListComp(comprehension) => self.comprehension(at, comprehension),
            ExprKind::Refused(refused) => self.refused_expr(at, refused),
        }
    }

    fn refused_expr(&mut self, at: usize, expr: &RefusedExpr) {
        if let RefusedExpr::Set(parts) = expr {
            parts.iter().for_each(|part| self.expr(at, part));
        }
    }

    fn call(&mut self, at: usize, call: &Call) {
        self.expr(at, &call.function);
        call.args.iter().for_each(|arg| self.expr(at, arg));
        call.keywords
            .iter()
            .for_each(|keyword| self.expr(at, &keyword.value));
        self.maybe(at, call.star.as_ref());
        self.maybe(at, call.star_star.as_ref());
    }

    fn index(&mut self, at: usize, index: &Index) {
        match index {
            Index::Item(item) => self.expr(at, item),
            Index::Slice { low, high } => {
                self.maybe(at, low.as_ref());
                self.maybe(at, high.as_ref());
            }
            Index::Extended { parts, .. } => parts.iter().for_each(|part| match part {
                SlicePart::Item(item) => self.expr(at, item),
                SlicePart::Slice { low, high, step } => {
                    for bound in [low, high, step] {
                        self.maybe(at, bound.as_ref());
                    }
                }
                SlicePart::Ellipsis => {}
            }),
        }
    }

    fn comprehension(&mut self, at: usize, comprehension: &Comprehension) {
        for part in &comprehension.fors {
            self.expr(at, &part.iter);
            self.target(at, &part.target);
            part.ifs.iter().for_each(|test| self.expr(at, test));
        }
        self.expr(at, &comprehension.element);
    }

    /// Adds to each block's wanted names those its inner blocks want and do not bind. Inner blocks come later.
    fn want(&mut self) {
        for at in (1..self.all.len()).rev() {
            let inner = &self.all[at];
            let parent = inner.parent;
            // A class body's names are not seen by the functions in it, so what those want passes through.
            let passed: Vec<Symbol> = match inner.kind {
                Kind::Class => inner.wanted.iter().copied().collect(),
                _ => inner.wanted.difference(&inner.bound_set).copied().collect(),
            };
            self.all[parent].wanted.extend(passed);
        }
    }

    /// Gives every name of a block its place. `outer` is where enclosing functions keep theirs, as slots of the
    /// directly enclosing block.
    fn resolve(&mut self, at: usize, outer: &BTreeMap<Symbol, u16>) {
        let inner_wants: BTreeSet<Symbol> = self.all[at]
            .inner
            .iter()
            .flat_map(|&inner| {
                let scope = &self.all[inner];
                scope
                    .wanted
                    .iter()
                    .filter(|name| scope.kind == Kind::Class || !scope.bound_set.contains(name))
                    .copied()
            })
            .collect();
        let scope = &mut self.all[at];
        let mut visible = BTreeMap::new();
        match scope.kind {
            Kind::Module => {}
            Kind::Function => {
                for name in std::mem::take(&mut scope.bound) {
                    scope.slots.push(Some(name));
                }
                for (slot, name) in scope.slots.iter().enumerate() {
                    let Some(name) = *name else { continue };
                    let slot = slot as u16;
                    if inner_wants.contains(&name) {
                        scope.cells.push(slot);
                        scope.places.insert(name, Place::Cell(slot));
                        visible.insert(name, slot);
                    } else {
                        scope.places.insert(name, Place::Local(slot));
                    }
                }
            }
            Kind::Class => {
                for &name in &scope.bound_set {
                    scope.places.insert(name, Place::ClassName);
                }
            }
        }
        let free: Vec<Symbol> = scope
            .wanted
            .iter()
            .filter(|name| {
                outer.contains_key(name)
                    && (scope.kind == Kind::Class || !scope.bound_set.contains(name))
            })
            .copied()
            .collect();
        for name in free {
            let slot = scope.slots.len() as u16;
            scope.slots.push(Some(name));
            scope.captures.push(outer.get(&name).copied().unwrap_or(0));
            visible.insert(name, slot);
            scope.places.entry(name).or_insert(Place::Cell(slot));
        }
        for inner in scope.inner.clone() {
            self.resolve(inner, &visible);
        }
    }
}

fn flatten(parts: &[Param], names: &mut Vec<Symbol>) {
    for part in parts {
        match part {
            Param::Name(name) => names.push(*name),
            Param::Tuple(inner) => flatten(inner, names),
        }
    }
}
