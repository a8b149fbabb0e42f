/// A small client of D-Bus: the wire format (D-Bus Specification 0.43) and method calls over a unix socket. It knows what one
/// conversation with systemd needs: no descriptors in messages, no objects of its own. What a bus answers is bounded.
