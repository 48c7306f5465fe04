//! The modules of a crate as its source says them: which file uses what of which other file. What is allowed is left
//! to the callers.
//!
//! A file uses another if one of its paths, or one of its private `use` lines, leads to an item there; names that a
//! module hands on (`pub use`) are followed to where they are made, and handing on alone is no use. Paths in the
//! arguments of macros count. Not seen: methods called on a value, macros found by order of text, what macros make.
//! Code for tests is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// A name that leads on through this many others goes round in a circle.
const IMPORTS_FOLLOWED_MAX: usize = 20;

/// What a name in a module stands for.
enum Name {
    /// Something that is made in this module.
    Item,
    /// A module below, by its number.
    Module(usize),
    /// What this path leads to.
    Import(Vec<String>),
}

/// A module, in a file of its own or within one.
#[derive(Default)]
struct Module {
    parent: Option<usize>,
    /// The file, below the crate's `src`.
    file: String,
    names: BTreeMap<String, Name>,
    /// Paths of which everything is imported.
    globs: Vec<Vec<String>>,
    /// Paths that the code of the module names.
    used: BTreeSet<Vec<String>>,
    /// Types that other modules may name, and whether other crates may.
    types: Vec<(String, bool)>,
}

/// The modules of one crate.
pub(crate) struct ModuleGraph {
    modules: Vec<Module>,
}

impl ModuleGraph {
    /// Reads the crate whose root is `root` (`src/lib.rs` or `src/main.rs`), with all modules that it declares.
    pub(crate) fn read(root: &Path) -> Self {
        let mut graph = Self {
            modules: Vec::new(),
        };
        let source = root.parent().unwrap().to_owned();
        let text = std::fs::read_to_string(root).unwrap();
        graph.add(&text, None, root, &source, true);
        graph
    }

    /// A crate of one file per entry, the first being the root: for examples.
    pub(crate) fn of(folder: &Path, files: &[(&str, &str)]) -> Self {
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self::read(&folder.join(files[0].0))
    }

    fn add(
        &mut self,
        text: &str,
        parent: Option<usize>,
        file: &Path,
        source: &Path,
        owns_folder: bool,
    ) -> usize {
        let syntax = syn::parse_file(text)
            .unwrap_or_else(|error| panic!("{} is no Rust: {error}", file.display()));
        // Where the files of modules below are looked for.
        let below = if owns_folder {
            file.parent().unwrap().to_owned()
        } else {
            file.with_extension("")
        };
        self.add_items(&syntax.items, parent, file, source, &below)
    }

    fn add_items(
        &mut self,
        items: &[syn::Item],
        parent: Option<usize>,
        file: &Path,
        source: &Path,
        below: &Path,
    ) -> usize {
        let number = self.modules.len();
        self.modules.push(Module {
            parent,
            file: file
                .strip_prefix(source)
                .unwrap()
                .to_string_lossy()
                .into_owned(),
            ..Module::default()
        });
        for item in items {
            if let syn::Item::Mod(module) = item
                && !is_for_tests(&module.attrs)
            {
                let name = module.ident.to_string();
                let child = match &module.content {
                    Some((_, items)) => {
                        self.add_items(items, Some(number), file, source, &below.join(&name))
                    }
                    None => self.add_file(module, number, source, below),
                };
                self.modules[number].names.insert(name, Name::Module(child));
            }
        }
        let mut reader = Reader {
            module: std::mem::take(&mut self.modules[number]),
        };
        for item in items {
            reader.item(item);
        }
        self.modules[number] = reader.module;
        number
    }

    fn add_file(
        &mut self,
        module: &syn::ItemMod,
        parent: usize,
        source: &Path,
        below: &Path,
    ) -> usize {
        let name = module.ident.to_string();
        let places: [PathBuf; 2] = [
            below.join(format!("{name}.rs")),
            below.join(&name).join("mod.rs"),
        ];
        let path = places
            .iter()
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("{} is not found", places[0].display()));
        let text = std::fs::read_to_string(path).unwrap();
        self.add(&text, Some(parent), path, source, path == &places[1])
    }

    /// The names of the types that the crate declares for more than one module, and whether one of that name is public.
    pub(crate) fn types(&self) -> BTreeMap<&str, bool> {
        let mut types = BTreeMap::new();
        for (name, public) in self.modules.iter().flat_map(|module| &module.types) {
            *types.entry(name.as_str()).or_default() |= public;
        }
        types
    }

    /// Which files each file uses.
    pub(crate) fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (number, module) in self.modules.iter().enumerate() {
            let targets = arrows.entry(&module.file).or_default();
            for path in &module.used {
                if let Some(target) = self.home(number, path, 0) {
                    let target = self.modules[target].file.as_str();
                    if target != module.file {
                        targets.insert(target);
                    }
                }
            }
        }
        arrows
    }

    /// The module in which the item is made that a path leads to; none for what is outside the crate, and for modules.
    fn home(&self, from: usize, path: &[String], followed: usize) -> Option<usize> {
        if followed > IMPORTS_FOLLOWED_MAX {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.home_in(0, rest, followed),
            "self" => self.home_in(from, rest, followed),
            "super" => self.home_in(self.modules[from].parent?, rest, followed),
            _ => self.home_in(from, path, followed),
        }
    }

    fn home_in(&self, module: usize, path: &[String], followed: usize) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        if first == "super" {
            return self.home_in(self.modules[module].parent?, rest, followed);
        }
        match self.modules[module].names.get(first) {
            Some(Name::Item) => Some(module),
            Some(Name::Module(child)) => self.home_in(*child, rest, followed),
            Some(Name::Import(to)) => {
                let whole: Vec<String> = to.iter().chain(rest).cloned().collect();
                // An import that is named as what it imports is looked for outside.
                (whole != path).then(|| self.home(module, &whole, followed + 1))?
            }
            None => self.modules[module].globs.iter().find_map(|glob| {
                let whole: Vec<String> = glob.iter().chain(path).cloned().collect();
                self.home(module, &whole, followed + 1)
            }),
        }
    }

    /// The files that use each other, directly or through others: a set for each circle.
    pub(crate) fn circles(&self) -> BTreeSet<BTreeSet<&str>> {
        let arrows = self.arrows();
        let reached: BTreeMap<&str, BTreeSet<&str>> = arrows
            .keys()
            .map(|file| (*file, reachable(&arrows, file)))
            .collect();
        reached
            .iter()
            .filter(|(file, targets)| targets.contains(*file))
            .map(|(file, targets)| {
                targets
                    .iter()
                    .copied()
                    .filter(|target| reached[target].contains(file))
                    .collect()
            })
            .collect()
    }
}

fn reachable<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&str> = arrows[from].iter().copied().collect();
    while let Some(file) = next.pop() {
        if found.insert(file) {
            next.extend(&arrows[file]);
        }
    }
    found
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => {
            let words = list.tokens.to_string();
            list.path.is_ident("cfg")
                && words
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|word| word == "test")
                && !words.contains("not")
        }
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::NameValue(_) => false,
    })
}

/// Notes what the items of one module make, import and name.
struct Reader {
    module: Module,
}

impl Reader {
    fn item(&mut self, item: &syn::Item) {
        let (name, type_visibility, attributes) = match item {
            syn::Item::Struct(item) => (&item.ident, Some(&item.vis), &item.attrs),
            syn::Item::Enum(item) => (&item.ident, Some(&item.vis), &item.attrs),
            syn::Item::Union(item) => (&item.ident, Some(&item.vis), &item.attrs),
            syn::Item::Trait(item) => (&item.ident, Some(&item.vis), &item.attrs),
            syn::Item::Type(item) => (&item.ident, Some(&item.vis), &item.attrs),
            syn::Item::Fn(item) => (&item.sig.ident, None, &item.attrs),
            syn::Item::Const(item) => (&item.ident, None, &item.attrs),
            syn::Item::Static(item) => (&item.ident, None, &item.attrs),
            syn::Item::Macro(item) => {
                if let Some(name) = &item.ident {
                    self.module.names.insert(name.to_string(), Name::Item);
                }
                return self.visit_item_macro(item);
            }
            syn::Item::Mod(_) => return,
            syn::Item::Impl(item) if is_for_tests(&item.attrs) => return,
            syn::Item::Use(item) if is_for_tests(&item.attrs) => return,
            other => return self.visit_item(other),
        };
        if is_for_tests(attributes) {
            return;
        }
        let name = name.to_string();
        match type_visibility {
            Some(syn::Visibility::Inherited) | None => {}
            Some(visible) => {
                let public = matches!(visible, syn::Visibility::Public(_));
                self.module.types.push((name.clone(), public));
            }
        }
        self.module.names.insert(name, Name::Item);
        self.visit_item(item);
    }

    fn import(&mut self, tree: &syn::UseTree, before: &[String], private: bool) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            path.push(name.to_string());
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), private),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, private);
                }
            }
            syn::UseTree::Glob(_) => self.module.globs.push(before.to_vec()),
            syn::UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = before.last() {
                    self.note_import(last.clone(), before.to_vec(), private);
                }
            }
            syn::UseTree::Name(name) => {
                self.note_import(name.ident.to_string(), with(&name.ident), private);
            }
            syn::UseTree::Rename(rename) => {
                self.note_import(rename.rename.to_string(), with(&rename.ident), private);
            }
        }
    }

    fn note_import(&mut self, name: String, path: Vec<String>, private: bool) {
        if private {
            self.module.used.insert(path.clone());
        }
        // `use x as _` makes no name.
        if name != "_" {
            self.module.names.entry(name).or_insert(Name::Import(path));
        }
    }

    /// The paths in a text of tokens, in which the words of a path may stand apart.
    fn tokens(&mut self, text: &str) {
        let text = text.replace(" ::", "::").replace(":: ", "::");
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        for word in text.split(|c| !is_path(c)) {
            let path: Vec<String> = word
                .split("::")
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect();
            if path.iter().all(|part| !part.contains(':')) && !path.is_empty() {
                self.module.used.insert(path);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|part| part.ident.to_string());
        self.module.used.insert(segments.collect());
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let private = matches!(item.vis, syn::Visibility::Inherited);
        self.import(&item.tree, &[], private);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(&item.tokens.to_string());
        visit::visit_macro(self, item);
    }

    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {
        // A module of its own.
    }
}
