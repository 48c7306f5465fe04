//! What holds of all error types: a message says nothing that its source says again, and what happened is told by types,
//! never by searching printed text.

use syn::visit::{self, Visit};

use crate::{files, root};

/// How the system's errors are printed; code that looks for it reads text where there was an error.
const PRINTED_ERROR_NUMBER: &str = concat!("(os", " error");

/// The error types of one file.
#[derive(Default)]
struct Messages {
    complaints: Vec<String>,
}

/// The text of `#[error("…")]`, placeholders included.
fn message(attributes: &[syn::Attribute]) -> Option<String> {
    let attribute = attributes.iter().find(|a| a.path().is_ident("error"))?;
    let list = attribute.meta.require_list().ok()?;
    Some(list.tokens.to_string())
}

/// The name or number of the field that is given as source.
fn source(fields: &syn::Fields) -> Option<String> {
    let marked = |field: &syn::Field| {
        let mut attributes = field.attrs.iter();
        attributes.any(|a| a.path().is_ident("source") || a.path().is_ident("from"))
            || field.ident.as_ref().is_some_and(|name| name == "source")
    };
    let (place, field) = fields.iter().enumerate().find(|(_, field)| marked(field))?;
    Some(match &field.ident {
        Some(name) => name.to_string(),
        None => place.to_string(),
    })
}

impl Messages {
    fn look_at(&mut self, name: &syn::Ident, attributes: &[syn::Attribute], fields: &syn::Fields) {
        let (Some(message), Some(source)) = (message(attributes), source(fields)) else {
            return;
        };
        let shown = ["}", ":"].map(|end| format!("{{{source}{end}"));
        if shown.iter().any(|shown| message.contains(shown)) {
            self.complaints
                .push(format!("{name}: {message} repeats its source"));
        }
    }
}

impl<'ast> Visit<'ast> for Messages {
    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.look_at(&variant.ident, &variant.attrs, &variant.fields);
        visit::visit_variant(self, variant);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.look_at(&item.ident, &item.attrs, &item.fields);
        visit::visit_item_struct(self, item);
    }
}

fn complaints(text: &str) -> Vec<String> {
    let mut messages = Messages::default();
    messages.visit_file(&syn::parse_file(text).unwrap());
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    if code.contains(PRINTED_ERROR_NUMBER) {
        let complaint = "looks for an error in printed text";
        messages.complaints.push(complaint.to_owned());
    }
    messages.complaints
}

#[test]
fn no_message_repeats_its_source_and_no_code_searches_printed_errors() {
    let mut sentences = Vec::new();
    for path in files(&root().join("crates"), &[".rs"]) {
        if !path.components().any(|part| part.as_os_str() == "src") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let found = complaints(&text).into_iter();
        sentences.extend(found.map(|sentence| format!("{}: {sentence}", path.display())));
    }
    assert!(sentences.is_empty(), "{}", sentences.join("\n"));
}

#[test]
fn a_message_that_repeats_its_source_is_noticed() {
    let bad = r#"
        enum E {
            #[error("not read: {0}")] Read(#[from] Io),
            #[error("not {what}: {source}")] Do { what: String, source: Io },
            #[error("not {what}")] Well { what: String, #[source] cause: Io },
            #[error("{0} of {1}")] Numbers(u8, u8),
        }
    "#;
    assert_eq!(complaints(bad).len(), 2, "{:?}", complaints(bad));
    let search = format!("const A: &str = \"{PRINTED_ERROR_NUMBER} 24)\";");
    assert_eq!(complaints(&search).len(), 1);
}
