//! Classes: builtin types, and old- and new-style classes of programs.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::{Rc, Weak};

use super::{Str, Sym, Value, reclaim};

/// Hashes a [`Sym`]: one multiplication spreads consecutive numbers.
#[derive(Default, Clone, Copy)]
pub(crate) struct SymHasher(u64);

impl Hasher for SymHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(26);
    }
}

/// A map keyed by names.
pub(crate) type SymMap<V> = HashMap<Sym, V, BuildHasherDefault<SymHasher>>;

/// What kind of class it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClassKind {
    /// `class A:` without a new-style base.
    Old,
    /// `class A(object):` and everything that inherits from a builtin type.
    New,
    /// A type of the machine's own.
    Builtin,
}

macro_rules! type_tags {
    ($($tag:ident = $name:literal,)*) => {
        /// The builtin types.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum TypeTag { $($tag,)* }

        impl TypeTag {
            /// All of them, in order of their number.
            pub(crate) const ALL: &[TypeTag] = &[$(TypeTag::$tag,)*];

            /// The type's name as programs see it.
            pub(crate) fn name(self) -> &'static str {
                match self { $(TypeTag::$tag => $name,)* }
            }
        }
    };
}

type_tags! {
    Object = "object",
    None = "NoneType",
    Int = "int",
    Bool = "bool",
    Float = "float",
    Str = "str",
    Long = "long",
    Complex = "complex",
    Tuple = "tuple",
    List = "list",
    Dict = "dict",
    Set = "set",
    FrozenSet = "frozenset",
    Slice = "slice",
    XRange = "xrange",
    ListIterator = "listiterator",
    TupleIterator = "tupleiterator",
    StrIterator = "iterator",
    RangeIterator = "rangeiterator",
    SetIterator = "setiterator",
    KeyIterator = "dictionary-keyiterator",
    ValueIterator = "dictionary-valueiterator",
    ItemIterator = "dictionary-itemiterator",
    KeysView = "dict_keys",
    ValuesView = "dict_values",
    ItemsView = "dict_items",
    Function = "function",
    Method = "instancemethod",
    NativeFunction = "builtin_function_or_method",
    MethodDescriptor = "method_descriptor",
    Wrapper = "wrapper_descriptor",
    Type = "type",
    ClassObj = "classobj",
    Instance = "instance",
    Ellipsis = "ellipsis",
    NotImplemented = "NotImplementedType",
    Exception = "BaseException",
    BaseString = "basestring",
    Host = "object of the host",
}

/// A class.
pub struct Class {
    pub(crate) name: Str,
    /// The module shown before the name: empty for classes of programs, as in the original.
    pub(crate) module: Option<&'static str>,
    pub(crate) kind: ClassKind,
    /// The number of the machine it was made in; 0 for builtin types, whose instances have no `__del__`.
    pub(crate) machine: u64,
    /// What instances hold besides attributes: the builtin type the class extends.
    pub(crate) layout: TypeTag,
    pub(crate) bases: RefCell<Vec<Value>>,
    /// Where attributes are looked for after the class itself.
    pub(crate) ancestors: RefCell<Vec<Value>>,
    pub(crate) attrs: RefCell<SymMap<Value>>,
    pub(crate) subclasses: RefCell<Vec<Weak<Class>>>,
    /// A number no other class has and that changes whenever an attribute of the class or an ancestor does.
    pub(crate) version: Cell<u32>,
    /// The shape of an instance without attributes; 0 while there was none.
    pub(crate) root_shape: Cell<u32>,
    /// How many attributes the last instance had: room made for the next.
    pub(crate) slot_hint: Cell<u32>,
    /// Whether instances have a `__del__`.
    pub(crate) has_del: Cell<bool>,
    /// Which builtin exception this is.
    pub(crate) exception: Option<super::ExceptionKind>,
}

impl Class {
    /// An attribute of the class itself.
    pub(crate) fn own(&self, name: Sym) -> Option<Value> {
        self.attrs.borrow().get(&name).cloned()
    }

    /// An attribute of the class or the first ancestor that has it.
    pub(crate) fn lookup(&self, name: Sym) -> Option<Value> {
        if let Some(found) = self.own(name) {
            return Some(found);
        }
        for ancestor in self.ancestors.borrow().iter() {
            if let Value::Class(class) = ancestor
                && let Some(found) = class.own(name)
            {
                return Some(found);
            }
        }
        None
    }

    /// Whether this class is `other` or inherits from it.
    pub(crate) fn is_subclass_of(self: &Rc<Self>, other: &Rc<Class>) -> bool {
        Rc::ptr_eq(self, other)
            || self
                .ancestors
                .borrow()
                .iter()
                .any(|ancestor| matches!(ancestor, Value::Class(class) if Rc::ptr_eq(class, other)))
    }

    /// Whether the class is, or inherits from, this builtin exception.
    pub(crate) fn extends_exception(&self) -> bool {
        self.layout == TypeTag::Exception
    }

    pub(crate) fn is_old(&self) -> bool {
        self.kind == ClassKind::Old
    }

    pub(crate) fn metatype_tag(&self) -> TypeTag {
        if self.is_old() {
            TypeTag::ClassObj
        } else {
            TypeTag::Type
        }
    }

    /// The name with its module, as `str()` of an old-style class shows it.
    pub(crate) fn qualified_name(&self) -> Vec<u8> {
        let mut full = match self.module {
            Some(module) => module.as_bytes().to_vec(),
            None if self.kind == ClassKind::Builtin => return self.name.as_bytes().to_vec(),
            None => Vec::new(),
        };
        full.push(b'.');
        full.extend_from_slice(self.name.as_bytes());
        full
    }
}

impl Drop for Class {
    fn drop(&mut self) {
        reclaim::release(std::mem::take(self.ancestors.get_mut()));
        reclaim::release(std::mem::take(self.bases.get_mut()));
        reclaim::release(std::mem::take(self.attrs.get_mut()).into_values().collect());
    }
}
