/// One supervisor per container: pidfd, standard streams, log, attach, exit.
