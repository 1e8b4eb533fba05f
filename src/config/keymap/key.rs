//! A key as terminals report it, and how it is written (`ctrl-d`, `shift-tab`, `R`).

use std::fmt;

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// A character, as the layout gives it: `R` is already upper case.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab; with shift it is "back tab".
    Tab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key.
    F(u8),
}

/// What was held meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Modifiers {
    /// Control.
    pub ctrl: bool,
    /// Alt, option or meta.
    pub alt: bool,
    /// Shift; never set beside a character, whose case says it.
    pub shift: bool,
}

impl Modifiers {
    /// Nothing held.
    pub const NONE: Self = Self { ctrl: false, alt: false, shift: false };
    /// Control alone.
    pub const CTRL: Self = Self { ctrl: true, alt: false, shift: false };
    /// Alt alone.
    pub const ALT: Self = Self { ctrl: false, alt: true, shift: false };
    /// Shift alone.
    pub const SHIFT: Self = Self { ctrl: false, alt: false, shift: true };
}

/// A key with its modifiers, in one normal form: what a terminal cannot tell apart is equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// What was pressed.
    pub code: KeyCode,
    /// What was held.
    pub modifiers: Modifiers,
}

impl Key {
    /// Makes a key in normal form: shift with a letter is the upper-case letter; with control, letters are lower case.
    pub fn new(code: KeyCode, mut modifiers: Modifiers) -> Self {
        let code = match code {
            KeyCode::Char(c) => {
                let upper = modifiers.shift && c.is_ascii_lowercase();
                modifiers.shift = false;
                KeyCode::Char(if modifiers.ctrl {
                    c.to_ascii_lowercase()
                } else if upper {
                    c.to_ascii_uppercase()
                } else {
                    c
                })
            }
            code => code,
        };
        Self { code, modifiers }
    }

    /// A key without modifiers.
    pub fn plain(code: KeyCode) -> Self {
        Self::new(code, Modifiers::NONE)
    }

    /// A character.
    pub fn char(c: char) -> Self {
        Self::plain(KeyCode::Char(c))
    }

    /// Control with a character.
    pub fn ctrl(c: char) -> Self {
        Self::new(KeyCode::Char(c), Modifiers::CTRL)
    }

    /// The character that this key types, when it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.modifiers.ctrl && !self.modifiers.alt => Some(c),
            _ => None,
        }
    }

    /// Reads a key: modifiers (`ctrl`, `alt`, `shift`, or `C`, `A`, `S`) and a name or character, joined by `-`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut modifiers = Modifiers::NONE;
        let mut rest = text;
        // The last dash may be the key itself: `-`, `ctrl--`.
        while let Some((modifier, after)) =
            rest.split_once('-').filter(|(before, after)| !before.is_empty() && !after.is_empty())
        {
            let flag = match modifier {
                "ctrl" | "control" | "C" => &mut modifiers.ctrl,
                "alt" | "meta" | "A" | "M" => &mut modifiers.alt,
                "shift" | "S" => &mut modifiers.shift,
                other => return Err(format!("`{other}` is no modifier: ctrl, alt, shift")),
            };
            if std::mem::replace(flag, true) {
                return Err(format!("`{modifier}` stands twice"));
            }
            rest = after;
        }
        let code = Self::code(rest)?;
        if let KeyCode::Char(c) = code {
            Self::tellable(c, modifiers)?;
        }
        Ok(Self::new(code, modifiers))
    }

    fn code(name: &str) -> Result<KeyCode, String> {
        let mut chars = name.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            return Ok(KeyCode::Char(c));
        }
        if let Some((_, code)) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Ok(*code);
        }
        if let Some(number) = name.strip_prefix(['f', 'F']).and_then(|number| number.parse::<u8>().ok())
            && (1..=24).contains(&number)
        {
            return Ok(KeyCode::F(number));
        }
        let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        let guess = crate::config::diagnostic::did_you_mean(name, &names)
            .map_or_else(|| format!("a character, f1–f24, or {}", names.join(", ")), |near| format!("`{near}`?"));
        Err(format!("`{name}` is no key: {guess}"))
    }

    /// Refuses what terminals send as another key: such a binding would never, or always, be taken.
    fn tellable(c: char, modifiers: Modifiers) -> Result<(), String> {
        if modifiers.shift && !c.is_ascii_alphabetic() {
            return Err(format!("write the character that shift makes of `{c}`, without `shift`"));
        }
        if !modifiers.ctrl {
            return Ok(());
        }
        if modifiers.shift || c.is_ascii_uppercase() {
            return Err("terminals do not tell ctrl-shift from ctrl with a letter".to_owned());
        }
        match c {
            'i' => Err("terminals send tab for ctrl-i".to_owned()),
            'm' => Err("terminals send enter for ctrl-m".to_owned()),
            '[' => Err("terminals send esc for ctrl-[".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Names of keys that are no characters; the first of a code is how it is written.
const NAMES: [(&str, KeyCode); 23] = [
    ("enter", KeyCode::Enter),
    ("return", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("escape", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("minus", KeyCode::Char('-')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("del", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("page-up", KeyCode::PageUp),
    ("pgup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("page-down", KeyCode::PageDown),
    ("pgdn", KeyCode::PageDown),
];

/// As keymap files write it.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in
            [(self.modifiers.ctrl, "ctrl-"), (self.modifiers.alt, "alt-"), (self.modifiers.shift, "shift-")]
        {
            if held {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("space"),
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(number) => write!(f, "f{number}"),
            code => f.write_str(NAMES.iter().find(|(_, known)| *known == code).map_or("?", |(name, _)| name)),
        }
    }
}

/// A sequence as keymap files write it: `g g`.
pub fn spell(keys: &[Key]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
