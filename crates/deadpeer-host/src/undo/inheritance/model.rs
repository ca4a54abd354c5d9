//! Random histories of many sockets against their first settings: whatever was done to them and
//! wherever it was broken off, undone in any order it ends where their programs left them.

use deadpeer_core::{Effective, Setting, SocketOption, SocketOptions, Sysctls};
use proptest::prelude::*;

use super::super::record::{Group, Record};
use super::super::way_back::WayBack;
use super::Inheritance;

const SOCKETS: usize = 6;

/// What happens. Numbers choose among what there is; `steps`: after so many, the process is killed.
#[derive(Debug, Clone)]
enum Event {
    /// `protect` of the sockets in this mask.
    Protect {
        sockets: u8,
        plan: u8,
        steps: usize,
    },
    /// `ping` or `kill` begins to ask these.
    Ask {
        sockets: u8,
    },
    /// One that asks puts its next questions.
    Round {
        which: usize,
        steps: usize,
    },
    /// It ends by itself.
    End {
        which: usize,
    },
    /// A program sets one of its own options.
    Program {
        socket: usize,
        option: u8,
    },
    Undo {
        which: usize,
        steps: usize,
    },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    // Most are not killed.
    let steps = || prop_oneof![3 => Just(usize::MAX), 1 => 0..20_usize];
    let which = 0..8_usize;
    let event = prop_oneof![
        3 => (any::<u8>(), 0..12_u8, steps())
            .prop_map(|(sockets, plan, steps)| Event::Protect { sockets, plan, steps }),
        1 => any::<u8>().prop_map(|sockets| Event::Ask { sockets }),
        2 => (which.clone(), steps()).prop_map(|(which, steps)| Event::Round { which, steps }),
        1 => which.clone().prop_map(|which| Event::End { which }),
        2 => (0..SOCKETS, 0..4_u8)
            .prop_map(|(socket, option)| Event::Program { socket, option }),
        2 => (which, steps()).prop_map(|(which, steps)| Event::Undo { which, steps }),
    ];
    prop::collection::vec(event, 1..24)
}

/// Ten thousand histories, or as many as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 10_000;
    }
    config.failure_persistence = None;
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_order_of_undo_ends_at_the_first_settings(
        events in events(),
        order in prop::collection::vec(any::<usize>(), 32),
    ) {
        ends_at_the_first_settings(&events, &order)?;
    }
}

/// Each was left for good with what a question had been lent: handed over by one that was killed
/// and once more by another, its way back stood twice in the heir, once in the wrong place.
#[test]
fn what_was_handed_over_twice_leads_back_once() {
    let events = |words: &str| -> Vec<Event> { words.split(", ").map(event).collect() };
    for history in [
        "ask 32, ask 56, round 5 in 8, protect 0, protect 35 by 2, round 0, round 0, protect 32, \
         undo 7 in 2",
        "ask 19, round 0 in 1, ask 0, protect 31, ask 71, protect 1, undo 7 in 2",
        "protect 48, protect 0, undo 0, ask 57, round 0 in 1, protect 8, protect 0, protect 253, \
         ask 155, undo 2, protect 1, undo 3 in 2",
    ] {
        for order in [0, 1, 2, 3] {
            let result = ends_at_the_first_settings(&events(history), &[order; 32]);
            assert!(result.is_ok(), "{history}, undo {order}: {result:?}");
        }
    }
}

/// Such as `protect 35 by 2`: which sockets by which plan, or `undo 7 in 2`: which file, in two
/// steps.
fn event(words: &str) -> Event {
    let words: Vec<&str> = words.split(' ').collect();
    let number = |place: usize| words[place].parse().unwrap();
    let after = |word| {
        let place = words.iter().position(|it| *it == word);
        place.map(|place| number(place + 1))
    };
    let sockets = u8::try_from(number(1)).unwrap();
    let which = number(1);
    let steps = after("in").unwrap_or(usize::MAX);
    match words[0] {
        "protect" => Event::Protect {
            sockets,
            plan: u8::try_from(after("by").unwrap_or(0)).unwrap(),
            steps,
        },
        "ask" => Event::Ask { sockets },
        "round" => Event::Round { which, steps },
        "undo" => Event::Undo { which, steps },
        word => panic!("{word} does not happen"),
    }
}

fn ends_at_the_first_settings(events: &[Event], order: &[usize]) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for event in events {
        world.happens(event);
    }
    // Whoever asks still is killed.
    for file in &mut world.files {
        file.asks = false;
    }
    for which in order {
        world.undo(*which, usize::MAX);
    }
    while !world.files.is_empty() {
        world.undo(0, usize::MAX);
    }
    for (place, socket) in world.sockets.iter().enumerate() {
        let mut wanted = socket.program;
        if socket.keepalive_is_open {
            wanted.keepalive = socket.now.keepalive;
        }
        prop_assert_eq!(socket.now, wanted, "socket {}", place);
    }
    Ok(())
}

struct World {
    sockets: Vec<Socket>,
    files: Vec<File>,
    /// Grows: the time, and the values that programs choose.
    count: u32,
}

struct Socket {
    now: Effective,
    /// As its program alone would have it.
    program: Effective,
    /// Its program has set something while keepalive was lent, and so taken it over or not: nobody
    /// knows.
    keepalive_is_open: bool,
}

/// An undo file.
struct File {
    record: Record,
    /// Whose process lives, and will take it away.
    asks: bool,
}

impl World {
    fn new() -> Self {
        let fresh = |place: usize| {
            let mut now = Effective::untouched(&Sysctls::DEFAULT);
            now.keepalive = place.is_multiple_of(3);
            now.user_timeout_ms = place.is_multiple_of(2).then_some(45_000);
            Socket {
                now,
                program: now,
                keepalive_is_open: false,
            }
        };
        Self {
            sockets: (0..SOCKETS).map(fresh).collect(),
            files: Vec::new(),
            count: 0,
        }
    }

    fn happens(&mut self, event: &Event) {
        match *event {
            Event::Protect {
                sockets,
                plan,
                steps,
            } => self.protect(sockets, plan, steps),
            Event::Ask { sockets } => {
                let groups = self.lent(sockets);
                self.file(groups, true);
            }
            Event::Round { which, steps } => self.round(which, steps),
            Event::End { which } => {
                if let Some(place) = self.asking(which) {
                    self.files.remove(place);
                }
            }
            Event::Program { socket, option } => self.program(socket, option),
            Event::Undo { which, steps } => self.undo(which, steps),
        }
    }

    fn protect(&mut self, sockets: u8, plan: u8, steps: usize) {
        let mut planned = SocketOptions::new().keepalive(true);
        planned.keepidle_s = Some(10 + 2 * u32::from(plan));
        planned.keepcnt = plan.is_multiple_of(2).then_some(2 + u32::from(plan));
        planned.user_timeout_ms = plan.is_multiple_of(3).then_some(1000 * u32::from(plan));
        let group = |now: &Effective| {
            let mut after = planned;
            after.keepalive = after.keepalive.filter(|on| *on != now.keepalive);
            after.keepcnt = after.keepcnt.filter(|n| *n != now.keepcnt);
            after.user_timeout_ms =
                (after.user_timeout_ms).filter(|ms| *ms != now.user_timeout_ms.unwrap_or(0));
            (now.of_those(&after), after)
        };
        let groups = self.groups(sockets, false, group);
        let mut steps = Steps(steps);
        for (cookie, after) in each(&groups) {
            for setting in after.settings() {
                steps.take(|| self.set(cookie, setting));
            }
        }
        self.file(groups, false);
    }

    fn lent(&self, sockets: u8) -> Vec<Group> {
        let lent = deadpeer::lent_to_ping();
        self.groups(sockets, true, |now| (now.of_those(&lent), lent))
    }

    fn round(&mut self, which: usize, steps: usize) {
        let Some(place) = self.asking(which) else {
            return;
        };
        let known = self.files[place].record.clone();
        let mask = |group: &Group| {
            group
                .cookies
                .iter()
                .map(|cookie| 1_u8 << (cookie - 1))
                .sum()
        };
        let sockets: u8 = known
            .groups
            .iter()
            .map(mask)
            .fold(0, |all, one: u8| all | one);
        let groups = self.lent(sockets);
        let others = (self.files.iter()).any(|file| file.record.order() > known.order());
        if groups != known.groups || others {
            self.count += 1;
            self.files[place].record.groups = groups;
            self.files[place].record.begun_boot_ns = self.count.into();
        }
        let file = &mut self.files[place];
        let asked = each(&file.record.groups);
        file.asks = steps == usize::MAX;
        self.files.sort_by_key(|file| file.record.order());
        let mut steps = Steps(steps);
        for (cookie, _) in asked {
            let now = self.now(cookie);
            if now.keepalive && now.keepidle_s == 1 {
                continue;
            }
            steps.take(|| self.set(cookie, Setting::new(SocketOption::Keepidle, 1)));
            if !now.keepalive {
                steps.take(|| self.set(cookie, Setting::new(SocketOption::Keepalive, 1)));
                steps.take(|| self.set(cookie, Setting::new(SocketOption::Keepidle, 1)));
                steps.take(|| self.set(cookie, Setting::new(SocketOption::Keepalive, 0)));
            }
            steps.take(|| self.set(cookie, Setting::new(SocketOption::Keepidle, now.keepidle_s)));
        }
    }

    /// Another value each time: one that happens to be what deadpeer set can't be told from that.
    fn program(&mut self, place: usize, option: u8) {
        self.count += 1;
        let value = 2 * self.count + 1001;
        let cookie = place as u64 + 1;
        let on_record = |lent: bool| {
            let groups = self.files.iter().flat_map(|file| &file.record.groups);
            let mut groups = groups.filter(|group| group.lent || !lent);
            groups.any(|group| group.cookies.contains(&cookie))
        };
        let Some(socket) = self.sockets.get_mut(place) else {
            return;
        };
        let setting = match option {
            0 => Setting::new(SocketOption::Keepidle, value),
            1 => Setting::new(SocketOption::UserTimeout, value),
            2 => Setting::new(SocketOption::Keepcnt, value % 64 * 2 + 1),
            _ if socket.now.keepalive => Setting::new(SocketOption::Keepalive, 0),
            _ if !on_record(false) => Setting::new(SocketOption::Keepalive, 1),
            _ => return,
        };
        socket.keepalive_is_open |= option == 0 && on_record(true);
        socket.program.put(setting);
        self.set(cookie, setting);
    }

    fn undo(&mut self, which: usize, steps: usize) {
        if self.files.is_empty() {
            return;
        }
        let which = which % self.files.len();
        if self.files[which].asks {
            return;
        }
        let mut steps = Steps(steps);
        let record = self.files[which].record.clone();
        let later: Vec<Record> = (self.files.iter())
            .filter(|file| file.record.order() > record.order())
            .map(|file| file.record.clone())
            .collect();
        let later: Vec<&Record> = later.iter().collect();
        let plan = Inheritance::of(&record, &later);
        for handed in plan.handed {
            let order = later[handed.to].order();
            let heir = self
                .files
                .iter_mut()
                .find(|file| file.record.order() == order);
            steps.take(|| heir.unwrap().record.inherit(handed));
        }
        let own = self
            .files
            .iter_mut()
            .find(|file| file.record.order() == record.order());
        steps.take(|| own.unwrap().record.leave(&plan.later, &[]));
        let mut cookies: Vec<u64> = plan.now.keys().copied().collect();
        cookies.sort_unstable();
        for cookie in cookies {
            let changed_later = (later.iter().flat_map(|record| &record.groups))
                .any(|group| !group.lent && group.cookies.contains(&cookie));
            assert!(!changed_later, "a later protection counts on it");
            let back = WayBack::of(&self.now(cookie), &plan.now[&cookie]);
            for setting in back.options.settings() {
                steps.take(|| self.set(cookie, setting));
            }
        }
        for (place, sockets) in plan.loans {
            let order = later[place].order();
            let lender = self
                .files
                .iter_mut()
                .find(|file| file.record.order() == order);
            steps.take(|| lender.unwrap().record.leave(&sockets, &[]));
        }
        steps.take(|| self.files.remove(which));
    }

    fn file(&mut self, groups: Vec<Group>, asks: bool) {
        self.count += 1;
        let mut record = Record::new("this".to_owned(), 1, (!asks).then_some(1));
        record.begun_boot_ns = self.count.into();
        record.groups = groups;
        self.files.push(File { record, asks });
        self.files.sort_by_key(|file| file.record.order());
    }

    /// The file of one that asks.
    fn asking(&self, which: usize) -> Option<usize> {
        let places = self.files.iter().enumerate();
        let asking: Vec<usize> = places
            .filter(|(_, file)| file.asks)
            .map(|(place, _)| place)
            .collect();
        asking.get(which % asking.len().max(1)).copied()
    }

    fn groups(
        &self,
        sockets: u8,
        lent: bool,
        change: impl Fn(&Effective) -> (SocketOptions, SocketOptions),
    ) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (socket, cookie) in self.sockets.iter().zip(1..) {
            if sockets & (1 << (cookie - 1)) == 0 {
                continue;
            }
            let (before, after) = change(&socket.now);
            let same = |group: &&mut Group| (group.before, group.after) == (before, after);
            match groups.iter_mut().find(same) {
                Some(group) => group.cookies.push(cookie),
                None => groups.push(Group {
                    lent,
                    ..Group::new(before, after, vec![cookie])
                }),
            }
        }
        groups
    }

    fn now(&self, cookie: u64) -> Effective {
        self.sockets[usize::try_from(cookie).unwrap() - 1].now
    }

    fn set(&mut self, cookie: u64, setting: Setting) {
        let socket = &mut self.sockets[usize::try_from(cookie).unwrap() - 1];
        socket.now.put(setting);
    }
}

/// So many things are done before the process is killed.
struct Steps(usize);

impl Steps {
    fn take<T>(&mut self, act: impl FnOnce() -> T) {
        if self.0 > 0 {
            self.0 -= 1;
            act();
        }
    }
}

fn each(groups: &[Group]) -> Vec<(u64, SocketOptions)> {
    let sockets = groups.iter().flat_map(|group| {
        let after = group.after;
        group.cookies.iter().map(move |cookie| (*cookie, after))
    });
    sockets.collect()
}
