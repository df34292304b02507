//! Looking through jobs by state, in order.

use super::state::State;
use super::view::{JobState, JobView};

impl State {
    /// Jobs in any of `states`, state by state, in the order in which they run or finished, or all of it the other way round:
    /// from `start` on, at most `max`. Cost: a step a job, also for those before `start`.
    pub fn jobs_in(&self, states: &[JobState], start: usize, max: usize, asc: bool) -> Vec<JobView> {
        let mut skip = start;
        let mut views = Vec::new();
        let in_turn = (0..states.len()).map(|at| if asc { at } else { states.len() - 1 - at });
        for state in in_turn.map(|at| states[at]) {
            let count = self.order().count(state);
            if skip >= count {
                skip -= count;
                continue;
            }
            let numbers = self.numbers_in(state, asc).skip(std::mem::take(&mut skip)).take(max - views.len());
            views.extend(numbers.filter_map(|number| self.job(number)).map(super::job::Job::view));
            if views.len() == max {
                break;
            }
        }
        views
    }

    fn numbers_in(&self, state: JobState, asc: bool) -> Box<dyn Iterator<Item = u64> + '_> {
        let order = self.order();
        let finished =
            |completed| directed(order.finished(completed).in_order().map(|(_, number)| number), asc);
        match state {
            JobState::Waiting => directed(order.waiting_in_order(false), asc),
            JobState::Prioritized => directed(order.waiting_in_order(true), asc),
            JobState::Delayed => directed(order.delayed_in_order(), asc),
            JobState::Active => directed(order.active(), asc),
            JobState::Completed => finished(true),
            JobState::Failed => finished(false),
        }
    }
}

fn directed<'a>(
    numbers: impl DoubleEndedIterator<Item = u64> + 'a,
    asc: bool,
) -> Box<dyn Iterator<Item = u64> + 'a> {
    if asc { Box::new(numbers) } else { Box::new(numbers.rev()) }
}
