"""The protocol stacks of virtual machines: what real machines do, as far as it shows on the wire.

`vm.Machine` is one machine; `tcp`, `udp`, `icmp`, `arp`, `ndp` and `multicast` are what it speaks. Workloads use it as
programs use an operating system.
"""
