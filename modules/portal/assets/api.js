// The pages talk to /auth/api as any program does.
import { t } from "./texts.js";
import { solve } from "./work.js";

// Refused is an answer that is not ok; kind is the problem's type, wait what Retry-After says, in seconds.
export class Refused extends Error {
	constructor(status, problem, wait) {
		super(problem.title || "refused");
		this.status = status;
		this.kind = String(problem.type || "").replace("urn:gateway:problem:", "");
		this.weakness = problem.weakness;
		this.acr = problem.acr_values;
		this.challenge = problem.challenge;
		this.wait = wait;
	}
}

// solved is what an answer to a challenge adds to a request: a header, or a member of its body.
async function solved(challenge) {
	const working = document.getElementById("working");
	if (working) working.textContent = t("common.working");
	try {
		const answer = await solve(challenge);
		if (challenge.answer_header) return { headers: { [challenge.answer_header]: answer } };
		return { members: { [challenge.answer_member]: answer } };
	} finally {
		if (working) working.textContent = "";
	}
}

// send solves the challenges that it is set: one to be heard at all, and one to sign in after many wrong tries.
export async function send(method, path, body) {
	let answer = {};
	for (let tries = 0; ; tries++) {
		try {
			return await call(method, path, answer.members ? { ...body, ...answer.members } : body, answer.headers);
		} catch (e) {
			if (tries === 2 || e.kind !== "challenge-required" || !e.challenge) throw e;
			answer = await solved(e.challenge);
		}
	}
}

async function call(method, path, body, headers) {
	const options = { method, credentials: "same-origin", cache: "no-store", redirect: "error", headers: { Accept: "application/json", ...headers } };
	if (body) {
		options.headers["Content-Type"] = "application/json";
		options.body = JSON.stringify(body);
	}
	let answer;
	try {
		answer = await fetch("/auth/api/" + path, options);
	} catch {
		throw new Refused(0, {}, 0);
	}
	if (answer.ok) return answer.status === 204 ? {} : answer.json().catch(() => ({}));
	const problem = await answer.json().catch(() => ({}));
	throw new Refused(answer.status, problem, Number(answer.headers.get("Retry-After")) || 0);
}

const here = () => encodeURIComponent(location.pathname + location.search);

// leave goes to another page; what awaits it never goes on.
export function leave(to) {
	location.assign(to);
	return new Promise(() => {});
}

let stepUp = () => leave("/auth/mfa?return_to=" + here());

// onStepUp sets what is done where an answer asks for a factor: when it resolves, the request is sent again.
export function onStepUp(act) {
	stepUp = act;
}

let refreshing = null;

// refresh gets a new access token, once for all that wait for it.
async function refresh() {
	refreshing ||= send("POST", "refresh").finally(() => (refreshing = null));
	try {
		await refreshing;
	} catch (e) {
		if (e.status === 401) return leave("/auth/login?return_to=" + here());
		throw e;
	}
}

// sendSignedIn refreshes the access token where it has expired, has a factor given where one is asked for, and asks for the login where there is no session.
export async function sendSignedIn(method, path, body) {
	for (let tries = 0; tries < 3; tries++) {
		try {
			return await send(method, path, body);
		} catch (e) {
			if (e.kind !== "unauthenticated" && e.kind !== "step-up-required") throw e;
			if (e.kind === "step-up-required") await stepUp(e);
			else await refresh();
		}
	}
	return send(method, path, body);
}
