package limit

const slotCount = 16384

// slot is that of a charge's key in a Redis Cluster: CRC-16/XMODEM of the tag, as the specification of Redis Cluster has it.
func (c *Charge) slot() uint16 {
	var space [32]byte
	crc := uint16(0)
	for _, b := range c.appendTag(space[:0]) {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % slotCount
}

// bySlot splits charges into those of each slot, in the order of the first of each. It gives indices.
func bySlot(charges []Charge) [][]int {
	slots := make([]uint16, len(charges))
	var groups [][]int
	for i := range charges {
		slots[i] = charges[i].slot()
		found := false
		for g := range groups {
			if slots[groups[g][0]] == slots[i] {
				groups[g] = append(groups[g], i)
				found = true
				break
			}
		}
		if !found {
			groups = append(groups, []int{i})
		}
	}
	return groups
}
