#!/usr/bin/env bash
# ovs-nvgre.pcap, ovs-vxlan.pcap, ovs-geneve.pcap: the underlay of two Open vSwitch hosts, so a capture of packets
# that an implementation other than ours encapsulated.
#
#   samples/make_ovs_lab.sh LAB [DIR]     LAB: the lab script (overlay_lab); DIR: where to write (default: here)
#
# Needs root and what the lab needs (Debian: openvswitch-switch iproute2 iputils-ping iperf3 tcpdump ethtool). The
# lab's two tenants have the same addresses; here they also use the same TCP and UDP data ports at the same time.
# Unlike the other samples these differ from run to run: times, MACs and sequence numbers are the machine's.
set -euo pipefail
lab=${1:?usage: $0 LAB [DIR]}
out=$(cd "${2:-$(dirname "$0")}" && pwd)
work=$(mktemp -d)
trap '"$lab" down; rm -rf "$work"' EXIT

talk() { # CLIENT SERVER TCP_BYTES UDP_BYTES
  "$lab" exec "$1" ping -c 3 -i 0.2 -W 2 10.0.0.2
  "$lab" exec "$2" iperf3 -s -D -1
  sleep 0.5
  "$lab" exec "$1" iperf3 -c 10.0.0.2 --cport 40000 -l 10K -n "$3"
  "$lab" exec "$2" iperf3 -s -D -1
  sleep 0.5
  "$lab" exec "$1" iperf3 -c 10.0.0.2 --cport 40001 -u -l 400 -b 1M -n "$4"
}

record() { # ENCAPSULATION TCP_BYTES UDP_BYTES
  local seconds=7
  "$lab" up "$1" 2>/dev/null
  "$lab" capture "$work/$1" $seconds
  sleep 0.5
  talk a1 b1 "$2" "$3" >/dev/null & local first=$!
  talk a2 b2 "$2" "$3" >/dev/null & local second=$!
  wait $first; wait $second
  sleep $seconds
  "$lab" down
  cp "$work/$1/hostA.pcap" "$out/ovs-$1.pcap"
}

record nvgre 200K 40K
record vxlan 40K 4K
record geneve 40K 4K
