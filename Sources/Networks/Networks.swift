/// Bridges, veth pairs, addresses and names: what a container's network needs, as steps.
///
/// It may know where networks are kept, which addresses are free and what the rules of the firewall mean; it may not know
/// what a container is beyond its identifier and its names. The truth is in the kernel and in small files: records in
/// /var/lib/skiff/networks, leases, members and the state of the firewall in /run/skiff/networks. No daemon.
