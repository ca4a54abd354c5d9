//! What rustfmt leaves to us: the order of imports, and the width of comments.

use anyhow::Result;
use proc_macro2::Ident;
use syn::spanned::Spanned as _;
use syn::{Item, ItemUse, UseTree, Visibility};

/// A line and what is wrong there.
type Fault = (usize, String);

/// The widest comment, in columns; rustfmt keeps code to the same.
const WIDEST: usize = 100;

/// Comments wider than code may be. Tables and what stands in fences can't be broken.
pub(super) fn wide_comments(source: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fenced = false;
    for (index, line) in source.lines().enumerate() {
        let Some(text) = comment(line) else {
            fenced = false;
            continue;
        };
        if text.starts_with("```") {
            fenced = !fenced;
        }
        let unbroken = fenced || text.starts_with('|') || !text.contains(' ');
        let width = line.chars().count();
        if width > WIDEST && !unbroken {
            let what = format!("a comment of {width} columns, at most {WIDEST}");
            faults.push((index + 1, what));
        }
    }
    faults
}

/// The text of a line that is a comment.
fn comment(line: &str) -> Option<&str> {
    let text = line.trim_start().strip_prefix("//")?;
    Some(text.trim_start_matches(['/', '!']).trim())
}

/// Whose an import is, in the order in which they stand, with an empty line between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Std,
    OtherCrates,
    Ours,
}

/// Imports that are not grouped as std, other crates, this crate. Re-exports are no imports.
pub(super) fn unordered_imports(source: &str) -> Result<Vec<Fault>> {
    let items = syn::parse_file(source)?.items;
    let modules: Vec<&Ident> = items.iter().filter_map(module).collect();
    let mut faults = Vec::new();
    let mut before: Option<(Whose, usize)> = None;
    for import in items.iter().filter_map(import) {
        let whose = whose(&import.tree, &modules);
        let line = import.span().start().line;
        if let Some((last, end)) = before
            && (whose < last || (whose != last && line <= end + 1))
        {
            let what = "imports stand in three groups: std, other crates, this crate";
            faults.push((line, what.to_owned()));
        }
        before = Some((whose, import.span().end().line));
    }
    Ok(faults)
}

fn module(item: &Item) -> Option<&Ident> {
    let Item::Mod(module) = item else {
        return None;
    };
    Some(&module.ident)
}

fn import(item: &Item) -> Option<&ItemUse> {
    let Item::Use(import) = item else {
        return None;
    };
    matches!(import.vis, Visibility::Inherited).then_some(import)
}

fn whose(tree: &UseTree, modules: &[&Ident]) -> Whose {
    let root = match tree {
        UseTree::Path(path) => &path.ident,
        UseTree::Name(name) => &name.ident,
        UseTree::Rename(rename) => &rename.ident,
        UseTree::Glob(_) | UseTree::Group(_) => return Whose::OtherCrates,
    };
    match root.to_string().as_str() {
        "std" | "core" | "alloc" => Whose::Std,
        "crate" | "self" | "super" => Whose::Ours,
        name if modules.contains(&root) || name.starts_with(char::is_uppercase) => Whose::Ours,
        _ => Whose::OtherCrates,
    }
}
