//! What `top` shows and how keys change it. Pure: it asks nothing and draws nothing.

use std::collections::VecDeque;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::explain::{CallRow, Explained};
use crate::live::{Live, Named, Tagged};
use crate::record::parse_tag;
use crate::store::Filter;

/// Minutes' figures that are remembered for the line of calls per minute.
const REMEMBERED: usize = 400;

/// What the names are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum By {
    /// Models.
    #[default]
    Model,
    /// Users.
    User,
    /// Services.
    Service,
    /// Providers.
    Provider,
    /// Tags, one key at a time.
    Tag,
}

impl By {
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Model => "Model",
            Self::User => "User",
            Self::Service => "Service",
            Self::Provider => "Provider",
            Self::Tag => "Tag",
        }
    }
}

/// What the names are sorted by, the largest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Calls,
    Failed,
    Tokens,
    Cost,
    Latency,
}

impl Sort {
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Failed => "failed",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
            Self::Latency => "latency",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Calls => Self::Failed,
            Self::Failed => Self::Tokens,
            Self::Tokens => Self::Cost,
            Self::Cost => Self::Latency,
            Self::Latency => Self::Calls,
        }
    }
}

/// Which list the arrows move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    Names,
    Calls,
}

/// What a key asks of the loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    /// Ask the source at once.
    Read,
    /// Show the call with these ids.
    Open(String),
    End,
}

/// What is over the lists.
#[derive(Debug)]
pub(super) enum Over {
    Nothing,
    Keys,
    Call(Box<Explained>, u16),
}

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct State {
    pub(super) source: String,
    pub(super) live: Live,
    /// Why the newest figures are missing.
    pub(super) error: Option<String>,
    /// Calls per minute at each reading, the oldest first.
    pub(super) history: VecDeque<u64>,
    pub(super) by: By,
    /// Which key of tags is listed.
    tag: usize,
    pub(super) sort: Sort,
    pub(super) pane: Pane,
    /// The text that names and calls must contain.
    pub(super) text: String,
    /// Whether keys go to the text.
    pub(super) typing: bool,
    pub(super) over: Over,
    /// A name that the whole view is limited to; `KEY=VALUE` of a tag.
    pub(super) only: Option<(By, String)>,
    paused: bool,
    /// Whether the selection stays on the newest call.
    pub(super) follow: bool,
    name: usize,
    /// The selected call by its ids, since its place changes.
    call: Option<String>,
}

impl State {
    pub(super) fn new(by: By, source: String) -> Self {
        Self {
            source,
            live: Live::default(),
            error: None,
            history: VecDeque::new(),
            by,
            tag: 0,
            sort: Sort::default(),
            pane: Pane::Calls,
            text: String::new(),
            typing: false,
            over: Over::Nothing,
            only: None,
            paused: false,
            follow: true,
            name: 0,
            call: None,
        }
    }

    pub(super) const fn paused(&self) -> bool {
        self.paused
    }

    /// What the source is asked for.
    pub(super) fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        if let Some((by, name)) = &self.only {
            match by {
                By::Model => filter.model = Some(name.clone()),
                By::User => filter.user = Some(name.clone()),
                By::Service => filter.service = Some(name.clone()),
                By::Provider => filter.provider = Some(name.clone()),
                By::Tag => filter.tags.extend(parse_tag(name)),
            }
        }
        filter
    }

    /// Takes what the source brought. An error leaves the last figures.
    pub(super) fn show(&mut self, read: Result<Live, String>) {
        match read {
            Ok(live) => {
                self.history.push_back(live.minute.calls);
                if self.history.len() > REMEMBERED {
                    self.history.pop_front();
                }
                self.live = live;
                self.error = None;
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Takes a call that was opened.
    pub(super) fn open(&mut self, call: Result<Explained, String>) {
        match call {
            Ok(call) => self.over = Over::Call(Box::new(call), 0),
            Err(error) => self.error = Some(error),
        }
    }

    /// The key of tags that is listed.
    fn tagged(&self) -> Option<&Tagged> {
        let keys = self.live.tags.len();
        self.live.tags.get(self.tag % keys.max(1))
    }

    /// What the list of names is of: `Models`, or `Tag team`.
    pub(super) fn listed(&self) -> String {
        match (self.by, self.tagged()) {
            (By::Tag, Some(tagged)) => format!("Tag {}", tagged.key),
            (by, _) => format!("{}s", by.title()),
        }
    }

    /// The names as they are listed.
    pub(super) fn names(&self) -> Vec<&Named> {
        let all: &[Named] = match self.by {
            By::Model => &self.live.models,
            By::User => &self.live.users,
            By::Service => &self.live.services,
            By::Provider => &self.live.providers,
            By::Tag => self.tagged().map_or(&[][..], |tagged| &tagged.values),
        };
        let mut names: Vec<&Named> = all.iter().filter(|named| self.contains(&[&named.name])).collect();
        names.sort_by(|a, b| {
            let (x, y) = (&a.figures, &b.figures);
            let order = match self.sort {
                Sort::Calls => y.calls.cmp(&x.calls),
                Sort::Failed => y.failed.cmp(&x.failed),
                Sort::Tokens => y.tokens.cmp(&x.tokens),
                Sort::Cost => y.cost_nano_usd.cmp(&x.cost_nano_usd),
                Sort::Latency => y.mean_seconds.unwrap_or(0.0).total_cmp(&x.mean_seconds.unwrap_or(0.0)),
            };
            order.then_with(|| a.name.cmp(&b.name))
        });
        names
    }

    /// The calls as they are listed.
    pub(super) fn calls(&self) -> Vec<&CallRow> {
        let matches = |call: &&CallRow| {
            let user = call.user.as_deref().unwrap_or_default();
            let error = call.error.as_deref().unwrap_or_default();
            // As the list shows it: with the status.
            let ending = call.ending();
            self.contains(&[&call.model, user, &call.service, &call.provider, &ending, error, &call.id])
        };
        self.live.calls.iter().filter(matches).collect()
    }

    fn contains(&self, texts: &[&str]) -> bool {
        let wanted = self.text.to_lowercase();
        wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// Where the selection is in its list.
    pub(super) fn selected(&self, pane: Pane) -> Option<usize> {
        match pane {
            Pane::Names => {
                let names = self.names().len();
                (names > 0).then(|| self.name.min(names - 1))
            }
            Pane::Calls => {
                let calls = self.calls();
                let of = |id: &String| calls.iter().position(|call| call.id == *id);
                let kept = self.call.as_ref().filter(|_| !self.follow).and_then(of);
                (!calls.is_empty()).then(|| kept.unwrap_or(0))
            }
        }
    }

    /// Takes a key.
    pub(super) fn press(&mut self, key: KeyEvent) -> Action {
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Action::End;
        }
        if self.typing {
            return self.type_text(key.code);
        }
        if !matches!(self.over, Over::Nothing) {
            return self.press_over(key.code);
        }
        match key.code {
            KeyCode::Char('q') => return Action::End,
            KeyCode::Char('?' | 'h') => self.over = Over::Keys,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char(' ') => {
                self.paused = !self.paused;
                return if self.paused { Action::Nothing } else { Action::Read };
            }
            KeyCode::Char('r') => return Action::Read,
            KeyCode::Char('f') => self.follow = !self.follow,
            KeyCode::Char('o') => self.sort = self.sort.next(),
            KeyCode::Char('m') => self.list(By::Model),
            KeyCode::Char('u') => self.list(By::User),
            KeyCode::Char('s') => self.list(By::Service),
            KeyCode::Char('p') => self.list(By::Provider),
            KeyCode::Char('t') => {
                // Once more is the next key.
                self.tag = if self.by == By::Tag { self.tag.wrapping_add(1) } else { 0 };
                self.list(By::Tag);
            }
            KeyCode::Tab | KeyCode::BackTab => {
                self.pane = if self.pane == Pane::Names { Pane::Calls } else { Pane::Names };
            }
            KeyCode::Down | KeyCode::Char('j') => self.go(1),
            KeyCode::Up | KeyCode::Char('k') => self.go(-1),
            KeyCode::PageDown => self.go(10),
            KeyCode::PageUp => self.go(-10),
            KeyCode::Home | KeyCode::Char('g') => self.go(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.go(isize::MAX),
            KeyCode::Esc => return self.back(),
            KeyCode::Enter => return self.enter(),
            _ => {}
        }
        Action::Nothing
    }

    fn list(&mut self, by: By) {
        (self.by, self.pane, self.name) = (by, Pane::Names, 0);
    }

    fn type_text(&mut self, key: KeyCode) -> Action {
        match key {
            KeyCode::Char(character) if self.text.len() < 64 => self.text.push(character),
            KeyCode::Backspace => {
                self.text.pop();
            }
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.text.clear();
            }
            _ => {}
        }
        Action::Nothing
    }

    fn press_over(&mut self, key: KeyCode) -> Action {
        if let Over::Call(_, scroll) = &mut self.over {
            match key {
                KeyCode::Down | KeyCode::Char('j') => *scroll = scroll.saturating_add(1),
                KeyCode::Up | KeyCode::Char('k') => *scroll = scroll.saturating_sub(1),
                KeyCode::PageDown | KeyCode::Char(' ') => *scroll = scroll.saturating_add(10),
                KeyCode::PageUp => *scroll = scroll.saturating_sub(10),
                KeyCode::Home => *scroll = 0,
                KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace | KeyCode::Char('q') => {
                    self.over = Over::Nothing
                }
                _ => {}
            }
        } else {
            self.over = Over::Nothing;
        }
        Action::Nothing
    }

    fn go(&mut self, by: isize) {
        let count = if self.pane == Pane::Names { self.names().len() } else { self.calls().len() };
        let Some(last) = count.checked_sub(1) else { return };
        let to = self.selected(self.pane).unwrap_or(0).saturating_add_signed(by).min(last);
        match self.pane {
            Pane::Names => self.name = to,
            Pane::Calls => {
                self.call = self.calls().get(to).map(|call| call.id.clone());
                self.follow = false;
            }
        }
    }

    fn back(&mut self) -> Action {
        if !self.text.is_empty() {
            self.text.clear();
            return Action::Nothing;
        }
        match self.only.take() {
            Some(_) => Action::Read,
            None => Action::Nothing,
        }
    }

    fn enter(&mut self) -> Action {
        match (self.pane, self.selected(self.pane)) {
            (_, None) => Action::Nothing,
            (Pane::Names, Some(at)) => {
                let name =
                    self.names().get(at).map(|named| named.name.clone()).filter(|name| !name.is_empty());
                let Some(name) = name else { return Action::Nothing };
                let name = match self.tagged().filter(|_| self.by == By::Tag) {
                    Some(tagged) => format!("{}={name}", tagged.key),
                    None => name,
                };
                self.only = Some((self.by, name));
                Action::Read
            }
            (Pane::Calls, Some(at)) => {
                self.calls().get(at).map_or(Action::Nothing, |call| Action::Open(call.id.clone()))
            }
        }
    }
}
