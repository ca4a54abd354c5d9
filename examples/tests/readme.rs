//! What README and docs/rust.md tell a Rust programmer to write, in a project of its own: it
//! compiles, and a server written so protects what it accepts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

/// The first block of a language in a document.
fn block(document: &str, language: &str) -> String {
    let text = fs::read_to_string(repository().join(document)).unwrap();
    let begin = format!("```{language}\n");
    let (_, rest) = text.split_once(&begin).expect("a block");
    rest.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn a_server_is_protected_from_readme_alone() {
    let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(project.join("src")).unwrap();
    // Outside of the workspace, with this checkout in place of the published one.
    let dependency = block("README.md", "toml");
    let published = "git = \"https://github.com/deadpeer/deadpeer\"";
    let path = format!("path = {:?}", repository().join("crates/deadpeer"));
    assert!(dependency.contains(published), "{dependency}");
    let manifest = format!(
        "[package]\nname = \"readme\"\nedition = \"2024\"\n\n[workspace]\n\n{}\
         tokio = {{ version = \"1\", features = [\"macros\", \"net\", \"rt\"] }}\n",
        dependency.replace(published, &path)
    );
    fs::write(project.join("Cargo.toml"), manifest).unwrap();
    let lock = repository().join("Cargo.lock");
    fs::copy(lock, project.join("Cargo.lock")).unwrap();
    let program = format!(
        "#![allow(unused)]
use std::{{error::Error, time::Duration}};
use tokio::net::{{TcpListener, TcpStream}};

#[tokio::main(flavor = \"current_thread\")]
async fn main() -> Result<(), Box<dyn Error>> {{
    let listener = TcpListener::bind(\"127.0.0.1:0\").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
{}
    println!(\"{{:?}}\", deadpeer::options(&stream)?);
    Ok(())
}}

async fn library(socket: TcpStream, stream: TcpStream, timeout: Duration) -> Result<(), Box<dyn Error>> {{
    use deadpeer::tokio::{{Guard, Guarded}};
{}
    Ok(())
}}
",
        block("README.md", "rust"),
        block("docs/rust.md", "rust")
    );
    fs::write(project.join("src/main.rs"), program).unwrap();
    let ran = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline"])
        .current_dir(&project)
        .env("CARGO_TARGET_DIR", project.join("target"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let options = String::from_utf8_lossy(&ran.stdout);
    assert!(options.contains("keepalive: true"), "{options}");
}
