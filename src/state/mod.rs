//! What the console knows (`World`), what the person in front of it is doing (`Session`), what comes in (`Message`)
//! and what must happen outside (`Effect`). Nothing here draws, waits or reads a clock: `now` always comes in.

pub mod audit;
pub mod command;
pub mod context;
pub mod effect;
pub mod filter;
pub mod flags;
pub mod form;
pub mod incident;
pub mod input;
pub mod logs;
pub mod marks;
pub mod menu;
pub mod message;
pub mod nodes;
pub mod pane;
pub mod resolve;
pub mod rows;
pub mod runbook;
pub mod session;
pub mod source;
pub mod standing;
pub mod table;
pub mod world;
