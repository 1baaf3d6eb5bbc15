//! What is on the screen now: the rows of the table that fit, out of what the readings say and what the keys chose. Pure; the
//! text of a flow comes from whoever calls.

use super::super::reading::{Datapath, DatapathRates};
use super::super::table::Column;
use super::Scene;
use super::flows::{FlowRow, Id, RANKED};
use super::state::State;
use super::texts::Texts;
use super::view::{Digits, View, flow_cells, flow_rank};

/// A part of a table.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Its columns.
    pub(super) columns: Vec<Column>,
    /// The rows that fit.
    pub(super) rows: Vec<Vec<String>>,
    /// How many rows there are to scroll through.
    pub(super) total: usize,
}

/// The page of `room` rows that `state` asks for, which it is held to. `text` makes the text of a flow.
pub(super) fn page(
    scene: &Scene,
    state: &mut State,
    room: usize,
    digits: Digits,
    texts: &mut Texts,
    mut text: impl FnMut(&Datapath, &Id) -> String,
) -> Page {
    let columns = state.view.columns();
    let Some(now) = &scene.now else { return Page { columns, ..Page::default() } };
    if state.view != View::Flows {
        return ports(now, &scene.rates, state, room, digits);
    }
    let mut text = |row: &FlowRow| texts.get(&row.id, now.at_ms, |id| text(now, id));
    let mut best = scene.flows.best(flow_rank(state.sort()), state.ascending, RANKED);
    if !state.filter.is_empty() {
        best.retain(|row| text(row).contains(&state.filter));
    }
    let total = best.len();
    state.fit(total, room);
    let rows = best.iter().skip(state.offset).take(room).map(|row| flow_cells(row, text(row), digits)).collect();
    Page { columns, rows, total }
}

fn ports(now: &Datapath, rates: &DatapathRates, state: &mut State, room: usize, digits: Digits) -> Page {
    let mut rows = state.view.port_rows(now, rates, state.sort(), state.ascending, &state.filter, digits);
    let total = rows.len();
    state.fit(total, room);
    rows.drain(..state.offset.min(total));
    rows.truncate(room);
    Page { columns: state.view.columns(), rows, total }
}
