//! Combinations that share something, as a few boxes: from these addresses, and from these networks, and so on.

use crate::compare::axis::Axis;

/// Some points of every axis; all their combinations are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// For each axis the places of its points, in order.
    pub places: Vec<Vec<usize>>,
}

/// What one axis says of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    pub axis: &'static str,
    pub labels: Vec<String>,
}

/// Boxes that cover exactly the combinations of a group. `groups` has one entry for each combination, the last
/// axis fastest. Each box is grown around the first combination that no other covers, as far as it goes.
pub fn cover(axes: &[Axis], groups: &[u32], group: u32) -> Vec<Region> {
    let strides = strides(axes);
    let mut is_covered = vec![false; groups.len()];
    let mut regions = Vec::new();
    for (index, _) in groups.iter().enumerate().filter(|(_, one)| **one == group) {
        if is_covered.get(index) == Some(&true) {
            continue;
        }
        let region = grown(axes, &strides, groups, index);
        for member in members(&region.places, &strides) {
            if let Some(covered) = is_covered.get_mut(member) {
                *covered = true;
            }
        }
        regions.push(region);
    }
    regions
}

impl Region {
    /// The axes on which not every class is in it.
    pub fn bounds(&self, axes: &[Axis]) -> Vec<Bound> {
        let mut bounds = Vec::new();
        for (axis, places) in axes.iter().zip(&self.places) {
            if places.len() < axis.points.len() + axis.left_out {
                let points = places.iter().filter_map(|place| axis.points.get(*place));
                let mut labels: Vec<String> = Vec::new();
                for label in points.flat_map(|point| &point.labels) {
                    if !labels.contains(label) {
                        labels.push(label.clone());
                    }
                }
                bounds.push(Bound { axis: axis.name, labels: axis.terms.summary(&labels) });
            }
        }
        bounds
    }

    /// Of each axis the first point that is in it: the plainest mail of the region.
    pub fn first(&self) -> Vec<usize> {
        self.places.iter().map(|places| places.first().copied().unwrap_or_default()).collect()
    }
}

/// How far the combinations of neighbouring points of an axis are apart.
pub fn strides(axes: &[Axis]) -> Vec<usize> {
    let mut strides: Vec<usize> = axes
        .iter()
        .rev()
        .scan(1_usize, |product, axis| {
            let stride = *product;
            *product = product.saturating_mul(axis.points.len());
            Some(stride)
        })
        .collect();
    strides.reverse();
    strides
}

fn grown(axes: &[Axis], strides: &[usize], groups: &[u32], index: usize) -> Region {
    let group = groups.get(index);
    let mut places: Vec<Vec<usize>> = axes
        .iter()
        .zip(strides)
        .map(|(axis, stride)| vec![index / stride % axis.points.len().max(1)])
        .collect();
    for (place, axis) in axes.iter().enumerate() {
        let mut row: Vec<usize> = Vec::new();
        let mut trial = places.clone();
        let own = places.get(place).cloned().unwrap_or_default();
        for point in 0..axis.points.len() {
            if let Some(slot) = trial.get_mut(place) {
                *slot = vec![point];
            }
            if own.contains(&point) || members(&trial, strides).all(|member| groups.get(member) == group) {
                row.push(point);
            }
        }
        if let Some(slot) = places.get_mut(place) {
            *slot = row;
        }
    }
    Region { places }
}

/// All combinations of a box.
fn members(places: &[Vec<usize>], strides: &[usize]) -> impl Iterator<Item = usize> {
    let count: usize = places.iter().map(Vec::len).product();
    (0..count).map(move |mut number| {
        places.iter().zip(strides).rev().fold(0, |index, (places, stride)| {
            let place = places.get(number % places.len()).copied().unwrap_or_default();
            number /= places.len();
            index + place * stride
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{cover, strides};
    use crate::compare::axis::{Axis, Point};
    use crate::compare::terms::Terms;

    #[test]
    fn boxes_cover_a_group_and_nothing_else() {
        let line = |name, count| Axis {
            name,
            keys: Vec::new(),
            points: vec![Point::default(); count],
            terms: Terms::default(),
            left_out: 0,
        };
        let axes = [line("a", 2), line("b", 3), line("c", 2)];
        assert_eq!(strides(&axes), [6, 2, 1]);
        // Everything but a = 1 with b = 2.
        let groups: Vec<u32> = (0..12).map(|index| u32::from(index < 10)).collect();
        let regions = cover(&axes, &groups, 1);
        let places: Vec<Vec<Vec<usize>>> = regions.into_iter().map(|region| region.places).collect();
        assert_eq!(
            places,
            [vec![vec![0, 1], vec![0, 1], vec![0, 1]], vec![vec![0], vec![0, 1, 2], vec![0, 1]]]
        );
    }
}
