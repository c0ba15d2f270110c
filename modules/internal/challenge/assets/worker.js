// One of the workers that solve a page's puzzle: gets the puzzle and its parts, says each number that it finds.
import { search } from "./work.js";

onmessage = ({ data: { puzzle, parts } }) => {
	for (const part of parts) {
		let found = -1;
		for (let from = 0; found < 0; from += 5000) found = search(puzzle, part, from, 5000);
		postMessage({ part, found });
	}
};
