//! What a key does: which table is shown, how it is sorted and filtered, whether readings go on. Pure: keys come in, a decision
//! goes out.

use super::view::View;

/// A key, as far as any is listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first row.
    Home,
    /// To the last row.
    End,
    /// Ctrl-C.
    Interrupt,
}

/// What is to be done about a key beyond drawing again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    Draw,
    /// Show the next datapath.
    NextDatapath,
    /// End.
    Quit,
}

/// The longest filter, in characters.
const FILTER_MAX: usize = 64;

/// What is shown, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The table.
    pub(super) view: View,
    /// For each table, the column it is sorted by.
    sort: [usize; View::ALL.len()],
    /// Whether the smallest comes first.
    pub(super) ascending: bool,
    /// Only rows whose name or flow has this in it.
    pub(super) filter: String,
    /// Whether keys go into the filter.
    pub(super) typing: bool,
    /// Whether readings rest.
    pub(super) paused: bool,
    /// The first row shown.
    pub(super) offset: usize,
}

impl State {
    /// That table as it comes first.
    pub(super) fn of(view: View) -> Self {
        Self { view, ..Self::default() }
    }

    /// The column that the table is sorted by.
    pub(super) fn sort(&self) -> usize {
        self.sort.get(self.view as usize).copied().unwrap_or_default()
    }

    /// Holds the offset to a table of `rows` of which `room` fit on the screen.
    pub(super) fn fit(&mut self, rows: usize, room: usize) {
        self.offset = self.offset.min(rows.saturating_sub(room));
    }

    /// Takes a key; `room` is how many rows fit on the screen.
    pub(super) fn press(&mut self, key: Key, room: usize) -> Effect {
        match key {
            Key::Interrupt => return Effect::Quit,
            Key::Up => self.offset = self.offset.saturating_sub(1),
            Key::Down => self.offset = self.offset.saturating_add(1),
            Key::PageUp => self.offset = self.offset.saturating_sub(room),
            Key::PageDown => self.offset = self.offset.saturating_add(room),
            Key::Home => self.offset = 0,
            Key::End => self.offset = usize::MAX,
            Key::Enter => self.typing = false,
            key if self.typing => self.edit(key),
            Key::Char(letter) => return self.command(letter),
            Key::Escape | Key::Backspace => self.show_all(),
        }
        Effect::Draw
    }

    fn edit(&mut self, key: Key) {
        match key {
            Key::Char(letter) if !letter.is_control() && self.filter.chars().count() < FILTER_MAX => self.filter.push(letter),
            Key::Backspace => drop(self.filter.pop()),
            Key::Escape => self.show_all(),
            _ => {}
        }
        self.offset = 0;
    }

    fn show_all(&mut self) {
        self.filter.clear();
        self.typing = false;
        self.offset = 0;
    }

    fn command(&mut self, letter: char) -> Effect {
        let columns = self.view.sorts();
        match letter {
            'q' => return Effect::Quit,
            'd' => {
                self.offset = 0;
                return Effect::NextDatapath;
            }
            'p' => self.turn_to(View::Ports),
            'f' => self.turn_to(View::Flows),
            'u' => self.turn_to(View::Upcalls),
            's' => self.sort_by((self.sort() + 1) % columns),
            'S' => self.sort_by((self.sort() + columns - 1) % columns),
            'r' => self.ascending = !self.ascending,
            '/' => self.typing = true,
            ' ' => self.paused = !self.paused,
            _ => {}
        }
        Effect::Draw
    }

    fn turn_to(&mut self, view: View) {
        self.view = view;
        self.offset = 0;
    }

    fn sort_by(&mut self, column: usize) {
        if let Some(sort) = self.sort.get_mut(self.view as usize) {
            *sort = column;
        }
        self.offset = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(state: &mut State, keys: &str) -> Effect {
        keys.chars().fold(Effect::Draw, |_, letter| state.press(Key::Char(letter), 10))
    }

    #[test]
    fn each_table_keeps_its_own_order() {
        let mut state = State::default();
        assert_eq!(typed(&mut state, "ss"), Effect::Draw);
        assert_eq!((state.view, state.sort()), (View::Ports, 2));
        typed(&mut state, "fS");
        assert_eq!((state.view, state.sort()), (View::Flows, View::Flows.sorts() - 1));
        typed(&mut state, "p");
        assert_eq!(state.sort(), 2);
    }

    #[test]
    fn letters_go_into_the_filter_until_enter_and_escape_clears_it() {
        let mut state = State::default();
        assert_eq!(typed(&mut state, "/quit"), Effect::Draw);
        assert_eq!((state.filter.as_str(), state.typing), ("quit", true));
        state.press(Key::Backspace, 10);
        state.press(Key::Enter, 10);
        assert_eq!((state.filter.as_str(), state.typing), ("qui", false));
        typed(&mut state, "f");
        assert_eq!((state.view, state.filter.as_str()), (View::Flows, "qui"));
        state.press(Key::Escape, 10);
        assert_eq!(state.filter, "");
        typed(&mut state, &format!("/{}", "x".repeat(1000)));
        assert_eq!(state.filter.len(), FILTER_MAX);
        assert_eq!(state.press(Key::Interrupt, 10), Effect::Quit);
    }

    #[test]
    fn scrolling_ends_with_the_table() {
        let mut state = State::default();
        state.press(Key::End, 10);
        state.fit(25, 10);
        assert_eq!(state.offset, 15);
        state.press(Key::PageUp, 10);
        state.press(Key::Up, 10);
        assert_eq!(state.offset, 4);
        state.press(Key::Down, 10);
        state.fit(3, 10);
        assert_eq!(state.offset, 0);
    }

    #[test]
    fn what_ends_it_and_what_stops_it() {
        let mut state = State::default();
        assert_eq!(typed(&mut state, "q"), Effect::Quit);
        assert_eq!(typed(&mut state, "d"), Effect::NextDatapath);
        typed(&mut state, " ");
        assert!(state.paused);
        typed(&mut state, " ");
        assert!(!state.paused);
    }

    fn any_key() -> impl Strategy<Value = Key> {
        use Key::{Backspace, Down, End, Enter, Escape, Home, PageDown, PageUp, Up};
        prop_oneof![
            any::<char>().prop_map(Key::Char),
            proptest::sample::select(vec![Backspace, Down, End, Enter, Escape, Home, PageDown, PageUp, Up])
        ]
    }

    proptest! {
        #[test]
        fn no_keys_lead_out_of_the_tables(keys in proptest::collection::vec(any_key(), 0..200), rows in 0usize..40, room in 0usize..40) {
            let mut state = State::default();
            for key in keys {
                state.press(key, room);
                state.fit(rows, room);
                prop_assert!(state.sort() < state.view.sorts() && state.offset <= rows && state.filter.chars().count() <= FILTER_MAX);
            }
        }
    }
}
