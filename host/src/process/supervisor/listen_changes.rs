//! Which protocols open sockets speak once `listen` has changed.

use crate::load::manifest::{Listen, ListenEntry, ListenProtocols};

/// The protocols that each socket takes over; none where they stay as they are. A name such as `localhost` may have several sockets, and
/// several entries with port 0 have the same address: a socket whose entry is still there keeps it, the others take the changed entries in
/// their order.
pub(super) fn new_protocols(
    sockets: &[(Option<&Listen>, &ListenProtocols)],
    wanted: &[ListenEntry],
) -> Vec<Option<ListenProtocols>> {
    let mut follow = Vec::new();
    for (index, (address, protocols)) in sockets.iter().enumerate() {
        let is_here = |entry: &&ListenEntry| Some(&entry.address) == *address;
        let keeps = |protocols: &ListenProtocols| {
            let mut here = wanted.iter().filter(is_here);
            here.any(|entry| entry.protocols == *protocols)
        };
        let speaks = |entry: &&ListenEntry| {
            let mut here = sockets.iter().filter(|(other, _)| other == address);
            here.any(|(_, protocols)| **protocols == entry.protocols)
        };
        let earlier = sockets[..index].iter();
        let place = earlier
            .filter(|(other, protocols)| other == address && !keeps(protocols))
            .count();
        let changed: Vec<_> = wanted.iter().filter(is_here).collect();
        let mut free = changed.iter().filter(|entry| !speaks(entry));
        let next = free.clone().nth(place).or_else(|| free.next_back());
        let next = next.or(changed.first()).filter(|_| !keeps(protocols));
        follow.push(next.map(|entry| entry.protocols.clone()));
    }
    follow
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(address: &str, http2: bool, proxy_protocol: bool) -> ListenEntry {
        let protocols = ListenProtocols {
            http2,
            proxy_protocol,
            ..ListenProtocols::default()
        };
        let address = Listen::Tcp(address.to_owned());
        ListenEntry { address, protocols }
    }

    /// What the sockets of `had` speak once `wanted` is.
    fn follow(had: &[ListenEntry], wanted: &[ListenEntry]) -> Vec<Option<(bool, bool)>> {
        let sockets: Vec<_> = had
            .iter()
            .map(|had| (Some(&had.address), &had.protocols))
            .collect();
        let all = new_protocols(&sockets, wanted);
        let shown = |new: Option<ListenProtocols>| new.map(|new| (new.http2, new.proxy_protocol));
        all.into_iter().map(shown).collect()
    }

    const ANY: &str = "127.0.0.1:0";

    #[test]
    fn socket_takes_over_what_its_entry_says_now() {
        let had = [entry("127.0.0.1:1", false, false)];
        assert_eq!(follow(&had, &had), [None]);
        let wanted = [
            entry("127.0.0.1:2", false, true),
            entry("127.0.0.1:1", true, false),
        ];
        assert_eq!(follow(&had, &wanted), [Some((true, false))]);
        assert_eq!(follow(&had, &wanted[..1]), [None], "it is closed");
    }

    #[test]
    fn of_entries_with_the_same_address_those_that_have_changed_are_taken_over() {
        let had = [entry(ANY, false, false), entry(ANY, true, false)];
        let wanted = [entry(ANY, false, false), entry(ANY, true, true)];
        assert_eq!(follow(&had, &wanted), [None, Some((true, true))]);
        let wanted = [entry(ANY, true, false), entry(ANY, false, false)];
        assert_eq!(
            follow(&had, &wanted),
            [None, None],
            "their order means nothing"
        );
        let wanted = [entry(ANY, false, true), entry(ANY, true, true)];
        assert_eq!(
            follow(&had, &wanted),
            [Some((false, true)), Some((true, true))]
        );
        let wanted = [entry(ANY, true, true)];
        assert_eq!(
            follow(&had, &wanted),
            [Some((true, true)), Some((true, true))]
        );
        let wanted = [entry(ANY, true, false)];
        assert_eq!(follow(&had, &wanted), [Some((true, false)), None]);
    }

    #[test]
    fn sockets_of_one_name_speak_the_same() {
        let had = [
            entry("localhost:1", false, false),
            entry("localhost:1", false, false),
        ];
        let wanted = [entry("localhost:1", true, false)];
        assert_eq!(follow(&had, &wanted), [Some((true, false)); 2]);
    }
}
