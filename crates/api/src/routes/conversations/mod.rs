pub(crate) mod ask;
pub(crate) mod create;
pub(crate) mod find;
pub(crate) mod list;
pub(crate) mod turns;

pub(super) use ask::ask;
pub(super) use create::create;
pub(super) use find::find;
pub(super) use list::list;
pub(super) use turns::turns;
