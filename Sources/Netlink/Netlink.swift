/// rtnetlink by our own messages: links, addresses, routes, and the dumps of each.
///
/// Every reply is hostile input: lengths are checked, sequence numbers must match.
