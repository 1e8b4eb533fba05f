//! opsdeck.
