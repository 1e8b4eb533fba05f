//! Keymaps and themes: what is shipped is whole, what the user lays over it behaves as documented.

use proptest::prelude::*;

use super::{COMMANDS, env};
use opsdeck::config::keymap::{Key, KeyCode, Keymap, Modifiers, Scope, Step, spell};
use opsdeck::config::theme::{BUILT_IN, ColourChoice, ColourDepth, Role, Theme};
use opsdeck::config::{Dirs, Origin};
use ratatui::style::{Color, Modifier, Style};

fn default_keymap() -> Keymap {
    Keymap::built_in(&COMMANDS).unwrap_or_else(|error| panic!("{error}"))
}

fn own(text: &str) -> Keymap {
    Keymap::parse(Origin::File("own.toml".into()), text, &COMMANDS).unwrap_or_else(|error| panic!("{error}"))
}

fn shown(keymap: &Keymap, command: &str, scopes: &[Scope]) -> Vec<String> {
    keymap.keys_for(command, scopes).into_iter().map(spell).collect()
}

#[test]
fn every_command_has_a_key_and_fingers_find_their_own() {
    let keymap = default_keymap();
    // Asked for by name, and seldom.
    let by_name = ["cronjobs", "jobs", "promote-full", "set-flag", "set-image"];
    for command in COMMANDS.iter().copied().filter(|command| !by_name.contains(command)) {
        assert!(keymap.bindings().iter().any(|binding| binding.command == command), "{command} has no key");
    }
    let pane = [Scope::Rollouts, Scope::Global];
    let logs = [Scope::Logs, Scope::Global];
    let expected = [
        ("enter", "focus"),
        ("esc", "widen"),
        ("R", "rollback"),
        ("l", "pane-logs"),
        ("/", "filter"),
        (":", "palette"),
        ("z", "zoom"),
        ("shift-tab", "previous-pane"),
        ("ctrl-f", "page-down"),
        ("N", "previous-match"),
        ("q", "back"),
        ("ctrl-c", "quit"),
    ];
    for (key, command) in expected {
        let step = keymap.step(&pane, &[], Key::parse(key).unwrap());
        assert!(matches!(step, Step::Command(found) if found == command), "{key}: {step:?}");
        assert_eq!(shown(&keymap, command, &pane)[0], key, "{command}");
    }
    assert_eq!(shown(&keymap, "pane-logs", &logs), ["5"], "in logs, l scrolls");
    assert_eq!(keymap.step(&logs, &[], Key::char('s')), Step::Command("follow"));
    assert_eq!(keymap.step(&pane, &[], Key::char('s')), Step::None);
    // A plan hears nothing of the panes behind it, and enter does not confirm it by accident.
    assert_eq!(keymap.step(&[Scope::Dialog], &[], Key::char('R')), Step::None);
    assert_eq!(keymap.step(&[Scope::Dialog], &[], Key::plain(KeyCode::Enter)), Step::None);
}

#[test]
fn sequences_wait_and_show_what_can_follow() {
    let keymap = default_keymap();
    let g = Key::char('g');
    assert_eq!(keymap.step(&[Scope::Global], &[], g), Step::Pending);
    assert_eq!(keymap.step(&[Scope::Global], &[g], g), Step::Command("top"));
    assert_eq!(keymap.step(&[Scope::Global], &[g], Key::char('x')), Step::None);
    let next = keymap.continuations(&[Scope::Global], &[g]);
    let next: Vec<(String, &str)> = next.into_iter().map(|(keys, command)| (spell(keys), command)).collect();
    assert_eq!(next, [("g".into(), "top"), ("n".into(), "namespace"), ("c".into(), "context")]);
}

#[test]
fn what_the_user_binds_wins_and_is_what_is_shown() {
    let keymap =
        own("[global]\n\"g\" = \"zoom\"\n\"R\" = \"nothing\"\n\"ctrl-x R\" = \"rollback\"\n\"z\" = \"nothing\"\n");
    assert_eq!(keymap.step(&[Scope::Global], &[], Key::char('g')), Step::Command("zoom"));
    assert_eq!(keymap.step(&[Scope::Global], &[], Key::char('R')), Step::None);
    assert_eq!(shown(&keymap, "rollback", &[Scope::Global]), ["ctrl-x R"]);
    assert_eq!(shown(&keymap, "zoom", &[Scope::Global]), ["g"]);
    assert_eq!(shown(&keymap, "top", &[Scope::Global]), ["home"], "g g is gone, g stands for itself");
    assert_eq!(shown(&keymap, "top", &[Scope::Dialog]), ["g g", "home"], "other scopes keep theirs");
}

#[test]
fn keys_that_terminals_cannot_tell_apart_are_one() {
    let shift = |code| Key::new(code, Modifiers::SHIFT);
    assert_eq!(shift(KeyCode::Char('r')), Key::char('R'));
    assert_eq!(shift(KeyCode::Char('?')), Key::char('?'));
    assert_eq!(Key::parse("shift-r"), Ok(Key::char('R')));
    assert_eq!(Key::parse("C-d"), Ok(Key::new(KeyCode::Char('D'), Modifiers::CTRL)));
    assert_eq!(Key::parse("-"), Ok(Key::char('-')));
    assert_eq!(Key::parse("ctrl--"), Ok(Key::ctrl('-')));
    assert_eq!(Key::parse("PgDn").unwrap().to_string(), "pagedown");
    assert_eq!(Key::char('é').typed(), Some('é'));
    assert_eq!(Key::ctrl('e').typed(), None);
}

fn any_key() -> impl Strategy<Value = Key> {
    let code = prop_oneof![
        proptest::char::range('!', '~').prop_map(KeyCode::Char),
        Just(KeyCode::Char(' ')),
        Just(KeyCode::Tab),
        Just(KeyCode::PageUp),
        (1..=12_u8).prop_map(KeyCode::F),
    ];
    (code, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(code, ctrl, alt, shift)| Key::new(code, Modifiers { ctrl, alt, shift }))
}

proptest! {
    #[test]
    fn a_key_reads_back_as_it_is_written(key in any_key()) {
        if let Ok(read) = Key::parse(&key.to_string()) {
            prop_assert_eq!(read, key);
        } else {
            // Only what terminals send as another key.
            prop_assert!(key.modifiers.ctrl, "{}", key);
        }
    }

    /// Whatever is laid over the default: no binding hides behind another, and help never names a dead key.
    #[test]
    fn no_binding_is_ever_out_of_reach(
        sequences in proptest::collection::btree_map("[gzxR]( [gzx]){0,2}", 0..COMMANDS.len(), 0..6)
    ) {
        let text = sequences
            .iter()
            .fold("[global]\n".to_owned(), |text, (keys, command)| format!("{text}{keys:?} = {:?}\n", COMMANDS[*command]));
        // A file that shadows itself is refused, which is checked elsewhere.
        if let Ok(keymap) = Keymap::parse(Origin::File("own.toml".into()), &text, &COMMANDS) {
            for binding in keymap.bindings() {
                let keys = keymap.keys_for(binding.command, &[binding.scope]);
                prop_assert!(keys.contains(&&binding.keys[..]), "{} of {}", spell(&binding.keys), binding.command);
            }
        }
    }
}

#[test]
fn every_shipped_theme_gives_every_role_a_style() {
    for (name, text) in BUILT_IN {
        for role in Role::ALL {
            let said = text.lines().any(|line| line.starts_with(&format!("{} = ", role.name())));
            assert!(said, "{name} says nothing of {}", role.name());
        }
    }
}

#[test]
fn themes_keep_their_meaning_with_fewer_colours() {
    let meaning = [Role::Critical, Role::Ok, Role::Pending, Role::Info, Role::Dim];
    for (name, _) in BUILT_IN {
        for depth in [ColourDepth::None, ColourDepth::Sixteen, ColourDepth::Indexed, ColourDepth::True] {
            let theme = Theme::built_in(name, depth).unwrap();
            for role in Role::ALL {
                let Style { fg, bg, .. } = theme.style(*role);
                for colour in [fg, bg].into_iter().flatten() {
                    let fits = match depth {
                        ColourDepth::None => false,
                        ColourDepth::Sixteen => !matches!(colour, Color::Rgb(..) | Color::Indexed(_)),
                        ColourDepth::Indexed => !matches!(colour, Color::Rgb(..)),
                        ColourDepth::True => true,
                    };
                    assert!(fits, "{name} {depth:?} {}: {colour}", role.name());
                }
            }
            // The selected row and a production context stand out, whatever the terminal can do.
            for role in [Role::Selection, Role::Production] {
                let style = theme.style(role);
                let reversed = style.add_modifier.contains(Modifier::REVERSED);
                assert!(style.bg.is_some() || reversed, "{name} {depth:?} {}", role.name());
            }
            if depth != ColourDepth::None {
                let colours: std::collections::HashSet<_> = meaning.map(|role| theme.style(role).fg).into();
                assert_eq!(colours.len(), meaning.len(), "{name} {depth:?}: meanings share a colour");
            }
        }
    }
}

#[test]
fn colours_reduce_by_hue_and_not_to_grey() {
    let sixteen = |text: &str| ColourDepth::Sixteen.colour(text.parse().unwrap()).unwrap();
    let cases = [
        ("#ff6b6b", Color::LightRed),
        ("#1a7f37", Color::Green),
        ("#79b8ff", Color::LightBlue),
        ("#8b93a1", Color::Gray),
        ("#3d4452", Color::DarkGray),
        ("#000000", Color::Black),
        ("#ffffff", Color::White),
        ("196", Color::LightRed),
        ("9", Color::LightRed),
        ("red", Color::Red),
    ];
    for (from, to) in cases {
        assert_eq!(sixteen(from), to, "{from}");
    }
    assert_eq!(ColourDepth::Indexed.colour(Color::Rgb(255, 0, 0)), Some(Color::Indexed(196)));
    assert_eq!(ColourDepth::Indexed.colour(Color::Rgb(8, 8, 8)), Some(Color::Indexed(232)));
    assert_eq!(ColourDepth::None.colour(Color::Red), None);
}

#[test]
fn the_terminal_says_how_many_colours_it_has_and_the_user_overrules_it() {
    let auto = |pairs: &[(&str, &str)]| ColourDepth::detect(ColourChoice::Auto, &env(pairs));
    assert_eq!(auto(&[]), ColourDepth::Sixteen);
    assert_eq!(auto(&[("TERM", "xterm-256color")]), ColourDepth::Indexed);
    assert_eq!(auto(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), ColourDepth::True);
    assert_eq!(auto(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")]), ColourDepth::None);
    assert_eq!(auto(&[("TERM", "xterm-256color"), ("NO_COLOR", "")]), ColourDepth::Indexed);
    assert_eq!(auto(&[("TERM", "dumb")]), ColourDepth::None);
    assert_eq!(ColourDepth::detect(ColourChoice::True, &env(&[("NO_COLOR", "1")])), ColourDepth::True);
}

#[test]
fn a_theme_of_ones_own_builds_on_another() {
    let dir = tempfile::tempdir().unwrap();
    let themes = dir.path().join("themes");
    std::fs::create_dir_all(&themes).unwrap();
    std::fs::write(themes.join("mine.toml"), "[palette]\nred = \"#010203\"\n[roles]\nok = \"red\"\n").unwrap();
    std::fs::write(themes.join("light.toml"), "inherits = \"light\"\n[roles]\nok = { fg = \"12\", bold = true }\n")
        .unwrap();
    let dirs = Dirs { config: Some(dir.path().to_owned()), ..Dirs::default() };

    let mine = Theme::load("mine", &dirs, ColourDepth::True).unwrap();
    let dark = Theme::built_in("dark", ColourDepth::True).unwrap();
    assert_eq!(mine.style(Role::Ok).fg, Some(Color::Rgb(1, 2, 3)));
    assert_eq!(mine.style(Role::Warning), dark.style(Role::Warning));
    assert_eq!(mine.colour("red"), Some(Color::Rgb(1, 2, 3)));
    assert_eq!(mine.colour("#0a0b0c"), Some(Color::Rgb(10, 11, 12)));
    assert_eq!(mine.colour("nonsense"), None);
    let light = Theme::load("light", &dirs, ColourDepth::True).unwrap();
    assert_eq!(light.style(Role::Ok), Style::new().fg(Color::Indexed(12)).add_modifier(Modifier::BOLD));
    assert_eq!(light.style(Role::Info), Theme::built_in("light", ColourDepth::True).unwrap().style(Role::Info));
    assert_eq!(Theme::names(&dirs), ["dark", "light", "sixteen", "mine"]);

    let label = mine.context_label(Some("blue"), true);
    assert_eq!(label.bg, mine.colour("blue"));
    let bare = Theme::load("mine", &dirs, ColourDepth::None).unwrap().context_label(Some("blue"), true);
    assert!(bare.add_modifier.contains(Modifier::REVERSED) && bare.bg.is_none());
}
