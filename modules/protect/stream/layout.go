package stream

// perSegment is the plaintext in a segment but the first, which is shorter by the head.
const perSegment = Segment - tagSize

// SealedSize is the length of what Sealer makes of so many bytes.
func SealedSize(plain int64) int64 { return HeadSize + plain + tagSize*(segmentOf(max(plain-1, 0))+1) }

// PlainSize is the length of what a stream of that length holds; ok is false where no stream has that length.
func PlainSize(sealed int64) (plain int64, ok bool) {
	segments := max(1, (sealed+Segment-1)/Segment)
	plain = sealed - HeadSize - tagSize*segments
	return plain, plain >= 0 && SealedSize(plain) == sealed
}

// segmentOf is the number of the segment that a byte of the plaintext lies in.
func segmentOf(at int64) int64 { return (at + HeadSize) / perSegment }
