// The login: name and password, then the second factor.
import "./plain.js";
import { leave, send } from "./api.js";
import { all, digits, find, onSubmit } from "./dom.js";
import { words } from "./texts.js";

const page = find("main");
const title = document.title;
const go = () => leave(page.dataset.returnTo);
let ticket = "";

function show(step) {
	for (const s of all("[data-step]", page)) s.hidden = s.dataset.step !== step;
	const now = find(`[data-step=${step}]`, page);
	const heading = find("h1", now);
	document.title = heading.textContent + title.slice(title.lastIndexOf(" · "));
	(find("input", now) || heading).focus();
}

onSubmit(find("#password-form"), async (fields) => {
	const out = await send("POST", "login", { username: fields.username.value, password: fields.password.value });
	if (out.status !== "mfa_required") return go();
	ticket = out.mfa_token;
	find("[data-who]", page).textContent = fields.username.value;
	fields.password.value = "";
	show("code");
});

onSubmit(find("#code-form"), async (fields) => {
	try {
		await send("POST", "mfa/totp", { mfa_token: ticket, code: digits(fields.code) });
	} catch (e) {
		fields.code.value = "";
		if (e.kind !== "session-ended") throw e;
		show("password");
		find("#password-error").textContent = words(e);
		return;
	}
	await go();
});

find("[data-back]", page).addEventListener("click", () => {
	ticket = "";
	find("#login-code").value = "";
	show("password");
});

// resume takes a browser back into the session it has. Not twice in a row: where its cookies don't hold, it would go on for ever.
async function resume() {
	const tried = Number(sessionStorage.getItem("gw-resumed"));
	if (!("resume" in page.dataset) || Date.now() - tried < 20000) return;
	sessionStorage.setItem("gw-resumed", String(Date.now()));
	show("resume");
	try {
		await send("POST", "refresh");
	} catch {
		show("password");
		return;
	}
	await go();
}
resume();
