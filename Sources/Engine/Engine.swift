/// Names, records, run, stop, rm, commit: the only place that knows all of it.
