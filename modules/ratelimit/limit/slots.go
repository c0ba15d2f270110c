package limit

// slot is that of a charge's key.
func (c *Charge) slot() int {
	var space [32]byte
	return hashSlot(string(c.appendTag(space[:0])))
}

// bySlot splits charges into those of each slot, in the order of the first of each. It gives indices.
func bySlot(charges []Charge) [][]int {
	slots := make([]int, len(charges))
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
