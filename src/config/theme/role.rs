//! The roles that a theme gives a style to: one line each.

/// Makes the enum, its list, names and descriptions from one list, so that none can be forgotten.
macro_rules! roles {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// What a piece of the screen stands for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Role {
            $(#[doc = $doc] $variant,)*
        }

        impl Role {
            /// All of them, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in theme files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What it is for.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => $doc),* }
            }
        }
    };
}

roles! {
    Text "text" "Plain text.",
    Dim "dim" "Text that matters less: units, ages, labels.",
    Title "title" "Title of a pane.",
    TitleFocused "title-focused" "Title of the pane that has the keys.",
    Border "border" "Border of a pane.",
    BorderFocused "border-focused" "Border of the pane that has the keys.",
    Selection "selection" "The selected row.",
    SelectionBar "selection-bar" "The bar before the selected row.",
    Header "header" "The header line.",
    Production "production" "Label of a production context.",
    Context "context" "Label of any other context.",
    ReadOnly "read-only" "The word that says that actions are refused.",
    Demo "demo" "The word that says that the world is a lab's.",
    FocusLabel "focus" "What the panes are narrowed to.",
    Critical "critical" "A critical alert, a page.",
    Warning "warning" "A warning.",
    Info "info" "An alert that is good to know.",
    Ok "ok" "What is well or done.",
    Unhealthy "unhealthy" "A pod or workload that is not well.",
    Pending "pending" "What is on its way: pending alerts, pods that start, steps that wait.",
    Muted "muted" "Silenced or inhibited alerts.",
    Stale "stale" "Data that is older than it should be.",
    Failed "failed" "A source or an action that failed.",
    Key "key" "A key in footer and help.",
    KeyLabel "key-label" "What the key does.",
    DiffAdd "diff-add" "A line or value that comes.",
    DiffRemove "diff-remove" "A line or value that goes.",
    DiffContext "diff-context" "A line of a diff that stays.",
    LogTime "log-time" "Time of a log line.",
    LogPod "log-pod" "Pod of a log line.",
    LogError "log-error" "A log line of level error or worse.",
    LogWarn "log-warn" "A log line of level warning.",
    LogInfo "log-info" "Any other log line.",
    Spark "spark" "A sparkline.",
    SparkBad "spark-bad" "A sparkline of something that is going wrong.",
    Bar "bar" "The filled part of a bar.",
    BarBad "bar-bad" "The filled part of a bar that should be fuller.",
    BarEmpty "bar-empty" "The empty part of a bar.",
    Suspect "suspect" "A change that may be the cause.",
    Input "input" "Text that is being typed.",
    InputCursor "input-cursor" "The cursor in it.",
    Placeholder "placeholder" "What an empty input asks for.",
    Matched "matched" "What a filter or a search matched.",
    Dialog "dialog" "A box over the panes.",
    DialogTitle "dialog-title" "Its title.",
    DialogBorder "dialog-border" "Its border.",
    Notice "notice" "A passing message.",
}
