//! Turns `/proto` into Rust: messages, service stubs and the descriptor set.
//!
//! Two things go beyond what prost does by itself, both read from options in the files
//! (`proto/countersign/form.proto`):
//!
//! - `opaque` messages become `keep::Opaque`, which carries their bytes unread;
//! - `stored` messages are wrapped in `keep::Kept` wherever another message or a call carries
//!   them, so that fields this program does not know survive reading, editing and writing.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use prost_reflect::{DescriptorPool, ExtensionDescriptor, Kind, MessageDescriptor, Value};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{FieldDescriptorProto, FileDescriptorSet};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", root.display());

    let mut files = Vec::new();
    find(&root, &mut files)?;
    files.sort();
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(false);
    compiler.open_files(&files)?;
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    let pool = compiler.descriptor_pool();
    let opaque = marked(&pool, "countersign.opaque")?;
    let stored = marked(&pool, "countersign.stored")?;
    let set = with_content(compiler.file_descriptor_set(), &opaque);

    generate_all(&out.join("all"), set.clone(), &opaque, &stored)?;
    generate_stored(&out.join("stored"), set, &pool, &opaque, &stored)?;
    write_modules(&out)?;
    write_shapes(&out, &pool, &opaque)?;
    Ok(())
}

/// Collects the `.proto` files under `dir`.
fn find(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// The messages whose options carry the flag `extension`.
fn marked(pool: &DescriptorPool, extension: &str) -> Result<Vec<MessageDescriptor>> {
    let flag: ExtensionDescriptor = pool
        .get_extension_by_name(extension)
        .ok_or_else(|| format!("no option {extension}"))?;
    Ok(pool
        .all_messages()
        .filter(|m| matches!(*m.options().get_extension(&flag), Value::Bool(true)))
        .collect())
}

/// Gives opaque messages a field, for prost's eyes only: it would take them for empty and make
/// what contains them `Copy`.
fn with_content(mut set: FileDescriptorSet, opaque: &[MessageDescriptor]) -> FileDescriptorSet {
    for file in &mut set.file {
        let package = file.package().to_owned();
        for message in &mut file.message_type {
            let full = format!("{package}.{}", message.name());
            if opaque.iter().any(|m| m.full_name() == full) {
                message.field.push(FieldDescriptorProto {
                    name: Some("content".into()),
                    number: Some(1),
                    label: Some(Label::Optional as i32),
                    r#type: Some(Type::Bytes as i32),
                    ..FieldDescriptorProto::default()
                });
            }
        }
    }
    set
}

fn config(opaque: &[MessageDescriptor]) -> tonic_prost_build::Config {
    let mut config = tonic_prost_build::Config::new();
    config
        .bytes(["."])
        .btree_map(["."])
        .disable_comments(["."])
        .enable_type_names();
    for message in opaque {
        config.extern_path(format!(".{}", message.full_name()), "crate::keep::Opaque");
    }
    config
}

/// Everything but the stored messages themselves.
fn generate_all(
    out: &Path,
    set: FileDescriptorSet,
    opaque: &[MessageDescriptor],
    stored: &[MessageDescriptor],
) -> Result<()> {
    empty(out)?;
    let mut config = config(opaque);
    for message in stored {
        let kept = format!("crate::keep::Kept<{}>", rust_path(message));
        config.extern_path(format!(".{}", message.full_name()), kept);
    }
    tonic_prost_build::configure()
        .build_transport(false)
        .generate_default_stubs(true)
        .disable_comments(["."])
        .out_dir(out)
        .compile_fds_with_config(set, config)?;
    Ok(())
}

/// The stored messages alone.
fn generate_stored(
    out: &Path,
    set: FileDescriptorSet,
    pool: &DescriptorPool,
    opaque: &[MessageDescriptor],
    stored: &[MessageDescriptor],
) -> Result<()> {
    empty(out)?;
    let mut config = config(opaque);
    let elsewhere = |full: &str| {
        full.starts_with("google.protobuf.")
            || opaque.iter().any(|m| m.full_name() == full)
            || stored.iter().any(|m| m.full_name() == full)
    };
    for message in pool.all_messages() {
        if message.parent_message().is_none() && !elsewhere(message.full_name()) {
            config.extern_path(format!(".{}", message.full_name()), rust_path(&message));
        }
    }
    for kind in pool.all_enums() {
        if kind.parent_message().is_none() && !elsewhere(kind.full_name()) {
            let path = path_of(kind.package_name(), kind.name());
            config.extern_path(format!(".{}", kind.full_name()), path);
        }
    }
    tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .out_dir(out)
        .compile_fds_with_config(set, config)?;
    Ok(())
}

/// Makes `dir`, without what an earlier build left there.
fn empty(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    Ok(())
}

/// Writes `shapes.rs`: the numbers of each message's fields, and where the messages in them stand; see `keep::known`.
fn write_shapes(out: &Path, pool: &DescriptorPool, opaque: &[MessageDescriptor]) -> Result<()> {
    let name = |message: &MessageDescriptor| {
        let package = message.package_name().to_owned();
        let name = message.full_name()[package.len()..]
            .trim_start_matches('.')
            .to_owned();
        (package, name)
    };
    let messages: BTreeMap<_, _> = pool
        .all_messages()
        .map(|message| (name(&message), message))
        .collect();
    let places: BTreeMap<_, u16> = messages.keys().zip(0..).collect();
    let mut text = String::from("&[\n");
    for ((package, plain), message) in &messages {
        let mut fields = Vec::new();
        for field in message.fields() {
            let inner = match field.kind() {
                Kind::Message(inner) => places.get(&name(&inner)).copied(),
                _ => None,
            };
            fields.push((field.number(), inner));
        }
        fields.sort_unstable();
        let opaque = opaque.contains(message);
        writeln!(
            text,
            "Shape {{ package: {package:?}, name: {plain:?}, opaque: {opaque}, fields: &{fields:?} }},"
        )?;
    }
    text.push(']');
    fs::write(out.join("shapes.rs"), text)?;
    Ok(())
}

fn rust_path(message: &MessageDescriptor) -> String {
    path_of(message.package_name(), message.name())
}

fn path_of(package: &str, name: &str) -> String {
    let modules: Vec<String> = package.split('.').map(str::to_snake_case).collect();
    format!(
        "crate::pb::{}::{}",
        modules.join("::"),
        name.to_upper_camel_case()
    )
}

fn entry_name(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or("a generated file has a name")?;
    Ok(PathBuf::from(name))
}

/// A package and the packages under it.
#[derive(Default)]
struct Module {
    files: Vec<PathBuf>,
    children: BTreeMap<String, Module>,
}

/// Writes `modules.rs`: the module tree of the packages with both generated halves in place.
fn write_modules(out: &Path) -> Result<()> {
    let mut root = Module::default();
    for half in ["all", "stored"] {
        for entry in fs::read_dir(out.join(half))? {
            let path = entry?.path();
            let Some(package) = path.file_stem().and_then(|s| s.to_str()) else {
                continue;
            };
            let mut module = &mut root;
            for part in package.split('.') {
                module = module.children.entry(part.to_owned()).or_default();
            }
            module.files.push(Path::new(half).join(entry_name(&path)?));
        }
    }
    let mut text = String::new();
    for (name, module) in &root.children {
        write_module(&mut text, name, module)?;
    }
    fs::write(out.join("modules.rs"), text)?;
    Ok(())
}

fn write_module(text: &mut String, name: &str, module: &Module) -> Result<()> {
    writeln!(text, "pub mod {name} {{")?;
    for file in &module.files {
        writeln!(text, "include!({:?});", file.display().to_string())?;
    }
    for (name, child) in &module.children {
        write_module(text, name, child)?;
    }
    writeln!(text, "}}")?;
    Ok(())
}
