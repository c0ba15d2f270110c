// Solves puzzles: for each part, a number such that the SHA-256 of <seed>:<part>:<number> begins with enough zero bits.
// WebCrypto would take longer: each of its calls is a task of its own, and these texts are short.
const K = new Int32Array([
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
const W = new Int32Array(64);

// first is the first word of the SHA-256 of a text of one block, which is padded already. No more of it is looked at.
function first(block) {
	for (let i = 0; i < 16; i++) W[i] = block.getInt32(4 * i);
	for (let i = 16; i < 64; i++) {
		const x = W[i - 15];
		const y = W[i - 2];
		W[i] = (W[i - 16] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + W[i - 7] + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10)) | 0;
	}
	let a = 0x6a09e667, b = 0xbb67ae85 | 0, c = 0x3c6ef372, d = 0xa54ff53a | 0, e = 0x510e527f, f = 0x9b05688c | 0, g = 0x1f83d9ab, h = 0x5be0cd19;
	for (let i = 0; i < 64; i++) {
		const t1 = (h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[i] + W[i]) | 0;
		const t2 = (((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c)) | 0;
		h = g;
		g = f;
		f = e;
		e = (d + t1) | 0;
		d = c;
		c = b;
		b = a;
		a = (t1 + t2) | 0;
	}
	return (a + 0x6a09e667) | 0;
}

// search tries so many numbers for a part, and is -1 where none of them fits.
export function search(puzzle, part, from, tries) {
	const bytes = new Uint8Array(64);
	const block = new DataView(bytes.buffer);
	const begin = puzzle.seed + ":" + part + ":";
	for (let i = 0; i < begin.length; i++) bytes[i] = begin.charCodeAt(i);
	for (let n = from; n < from + tries; n++) {
		const digits = String(n);
		let end = begin.length;
		for (let i = 0; i < digits.length; i++) bytes[end++] = digits.charCodeAt(i);
		bytes[end] = 0x80;
		block.setInt32(60, 8 * end);
		if (first(block) >>> (32 - puzzle.bits) === 0) return n;
	}
	return -1;
}

const slice = 12; // milliseconds at a time, so that the page stays alive
const steps = 500;
const pause = () => new Promise((go) => setTimeout(go));

// solve does the whole puzzle in slices, and tells how many parts are done.
export async function solve(puzzle, done = () => {}) {
	if (puzzle.algorithm !== "sha256-zero-bits") throw new Error("a puzzle of another kind");
	const numbers = [];
	let rest = performance.now() + slice;
	for (let part = 0; part < puzzle.parts; part++) {
		let found = -1;
		for (let from = 0; found < 0; from += steps) {
			found = search(puzzle, part, from, steps);
			if (performance.now() < rest) continue;
			await pause();
			rest = performance.now() + slice;
		}
		numbers.push(found);
		done(part + 1);
	}
	return [puzzle.token, ...numbers].join(".");
}
