//! A list in the kernel's order, of which those of one device are found without a look at all others.
//!
//! It must not know what the things are, but for the device each belongs to.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use ovsdp_proto::IfName;
use serde::{Deserialize, Serialize};

/// What belongs to a device.
pub trait OnDevice {
    /// The device.
    fn device(&self) -> IfName;
}

/// The list. It is read and changed as a [`Vec`] is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Vec<T>", into = "Vec<T>", bound(serialize = "T: Serialize + Clone", deserialize = "T: Deserialize<'de>"))]
pub struct PerDevice<T> {
    all: Vec<T>,
    /// The places in `all` of what belongs to each device; made when it is first asked for, forgotten when `all` may change.
    places: OnceLock<BTreeMap<IfName, Vec<usize>>>,
}

impl<T: OnDevice> PerDevice<T> {
    /// Those of one device, in the list's order.
    pub fn of(&self, device: IfName) -> impl DoubleEndedIterator<Item = &T> {
        let places = self.places.get_or_init(|| {
            let mut places: BTreeMap<IfName, Vec<usize>> = BTreeMap::new();
            for (at, one) in self.all.iter().enumerate() {
                places.entry(one.device()).or_default().push(at);
            }
            places
        });
        places.get(&device).into_iter().flatten().filter_map(|at| self.all.get(*at))
    }
}

impl<T> From<Vec<T>> for PerDevice<T> {
    fn from(all: Vec<T>) -> Self {
        Self { all, places: OnceLock::new() }
    }
}

impl<T> From<PerDevice<T>> for Vec<T> {
    fn from(list: PerDevice<T>) -> Self {
        list.all
    }
}

impl<T> FromIterator<T> for PerDevice<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        Vec::from_iter(all).into()
    }
}

impl<T> IntoIterator for PerDevice<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a PerDevice<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut PerDevice<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T> Deref for PerDevice<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.all
    }
}

impl<T> DerefMut for PerDevice<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        self.places.take();
        &mut self.all
    }
}

impl<T> Default for PerDevice<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T: PartialEq> PartialEq for PerDevice<T> {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl<T: Eq> Eq for PerDevice<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct One(IfName, u8);

    impl OnDevice for One {
        fn device(&self) -> IfName {
            self.0
        }
    }

    #[test]
    fn those_of_a_device_are_found_after_every_change() {
        let (a, b) = (IfName::new("a").unwrap(), IfName::new("b").unwrap());
        let mut list: PerDevice<One> = [One(a, 1), One(b, 2), One(a, 3)].into_iter().collect();
        let of = |list: &PerDevice<One>, device| list.of(device).map(|one| one.1).collect::<Vec<_>>();
        assert_eq!((of(&list, a), of(&list, b)), (vec![1, 3], vec![2]));
        assert_eq!(list.of(a).next_back(), Some(&One(a, 3)));
        list.remove(0);
        assert_eq!((of(&list, a), of(&list, b)), (vec![3], vec![2]));
        let asked = list.clone();
        for one in &mut list {
            one.0 = b;
        }
        assert_eq!((of(&list, a), of(&list, b)), (vec![], vec![2, 3]));
        assert_eq!((of(&asked, a), of(&asked, b)), (vec![3], vec![2]));
        list.push(One(a, 4));
        assert_eq!(of(&list, a), [4]);
        assert_ne!(list, asked);
    }
}
