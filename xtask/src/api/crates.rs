//! The modules of a crate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use syn::{Attribute, Item};

/// A module and those within.
pub(super) struct Source {
    pub(super) items: Vec<Item>,
    pub(super) modules: BTreeMap<String, Source>,
}

impl Source {
    /// Reads a crate from its folder.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        Self::of_file(&folder.join("lib.rs"), folder)
    }

    /// `folder` is where the module's own modules are.
    fn of_file(file: &Path, folder: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let parsed =
            syn::parse_file(&text).with_context(|| format!("parsing {}", file.display()))?;
        let mut modules = BTreeMap::new();
        let items: Vec<Item> = parsed
            .items
            .into_iter()
            .filter(|item| !is_test(item))
            .collect();
        for item in &items {
            if let Item::Mod(module) = item
                && module.content.is_none()
            {
                let name = module.ident.to_string();
                let file = folder.join(format!("{name}.rs"));
                let within = Self::of_file(&file, &folder.join(&name))?;
                modules.insert(name, within);
            }
        }
        Ok(Self { items, modules })
    }

    /// The module at a path below this one.
    pub(super) fn module(&self, path: &[String]) -> Option<&Self> {
        match path {
            [] => Some(self),
            [first, rest @ ..] => self.modules.get(first)?.module(rest),
        }
    }

    /// Every item of the crate.
    pub(super) fn all_items(&self) -> Vec<&Item> {
        let below = self.modules.values().flat_map(Self::all_items);
        self.items.iter().chain(below).collect()
    }
}

fn is_test(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Mod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|what| what.is_ident("test"))
    })
}
