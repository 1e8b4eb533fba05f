//! Themes: what each role on screen looks like, in as many colours as the terminal has.
//!
//! Panes name roles, never colours. Nothing is told by colour alone: every role that carries meaning also stands
//! beside a word or a sign, and without colours keeps bold, underline or reverse.

mod depth;
mod file;
mod role;

use std::collections::BTreeMap;

use ratatui::style::{Color, Style};

pub use depth::{ColourChoice, ColourDepth};
pub use file::BUILT_IN;
pub use role::Role;

/// A loaded theme, reduced to the terminal's colours.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    name: String,
    depth: ColourDepth,
    palette: BTreeMap<String, Color>,
    styles: Vec<Style>,
}

impl Theme {
    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// A colour by the theme's palette, else by its name, number or `#rrggbb`; reduced. `None` when it is neither, or
    /// when there are no colours.
    pub fn colour(&self, name: &str) -> Option<Color> {
        let colour = self.palette.get(name).copied().or_else(|| name.parse().ok())?;
        self.depth.colour(colour)
    }

    /// How a context's label is shown: in its own colour where it has one, else as production or any context.
    pub fn context_label(&self, colour: Option<&str>, production: bool) -> Style {
        let style = self.style(if production { Role::Production } else { Role::Context });
        match colour.and_then(|name| self.colour(name)) {
            // Production is a filled label, so its colour is the ground.
            Some(colour) if production => style.bg(colour),
            Some(colour) => style.fg(colour),
            None => style,
        }
    }

    /// The theme's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many colours it uses.
    pub fn depth(&self) -> ColourDepth {
        self.depth
    }
}
