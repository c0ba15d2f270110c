package anomaly

import "math"

const (
	registers = 64
	mostRank  = 15
)

// sketch counts distinct hashes, as HyperLogLog: 64 registers of four bits, so that a subject can have several. Its standard error is
// 1.04/√64 = 13 %, less for small counts; it tells counts up to about a million.
type sketch [registers / 2]uint8

// add notes a hash, whose bits must be evenly spread.
func (s *sketch) add(hash uint64) {
	i := hash % registers
	rank := uint8(1)
	for rest := hash / registers; rest&1 == 0 && rank < mostRank; rest >>= 1 {
		rank++
	}
	shift := 4 * (i & 1)
	if cur := s[i/2] >> shift & 15; rank > cur {
		s[i/2] = s[i/2]&^(15<<shift) | rank<<shift
	}
}

// count is about how many distinct hashes were added.
func (s *sketch) count() float64 {
	sum, empty := 0.0, 0
	for _, pair := range s {
		for _, rank := range [2]uint8{pair & 15, pair >> 4} {
			if rank == 0 {
				empty++
			}
			sum += 1 / float64(uint64(1)<<rank)
		}
	}
	const alpha = 0.709 // of 64 registers
	estimate := alpha * registers * registers / sum
	if estimate <= 2.5*registers && empty > 0 {
		return registers * math.Log(registers/float64(empty)) // linear counting
	}
	return estimate
}
