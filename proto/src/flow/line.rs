//! A flow as one line of text.

use crate::flow::Flow;

/// A flow as `ovs-dpctl dump-flows` prints it.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The flow.
    pub flow: &'a Flow<'a>,
}
