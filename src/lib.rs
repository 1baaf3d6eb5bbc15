
pub mod nl;
