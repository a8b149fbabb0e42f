internal import CKernel

// How a process is scheduled, where its memory lies, what machine it believes to be on. All of it is inherited.

/// sched_setattr(2) of the calling thread. EPERM without CAP_SYS_NICE for a real-time policy or a nice value below one's
/// own; EBUSY where the processors cannot give what a deadline asks for.
///
/// - Parameters: as struct sched_attr has them; `flags` are SCHED_FLAG_*.
package func setScheduler(
  policy: UInt32, flags: UInt64, nice: Int32, priority: UInt32, runtime: UInt64, deadline: UInt64, period: UInt64
) throws(Fault) {
  // SCHED_FLAG_UTIL_CLAMP_* read two more words, which older kernels do not know.
  let size: UInt32 = flags & 0x60 == 0 ? 48 : 56
  let words: [UInt64] = [
    UInt64(size) | UInt64(policy) << 32, flags, UInt64(UInt32(bitPattern: nice)) | UInt64(priority) << 32, runtime,
    deadline, period, 0,
  ]
  _ = try words.withAddress { (attributes) throws(Fault) in
    try systemCall(
      "sched_setattr", Int(SYS_sched_setattr), 0, attributes, 0,
      arguments: "0, {sched_policy=\(policy), sched_flags=\(flags), sched_nice=\(nice), sched_priority=\(priority), "
        + "sched_runtime=\(runtime), sched_deadline=\(deadline), sched_period=\(period)}")
  }
}

/// ioprio_set(2) of the calling thread: class 1 (real time, with CAP_SYS_ADMIN or CAP_SYS_NICE), 2 or 3, and its level.
package func setInputOutputPriority(class kind: Int, level: Int) throws(Fault) {
  _ = try systemCall(
    "ioprio_set", Int(SYS_ioprio_set), 1, 0, kind << 13 | level,
    arguments: "IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(\(kind), \(level))")
}

/// sched_setaffinity(2) of the calling thread. EINVAL where none of them is there, or is the cpuset's.
package func setProcessorAffinity(_ words: [UInt64]) throws(Fault) {
  _ = try words.withAddress { (mask) throws(Fault) in
    try systemCall(
      "sched_setaffinity", Int(SYS_sched_setaffinity), 0, words.count * 8, mask, arguments: "0, \(words.count * 8)")
  }
}

/// set_mempolicy(2): MPOL_* with MPOL_F_*, and a mask of nodes. EINVAL for nodes that are not there, or are not the
/// cpuset's.
package func setMemoryPolicy(mode: UInt32, nodes: [UInt64]) throws(Fault) {
  _ = try nodes.withAddress { (mask) throws(Fault) in
    // The kernel takes one off the number of bits before it uses it.
    let bits = nodes.isEmpty ? 0 : nodes.count * 64 + 1
    return try systemCall(
      "set_mempolicy", Int(SYS_set_mempolicy), Int(mode), nodes.isEmpty ? 0 : mask, bits,
      arguments:
        "0x\(String(mode, radix: 16)), [\(nodes.map { "0x" + String($0, radix: 16) }.joined(separator: ", "))], \(bits)"
    )
  }
}

/// personality(2): PER_LINUX is 0, PER_LINUX32 8.
package func setPersonality(_ word: UInt32) throws(Fault) {
  _ = try systemCall("personality", Int(SYS_personality), Int(word), arguments: "0x\(String(word, radix: 16))")
}
