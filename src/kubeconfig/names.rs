//! Finds names in a list: a kubeconfig can have ten thousand users. Pure.

/// Names and their places in a list, sorted.
pub struct Names<'t>(Vec<(&'t str, usize)>);

impl<'t> Names<'t> {
    pub fn of(list: impl Iterator<Item = &'t str>) -> Self {
        let mut names: Vec<(&str, usize)> = list.zip(0..).collect();
        names.sort_unstable();
        Names(names)
    }

    /// The index of the first item with this name.
    pub fn first(&self, name: &str) -> Option<usize> {
        let (found, place) = *self.0.get(self.0.partition_point(|(known, _)| *known < name))?;
        (found == name).then_some(place)
    }
}
