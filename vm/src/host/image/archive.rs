//! A file tree to be, and its form as a newc cpio archive.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use cpio::newc::{Builder, ModeFileType, trailer};

/// Paths (without a leading slash) and what is there. A map, so that a folder comes before what is in it.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    nodes: BTreeMap<String, Node>,
}

#[derive(Debug)]
enum Node {
    Folder,
    Link(String),
    Text(u32, String),
    File(u32, PathBuf),
}

impl Archive {
    /// A folder, and those above it.
    pub(crate) fn folder(&mut self, path: &str) {
        self.parents(path);
        self.nodes.entry(path.to_owned()).or_insert(Node::Folder);
    }

    /// A symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) {
        self.insert(path, Node::Link(target.to_owned()));
    }

    /// A symbolic link, unless something is there.
    pub(crate) fn link_if_free(&mut self, path: &str, target: &str) {
        if !self.nodes.contains_key(path) {
            self.link(path, target);
        }
    }

    /// A file with this text.
    pub(crate) fn text(&mut self, path: &str, mode: u32, text: &str) {
        self.insert(path, Node::Text(mode, text.to_owned()));
    }

    /// A copy of a file of this machine.
    pub(crate) fn file(&mut self, path: &str, mode: u32, source: &Path) {
        self.insert(path, Node::File(mode, source.to_owned()));
    }

    /// Copies of all files below a folder of this machine.
    pub(crate) fn tree(&mut self, path: &str, source: &Path) -> anyhow::Result<()> {
        self.folder(path);
        for entry in fs::read_dir(source).with_context(|| format!("cannot list {}", source.display()))? {
            let entry = entry?;
            let inner = format!("{path}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.tree(&inner, &entry.path())?;
            } else {
                self.file(&inner, 0o644, &entry.path());
            }
        }
        Ok(())
    }

    /// Writes it all.
    pub(crate) fn write(&self, mut writer: impl Write) -> anyhow::Result<()> {
        for (path, node) in &self.nodes {
            node.write(path, &mut writer).with_context(|| format!("cannot put {path} into the image"))?;
        }
        trailer(&mut writer).context("cannot end the image")?;
        Ok(())
    }

    fn insert(&mut self, path: &str, node: Node) {
        self.parents(path);
        self.nodes.insert(path.to_owned(), node);
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.nodes.entry(path[..at].to_owned()).or_insert(Node::Folder);
        }
    }
}

impl Node {
    fn write(&self, path: &str, writer: &mut impl Write) -> anyhow::Result<()> {
        match self {
            Node::Folder => entry(path, ModeFileType::Directory, 0o755, 0, io::empty(), writer),
            Node::Link(target) => entry(path, ModeFileType::Symlink, 0o777, target.len() as u64, target.as_bytes(), writer),
            Node::Text(mode, text) => entry(path, ModeFileType::Regular, *mode, text.len() as u64, text.as_bytes(), writer),
            Node::File(mode, source) => {
                let file = File::open(source).with_context(|| format!("cannot read {}", source.display()))?;
                let length = file.metadata()?.len();
                entry(path, ModeFileType::Regular, *mode, length, file, writer)
            }
        }
    }
}

fn entry(path: &str, kind: ModeFileType, mode: u32, length: u64, mut from: impl io::Read, writer: &mut impl Write) -> anyhow::Result<()> {
    let length = u32::try_from(length).map_err(|_| anyhow!("too long for a cpio archive"))?;
    let mut entry = Builder::new(path).mode(mode).set_mode_file_type(kind).nlink(1).write(writer, length);
    io::copy(&mut from, &mut entry)?;
    entry.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_first_and_what_is_there_stays() {
        let mut archive = Archive::default();
        archive.text("a/b/c", 0o644, "text");
        archive.link("a/x", "b");
        archive.link_if_free("a/x", "other");
        let mut bytes = Vec::new();
        archive.write(&mut bytes).unwrap();
        let mut names = Vec::new();
        let mut rest = io::Cursor::new(bytes);
        loop {
            let reader = cpio::newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            names.push((reader.entry().name().to_owned(), reader.entry().file_size()));
            rest = reader.skip().unwrap();
        }
        assert_eq!(names, [("a".into(), 0), ("a/b".into(), 0), ("a/b/c".into(), 4), ("a/x".into(), 1)]);
    }
}
