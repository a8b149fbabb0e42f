/// nftables by netlink, in one atomic batch, in Skiff's own table.
///
/// It may know nf_tables (<linux/netfilter/nf_tables.h>) and how a `FirewallChange` is said in it; it may not know what the
/// rules are for: Networks composes them.
