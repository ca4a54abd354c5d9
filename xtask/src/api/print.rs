//! What of a crate can be named from outside, without documentation and bodies.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, TraitItem, Type, UseTree, Visibility};

use super::crates::Source;

/// The interface of a crate, by paths.
pub(super) fn interface(name: &str, source: &Source) -> String {
    let mut listed = Listed::default();
    listed.module(source, source, &mut vec![name.to_owned()]);
    let mut text = String::new();
    for (path, item) in &listed.items {
        text += &format!("// {path}\n{item}\n");
    }
    let impls = source
        .all_items()
        .into_iter()
        .filter_map(|item| match item {
            Item::Impl(item) => listed.implementation(item),
            _ => None,
        });
    let impls: BTreeSet<String> = impls.collect();
    text + &impls.into_iter().collect::<Vec<_>>().join("\n")
}

#[derive(Default)]
struct Listed {
    /// Items by path; of the same path a function, a type and a module may stand beside each other.
    items: BTreeMap<String, String>,
    names: BTreeSet<String>,
}

impl Listed {
    /// Everything public in a module.
    fn module(&mut self, whole: &Source, module: &Source, path: &mut Vec<String>) {
        for item in &module.items {
            match item {
                Item::Mod(inner) if is_public(&inner.vis) => {
                    let name = inner.ident.to_string();
                    if let Some(source) = module.modules.get(&name) {
                        path.push(name);
                        self.module(whole, source, path);
                        path.pop();
                    }
                }
                Item::Use(item) if is_public(&item.vis) => {
                    let line = printed(Item::Use(syn::ItemUse {
                        attrs: kept(&item.attrs),
                        ..item.clone()
                    }));
                    let mut leaves = Vec::new();
                    spread(&item.tree, &mut Vec::new(), &mut leaves);
                    let mut own = false;
                    for (from, name) in &leaves {
                        own |= self.reexport(whole, module, path, from, name);
                    }
                    if !own {
                        self.add(path, "*", line);
                    }
                }
                item => {
                    if let Some((name, text)) = public(item) {
                        self.names.insert(name.clone());
                        self.add(path, &name, text);
                    }
                }
            }
        }
    }

    /// Lists an item of this crate that is re-exported by name. `false`: it is another crate's.
    fn reexport(
        &mut self,
        whole: &Source,
        module: &Source,
        path: &[String],
        from: &[String],
        name: &str,
    ) -> bool {
        let source = match from.split_first() {
            Some((first, rest)) if first == "crate" => whole.module(rest),
            _ => module.module(from),
        };
        let Some(source) = source else {
            return false;
        };
        for item in &source.items {
            if let Some((found, text)) = public(item)
                && found == name
            {
                self.names.insert(found);
                self.add(path, name, text);
            }
            if let Item::Use(item) = item {
                let mut leaves = Vec::new();
                spread(&item.tree, &mut Vec::new(), &mut leaves);
                for (from, found) in leaves {
                    if found == name {
                        self.reexport(whole, source, path, &from, name);
                    }
                }
            }
        }
        true
    }

    fn add(&mut self, path: &[String], name: &str, text: String) {
        let path = format!("{}::{}", path.join("::"), name);
        let whole = self.items.entry(path).or_default();
        if !whole.contains(&text) {
            *whole += &text;
        }
    }

    /// What a block adds to what is listed: public functions of listed types, and traits from or
    /// for them.
    fn implementation(&self, item: &ItemImpl) -> Option<String> {
        let mut item = item.clone();
        item.attrs = kept(&item.attrs);
        if item.trait_.is_some() {
            item.items.clear();
            let text = printed(Item::Impl(item.clone()));
            let own = matches!(&*item.self_ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| self.names.contains(&last.ident.to_string())));
            let words: BTreeSet<&str> = text
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .collect();
            let told = own || self.names.iter().any(|name| words.contains(name.as_str()));
            return told.then_some(text);
        }
        let Type::Path(path) = &*item.self_ty else {
            return None;
        };
        let name = path.path.segments.last()?.ident.to_string();
        if !self.names.contains(&name) {
            return None;
        }
        item.items.retain_mut(|inner| match inner {
            ImplItem::Fn(function) => {
                function.attrs = kept(&function.attrs);
                function.block.stmts.clear();
                is_public(&function.vis)
            }
            ImplItem::Const(constant) => {
                constant.attrs = kept(&constant.attrs);
                is_public(&constant.vis)
            }
            _ => false,
        });
        (!item.items.is_empty()).then(|| printed(Item::Impl(item)))
    }
}

/// An item's name and text, if it is public.
fn public(item: &Item) -> Option<(String, String)> {
    let mut item = item.clone();
    let (name, vis) = match &mut item {
        Item::Struct(item) => {
            item.attrs = kept(&item.attrs);
            fields(&mut item.fields);
            (item.ident.to_string(), &item.vis)
        }
        Item::Enum(item) => {
            item.attrs = kept(&item.attrs);
            for variant in &mut item.variants {
                variant.attrs = kept(&variant.attrs);
                all_fields(&mut variant.fields);
            }
            (item.ident.to_string(), &item.vis)
        }
        Item::Trait(item) => {
            item.attrs = kept(&item.attrs);
            for inner in &mut item.items {
                if let TraitItem::Fn(function) = inner {
                    function.attrs = kept(&function.attrs);
                    if let Some(block) = &mut function.default {
                        block.stmts.clear();
                    }
                }
            }
            (item.ident.to_string(), &item.vis)
        }
        Item::Fn(item) => {
            item.attrs = kept(&item.attrs);
            item.block.stmts.clear();
            (item.sig.ident.to_string(), &item.vis)
        }
        Item::Const(item) => {
            item.attrs = kept(&item.attrs);
            (item.ident.to_string(), &item.vis)
        }
        Item::Type(item) => {
            item.attrs = kept(&item.attrs);
            (item.ident.to_string(), &item.vis)
        }
        _ => return None,
    };
    is_public(vis).then_some(())?;
    Some((name, printed(item)))
}

/// Of a struct, only public fields can be named; that there are others is told.
fn fields(fields: &mut Fields) {
    let hidden: syn::Field = syn::parse_quote!(_hidden: ());
    if let Fields::Named(named) = fields {
        let all = named.named.len();
        let mut public: syn::punctuated::Punctuated<_, _> = std::mem::take(&mut named.named)
            .into_iter()
            .filter(|field| is_public(&field.vis))
            .collect();
        if public.len() < all {
            public.push(hidden);
        }
        named.named = public;
    } else if let Fields::Unnamed(unnamed) = fields
        && unnamed.unnamed.iter().any(|field| !is_public(&field.vis))
    {
        unnamed.unnamed.clear();
    }
    all_fields(fields);
}

fn all_fields(fields: &mut Fields) {
    for field in fields {
        field.attrs = kept(&field.attrs);
    }
}

/// What of an item's attributes is part of its interface.
fn kept(attributes: &[Attribute]) -> Vec<Attribute> {
    let part = ["derive", "non_exhaustive", "cfg", "must_use", "repr"];
    let is_part = |attribute: &&Attribute| part.iter().any(|name| attribute.path().is_ident(name));
    attributes.iter().filter(is_part).cloned().collect()
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

/// The names that a `use` brings, each with the path that it comes from.
fn spread(tree: &UseTree, path: &mut Vec<String>, leaves: &mut Vec<(Vec<String>, String)>) {
    match tree {
        UseTree::Path(next) => {
            path.push(next.ident.to_string());
            spread(&next.tree, path, leaves);
            path.pop();
        }
        UseTree::Name(name) => leaves.push((path.clone(), name.ident.to_string())),
        UseTree::Rename(name) => leaves.push((path.clone(), name.ident.to_string())),
        UseTree::Group(group) => {
            for tree in &group.items {
                spread(tree, path, leaves);
            }
        }
        UseTree::Glob(_) => leaves.push((path.clone(), "*".to_owned())),
    }
}

fn printed(item: Item) -> String {
    let file = syn::File {
        shebang: None,
        attrs: Vec::new(),
        items: vec![item],
    };
    prettyplease::unparse(&file)
}
