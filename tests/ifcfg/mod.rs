//! Interface files: folders with what they come to, other people's files, and bash as the judge of the language.

mod bash;
mod corpus;
mod docs;
mod folders;
mod generate;
mod hostile;
mod promise;
mod vars;
