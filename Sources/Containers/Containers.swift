/// Containers on disk: their record, their state, their lock; what is left of them after a crash.
