//! How much memory a piece of work holds at most.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Runs `work` and returns the most bytes that were allocated on top of what there was before.
///
/// The count is that of the whole process: nothing else may run meanwhile. A growing vector counts
/// with its old and its new place at once, as it may have to lie in memory.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage().saturating_sub(before))
}
