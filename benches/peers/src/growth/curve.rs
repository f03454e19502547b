//! How a cost grows with a size: its exponent, its steepest step, and where it bends.

/// A cost at one size.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Point {
    /// How many there were of what is counted.
    pub size: f64,
    /// What one of them took, or what was done once took among so many.
    pub cost: f64,
}

/// A cost at several sizes, from the smallest to the largest.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    points: Vec<Point>,
    /// Whether a cost is that of one of so many, so that the whole is the product of both.
    is_per_item: bool,
}

/// The exponent between two neighbouring points.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Step {
    /// The size at its end.
    pub to: f64,
    pub exponent: f64,
}

/// The first point at which something costs much more or less than at the smallest size.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Bend {
    pub size: f64,
    /// How many times the cost at the smallest size.
    pub factor: f64,
}

/// What is no bend yet.
const STEADY: f64 = 1.5;

impl Curve {
    /// Costs that are not positive have no exponent, and are left out.
    pub(crate) fn new(points: impl IntoIterator<Item = Point>, is_per_item: bool) -> Self {
        let points = points.into_iter().filter(|at| at.size > 0.0 && at.cost > 0.0);
        Self { points: points.collect(), is_per_item }
    }

    /// The cost at this size.
    pub(crate) fn at(&self, size: f64) -> Option<f64> {
        self.points.iter().find(|at| at.size.total_cmp(&size).is_eq()).map(|at| at.cost)
    }

    /// The power of the size that the whole cost grows with, by least squares of the logarithms: 1 is
    /// linear, and 0 does not depend on the size.
    pub(crate) fn exponent(&self) -> Option<f64> {
        slope(&self.points).map(|slope| slope + self.ideal())
    }

    /// By how much the exponent exceeds that of something whose cost per unit never changes.
    pub(crate) fn excess(&self) -> Option<f64> {
        slope(&self.points)
    }

    /// The largest exponent between two neighbouring points.
    pub(crate) fn steepest(&self) -> Option<Step> {
        let step = |pair: &[Point]| {
            let exponent = slope(pair)? + self.ideal();
            Some(Step { to: pair.last()?.size, exponent })
        };
        let steps = self.points.windows(2).filter_map(step);
        steps.max_by(|a, b| a.exponent.total_cmp(&b.exponent))
    }

    /// Where it bends first, if it does.
    pub(crate) fn bend(&self) -> Option<Bend> {
        let first = self.points.first()?.cost;
        let bends = self.points.iter().map(|at| Bend { size: at.size, factor: at.cost / first });
        bends.into_iter().find(|bend| bend.factor > STEADY || bend.factor < 1.0 / STEADY)
    }

    /// The exponent of the whole, where the cost per unit does not change.
    const fn ideal(&self) -> f64 {
        if self.is_per_item { 1.0 } else { 0.0 }
    }
}

/// The slope of the line that fits the logarithms best; none where there is a single size.
fn slope(points: &[Point]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points.iter().map(|at| (at.size.ln(), at.cost.ln())).collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = logs.iter().map(|(_, y)| y).sum::<f64>() / count;
    let common: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let spread: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (spread > 0.0).then_some(common / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(costs: impl Fn(f64) -> f64, is_per_item: bool) -> Curve {
        let sizes = [10.0, 100.0, 1_000.0, 10_000.0];
        Curve::new(sizes.map(|size| Point { size, cost: costs(size) }), is_per_item)
    }

    fn is_close(found: Option<f64>, wanted: f64) {
        assert!(
            found.is_some_and(|found| (found - wanted).abs() < 1e-9),
            "{found:?}, not {wanted}"
        );
    }

    #[test]
    fn a_steady_cost_per_item_is_linear_in_the_whole() {
        is_close(curve(|_| 7.0, true).exponent(), 1.0);
        is_close(curve(|_| 7.0, true).excess(), 0.0);
        is_close(curve(|_| 7.0, false).exponent(), 0.0);
    }

    #[test]
    fn the_exponent_is_the_power_of_the_size() {
        is_close(curve(f64::sqrt, false).exponent(), 0.5);
        is_close(curve(|size| size * 3.0, false).exponent(), 1.0);
        is_close(curve(|size| size * 3.0, true).exponent(), 2.0);
        is_close(curve(|size| 1.0 / size, true).exponent(), 0.0);
    }

    #[test]
    fn noise_at_single_points_is_evened_out() {
        let points = [(10.0, 1.1), (100.0, 0.9), (1_000.0, 1.1), (10_000.0, 0.9)];
        let noisy = Curve::new(points.map(|(size, cost)| Point { size, cost }), true);
        assert!(noisy.exponent().is_some_and(|found| (found - 1.0).abs() < 0.03));
        assert_eq!(noisy.bend(), None);
    }

    #[test]
    fn a_bend_is_the_first_point_beyond_a_factor_of_one_and_a_half() {
        let late = curve(|size| if size > 100.0 { 16.0 } else { 10.0 }, true);
        assert_eq!(late.bend(), Some(Bend { size: 1_000.0, factor: 1.6 }));
        let shared = curve(|size| 1.0 + 10.0 / size, true);
        assert_eq!(shared.bend().map(|bend| bend.size), Some(100.0));
        assert_eq!(curve(|size| if size > 10.0 { 1.5 } else { 1.0 }, true).bend(), None);
    }

    #[test]
    fn the_steepest_step_is_named_by_its_end() {
        let late = curve(|size| if size > 1_000.0 { 100.0 } else { 10.0 }, true);
        let step = late.steepest();
        assert_eq!(step.map(|step| step.to), Some(10_000.0));
        is_close(step.map(|step| step.exponent), 2.0);
    }

    #[test]
    fn one_point_or_nothing_has_no_slope() {
        let one = Curve::new([Point { size: 10.0, cost: 3.0 }], true);
        assert_eq!((one.exponent(), one.steepest(), one.bend()), (None, None, None));
        assert_eq!(curve(|_| 0.0, true).exponent(), None);
        assert_eq!(curve(|_| 0.0, true).at(10.0), None);
    }
}
