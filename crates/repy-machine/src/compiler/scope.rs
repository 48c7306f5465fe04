//! Which block each name belongs to: decided for a whole file before anything is compiled.
//!
//! Python 2's rules without `global`: a name bound anywhere in a function is local to it; otherwise it belongs to
//! the nearest enclosing function that binds it, else it is global. Names bound in a class body are seen by the
//! body alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;

use overlord_repy_syntax::ast::visit::{Use, Visit, Visitor, visit_exprs};
use overlord_repy_syntax::ast::{
    ClassDefinition, Expr, FunctionDefinition, Module, Param, Params, Pos, Symbol,
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
        let mut finder = Finder {
            scopes: &mut scopes,
            at: 0,
        };
        let Ok(()) = finder.body(&module.body);
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

/// Finds the scopes of a tree and what is bound and wanted in each.
struct Finder<'scopes> {
    scopes: &'scopes mut Scopes,
    /// The block whose statements are visited.
    at: usize,
}

impl Finder<'_> {
    fn scope(&mut self) -> &mut Scope {
        &mut self.scopes.all[self.at]
    }

    /// The finder of a block within this one.
    fn open(&mut self, kind: Kind, key: usize) -> Finder<'_> {
        let at = self.scopes.open(self.at, kind, key);
        Finder {
            scopes: self.scopes,
            at,
        }
    }

    fn params(&mut self, params: &Params) {
        // Slots must come in the order of the parameters: tuples get hidden slots, their names follow.
        let mut later = Vec::new();
        let scope = self.scope();
        for param in &params.positional {
            match param {
                Param::Name(name) => {
                    scope.slots.push(Some(*name));
                    scope.bound_set.insert(*name);
                }
                Param::Tuple(parts) => {
                    scope.slots.push(None);
                    flatten(parts, &mut later);
                }
            }
        }
        for name in params.varargs.iter().chain(&params.kwargs) {
            scope.slots.push(Some(*name));
            scope.bound_set.insert(*name);
        }
        later.into_iter().for_each(|name| scope.bind(name));
    }
}

impl<'tree> Visitor<'tree> for Finder<'_> {
    type Stop = Infallible;

    fn name(&mut self, name: Symbol, _: Pos, used: Use) -> Visit<'tree, Self> {
        match used {
            Use::Read => drop(self.scope().wanted.insert(name)),
            Use::Bound | Use::Defined | Use::Parameter => self.scope().bind(name),
            Use::Attribute | Use::AttributeSet | Use::Keyword => {}
        }
        Ok(())
    }

    /// What is changed is also read.
    fn updated(&mut self, target: &'tree Expr) -> Visit<'tree, Self> {
        self.expr(target)?;
        self.target(target)
    }

    fn function(&mut self, function: &'tree FunctionDefinition, pos: Pos) -> Visit<'tree, Self> {
        self.name(function.name, pos, Use::Defined)?;
        visit_exprs(self, &function.decorators)?;
        visit_exprs(self, &function.params.defaults)?;
        let mut inner = self.open(Kind::Function, key(function));
        inner.params(&function.params);
        inner.body(&function.body)
    }

    fn class(&mut self, class: &'tree ClassDefinition, pos: Pos) -> Visit<'tree, Self> {
        self.name(class.name, pos, Use::Defined)?;
        visit_exprs(self, &class.decorators)?;
        visit_exprs(self, &class.bases)?;
        self.open(Kind::Class, key(class)).body(&class.body)
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
