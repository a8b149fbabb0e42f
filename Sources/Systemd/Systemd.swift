/// The systemd driver: a container's group is a transient scope that systemd makes, so that systemd's own view of the
/// hierarchy stays true. Names and properties are thought out here without asking anybody; `perform` talks to the manager.
