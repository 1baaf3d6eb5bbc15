//! A page on the screen. Pure: what is drawn is a function of the readings, the keys and the size.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::table::table;
use super::Scene;
use super::page::Page;
use super::state::State;
use super::view::{Digits, View, number};

/// Lines that are not rows: three at the top, the titles, and the help.
const FRAME: u16 = 5;

/// How many rows fit on a screen of this height.
pub(super) const fn room(height: u16) -> usize {
    height.saturating_sub(FRAME) as usize
}

/// What the keys do.
const HELP: &str = "p f u tables  s S sort  r reverse  / filter  space pause  d datapath  arrows scroll  q quit";

/// Draws everything. `interval` is how far readings are apart now.
pub(super) fn draw(frame: &mut Frame<'_>, scene: &Scene, state: &State, page: &Page, interval: Duration) {
    let [head, body, foot] = Layout::vertical([Constraint::Length(3), Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Paragraph::new(vec![title(scene, state, interval), totals(scene), tabs(state, page)]), head);
    let text = table("", &page.columns, &page.rows);
    let lines = text.lines().enumerate().map(|(at, line)| Line::styled(line, if at == 0 { Style::new().bold().reversed() } else { Style::new() }));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), body);
    frame.render_widget(Paragraph::new(HELP).dim(), foot);
}

fn title(scene: &Scene, state: &State, interval: Duration) -> Line<'static> {
    let Some(now) = &scene.now else { return Line::from("ovsdp top: the datapath is gone; waiting for it to come back").bold() };
    let masks = now.masks.map(|masks| format!(", {} masks", masks.masks)).unwrap_or_default();
    let pace = if state.paused { "paused".to_owned() } else { format!("every {:.1} s", interval.as_secs_f64()) };
    let lost = if scene.unreadable > 0 { format!("; {} messages of the kernel could not be read", scene.unreadable) } else { String::new() };
    Line::from(format!("ovsdp top: {}, {} ports, {} flows{masks}; {pace}{lost}", now.name, now.ports.len(), scene.flows.len())).bold()
}

fn totals(scene: &Scene) -> Line<'static> {
    let Some(now) = &scene.now else { return Line::default() };
    let rate = |value| number(value, true, Digits::Few);
    let rates = &scene.rates;
    let mut text = format!("packets/s: {} hit, {} missed, {} lost", rate(rates.hit), rate(rates.missed), rate(rates.lost));
    // Writing to a String cannot fail.
    if let Some(masks) = now.masks_per_packet() {
        text += &format!("; {masks:.2} masks tried a packet");
    }
    if let Some(share) = now.cache_share() {
        text += &format!(", mask cache {:.1} %", share * 100.0);
    }
    Line::from(text)
}

fn tabs(state: &State, page: &Page) -> Line<'static> {
    let mut spans = Vec::new();
    for view in View::ALL {
        spans.push(if view == state.view { Span::from(format!("[{}]", view.title())).bold() } else { Span::from(format!(" {} ", view.title())) });
    }
    let order = if state.ascending { "least" } else { "most" };
    spans.push(Span::from(format!("  {order} {} first", state.view.sort_title(state.sort()))));
    if state.offset > 0 {
        spans.push(Span::from(format!(", from row {} of {}", state.offset + 1, page.total)));
    }
    if state.typing {
        spans.push(Span::from(format!("  filter: {}_", state.filter)).bold());
    } else if !state.filter.is_empty() {
        spans.push(Span::from(format!("  filter: {}", state.filter)));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use ovsdp_proto::flow::{self, Flow, Put, Ufid};
    use ovsdp_proto::uapi::flow::attr;
    use ovsdp_proto::{Request, nla};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::page::page;
    use super::super::state::Key;
    use super::super::texts::Texts;
    use super::*;
    use crate::cli::reading::tests::{datapath, port};
    use crate::cli::reading::{Datapath, DatapathRates, FlowTotals, Masks};

    fn see(scene: &mut Scene, number: u8, packets: u64, bytes: u64, used: u64) {
        let mut out = Vec::new();
        flow::new(&mut out, Request::new(30, 0, 0), &Put { ufid: Some(Ufid([number; 16])), ..Put::default() }).unwrap();
        let stats: Vec<u8> = [packets, bytes].into_iter().flat_map(u64::to_ne_bytes).collect();
        nla::put(&mut out, attr::STATS, &stats).unwrap();
        nla::put(&mut out, attr::USED, &used.to_ne_bytes()).unwrap();
        scene.flows.see(&Flow::parse(&out[16..]).unwrap());
    }

    /// Two readings a second apart, of three ports and three flows.
    fn scene() -> Scene {
        let mut before = datapath(vec![port(0, "ovs-system"), port(1, "ovsbr0"), port(2, "eth0"), port(3, "vnet0")]);
        before.masks = Some(Masks { masks: 3, mask_hit: 450_000, cache_hit: 240_000 });
        (before.hit, before.missed) = (300_000, 40);
        before.flow_totals = Some(FlowTotals { flows: 3, packets: 0, bytes: 0, idle: 0 });
        let mut now = before.clone();
        now.at_ms += 1_000;
        (now.hit, now.missed) = (314_200, 43);
        for (port, [rx, rx_bytes, tx, tx_bytes, upcalls]) in now.ports.iter_mut().zip([
            [0, 0, 0, 0, 0],
            [12_100, 18_150_000, 2_100, 138_600, 1],
            [2_103, 138_900, 12_100, 18_150_000, 2],
            [3, 300, 0, 0, 0],
        ]) {
            (port.rx_packets, port.rx_bytes, port.tx_packets, port.tx_bytes, port.upcalls) = (rx, rx_bytes, tx, tx_bytes, Some(upcalls));
        }
        now.ports[3].rx_dropped = 3;
        let mut scene = Scene::default();
        for (at, factor) in [(before.at_ms, 1), (now.at_ms, 2)] {
            scene.flows.begin(at);
            see(&mut scene, 1, 12_100 * factor, 18_150_000 * factor, at - 4);
            see(&mut scene, 2, 2_100 * factor, 138_600 * factor, at - 4);
            see(&mut scene, 3, 1_500, 90_000, 7_250);
            scene.flows.end();
        }
        scene.rates = DatapathRates::between(Some(&before), &now);
        scene.now = Some(now);
        scene
    }

    fn text(_: &Datapath, id: &super::super::flows::Id) -> String {
        let texts = [
            "in_port(eth0),eth(src=00:16:3e:00:00:01,dst=00:16:3e:00:00:8c),eth_type(0x0800),ipv4(frag=no) actions:ovsbr0",
            "in_port(ovsbr0),eth(src=00:16:3e:00:00:8c,dst=00:16:3e:00:00:01),eth_type(0x0800),ipv4(frag=no) actions:eth0",
            "in_port(vnet0),eth(dst=01:80:c2:00:00:00) actions:drop",
        ];
        let super::super::flows::Id::Named(Ufid(ufid)) = id else { panic!() };
        texts[usize::from(ufid[0]) - 1].to_owned()
    }

    /// The screen after these keys, blanks at the ends of lines cut off.
    fn screen(scene: &Scene, keys: &str, width: u16, height: u16) -> String {
        let mut state = State::default();
        for letter in keys.chars() {
            state.press(if letter == '\n' { Key::Enter } else { Key::Char(letter) }, room(height));
        }
        let page = page(scene, &mut state, room(height), Digits::Few, &mut Texts::default(), text);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, scene, &state, &page, Duration::from_secs(1))).unwrap();
        let cells = terminal.backend().buffer().content();
        let lines = cells.chunks(width.into()).map(|line| line.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
        lines.map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    #[test]
    fn the_readmes_picture_is_what_is_drawn() {
        let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
        let picture: String = screen(&scene(), "f", 128, 9).lines().map(|line| format!("    {line}\n").replace("    \n", "\n")).collect();
        assert!(readme.contains(&picture), "the README lacks this picture:\n{picture}");
    }

    #[test]
    fn tables_of_ports() {
        let ports = screen(&scene(), "", 100, 12);
        let lines: Vec<_> = ports.lines().collect();
        assert_eq!(lines[0], "ovsdp top: ovs-system, 4 ports, 3 flows, 3 masks; every 1.0 s");
        assert_eq!(lines[1], "packets/s: 14.2k hit, 3.0 missed, 0.0 lost; 1.43 masks tried a packet, mask cache 76.4 %");
        assert_eq!(lines[2], "[Ports] Flows  Upcalls   most RX/s first");
        assert_eq!(lines[3], "PORT  NAME          RX/s  RX-BYTES/s    TX/s  TX-BYTES/s  ERRORS/s  DROPS/s");
        assert_eq!(lines[4], "   1  ovsbr0       12.1k       18.1M  2100.0      138.6k       0.0      0.0");
        assert_eq!(lines[6], "   3  vnet0          3.0       300.0     0.0         0.0       0.0      3.0");
        assert_eq!(lines[11], HELP);
        let upcalls = screen(&scene(), "u", 100, 12);
        assert_eq!(upcalls.lines().nth(4), Some("   2  eth0              2.0     0.0        2     0"));
        let reversed = screen(&scene(), "sssr/eth\n ", 100, 12);
        assert!(reversed.starts_with("ovsdp top: ovs-system, 4 ports, 3 flows, 3 masks; paused\n"), "{reversed}");
        assert!(reversed.contains(" least TX-BYTES/s first  filter: eth\n"), "{reversed}");
        assert_eq!(reversed.lines().filter(|line| line.contains("eth0")).count(), 1, "{reversed}");
    }

    #[test]
    fn flows_are_filtered_by_their_text() {
        let flows = screen(&scene(), "f/drop\n", 100, 12);
        assert!(flows.contains("actions:drop") && !flows.contains("actions:eth0"), "{flows}");
        assert_eq!(flows.lines().nth(4), Some("      0.0      0.0     1500  90.0k  3.8s  in_port(vnet0),eth(dst=01:80:c2:00:00:00) actions:drop"));
    }

    #[test]
    fn any_size_and_no_datapath_can_be_drawn() {
        for (width, height) in [(1, 1), (3, 2), (10, 4), (300, 5), (80, 100)] {
            for keys in ["", "f", "u/"] {
                screen(&scene(), keys, width, height);
            }
        }
        let lossy = screen(&Scene { unreadable: 2, ..scene() }, "", 120, 10);
        assert!(lossy.lines().next().is_some_and(|title| title.ends_with("; 2 messages of the kernel could not be read")), "{lossy}");
        assert!(screen(&Scene::default(), "f", 80, 10).starts_with("ovsdp top: the datapath is gone; waiting"));
    }
}
