//! `opsdeck runbook new`: the beginnings of a runbook, which pass the lint and can be walked at once.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::output::{Failure, line, print};
use crate::cli::{Global, start};

/// Arguments of `runbook new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Its id: lower case, digits and dashes
    #[arg(value_name = "ID")]
    id: String,
    /// Its title
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// The alert that it is for
    #[arg(long, value_name = "NAME")]
    alert: Option<String>,
    /// Where to write it; - prints it [default: ID.md in your runbooks directory]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const TEMPLATE: &str = include_str!("new.md");

pub fn run(global: &Global, args: &NewArgs) -> Result<ExitCode, Failure> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if args.id.is_empty() || args.id.starts_with('-') || !args.id.chars().all(fits) {
        return Err(Failure::usage(format!("`{}` is no id: lower case letters, digits and dashes", args.id)));
    }
    let plain = |text: &str| text.chars().all(|c| !c.is_control() && !matches!(c, '"' | '\\'));
    let words = args.id.replace('-', " ");
    let title = args.title.clone().unwrap_or_else(|| {
        let mut title = words.clone();
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        title
    });
    let alert = args.alert.clone().unwrap_or_else(|| {
        let upper =
            |word: &str| word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1)).collect();
        words.split(' ').map(|word| -> String { upper(word) }).collect::<String>()
    });
    if !plain(&title) || !plain(&alert) {
        return Err(Failure::usage("titles and names of alerts have no quotes and no control characters here"));
    }
    let text = TEMPLATE.replace("@ID@", &args.id).replace("@TITLE@", &title).replace("@ALERT@", &alert);
    if args.output.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        print(&text);
        return Ok(ExitCode::SUCCESS);
    }
    let path = if let Some(path) = &args.output {
        path.clone()
    } else {
        let config = start::dirs(global).config.ok_or_else(|| {
            Failure::usage("there is no directory of your configuration").hint("say where with --output")
        })?;
        config.join("runbooks").join(format!("{}.md", args.id))
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::usage(format!("{} is there already", path.display())),
        _ => Failure::failed(format!("cannot write {}: {error}", path.display())),
    };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    line(&format!("{}", path.display()));
    Ok(ExitCode::SUCCESS)
}
