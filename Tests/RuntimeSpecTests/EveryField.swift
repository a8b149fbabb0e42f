/// Every member of the Linux part of version 1.3 with a value that is not its default.
let everyField = #"""
  {
    "ociVersion": "1.3.0",
    "process": {
      "terminal": true,
      "consoleSize": {"height": 24, "width": 80},
      "user": {"uid": 1000, "gid": 1001, "umask": 63, "additionalGids": [5, 4294967295]},
      "args": ["sh", "-c", "echo \"hi\""],
      "env": ["PATH=/usr/bin:/bin", "TERM=xterm"],
      "cwd": "/srv",
      "capabilities": {
        "bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_CHOWN"], "inheritable": ["CAP_KILL"],
        "permitted": ["CAP_CHOWN"], "ambient": ["CAP_KILL"]
      },
      "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 1024}],
      "noNewPrivileges": true,
      "oomScoreAdj": -500,
      "apparmorProfile": "docker-default",
      "selinuxLabel": "system_u:system_r:container_t:s0",
      "scheduler": {
        "policy": "SCHED_DEADLINE", "nice": -5, "priority": 3, "flags": ["SCHED_FLAG_RECLAIM"], "runtime": 1000000,
        "deadline": 2000000, "period": 3000000
      },
      "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 7},
      "execCPUAffinity": {"initial": "7", "final": "0-3,7"}
    },
    "root": {"path": "rootfs", "readonly": true},
    "hostname": "web",
    "domainname": "example.org",
    "mounts": [
      {
        "destination": "/data", "type": "none", "source": "/srv/data", "options": ["bind", "idmap"],
        "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
        "gidMappings": [{"containerID": 0, "hostID": 200000, "size": 65536}]
      },
      {"destination": "/proc", "type": "proc", "source": "proc"}
    ],
    "hooks": {
      "prestart": [{"path": "/a", "args": ["a", "1"], "env": ["A=B"], "timeout": 5}],
      "createRuntime": [{"path": "/b"}], "createContainer": [{"path": "/c"}], "startContainer": [{"path": "/d"}],
      "poststart": [{"path": "/e"}], "poststop": [{"path": "/f"}, {"path": "/g"}]
    },
    "annotations": {"org.example/a": "1", "b": ""},
    "linux": {
      "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
      "gidMappings": [{"containerID": 0, "hostID": 1001, "size": 1}],
      "sysctl": {"net.ipv4.ip_forward": "1"},
      "resources": {
        "devices": [
          {"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw"}
        ],
        "memory": {
          "limit": 536870912, "reservation": 268435456, "swap": -1, "kernel": -1, "kernelTCP": 4096, "swappiness": 60,
          "disableOOMKiller": false, "useHierarchy": true, "checkBeforeUpdate": true
        },
        "cpu": {
          "shares": 1024, "quota": -1, "burst": 1000, "period": 100000, "realtimeRuntime": 950000,
          "realtimePeriod": 1000000, "cpus": "0-1", "mems": "0", "idle": 1
        },
        "pids": {"limit": 100},
        "blockIO": {
          "weight": 500, "leafWeight": 300, "weightDevice": [{"major": 8, "minor": 0, "weight": 400, "leafWeight": 200}],
          "throttleReadBpsDevice": [{"major": 8, "minor": 1, "rate": 1}],
          "throttleWriteBpsDevice": [{"major": 8, "minor": 2, "rate": 2}],
          "throttleReadIOPSDevice": [{"major": 8, "minor": 3, "rate": 3}],
          "throttleWriteIOPSDevice": [{"major": 8, "minor": 4, "rate": 4}]
        },
        "hugepageLimits": [{"pageSize": "2MB", "limit": 209715200}],
        "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]},
        "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}},
        "unified": {"memory.high": "1073741824"}
      },
      "cgroupsPath": "/skiff/web",
      "namespaces": [
        {"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"},
        {"type": "user"}, {"type": "cgroup"}, {"type": "time"}
      ],
      "devices": [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 1, "gid": 2}
      ],
      "netDevices": {"eth1": {"name": "lan"}, "eth2": {}},
      "seccomp": {
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "listenerPath": "/run/l.sock", "listenerMetadata": "x",
        "syscalls": [
          {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
          {
            "names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
            "args": [
              {"index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ"},
              {"index": 5, "value": 7, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}
            ]
          }
        ]
      },
      "rootfsPropagation": "rslave",
      "maskedPaths": ["/proc/kcore"],
      "readonlyPaths": ["/proc/sys"],
      "mountLabel": "system_u:object_r:container_file_t:s0",
      "intelRdt": {
        "closID": "guaranteed", "schemata": ["L3:0=f"], "l3CacheSchema": "L3:0=7f0", "memBwSchema": "MB:0=20",
        "enableMonitoring": true
      },
      "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]},
      "personality": {"domain": "LINUX32", "flags": ["X"]},
      "timeOffsets": {"monotonic": {"secs": -1, "nanosecs": 5}, "boottime": {"secs": 172800, "nanosecs": 0}}
    }
  }
  """#
