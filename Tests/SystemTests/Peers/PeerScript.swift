/// What the peers are told, in bash: one image goes from a store of Skiff's, at-now, to a peer, and from it to another such store.
///
/// `peers.sh FOLDER make KIND|PEER|tree PEER|exported KIND`; SKIFF is the program, and the folder keeps everything.
enum PeerScript {
  static let text = #"""
    set -e; cd "$1"; short=rich:1; name=docker.io/library/$short
    at() { SKIFF_ROOT=$PWD/at-$1; export SKIFF_ROOT; shift; "$SKIFF" "$@"; }
    digest() { at "$1" images --format '{{.Digest}}' $short; }
    driver=overlay; [ "$(stat -f -c %T .)" != overlayfs ] || driver=vfs
    pod() { podman --root "$PWD/podman" --runroot /run/podman-x --storage-driver $driver "$@"; }
    build() { buildah --root "$PWD/buildah" --runroot /run/buildah-x --storage-driver $driver "$@"; }
    # Everything of tar's that the format can hold. Sparse files only where it is said: docker, podman and
    # buildah load them, and then cannot save.
    packed() { tar --xattrs --xattrs-include='*' --acls --format=posix --numeric-owner "$@"; }

    # Kind, mode, owner, links, target, size and time of every file below here, then contents, attributes, and which are sparse.
    # exported: without what a container has of its own. docker: as its export is, in whole seconds and without attributes too.
    list() {
      local skip=(-false) way=$1
      [ "$way" = whole ] || skip=(-path ./dev/\* -o -path ./proc/\* -o -path ./sys/\* -o -path ./etc/hosts -o -path ./etc/hostname
        -o -path ./etc/resolv.conf -o -path ./etc/mtab -o -name .dockerenv)
      find . -mindepth 1 ! \( "${skip[@]}" \) -printf '%y %#m %U:%G %n %s %T@\t%P -> %l\n' | awk -F '\t' -v way="$way" '
        { split($1, part, " ")
          if (part[1] == "d") part[4] = part[5] = ""
          if (way == "docker") sub(/\.[0-9]*$/, "", part[6])
          if (way != "whole" && $2 ~ /^(etc|dev|proc|sys) /) next
          print $2, part[1], part[2], part[3], part[4], part[5], part[6] }' | LC_ALL=C sort
      find . -type f ! \( "${skip[@]}" \) -exec sha256sum {} + | LC_ALL=C sort -k2
      # Which names are one file.
      find . -type f -links +1 ! \( "${skip[@]}" \) -printf '%i\t%P\n' | LC_ALL=C sort -k2 | awk -F '\t' '{ first[$1] = first[$1] ? first[$1] : $2; print "linked", first[$1], $2 }'
      [ "$way" != docker ] || return 0
      find . -mindepth 1 ! -type l ! -type p ! -type s ! -type b ! -type c ! \( "${skip[@]}" \) \
        -exec getfattr -d -e hex -m '^(user\.|security\.capability|system\.posix_acl)' --absolute-names {} + | LC_ALL=C sort
    }
    # Sparse ones: not every peer leaves holes.
    holes() { find . -type f -size +64k -printf '%b %s %P\n' | awk '$1 * 512 + 32768 < $2 { $1 = $2 = ""; print }' | LC_ALL=C sort; }
    same() { diff "$1" "$2" >difference || { head -n 40 difference; exit 1; }; }

    # What is done to a tree: to the reference by this shell, and in a container by the image's. A directory that is another
    # one of the same name, something gone, a mode, an owner, a second name for what lay below; the times are set, for the rest is compared.
    change='set -e; export LC_ALL=C; for first in usr/share/*/; do break; done; rm -rf "$first"; mkdir "$first"; echo new >"${first}new"
      set -f; set -- $(find usr/bin -type f -links 1 -name "[a-z]*" | sort); rm "$2"; chown 7:8 "$3"; ln "$4" "$4-again"; chmod 750 usr/bin
      mkdir -p opt/a; ln -s ../../usr opt/a/link; echo x >opt/a/x
      touch -h -d "2020-01-02 03:04:05" "$3" "$4" opt/a/link opt/a/x opt/a opt . usr/bin usr/share "${first}new" "$first"'

    rich() {
      mkdir -p tree/a/b tree/c "tree/$(printf 'n%.0s' $(seq 200))/$(printf 'm%.0s' $(seq 100))"; cd tree
      cp /bin/busybox a/busybox; echo one >a/b/file; ln a/b/file c/linked; ln -s ../a/b/file c/link; ln -s /absent c/dangling
      chmod 4755 a/busybox; chown 12345:54321 a/b/file; chmod 1777 c; mkfifo -m 640 c/fifo; mknod c/null c 1 3
      truncate -s 2M a/sparse; printf x | dd of=a/sparse bs=1 seek=1M conv=notrunc status=none; : >a/empty
      setfattr -n user.note -v hello a/empty; setfattr -n security.capability -v 0sAQAAAgAEAAAAAAAAAAAAAAAAAAA= a/b/file
      printf 'é' >'c/ümlaut ☃'; touch -d '2001-02-03 04:05:06.789012345' a/b/file a/empty c/ümlaut*; touch -h -d 1999-01-01 c/link
      find . -depth -type d -exec touch -d '2010-11-12 13:14:15.5' {} +; cd ..
      packed -C tree $1 -cf tree.tar .; rm -rf tree
    }
    sparse() { rich --sparse; }
    # What is special in this machine's /usr (set-id, capabilities, several names, neither file nor directory, odd names), and of the
    # rest as much as fits; busybox, for a shell without libraries. A directory's
    # files come right behind it: tar's own times of directories want that.
    usr() {
      cd /; { printf 'usr\0usr/bin\0usr/sbin\0usr/share\0usr/bin/busybox\0'
        for top in bin sbin lib lib64; do [ ! -L $top ] || printf '%s\0' $top; done
        getcap -r /usr 2>/dev/null | sed 's/ cap_[^ ]*$//; s|^/||' | tr '\n' '\0'
        find usr -xdev -size -1M \( ! -type f ! -type d ! -type l -o -type f \( -links +1 -o -perm /7000 \) -o -name '*[^ -~]*' \) ! -name '*
        *' -print0
        find usr/bin usr/sbin usr/lib usr/lib64 usr/libexec usr/share -xdev \( -type d -o -type l -o -type f -size -256k \) -print0 2>/dev/null | LC_ALL=C sort -z |
          awk -v RS='\0' -v ORS='\0' 'NR % 13 == 1 && ++count <= 3000'
      } | awk -v RS='\0' -v ORS='\0' '{ print; while (sub("/[^/]*$", "")) print }' | tr / '\1' | LC_ALL=C sort -zu | tr '\1' / >"$OLDPWD/names"; cd "$OLDPWD"
      packed -C / --no-recursion --null -T names -cf tree.tar
    }

    case $2 in
    make)
      case $3 in debian) cp "$DEBIAN" tree.tar;; *) $3;; esac
      mkdir kept; packed -C kept --same-owner -xpf tree.tar
      case $3 in debian) words=/usr/bin/sh;; usr) words='/usr/bin/busybox", "sh';; *) words=/a/busybox;; esac
      at now import -c "ENTRYPOINT [\"$words\"]" tree.tar $short >/dev/null; rm tree.tar
      if [ "$words" != /a/busybox ]; then
        at now run --name changed --network none $short -c "cd /; $change"; (cd kept; sh -c "$change")
        at now commit changed $short >/dev/null; at now rm changed >/dev/null
      fi
      (cd kept; for way in whole exported docker; do list $way >../kept-$way; done; holes >../kept-holes); rm -rf kept
      at now inspect -f '{{.Id}}' $short; exit;;
    tree)
      way=whole
      case $3 in
      buildah) container=$(build from --pull-never $name); place=$(build mount $container);;
      podman) place=$(pod image mount $name);;
      umoci) umoci unpack --image layout:through bundle >umoci.log 2>&1 || { tail -n 3 umoci.log; exit 1; }; place=bundle/rootfs;;
      skiff) at now image verify >/dev/null; place=$(at now image mount $short);;
      exported)
        case $4 in rich | sparse) set -- "$@" true;; *) set -- "$@" -c :;; esac
        at now run --name seen --network none $short "${@:5}"; mkdir exported; at now export seen | packed -C exported --same-owner -xpf -
        at now rm seen >/dev/null; place=exported way=exported;;
      docker)
        docker create --name seen $name >/dev/null; mkdir docker-exported
        docker export seen | packed -C docker-exported --same-owner -xpf -; place=docker-exported way=docker;;
      esac
      (cd "$place"; list $way) >"seen-$3"; same kept-$way "seen-$3"
      if [ $3 = skiff ]; then (cd "$place"; holes) >seen-holes; same kept-holes seen-holes; at now image unmount $short >/dev/null; fi
      exit;;
    skopeo) at now save -o ours $short; skopeo copy -q docker-archive:ours docker-archive:theirs:$name;;
    podman) at now save $short | pod load -q >/dev/null; pod save -q --format docker-archive -o theirs $name >/dev/null;;
    buildah) at now save -o ours $short; build pull -q docker-archive:ours >/dev/null; build push -q $name docker-archive:theirs:$name;;
    docker) at now save $short | docker load -q >/dev/null; docker save -o theirs $name;;
    # The forms of OCI, with layers that the peer compresses.
    skopeo-zstd) at now save --format oci-dir -o ours $short; skopeo copy -q --dest-compress-format zstd oci:ours:$name oci:theirs:$name;;
    podman-gzip) at now save --format oci-archive $short | pod load -q >/dev/null; pod save -q --format oci-archive -o theirs $name >/dev/null;;
    umoci)
      # It speaks layouts alone, and writes their lists anew.
      rm -rf layout; at now save --format oci-dir -o layout $short
      umoci tag --image layout:$name through; umoci rm --image layout:$name; umoci gc --layout layout >/dev/null 2>&1; ln -s layout theirs;;
    registry)
      there=127.0.0.1:5000/$short; at now tag $short $there; at now push -q $there >/dev/null
      at next pull -q $there >/dev/null; at next tag $there $short; at next rmi $there >/dev/null;;
    esac
    [ ! -e theirs ] || at next load -q -i theirs >/dev/null
    case $2 in umoci | registry) [ "$(digest now)" = "$(digest next)" ];; esac
    rm -rf at-now ours theirs; mv at-next at-now; at now inspect -f '{{.Id}}' $short
    """#
}
