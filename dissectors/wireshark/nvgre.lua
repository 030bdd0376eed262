-- nvgre.lua: what NVGRE (RFC 7637) says, for Wireshark and tshark, which show its key as one number.
--
-- Fields nvgre.vsid, nvgre.flowid, nvgre.tunnel ("192.0.2.1 - 192.0.2.2", the lower address first, so that both
-- directions of a tunnel have the same value) and nvgre.color (VSID modulo 7, for colour rules: one colour per
-- tenant); expert infos for the rules of RFC 7637. All of them once per NVGRE header, outermost first.
--
-- The dissector of Ethernet inside GRE (gre.proto 0x6558) is wrapped: what it does, and the tree of the GRE header,
-- stay as they are; a subtree "NVGRE" comes between the two. What NVGRE is, is decided as nvgre-inspect does
-- (docs/decoding.md): K set, version 0, straight in IP; by the preference "keys", a VSID of at least 0x1000 (auto;
-- smaller ones are reserved, the key is taken for that of GRETAP), any VSID (nvgre), or nothing (key32). What an ICMP
-- error quotes is no traffic of a tenant, and left alone.
--
-- Works from Wireshark 3.6 to 4.x, with Lua 5.2 to 5.4. Limits: fragments of an outer packet behind the first are
-- marked only where Wireshark reassembles them, for only then it looks into them; a packet that ends behind its GRE
-- header has no subtree, for Wireshark looks for no frame there.

local PROTOCOL_TYPE = 0x6558 -- Transparent Ethernet Bridging
local FLAG_C, FLAG_K, FLAG_S = 0x8000, 0x2000, 0x1000
local RESERVED_BITS = 0x4FF8 -- all that RFC 7637 section 3.2 wants to be 0, but for C, S and the version
local VERSION_BITS = 0x0007
local MIN_VSID, VENDOR_VSID = 0x001000, 0xFFFFFF
local TENANT_COLORS = 7 -- as many as nvgre-inspect has for tenants
local TAGS = { [0x8100] = true, [0x88A8] = true, [0x9100] = true }

local AUTO, NVGRE, KEY32 = 0, 1, 2

-- Loaded twice (installed, and by -X lua_script), the first one does it all.
local is_first, nvgre = pcall(Proto, "nvgre", "Network Virtualization using GRE")
if not is_first then
    return
end

nvgre.prefs.keys = Pref.enum(
    "GRE keys",
    AUTO,
    "Ethernet in GRE with a key is NVGRE or GRETAP; the bytes are the same. auto: NVGRE if the VSID is not reserved",
    { { 1, "auto", AUTO }, { 2, "nvgre", NVGRE }, { 3, "key32", KEY32 } },
    true
)

local fields = {
    vsid = ProtoField.uint24("nvgre.vsid", "Virtual Subnet ID", base.DEC),
    flowid = ProtoField.uint8("nvgre.flowid", "FlowID", base.DEC),
    tunnel = ProtoField.string("nvgre.tunnel", "Tunnel"),
    color = ProtoField.uint8("nvgre.color", "Colour of the tenant", base.DEC),
}
nvgre.fields = { fields.vsid, fields.flowid, fields.tunnel, fields.color }

local function rule(name, text, severity)
    return ProtoExpert.new("nvgre." .. name, text, expert.group.PROTOCOL, severity or expert.severity.WARN)
end
local rules = {
    vsid = rule("vsid.reserved", "The VSID is reserved (RFC 7637 section 3.2: 0x000000-0x000FFF, 0xFFFFFF)"),
    flags = rule("flags.invalid", "The C or S bit is set (RFC 7637 section 3.2: must be 0)"),
    reserved = rule("flags.reserved", "Reserved bits are set (RFC 7637 section 3.2: must be 0)"),
    version = rule("version.invalid", "The GRE version is not 0 (RFC 7637 section 3.2)"),
    tag = rule("inner_vlan", "The inner frame has an 802.1Q tag (RFC 7637 section 3.2: must not be there)"),
    fragment = rule("fragmented", "The outer packet was fragmented (RFC 7637 section 4.4: must not be)"),
}
nvgre.experts = { rules.vsid, rules.flags, rules.reserved, rules.version, rules.tag, rules.fragment }

-- Of the headers outside: all occurrences so far; the last one is that of the header next outside.
local outside = {
    flags = Field.new("gre.flags_and_version"),
    key = Field.new("gre.key"),
    udp_port = Field.new("udp.dstport"),
    icmp = Field.new("icmp.type"),
    icmpv6 = Field.new("icmpv6.type"),
    v4_source = Field.new("ip.src"),
    v4_target = Field.new("ip.dst"),
    v4_more = Field.new("ip.flags.mf"),
    v4_offset = Field.new("ip.frag_offset"),
    v6_source = Field.new("ipv6.src"),
    v6_target = Field.new("ipv6.dst"),
    v6_more = Field.new("ipv6.fraghdr.more"),
    v6_offset = Field.new("ipv6.fraghdr.offset"),
}

local function last(name)
    local found = { outside[name]() }
    return found[#found]
end

-- Bit operations: an operator only since Lua 5.3, a library before.
local function has(flags, mask)
    local bits = 1
    while mask > 0 do
        if mask % 2 == 1 and math.floor(flags / bits) % 2 == 1 then
            return true
        end
        mask = math.floor(mask / 2)
        bits = bits * 2
    end
    return false
end

-- Addresses as text whatever name resolution is on: by their bytes.
local function v4_text(hex)
    local parts = {}
    for byte in hex:gmatch("%x%x") do
        parts[#parts + 1] = tostring(tonumber(byte, 16))
    end
    return table.concat(parts, ".")
end

-- RFC 5952: no leading zeros, "::" for the longest run of at least two zero groups, the first of equals.
local function v6_text(hex)
    local groups = {}
    for group in hex:gmatch("%x%x%x%x") do
        groups[#groups + 1] = (group:lower():gsub("^0+(%x)", "%1"))
    end
    local from, length = 0, 1
    local at = 1
    while at <= #groups do
        local to = at
        while groups[to] == "0" do
            to = to + 1
        end
        if to - at > length then
            from, length = at, to - at
        end
        at = math.max(to, at + 1)
    end
    if from == 0 then
        return table.concat(groups, ":")
    end
    return table.concat(groups, ":", 1, from - 1) .. "::" .. table.concat(groups, ":", from + length)
end

-- The IP header next outside: hexadecimal source and target, their text, whether it is of a fragment; nil if none.
local function outer_header(pinfo)
    local source, target, text = last("v4_source"), last("v4_target"), v4_text
    local more, offset = last("v4_more"), last("v4_offset")
    local v6_source = last("v6_source")
    if v6_source and (not source or v6_source.value == pinfo.net_src) then
        source, target, text = v6_source, last("v6_target"), v6_text
        more, offset = last("v6_more"), last("v6_offset")
        if more and more.offset < source.offset then
            more, offset = nil, nil -- those of a header further out
        end
    end
    if not source or not target then
        return nil
    end
    local fragment = (more and more.value == true) or (offset and offset.value > 0) or false
    return tostring(source.range:bytes()), tostring(target.range:bytes()), text, fragment
end

-- Whether the GRE header is straight behind a UDP header: 8 bytes, of which the destination port is the second pair.
local function is_in_udp(flags)
    local port = last("udp_port")
    return port ~= nil and port.offset + 6 == flags.offset
end

-- Whether the frame inside begins with an 802.1Q tag.
local function is_tagged(frame)
    return frame:captured_len() >= 14 and TAGS[frame(12, 2):uint()] ~= nil
end

local function is_nvgre(vsid)
    return nvgre.prefs.keys == NVGRE or (nvgre.prefs.keys == AUTO and vsid >= MIN_VSID)
end

-- Adds the subtree for the GRE header that was read last.
local function describe(frame, pinfo, tree)
    local flags = last("flags")
    if not flags or not flags.range or last("icmp") or last("icmpv6") or is_in_udp(flags) then
        return
    end
    local bits = flags.range:uint()
    if not has(bits, FLAG_K) or nvgre.prefs.keys == KEY32 then
        return
    end
    if has(bits, VERSION_BITS) then
        tree:add(nvgre, flags.range):add_proto_expert_info(rules.version)
        return
    end
    local key = last("key")
    if not key or not key.range or not is_nvgre(key.range(0, 3):uint()) then
        return
    end

    local vsid = key.range(0, 3):uint()
    local subtree = tree:add(nvgre, key.range)
    subtree:append_text(string.format(", VSID %d, FlowID %d", vsid, key.range(3, 1):uint()))
    local vsid_item = subtree:add(fields.vsid, key.range(0, 3))
    subtree:add(fields.flowid, key.range(3, 1))
    subtree:add(fields.color, key.range(0, 3), vsid % TENANT_COLORS):set_generated()
    if vsid < MIN_VSID or vsid == VENDOR_VSID then
        vsid_item:add_proto_expert_info(rules.vsid)
    end
    if has(bits, FLAG_C + FLAG_S) then
        subtree:add_proto_expert_info(rules.flags)
    end
    if has(bits, RESERVED_BITS) then
        subtree:add_proto_expert_info(rules.reserved)
    end
    if is_tagged(frame) then
        subtree:add_proto_expert_info(rules.tag)
    end

    local source, target, text, fragment = outer_header(pinfo)
    if source then
        if #source ~= #target or target < source then
            source, target = target, source
        end
        subtree:add(fields.tunnel, text(source) .. " - " .. text(target)):set_generated()
        if fragment then
            subtree:add_proto_expert_info(rules.fragment)
        end
    end
end

local ethernet = DissectorTable.get("gre.proto"):get_dissector(PROTOCOL_TYPE)

function nvgre.dissector(frame, pinfo, tree)
    local described, problem = pcall(describe, frame, pinfo, tree)
    if ethernet then
        -- A frame that is cut makes Wireshark's dissector say so in the tree and then raise an error, which would be
        -- shown as one of this script.
        pcall(ethernet.call, ethernet, frame, pinfo, tree)
    end
    if not described then
        error(problem, 0) -- shown by Wireshark as an error of this script, behind all that it would show without it
    end
    return frame:reported_len()
end

DissectorTable.get("gre.proto"):add(PROTOCOL_TYPE, nvgre)
