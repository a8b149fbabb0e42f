internal import Kernel

/// What a toolbox gets of these when this machine has them. gdb is not among them: it wants the modules of its Python too.
let usualTools: [Path] = """
  bash sh
  [ b2sum base32 base64 basename cat chgrp chmod chown cksum comm cp cut date dd df dirname du echo env expand
  expr false fmt fold groups head hostid id install join link ln ls md5sum mkdir mkfifo mknod mktemp mv nice
  nl nohup nproc numfmt od paste pathchk pr printenv printf pwd readlink realpath rm rmdir seq sha1sum
  sha256sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tac tail tee test timeout touch tr
  true truncate tsort tty uname unexpand uniq unlink wc who whoami yes chroot
  awk cmp diff egrep fgrep find grep gunzip gzip hexdump jq less more nano sed tar vi which xargs xxd zcat
  free kill lsof ltrace pgrep pidof pkill pmap ps pstree setpriv setsid strace top uptime vmstat watch
  findmnt getcap getent getfattr lsns mount nsenter prlimit umount unshare
  arp curl dig ethtool host ip nc netstat nft nslookup openssl ping route ss tcpdump traceroute wget
  """.split { $0 == " " || $0 == "\n" }.map { Path(String($0)) }
