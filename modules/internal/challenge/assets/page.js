// The page that has a browser solve a puzzle, and then opens what was asked for. Where it can't, the page's form is the other way: to wait.
import { solve } from "./work.js";

const find = (id) => document.getElementById(id);
const puzzle = JSON.parse(find("puzzle").textContent);
const page = document.querySelector("main");
const status = find("status");
const bar = find("bar");
const form = find("wait");
const say = (word) => (status.textContent = page.dataset[word]);

let told = false;
function progress(done) {
	bar.value = done;
	if (told || done * 2 < puzzle.parts) return;
	told = true; // once: more would be noise for who listens
	say("half");
}

// inWorkers has several cores solve the puzzle.
function inWorkers() {
	const address = new URL("./worker.js", import.meta.url).href;
	// The one address that a worker is made of, so that no other could be.
	const policy = globalThis.trustedTypes?.createPolicy("gw-worker", { createScriptURL: () => address });
	const count = Math.min(Math.max(navigator.hardwareConcurrency || 1, 1), 4);
	const numbers = [];
	const workers = [];
	let done = 0;
	return new Promise((finish, fail) => {
		for (let w = 0; w < count; w++) {
			const worker = new Worker(policy ? policy.createScriptURL("") : address, { type: "module" });
			workers.push(worker);
			worker.onerror = fail;
			worker.onmessage = ({ data: { part, found } }) => {
				numbers[part] = found;
				progress(++done);
				if (done === puzzle.parts) finish([puzzle.token, ...numbers].join("."));
			};
			const parts = [];
			for (let part = w; part < puzzle.parts; part += count) parts.push(part);
			worker.postMessage({ puzzle, parts });
		}
	}).finally(() => workers.forEach((w) => w.terminate()));
}

const memory = "gw-challenge";

// again counts how often this tab came here within a minute: whose browser keeps no cookies would come here for ever.
function again() {
	try {
		const [times, at] = (sessionStorage.getItem(memory) || "0 0").split(" ").map(Number);
		const now = Date.now();
		const count = now - at < 60000 ? times + 1 : 1;
		sessionStorage.setItem(memory, count + " " + now);
		return count > 3;
	} catch {
		return false;
	}
}

async function run() {
	if (again()) return stop(navigator.cookieEnabled ? "failed" : "cookies");
	form.hidden = true;
	bar.hidden = false;
	say("working");
	const answer = await inWorkers().catch(() => solve(puzzle, progress));
	const reply = await fetch(page.dataset.url, {
		method: "POST", credentials: "same-origin", cache: "no-store", redirect: "error",
		headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify({ answer }),
	});
	if (!reply.ok) return stop("failed");
	say("done");
	if (page.dataset.next) location.replace(page.dataset.next);
	else location.reload();
}

function stop(word) {
	bar.hidden = true;
	form.hidden = false;
	say(word);
}

run().catch(() => stop("failed"));
