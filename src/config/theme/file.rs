//! Reading theme files: the embedded ones, and the user's, each of which builds on another.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};

use super::{ColourDepth, Role, Theme};
use crate::config::diagnostic::{ConfigError, Diagnostic, Origin};
use crate::config::dirs::Dirs;
use crate::config::document::{self, Node, Table, Value};
use crate::config::keymap::unknown_name;
use crate::config::layers::read_if_there;

/// The embedded themes, by name.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    ("sixteen", include_str!("../../../themes/sixteen.toml")),
];

/// How deep themes may build on each other.
const MAX_PARENTS: usize = 8;

/// A theme file's content.
#[derive(Clone, Debug, Default)]
struct Sheet {
    sixteen: Option<String>,
    palette: BTreeMap<String, Color>,
    styles: BTreeMap<Role, Style>,
}

impl Theme {
    /// The theme of a name: a file `themes/NAME.toml` in the configuration directories, else an embedded one. Where a
    /// terminal has sixteen colours, the theme that it names for that (`at-16-colours`) is taken instead.
    pub fn load(name: &str, dirs: &Dirs, depth: ColourDepth) -> Result<Self, ConfigError> {
        let sheet = sheet(name, dirs, 0)?;
        if depth == ColourDepth::Sixteen
            && let Some(other) = sheet.sixteen.as_deref().filter(|other| *other != name)
        {
            let sheet = self::sheet(other, dirs, 0)?;
            return Ok(Self::reduce(name, sheet, depth));
        }
        Ok(Self::reduce(name, sheet, depth))
    }

    /// The embedded theme of a name (`dark`, `light`, `sixteen`).
    pub fn built_in(name: &str, depth: ColourDepth) -> Result<Self, ConfigError> {
        Self::load(name, &Dirs::default(), depth)
    }

    /// The names of all themes, the embedded ones first.
    pub fn names(dirs: &Dirs) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.extend(dirs.names("themes").into_iter().filter(|name| BUILT_IN.iter().all(|(known, _)| known != name)));
        names
    }

    fn reduce(name: &str, sheet: Sheet, depth: ColourDepth) -> Self {
        let styles =
            Role::ALL.iter().map(|role| depth.style(sheet.styles.get(role).copied().unwrap_or_default())).collect();
        Self { name: name.to_owned(), depth, palette: sheet.palette, styles }
    }
}

fn sheet(name: &str, dirs: &Dirs, parents: usize) -> Result<Sheet, ConfigError> {
    for path in dirs.named("themes", name) {
        if let Some(text) = read_if_there(&path)? {
            return parse(Origin::File(path), &text, Some(name), dirs, parents);
        }
    }
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((known, text)) => parse(Origin::BuiltIn(known), text, None, dirs, parents),
        None => Err(unknown_name("theme", name, &Theme::names(dirs), dirs)),
    }
}

/// Reads a file; `user` is its name when it is a user's, which then builds on another (`dark` unless it says).
fn parse(origin: Origin, text: &str, user: Option<&str>, dirs: &Dirs, parents: usize) -> Result<Sheet, ConfigError> {
    let table = document::parse(origin, text.to_owned())?;
    let mut diagnostics = Vec::new();
    let inherits = text_of(&table, "inherits", &mut diagnostics);
    let mut sheet = match (inherits, user) {
        (None, None) => Sheet::default(),
        (parent, user) => {
            let parent = parent.unwrap_or_else(|| "dark".to_owned());
            base(&parent, user, &table, dirs, parents)?
        }
    };
    if let Some(other) = text_of(&table, "at-16-colours", &mut diagnostics) {
        sheet.sixteen = Some(other);
    } else if user.is_some() {
        // A user's own colours are reduced, not replaced.
        sheet.sixteen = None;
    }
    for (key, (place, node)) in &table {
        match (key.as_str(), &node.value) {
            // The roles follow, when the whole palette is known.
            ("inherits" | "at-16-colours" | "description", _) | ("roles", Value::Table(_)) => {}
            ("palette", Value::Table(colours)) => palette(&mut sheet, colours, &mut diagnostics),
            ("palette" | "roles", other) => {
                let message = format!("expected a table, found {}", other.kind());
                diagnostics.push(Diagnostic::new(&node.place, key, message));
            }
            _ => {
                let known = ["inherits", "at-16-colours", "description", "palette", "roles"];
                diagnostics.push(Diagnostic::new(place, key, format!("unknown setting `{key}`")).accepts(key, &known));
            }
        }
    }
    if let Some((_, Node { value: Value::Table(table), .. })) = table.get("roles") {
        roles(&mut sheet, table, &mut diagnostics);
    }
    ConfigError::check(diagnostics)?;
    Ok(sheet)
}

/// The theme that a file builds on. A user's `dark.toml` that builds on `dark` means the embedded one.
fn base(parent: &str, user: Option<&str>, table: &Table, dirs: &Dirs, parents: usize) -> Result<Sheet, ConfigError> {
    if parents >= MAX_PARENTS
        && let Some((_, node)) = table.get("inherits")
    {
        return Err(Diagnostic::new(&node.place, "inherits", "themes build on each other in a circle").into());
    }
    let embedded = BUILT_IN.iter().any(|(known, _)| *known == parent);
    let known = Theme::names(dirs);
    if let Some((_, node)) = table.get("inherits").filter(|_| !known.iter().any(|name| name == parent)) {
        let message = format!("there is no theme `{parent}`");
        return Err(Diagnostic::new(&node.place, "inherits", message).accepts(parent, &known).into());
    }
    if user == Some(parent) && embedded {
        return sheet(parent, &Dirs::default(), parents + 1);
    }
    sheet(parent, dirs, parents + 1)
}

fn text_of(table: &Table, key: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    match table.get(key)? {
        (_, Node { value: Value::Text(text), .. }) => Some(text.clone()),
        (_, node) => {
            let message = format!("expected text, found {}", node.value.kind());
            diagnostics.push(Diagnostic::new(&node.place, key, message));
            None
        }
    }
}

fn palette(sheet: &mut Sheet, colours: &Table, diagnostics: &mut Vec<Diagnostic>) {
    for (name, (_, node)) in colours {
        let key = format!("palette.{name}");
        match &node.value {
            Value::Text(text) => match text.parse() {
                Ok(colour) => {
                    sheet.palette.insert(name.clone(), colour);
                }
                Err(_) => diagnostics.push(not_a_colour(node, &key, text, &BTreeMap::new())),
            },
            other => {
                let message = format!("expected a colour as text, found {}", other.kind());
                diagnostics.push(Diagnostic::new(&node.place, key, message));
            }
        }
    }
}

fn not_a_colour(node: &Node, key: &str, text: &str, palette: &BTreeMap<String, Color>) -> Diagnostic {
    let known: Vec<&str> = palette.keys().map(String::as_str).chain(NAMED).collect();
    let mut diagnostic = Diagnostic::new(&node.place, key, format!("`{text}` is no colour")).accepts(text, &known);
    diagnostic.accepted.push("0–255".to_owned());
    diagnostic.accepted.push("#rrggbb".to_owned());
    diagnostic
}

/// The names that every terminal knows.
const NAMED: [&str; 17] = [
    "reset",
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "gray",
    "dark-gray",
    "light-red",
    "light-green",
    "light-yellow",
    "light-blue",
    "light-magenta",
    "light-cyan",
    "white",
];

fn roles(sheet: &mut Sheet, table: &Table, diagnostics: &mut Vec<Diagnostic>) {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
    for (name, (place, node)) in table {
        let key = format!("roles.{name}");
        let Some(role) = Role::ALL.iter().find(|role| role.name() == name) else {
            diagnostics.push(Diagnostic::new(place, key, format!("unknown role `{name}`")).accepts(name, &names));
            continue;
        };
        match &node.value {
            Value::Text(text) => {
                if let Some(colour) = colour(sheet, node, &key, text, diagnostics) {
                    sheet.styles.insert(*role, Style::new().fg(colour));
                }
            }
            Value::Table(parts) => {
                let style = style(sheet, &key, parts, diagnostics);
                sheet.styles.insert(*role, style);
            }
            other => {
                let message = format!("expected a colour or a table, found {}", other.kind());
                diagnostics.push(Diagnostic::new(&node.place, key, message));
            }
        }
    }
}

fn colour(sheet: &Sheet, node: &Node, key: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Color> {
    let colour = sheet.palette.get(text).copied().or_else(|| text.parse().ok());
    if colour.is_none() {
        diagnostics.push(not_a_colour(node, key, text, &sheet.palette));
    }
    colour
}

/// The words of a style beside its two colours.
const MODIFIERS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underline", Modifier::UNDERLINED),
    ("reverse", Modifier::REVERSED),
];

fn style(sheet: &Sheet, role: &str, parts: &Table, diagnostics: &mut Vec<Diagnostic>) -> Style {
    let mut style = Style::new();
    for (part, (place, node)) in parts {
        let key = format!("{role}.{part}");
        let modifier = MODIFIERS.iter().find(|(name, _)| name == part);
        match (part.as_str(), modifier, &node.value) {
            ("fg", _, Value::Text(text)) => style.fg = colour(sheet, node, &key, text, diagnostics),
            ("bg", _, Value::Text(text)) => style.bg = colour(sheet, node, &key, text, diagnostics),
            (_, Some((_, modifier)), Value::Boolean(true)) => style = style.add_modifier(*modifier),
            (_, Some(_), Value::Boolean(false)) => {}
            ("fg" | "bg", _, other) => {
                let message = format!("expected a colour as text, found {}", other.kind());
                diagnostics.push(Diagnostic::new(&node.place, key, message));
            }
            (_, Some(_), other) => {
                let message = format!("expected true or false, found {}", other.kind());
                diagnostics.push(Diagnostic::new(&node.place, key, message));
            }
            _ => {
                let known: Vec<&str> =
                    ["fg", "bg"].into_iter().chain(MODIFIERS.iter().map(|(name, _)| *name)).collect();
                diagnostics.push(Diagnostic::new(place, key, format!("unknown part `{part}`")).accepts(part, &known));
            }
        }
    }
    style
}
