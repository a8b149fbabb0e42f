/// rtnetlink by our own messages: links, addresses, routes, and the dumps of each; and what every netlink family shares:
/// building, parsing, acknowledgements, dumps.
///
/// It may know netlink(7) and rtnetlink(7); it may not know what a network of Skiff is. Every reply is hostile input:
/// lengths are checked, sequence numbers must match, the sender must be the kernel.
