//! Links between the project's own documents: every file and every heading they name exists.

use std::fs;
use std::path::{Path, PathBuf};

use crate::build::{self, Failure};

/// One sentence for each link that leads nowhere.
pub fn violations() -> Result<Vec<String>, Failure> {
    let root = build::root();
    let mut documents = Vec::new();
    collect(&root, &mut documents)?;
    let mut found = Vec::new();
    for document in &documents {
        let text = read(document)?;
        for (line, target) in links(&text) {
            if let Some(fault) = fault(document, &target)? {
                let shown = document.strip_prefix(&root).unwrap_or(document).display();
                found.push(format!("{shown}:{line}: {fault}"));
            }
        }
    }
    Ok(found)
}

fn fault(document: &Path, target: &str) -> Result<Option<String>, Failure> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(None);
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() {
        document.to_path_buf()
    } else {
        document.parent().unwrap_or(Path::new("")).join(path)
    };
    if !file.exists() {
        return Ok(Some(format!("`{target}` leads to no file")));
    }
    if !anchor.is_empty()
        && file.extension().is_some_and(|extension| extension == "md")
        && !headings(&read(&file)?).iter().any(|heading| heading == anchor)
    {
        return Ok(Some(format!("`{target}` names no heading of that file")));
    }
    Ok(None)
}

fn collect(folder: &Path, documents: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = fs::read_dir(folder)
        .map_err(|error| Failure(format!("cannot list {}: {error}", folder.display())))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if !["target", ".git", "node_modules"]
                .iter()
                .any(|skipped| name == *skipped)
            {
                collect(&path, documents)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    documents.sort();
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))
}

/// Inline links `[text](target)` outside code, with their line numbers.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect();
        let mut rest = prose.as_str();
        while let Some(start) = rest.find("](") {
            rest = &rest[start + 2..];
            let Some(end) = rest.find(')') else { break };
            let target = rest[..end].split_whitespace().next().unwrap_or_default();
            found.push((index + 1, target.to_owned()));
            rest = &rest[end..];
        }
    }
    found
}

/// The anchors of a document's headings, as forges derive them.
fn headings(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut anchors = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if fenced || !line.starts_with('#') {
            continue;
        }
        let title = line.trim_start_matches('#').trim().to_lowercase();
        anchors.push(
            title
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect(),
        );
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_between_documents_leads_somewhere() {
        assert_eq!(violations().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn links_in_code_are_text_and_headings_become_anchors() {
        assert_eq!(
            links("a [b](c.md#d) `[x](y)`\n```\n[e](f)\n```\n[g](h)"),
            [(1, "c.md#d".to_owned()), (5, "h".to_owned())]
        );
        assert_eq!(
            headings("# The *first* one: yes\ntext\n## Two"),
            ["the-first-one-yes", "two"]
        );
    }
}
