//! What the user said: settings, keymap, theme, guardrails, each from files in layers, with errors that point at the line.
