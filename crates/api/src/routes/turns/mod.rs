pub(crate) mod cancel;
pub(crate) mod events;
pub(crate) mod find;

pub(super) use cancel::cancel;
pub(super) use events::events;
pub(super) use find::find;
