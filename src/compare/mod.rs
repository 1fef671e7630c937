//! What policies say of all mail at once: what changes between two sets, and who may send as somebody.
//!
//! Policies tell mails apart by finitely many patterns, networks and bounds. Each key that they mention is cut
//! into the classes that these can tell apart (`glob_classes` for text, `ranges` for the rest, `lists` for keys
//! of several values), with one member each; classes that every condition treats alike are joined. The product
//! of what is left is judged by the same `decide` that judges mail, so no example is wrong; and it holds one
//! mail of every class, so none is missed, but for what [`Examined::unproven`] names.

mod axis;
mod discover;
mod example;
mod form;
mod glob_classes;
mod ground;
mod judge;
mod lists;
mod ranges;
mod regions;
mod report;
mod space;
mod survey;
mod terms;

pub use discover::Hints;
pub use example::Example;
pub use ground::{App, Ground, Latitude, Side};
pub use regions::Bound;
pub use report::{Change, Diff, Examined, Permission, Reason, Who, diff, who};
