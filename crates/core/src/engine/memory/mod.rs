//! The in-process engine: state in this process's memory, shared by all its threads, ready at once.

pub mod cache;
pub mod limiter;
pub mod queue;
pub mod sessions;

pub use cache::MemoryCache;
pub use limiter::MemoryLimiter;
pub use queue::MemoryQueue;
pub use sessions::MemorySessions;
