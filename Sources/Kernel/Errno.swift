internal import CKernel

/// An error number of the kernel (errno(3)).
package struct Errno: RawRepresentable, Hashable, Sendable {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }

  package static let notPermitted = Errno(rawValue: EPERM)
  package static let noSuchFile = Errno(rawValue: ENOENT)
  package static let noSuchProcess = Errno(rawValue: ESRCH)
  package static let interrupted = Errno(rawValue: EINTR)
  package static let inputOutput = Errno(rawValue: EIO)
  package static let noSuchDevice = Errno(rawValue: ENODEV)
  package static let noSuchAddress = Errno(rawValue: ENXIO)
  package static let argumentListTooLong = Errno(rawValue: E2BIG)
  package static let notExecutableFormat = Errno(rawValue: ENOEXEC)
  package static let badDescriptor = Errno(rawValue: EBADF)
  package static let noChild = Errno(rawValue: ECHILD)
  package static let again = Errno(rawValue: EAGAIN)
  package static let outOfMemory = Errno(rawValue: ENOMEM)
  package static let accessDenied = Errno(rawValue: EACCES)
  package static let busy = Errno(rawValue: EBUSY)
  package static let exists = Errno(rawValue: EEXIST)
  package static let crossDevice = Errno(rawValue: EXDEV)
  package static let notDirectory = Errno(rawValue: ENOTDIR)
  package static let isDirectory = Errno(rawValue: EISDIR)
  package static let invalid = Errno(rawValue: EINVAL)
  package static let tooManyOpenFiles = Errno(rawValue: EMFILE)
  package static let tooManyOpenFilesInSystem = Errno(rawValue: ENFILE)
  package static let noMemory = Errno(rawValue: ENOMEM)
  package static let connectionAborted = Errno(rawValue: ECONNABORTED)
  package static let hostUnreachable = Errno(rawValue: EHOSTUNREACH)
  package static let notTerminal = Errno(rawValue: ENOTTY)
  package static let textBusy = Errno(rawValue: ETXTBSY)
  package static let fileTooLarge = Errno(rawValue: EFBIG)
  package static let noSpace = Errno(rawValue: ENOSPC)
  package static let readOnlyFileSystem = Errno(rawValue: EROFS)
  package static let brokenPipe = Errno(rawValue: EPIPE)
  package static let range = Errno(rawValue: ERANGE)
  package static let nameTooLong = Errno(rawValue: ENAMETOOLONG)
  package static let noSystemCall = Errno(rawValue: ENOSYS)
  package static let directoryNotEmpty = Errno(rawValue: ENOTEMPTY)
  package static let tooManyLinks = Errno(rawValue: ELOOP)
  package static let noData = Errno(rawValue: ENODATA)
  package static let notSupported = Errno(rawValue: EOPNOTSUPP)
  package static let addressInUse = Errno(rawValue: EADDRINUSE)
  package static let messageTooLong = Errno(rawValue: EMSGSIZE)
  package static let noBufferSpace = Errno(rawValue: ENOBUFS)
  package static let timedOut = Errno(rawValue: ETIMEDOUT)
  package static let connectionRefused = Errno(rawValue: ECONNREFUSED)
  package static let inProgress = Errno(rawValue: EINPROGRESS)
  package static let connectionReset = Errno(rawValue: ECONNRESET)
  package static let overQuota = Errno(rawValue: EDQUOT)
  package static let canceled = Errno(rawValue: ECANCELED)
  package static let badMessage = Errno(rawValue: EBADMSG)
}

extension Errno: CustomStringConvertible {
  /// The reason in words, lower case, as the C library's strerror has it.
  package var description: String {
    guard let text = unsafe strerror(rawValue) else { return "error \(rawValue)" }
    let words = unsafe String(cString: text)
    guard let first = words.first else { return "error \(rawValue)" }
    return first.lowercased() + words.dropFirst()
  }
}
