package oidc

import "math/big"

// rocaPrimes are those by which the library of CVE-2017-15361 (ROCA) leaves its mark: modulo each of them a modulus that it made is a power of 65537.
var rocaPrimes = []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}

// factorable tells a modulus that bears the mark: its factors can be found. Another one bears it by chance once in 2^28 or less.
func factorable(modulus *big.Int) bool {
	rest := new(big.Int)
	for _, p := range rocaPrimes {
		r := rest.Mod(modulus, big.NewInt(p)).Int64()
		power, found := int64(1), false
		for range p {
			if found = power == r; found {
				break
			}
			power = power * 65537 % p
		}
		if !found {
			return false
		}
	}
	return true
}
