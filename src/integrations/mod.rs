//! Clients of the outside world. They implement ports and know no state, no screen and no task.
