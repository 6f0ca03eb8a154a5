//! How many connections are taken, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::Peer;
use super::limits::network;

/// Most connections from one address that is not this machine's.
const BY_ADDRESS: usize = 256;

/// How many connections there are, in all and by address.
pub(super) struct Places {
    most: usize,
    taken: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    places: Arc<Places>,
    /// The address that it counts for; `None`: of this machine, where all have the same.
    address: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        let taken = Mutex::default();
        Self { most, taken }
    }

    pub(super) fn take(self: &Arc<Self>, peer: Peer) -> Option<Place> {
        let address = match peer {
            Peer::Tcp(from) if !from.ip().to_canonical().is_loopback() => Some(network(from.ip())),
            _ => None,
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, by_address) = &mut *taken;
        if *all >= self.most {
            return None;
        }
        if let Some(address) = address {
            let count = by_address.entry(address).or_default();
            if *count >= BY_ADDRESS {
                return None;
            }
            *count += 1;
        }
        *all += 1;
        let places = Arc::clone(self);
        Some(Place { places, address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let taken = self.places.taken.lock();
        let mut taken = taken.unwrap_or_else(PoisonError::into_inner);
        taken.0 -= 1;
        if let Some(address) = self.address
            && let Some(count) = taken.1.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                taken.1.remove(&address);
            }
        }
    }
}
