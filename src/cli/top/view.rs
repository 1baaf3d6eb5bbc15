//! The tables: their columns, how rows are ranked by each, and how cells read. Pure.

use super::super::reading::{Datapath, DatapathRates, Port, PortRates};
use super::super::table::Column;
use super::flows::{FlowRow, Rank, by_rank};

/// One of the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum View {
    /// Ports by traffic.
    #[default]
    Ports,
    /// Flows by traffic.
    Flows,
    /// Ports by upcalls.
    Upcalls,
}

/// How a number is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    /// All of them, for programs.
    All,
    /// Three or four and a unit, for eyes.
    Few,
}

/// A port with its rates.
type Row<'a> = (&'a Port, &'a PortRates);

/// A column of numbers of ports.
struct PortColumn {
    title: &'static str,
    /// Its number; `None` when it is not known.
    value: fn(&Row<'_>) -> Option<f64>,
    /// Whether it is a rate, which has a digit behind the point.
    rate: bool,
}

const fn rate(title: &'static str, value: fn(&Row<'_>) -> Option<f64>) -> PortColumn {
    PortColumn { title, value, rate: true }
}

const fn count(title: &'static str, value: fn(&Row<'_>) -> Option<f64>) -> PortColumn {
    PortColumn { title, value, rate: false }
}

const PORTS: [PortColumn; 6] = [
    rate("RX/s", |(_, rates)| rates.rx_packets),
    rate("RX-BYTES/s", |(_, rates)| rates.rx_bytes),
    rate("TX/s", |(_, rates)| rates.tx_packets),
    rate("TX-BYTES/s", |(_, rates)| rates.tx_bytes),
    rate("ERRORS/s", |(_, rates)| rates.errors),
    rate("DROPS/s", |(_, rates)| rates.dropped),
];

const UPCALLS: [PortColumn; 4] = [
    rate("UPCALLS/s", |(_, rates)| rates.upcalls),
    rate("LOST/s", |(_, rates)| rates.upcall_errors),
    count("UPCALLS", |(port, _)| port.upcalls.map(float)),
    count("LOST", |(port, _)| port.upcall_errors.map(float)),
];

/// What stands in front of a port's numbers.
const PORT_NAME: [Column; 2] = [Column::Number("PORT"), Column::Words("NAME")];

const FLOW_COLUMNS: [Column; 6] = [
    Column::Number("PACKETS/s"),
    Column::Number("BYTES/s"),
    Column::Number("PACKETS"),
    Column::Number("BYTES"),
    Column::Number("IDLE"),
    Column::Words("FLOW"),
];

const FLOW_RANKS: [Rank; 5] =
    [|row| row.packet_rate, |row| row.byte_rate, |row| Some(float(row.packets)), |row| Some(float(row.bytes)), |row| row.idle_ms.map(float)];

#[expect(clippy::cast_precision_loss, reason = "to rank by, and to print with few digits")]
const fn float(count: u64) -> f64 {
    count as f64
}

impl View {
    /// All of them, in the order of the tabs.
    pub(super) const ALL: [Self; 3] = [Self::Ports, Self::Flows, Self::Upcalls];

    /// What the tab says.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Ports => "Ports",
            Self::Flows => "Flows",
            Self::Upcalls => "Upcalls",
        }
    }

    /// How many columns it can be sorted by.
    pub(super) const fn sorts(self) -> usize {
        match self {
            Self::Ports => PORTS.len(),
            Self::Flows => FLOW_RANKS.len(),
            Self::Upcalls => UPCALLS.len(),
        }
    }

    /// The title of the column it is sorted by.
    pub(super) fn sort_title(self, sort: usize) -> &'static str {
        match self {
            Self::Flows => FLOW_COLUMNS.get(sort).map_or("", |column| column.title()),
            Self::Ports | Self::Upcalls => self.port_columns().get(sort).map_or("", |column| column.title),
        }
    }

    /// Its columns.
    pub(super) fn columns(self) -> Vec<Column> {
        match self {
            Self::Flows => FLOW_COLUMNS.to_vec(),
            Self::Ports | Self::Upcalls => {
                PORT_NAME.into_iter().chain(self.port_columns().iter().map(|column| Column::Number(column.title))).collect()
            }
        }
    }

    /// The columns of numbers of a table of ports; none for flows.
    const fn port_columns(self) -> &'static [PortColumn] {
        match self {
            Self::Ports => &PORTS,
            Self::Upcalls => &UPCALLS,
            Self::Flows => &[],
        }
    }

    /// The rows of a table of ports whose names have `filter` in them, ranked by a column.
    pub(super) fn port_rows(
        self,
        now: &Datapath,
        rates: &DatapathRates,
        sort: usize,
        ascending: bool,
        filter: &str,
        digits: Digits,
    ) -> Vec<Vec<String>> {
        let columns = self.port_columns();
        let mut rows: Vec<Row<'_>> = now.ports.iter().zip(&rates.ports).filter(|(port, _)| port.name.contains(filter)).collect();
        if let Some(PortColumn { value, .. }) = columns.get(sort) {
            rows.sort_by(|a, b| by_rank(value(a), value(b), ascending));
        }
        let cells = |row: &Row<'_>| {
            let numbers = columns.iter().map(|column| number((column.value)(row), column.rate, digits));
            [row.0.number.to_string(), row.0.name.to_string()].into_iter().chain(numbers).collect()
        };
        rows.iter().map(cells).collect()
    }
}

/// How flows are ranked by a column.
pub(super) fn flow_rank(sort: usize) -> Rank {
    FLOW_RANKS.get(sort).copied().unwrap_or(|row| row.packet_rate)
}

/// The cells of a flow.
pub(super) fn flow_cells(row: &FlowRow, text: String, digits: Digits) -> Vec<String> {
    let seconds = row.idle_ms.map(|ms| float(ms) / 1000.0);
    vec![
        number(row.packet_rate, true, digits),
        number(row.byte_rate, true, digits),
        number(Some(float(row.packets)), false, digits),
        number(Some(float(row.bytes)), false, digits),
        seconds.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds:.1}s")),
        text,
    ]
}

/// A number as a cell; `-` when it is not known. A rate has one digit behind the point.
pub(super) fn number(value: Option<f64>, rate: bool, digits: Digits) -> String {
    let Some(value) = value else { return "-".into() };
    let units = [("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e4)];
    match units.into_iter().find(|(_, from)| digits == Digits::Few && value >= *from) {
        Some(("k", _)) => format!("{:.1}k", value / 1e3),
        Some((unit, from)) => format!("{:.1}{unit}", value / from),
        None if rate => format!("{value:.1}"),
        None => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_eyes_and_for_programs() {
        let few = |value| number(Some(value), true, Digits::Few);
        assert_eq!([few(0.0), few(9_999.0), few(12_345.0), few(1_250_000.0), few(3e13)], ["0.0", "9999.0", "12.3k", "1.2M", "30.0T"]);
        assert_eq!(number(Some(12_345.0), false, Digits::All), "12345");
        assert_eq!(number(None, true, Digits::All), "-");
    }

    #[test]
    fn every_table_can_be_sorted_by_every_number() {
        for view in View::ALL {
            let numbers = view.columns().into_iter().filter(|column| matches!(column, Column::Number(title) if *title != "PORT"));
            assert!(numbers.map(Column::title).eq((0..view.sorts()).map(|sort| view.sort_title(sort))));
        }
    }
}
