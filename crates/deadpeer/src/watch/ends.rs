//! What the signs of a watched socket mean.

use deadpeer_core::{Cause, TcpInfo, TcpState};
use deadpeer_sys::readiness::Signs;
use deadpeer_sys::{Remembered, SysError, clock};

use super::table::Place;
use super::{Event, News, Watch};
use crate::death::{HalfClose, Limits, judge};
use crate::died::known;

impl Watch {
    pub(super) fn end(&mut self, place: Place, signs: Signs, events: &mut Vec<Event>) {
        let socket = self.table.entry(place).map(|entry| entry.socket(place));
        match socket.map(|socket| (socket, socket.tcp_info())) {
            Some((socket, Ok(Some(info)))) => {
                events.extend(self.end_by(place, socket, signs, &info));
            }
            // Under another descriptor it goes on, or it would be silent here.
            Some((_, Ok(None))) => {
                self.lose(place);
                self.find_the_lost(clock::monotonic(), events);
            }
            Some((_, Err(_))) => {}
            None if self.adrift.contains(place) => {
                self.find_the_lost(clock::monotonic(), events);
            }
            None => {}
        }
    }

    fn end_by(
        &mut self,
        place: Place,
        socket: Remembered,
        signs: Signs,
        info: &TcpInfo,
    ) -> Option<Event> {
        let entry = self.table.entry(place)?;
        let half_close = match entry.is_half_over {
            true => HalfClose::Lives,
            false => self.half_close,
        };
        let limits = || limits(&socket);
        let death = judge(signs, info, limits, entry.known, half_close);
        entry.known = known(entry.known, info.state);
        let (key, death) = (entry.key, death?);
        let news = News::Died(death);
        // What is over has nothing to lose.
        let goes_on = info.state != Some(TcpState::Close);
        if goes_on && self.goes_on_after_fin && death.cause() == Cause::PeerClosed {
            entry.is_half_over = true;
            return Some(Event { key, news });
        }
        self.epoll.forget(place.number());
        let charge = self.table.take(place).and_then(|entry| entry.charge);
        if let (Some(supervised), Some(charge)) = (&mut self.supervised, charge) {
            supervised.end(socket, charge, goes_on);
        }
        Some(Event { key, news })
    }
}

fn limits(socket: &Remembered) -> Result<Limits, SysError> {
    let keepcnt = socket.keepcnt()?;
    let user_timeout = socket.user_timeout_ms().unwrap_or(None).flatten();
    Ok(keepcnt.map_or_else(Limits::default, |count| Limits::new(count, user_timeout)))
}
